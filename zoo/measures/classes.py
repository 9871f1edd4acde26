"""The figures that every classifier is judged by; scikit-learn and SciPy do the mathematics."""

from collections.abc import Sequence

import numpy as np

from zoo.errors import ZooError


def classification_results(probabilities: np.ndarray, labels: np.ndarray, label_names: Sequence[str]) -> dict:
    """Judges predicted probabilities against the true labels.

    A class that does not occur has precision, recall and F1 of 0 and a support of 0; macro F1 leaves it out unless it
    was predicted (scikit-learn's rule), and ROC-AUC, which is undefined then, is None.

    Args:
        probabilities: float32[examples, num_classes], rows summing to one.
        labels: int32[examples], each in [0, num_classes).
        label_names: num_classes distinct names.

    Returns:
        A dict that JSON can hold: accuracy (value and 95 % Wilson interval), per_class (precision, recall, f1,
        support), macro_f1, roc_auc (one against the rest, macro), negative_log_likelihood, expected_calibration_error,
        confusion_matrix (row: true class, column: predicted class) and n.

    Raises:
        ZooError: there is no example, or a probability is not finite.
        ValueError: the shapes or values do not fit each other.
    """
    from sklearn import metrics

    probabilities, labels = _checked(probabilities, labels, label_names)
    classes = np.arange(len(label_names))
    predicted = probabilities.argmax(axis=1)
    correct = int((predicted == labels).sum())
    columns = metrics.precision_recall_fscore_support(labels, predicted, labels=classes, zero_division=0)
    return {
        "accuracy": {"value": correct / len(labels), "interval": wilson_interval(correct, len(labels))},
        "per_class": {
            name: {"precision": float(precision), "recall": float(recall), "f1": float(f1), "support": int(support)}
            for name, precision, recall, f1, support in zip(label_names, *columns, strict=True)
        },
        "macro_f1": float(metrics.f1_score(labels, predicted, average="macro", zero_division=0)),
        "roc_auc": roc_auc(probabilities, labels),
        "negative_log_likelihood": float(metrics.log_loss(labels, probabilities, labels=classes)),
        "expected_calibration_error": expected_calibration_error(probabilities, labels),
        "confusion_matrix": metrics.confusion_matrix(labels, predicted, labels=classes).tolist(),
        "n": len(labels),
    }


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> list[float]:
    """Returns [low, high] of a proportion by the score interval of Wilson (1927), without continuity correction.

    It stays within [0, 1] and is sound at accuracies near 1, where the usual normal interval is not.
    """
    from scipy import stats

    interval = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return [float(interval.low), float(interval.high)]


def roc_auc(probabilities: np.ndarray, labels: np.ndarray) -> float | None:
    """Returns the macro mean of each class's area under the ROC curve against the rest; None if a class is absent.

    Args:
        probabilities: float[examples, num_classes].
        labels: int[examples].
    """
    from sklearn import metrics

    one_hot = labels[:, np.newaxis] == np.arange(probabilities.shape[1])
    if not one_hot.any(axis=0).all():
        return None
    return float(metrics.roc_auc_score(one_hot, probabilities, average="macro"))


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """Returns the mean gap between confidence and accuracy over equal-width bins of confidence, weighted by size.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3; bin m holds confidences in ((m-1)/M, m/M].

    Args:
        probabilities: float[examples, num_classes].
        labels: int[examples].
        bins: how many bins share [0, 1].
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    bin_of_example = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    # Size of a bin times its gap is |sum of correct - sum of confidence|: empty bins need no special case.
    gaps = np.bincount(bin_of_example, weights=correct - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def accuracy_at_coverage(probabilities: np.ndarray, labels: np.ndarray, coverage: float = 0.9) -> float:
    """Accuracy on the share of rows of which the model is most confident.

    Args:
        probabilities: float[rows, num_classes].
        labels: int[rows].
        coverage: in (0, 1].
    """
    kept = np.argsort(-probabilities.max(axis=1), kind="stable")[: max(1, round(coverage * len(labels)))]
    return float((probabilities.argmax(axis=1) == labels)[kept].mean())


def _checked(
    probabilities: np.ndarray, labels: np.ndarray, label_names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns float64 probabilities whose rows sum to one exactly, and the labels."""
    probabilities, labels = np.asarray(probabilities, np.float64), np.asarray(labels)
    if not len(labels):
        raise ZooError("there are no examples to evaluate: choose a split or a data set that is not empty")
    if probabilities.shape != (len(labels), len(label_names)) or labels.ndim != 1:
        raise ValueError(f"{probabilities.shape=} {labels.shape=} do not fit {len(label_names)} label names")
    if len(set(label_names)) != len(label_names) or len(label_names) < 2:
        raise ValueError(f"a classifier needs two or more distinct label names, not {list(label_names)}")
    if labels.min() < 0 or labels.max() >= len(label_names):
        raise ValueError(
            f"labels reach from {labels.min()} to {labels.max()}, but there are {len(label_names)} classes"
        )
    if not np.isfinite(probabilities).all():
        rows = int((~np.isfinite(probabilities)).any(axis=1).sum())
        raise ZooError(
            f"the model's probabilities are not finite for {rows} of {len(labels)} examples: "
            "its training diverged, or the data hold NaN; train again with a lower learning rate"
        )
    sums = probabilities.sum(axis=1, keepdims=True)
    # 0.02 lets bfloat16 through and stops logits; the division removes what half precision left.
    if probabilities.min() < 0 or np.abs(sums - 1).max() > 0.02:
        raise ValueError("probabilities must be at least 0 and sum to one in each row; were logits given?")
    return probabilities / sums, labels
