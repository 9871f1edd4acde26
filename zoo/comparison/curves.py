"""What the charts of a comparison are made of: one model's runs, a seed each, as rows of plain numbers."""

from collections.abc import Sequence

import numpy as np

from zoo.runs import Predictions

CURVE_POINTS = 150  # points of an epoch axis; more could not be told apart
_RATES = np.concatenate([[0.0], np.logspace(-4, 0, 81)])  # of false positives, where ROC curves are drawn


def learning_curves(histories: Sequence[dict[str, np.ndarray]], metrics: Sequence[str]) -> list[dict]:
    """Mean, least and greatest value over seeds at each epoch.

    Args:
        histories: of `zoo.runs.Run`s, one a seed; they may end at different epochs.
        metrics: which columns of training; those of validation go with them.

    Returns:
        Rows {"metric": one of them, "part": training or validation, "epoch", "mean", "low", "high"}.
    """
    last = max((int(history["epoch"].max()) for history in histories if len(history["epoch"])), default=0)
    epochs = np.unique(np.linspace(1, last, min(last, CURVE_POINTS)).round().astype(int)) if last else []
    rows = []
    for metric in metrics:
        for part, column in (("training", metric), ("validation", f"validation_{metric}")):
            known = [
                dict(zip(history["epoch"].astype(int).tolist(), history[column].tolist(), strict=True))
                for history in histories
                if column in history
            ]
            for epoch in map(int, epochs):
                values = [seed[epoch] for seed in known if np.isfinite(seed.get(epoch, np.nan))]
                if values:
                    summary = {"mean": np.mean(values), "low": min(values), "high": max(values)}
                    summary = {name: round(float(value), 5) for name, value in summary.items()}
                    rows.append({"metric": metric, "part": part, "epoch": epoch} | summary)
    return rows


def confusion(labels: np.ndarray, probabilities: Sequence[np.ndarray], classes: Sequence[int]) -> np.ndarray:
    """How often each true class (row) is taken for each class (column), `float[classes, classes]`, mean over seeds.

    Args:
        labels: int[rows].
        probabilities: one float[rows, num_classes] a seed.
        classes: which classes, in which order.
    """
    from sklearn.metrics import confusion_matrix

    num_classes = probabilities[0].shape[1]
    counts = [confusion_matrix(labels, seed.argmax(axis=1), labels=range(num_classes)) for seed in probabilities]
    return np.mean(counts, axis=0)[np.ix_(classes, classes)]


def reliability(labels: np.ndarray, probabilities: Sequence[np.ndarray], bins: int = 15) -> list[dict]:
    """Mean confidence and accuracy in the bins of `expected_calibration_error`, over the rows of all seeds.

    The 95 % interval is Wilson's, for the rows of one seed: seeds share them.

    Args:
        labels: int[rows].
        probabilities: one float[rows, num_classes] a seed.
        bins: how many bins of equal width share [0, 1].

    Returns:
        Rows {"confidence", "accuracy", "low", "high", "share": of all rows}, without the empty bins.
    """
    from statsmodels.stats.proportion import proportion_confint

    confidence = np.concatenate([seed.max(axis=1) for seed in probabilities])
    correct = np.concatenate([seed.argmax(axis=1) == labels for seed in probabilities])
    bin_of_row = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    sizes = np.bincount(bin_of_row, minlength=bins)
    filled = sizes > 0
    right = np.bincount(bin_of_row, weights=correct, minlength=bins)[filled]
    sure = np.bincount(bin_of_row, weights=confidence, minlength=bins)[filled]
    sizes = sizes[filled]
    low, high = proportion_confint(right / len(probabilities), sizes / len(probabilities), method="wilson")
    columns = {
        "confidence": sure / sizes, "accuracy": right / sizes, "low": low, "high": high, "share": sizes / len(correct),
    }  # fmt: skip
    return [dict(zip(columns, np.round(row, 5).tolist(), strict=True)) for row in zip(*columns.values(), strict=True)]


def roc_curves(labels: np.ndarray, probabilities: Sequence[np.ndarray], classes: Sequence[int]) -> dict:
    """ROC curves of each class against the rest, averaged over seeds at equal false-positive rates (Fawcett 2006).

    Args:
        labels: int[rows].
        probabilities: one float[rows, num_classes] a seed.
        classes: which classes; one without a row, or with all of them, has no curve.

    Returns:
        {class, or None for the mean of all: (area, float[points, 2] false- and true-positive rates)}.
    """
    from sklearn.metrics import roc_auc_score, roc_curve

    curves = {}
    for number in classes:
        truth = labels == number
        if truth.all() or not truth.any():
            continue
        heights, areas = [], []
        for seed in probabilities:
            false_rate, true_rate, _ = roc_curve(truth, seed[:, number])
            # Where the curve rises upright, np.interp takes the upper end: so does the curve at a rate of 0.
            heights.append(np.interp(_RATES, false_rate, true_rate))
            areas.append(roc_auc_score(truth, seed[:, number]))
        curves[number] = (float(np.mean(areas)), np.mean(heights, axis=0))
    if len(curves) > 1:
        every = list(curves.values())
        curves[None] = (float(np.mean([area for area, _ in every])), np.mean([height for _, height in every], axis=0))
    return {number: (area, _thinned(height)) for number, (area, height) in curves.items()}


def _thinned(heights: np.ndarray) -> np.ndarray:
    """Points of a curve over `_RATES` without those in the middle of a level stretch."""
    heights = heights.round(5)
    inside = np.zeros(len(heights), bool)
    inside[1:-1] = (heights[1:-1] == heights[:-2]) & (heights[1:-1] == heights[2:])
    return np.stack([_RATES.round(6), heights], axis=1)[~inside]


def residuals(predictions: Predictions, most: int = 400) -> list[dict]:
    """Predicted numbers against the true ones, of rows at equal distances in the order of the truth.

    Args:
        predictions: whose targets and answers are float[rows].
        most: how many rows are drawn.

    Returns:
        Rows {"true", "predicted", "residual": predicted less true}.
    """
    truth, said = (np.asarray(part, "float64").reshape(len(part), -1)[:, 0] for part in
                   (predictions.targets, predictions.answers))  # fmt: skip
    order = np.argsort(truth, kind="stable")
    rows = order[np.unique(np.linspace(0, len(order) - 1, min(len(order), most)).round().astype(int))]
    return [
        {"true": float(t), "predicted": float(s), "residual": float(s - t)}
        for t, s in zip(truth[rows], said[rows], strict=True)
    ]


def on_pareto_front(costs: Sequence[float], values: Sequence[float]) -> list[bool]:
    """Whether no other point is better in cost or value without being worse in the other."""
    costs, values = np.asarray(costs), np.asarray(values)
    no_worse = (costs[None] <= costs[:, None]) & (values[None] >= values[:, None])
    better = (costs[None] < costs[:, None]) | (values[None] > values[:, None])
    return (~(no_worse & better).any(axis=1)).tolist()
