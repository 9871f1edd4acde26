"""Say the class of an example."""

from collections.abc import Callable, Sequence
from typing import Any

from zoo.errors import ZooError, nearest
from zoo.tasks import Metric, Task

_SHARE = (0.0, 1.0)


class Classification(Task):
    """Targets are `int32[rows]` class numbers, answers `float32[rows, num_classes]` probabilities."""

    name = "classification"
    headline = Metric("accuracy", "more", bounds=_SHARE)
    figures = (
        Metric("macro_f1", "more"),
        Metric("nll", "less"),
        Metric("ece", "less"),
        Metric("nll_scaled", "less", shown=False),
        Metric("ece_scaled", "less", shown=False),
        Metric("temperature", None, decimals=3, shown=False),
        Metric("coverage_90", "more", shown=False),
        Metric("corrupted_accuracy", "more", shown=False),
    )
    targets = "class"
    trains = "logits"
    output = "probabilities"
    settings = frozenset({"label_smoothing", "class_weights", "length_buckets", "distillation", "progressive_resizing"})
    views = ("roc", "reliability", "confusion", "disagreements")
    baselines = ("logistic_regression", "linear_svm", "hist_gradient_boosting", "random_forest", "lightgbm")
    explains = True
    explained = "class"
    verb = "classify"
    mixes = True

    # ---- the data

    def read_targets(self, column) -> tuple[Any, dict[str, Any]]:
        import numpy as np

        names = tuple(sorted(set(column.cells), key=_natural_order))
        if len(names) < 2:
            raise ZooError(f"{column.where} holds only the label {names[0]!r}; 2 classes are needed")
        positions = {name: position for position, name in enumerate(names)}
        return np.array([positions[cell] for cell in column.cells], "int32"), {"label_names": names}

    def labels(self, info) -> dict[str, Any]:
        named = {"target_name": info.target_name} if info.target_name else {}
        return {"label_names": list(info.label_names)} | named

    # ---- the training

    def fitting_options(self, dataset, options: dict[str, Any]) -> dict[str, Any]:
        num_classes = len(dataset.info.label_names)
        return {"num_classes": 1 if options.get("num_classes") == 1 and num_classes == 2 else num_classes}

    def soft_targets(self, training) -> Callable:
        """`int32[…]` labels → `float32[…, num_classes]` probabilities."""
        from keras import ops

        return lambda labels: ops.one_hot(labels, len(training.info.label_names), dtype="float32")

    def loss(self, training) -> Callable[[Any, Any], Any]:
        """Cross-entropy of `int32[batch]` labels, or of `soft_targets`, and `float32[batch, num_logits]` logits."""
        return cross_entropy(training.model.output_shape[-1], training.config.training.label_smoothing)

    def metrics(self, training) -> list:
        import keras

        if training.config.dataset.augmentation.mixes:
            return [keras.metrics.MeanMetricWrapper(_probability_of_answer, name="accuracy")]
        if training.model.output_shape[-1] == 1:
            return [keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)]
        return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]

    def row_weights(self, config, dataset):
        setting = config.training.class_weights
        if setting is None:
            return None
        return class_weights(setting, dataset.train.targets, dataset.info.label_names)[dataset.train.targets]

    # ---- what makes an answer good

    def wrong_output(self, shape: tuple[int | None, ...]) -> str | None:
        fits = len(shape) == 2 and isinstance(shape[1], int)
        return None if fits else "a classifier's is (batch, classes)"

    def answers(self, outputs):
        """One sigmoid unit, `[rows, 1]`, becomes both classes' probabilities."""
        import numpy as np

        return outputs if outputs.shape[1] > 1 else np.concatenate([1 - outputs, outputs], axis=1)

    def results(self, answers, targets, labels: dict[str, Any]) -> dict[str, Any]:
        from zoo.measures.classes import classification_results

        return classification_results(answers, targets, labels["label_names"])

    def scores(self, answers, targets, labels: dict[str, Any]):
        """1 where the most probable class is right, else 0."""
        return (answers.argmax(axis=1) == targets).astype("float64")

    def preference(self, answers):
        """Of two classes, the probability of the second."""
        return answers[:, 1] if answers.shape[1] == 2 else None

    def wanted(self, targets, training_targets):
        """The second class."""
        return targets == 1

    def selection(self, answers, targets, labels: dict[str, Any]):
        """Of two classes, the second is taken for yes."""
        names = labels["label_names"]
        return (answers.argmax(axis=1) == 1, targets == 1, names[1]) if len(names) == 2 else None

    def check_predictions(self, predictions, labels: dict[str, Any]) -> None:
        targets, answers, classes = predictions.targets, predictions.answers, len(labels["label_names"])
        if targets is None or targets.dtype.kind not in "iu" or answers is None or answers.dtype.kind != "f":
            raise ValueError("labels or probabilities are missing, or of another type")
        if answers.shape != (len(predictions.ids), classes) or targets.ndim != 1:
            raise ValueError("labels and probabilities do not fit the label names")
        super().check_predictions(predictions, labels)
        probable = (answers > -0.1) & (answers < 1.1)
        if targets.min() < 0 or targets.max() >= classes or not probable.all():
            raise ValueError("a label is no class, or a probability is not between 0 and 1")

    def table_figures(self, results: dict[str, Any], test, validation=None) -> dict[str, float | None]:
        from zoo.measures.calibration import scaled_figures
        from zoo.measures.classes import accuracy_at_coverage

        found = {
            "macro_f1": results["macro_f1"],
            "nll": results["negative_log_likelihood"],
            "ece": results["expected_calibration_error"],
            "coverage_90": accuracy_at_coverage(test.answers, test.targets),
        }
        if validation is not None:
            scaled = scaled_figures(validation.answers, validation.targets, test.answers, test.targets)
            found |= {"nll_scaled": scaled["nll"], "ece_scaled": scaled["ece"], "temperature": scaled["temperature"]}
        return found

    def agreement(self, answers, reference) -> dict[str, float]:
        same = float((answers.argmax(axis=1) == reference.argmax(axis=1)).mean())
        return super().agreement(answers, reference) | {"label_agreement": same}

    def parity_limits(self, reference, value: float, quantized: bool) -> dict[str, float]:
        return {"label_agreement": 0.995, "accuracy_change": 0.003} if quantized else {"max_abs_difference": 1e-4}

    # ---- words and pictures

    def results_lines(self, results: dict[str, Any], labels: dict[str, Any]) -> list[str]:
        from zoo.escaping import printable

        low, high = results["accuracy"]["interval"]
        named = [(printable(name), values) for name, values in results["per_class"].items()]
        area = "undefined, a class is absent" if results["roc_auc"] is None else f"{results['roc_auc']:.4f}"
        width = max(16, *(len(name) for name, _ in named))
        lines = [
            f"accuracy                    {results['accuracy']['value']:.4f}  (95 % interval {low:.4f} to {high:.4f})",
            f"macro F1                    {results['macro_f1']:.4f}",
            f"ROC-AUC, one against rest   {area}",
            f"negative log-likelihood     {results['negative_log_likelihood']:.4f}",
            f"expected calibration error  {results['expected_calibration_error']:.4f}",
            "",
            f"{'class':{width}}  precision  recall      F1  support",
        ]
        for name, values in named:
            lines.append(
                f"{name:{width}}  {values['precision']:9.4f}  {values['recall']:6.4f}  {values['f1']:6.4f}"
                f"  {values['support']:7,}"
            )
        return lines

    def draw(self, results: dict[str, Any], split, answers, labels: dict[str, Any], folder) -> None:
        from zoo.drawing import figures

        names = labels["label_names"]
        figures.save_confusion_matrix(results, names, folder / "confusion_matrix.png")
        if not isinstance(split.features, dict):
            figures.save_worst_mistakes(
                split.features, split.targets, answers, split.ids, names, folder / "mistakes.png"
            )

    def draw_card(self, results: dict[str, Any], predictions, labels: dict[str, Any], folder) -> None:
        from zoo.drawing import figures

        figures.save_confusion_matrix(results, labels["label_names"], folder / "confusion_matrix.png")

    def describe(self, answer, labels: dict[str, Any]) -> dict[str, Any]:
        import numpy as np

        order = np.argsort(-answer, kind="stable")
        probabilities = {labels["label_names"][i]: float(answer[i]) for i in order}
        label, probability = next(iter(probabilities.items()))
        return {"label": label, "probability": probability, "probabilities": probabilities}

    def table_of(self, predictions: Sequence[dict], top: int) -> list[tuple[str, ...]]:
        rows = [("file", "label", "probability", "next" if top > 1 else "")]
        for one in predictions:
            following = list(one["probabilities"].items())[1:top]
            others = ", ".join(f"{label} {probability:.4f}" for label, probability in following)
            rows.append((one["name"], one["label"], f"{one['probability']:.4f}", others))
        return rows

    def csv_of(self, predictions: Sequence[dict]) -> list[Sequence[Any]]:
        labels = sorted(predictions[0]["probabilities"])
        header = ["file", "label", "probability", *(f"probability_{label}" for label in labels)]
        return [
            header,
            *(
                [one["name"], one["label"], one["probability"], *(one["probabilities"][label] for label in labels)]
                for one in predictions
            ),
        ]

    def truth_in_words(self, target, labels: dict[str, Any]) -> str:
        return labels["label_names"][target]

    def serve(self, answers, labels: dict[str, Any]) -> list:
        """`[label, probability]` pairs of each row, the most probable first."""
        import numpy as np

        names, orders = labels["label_names"], np.argsort(-answers, axis=1, kind="stable")
        return [[[names[i], float(row[i])] for i in order] for row, order in zip(answers, orders, strict=True)]

    def example_lines(self, labels: dict[str, Any], outputs: int) -> list[str]:
        lines = ['names = json.load(open("labels.json"))["label_names"]']
        if outputs == 1:
            lines.append("answer = [1 - answer[0], answer[0]]")
        return [*lines, 'print(max(zip(answer, names))[1], f"{max(answer):.4f}")']


def cross_entropy(num_logits: int, label_smoothing: float):
    """A loss of labels and `float32[batch, num_logits]` logits; one logit is that of class 1.

    Labels are `int32[batch]`, or `float32[batch, num_classes]` probabilities.
    """
    import keras

    if num_logits == 1:

        def loss(labels, logits):
            labels = _probabilities(labels, 2)[:, 1:]
            return keras.losses.binary_crossentropy(labels, logits, from_logits=True, label_smoothing=label_smoothing)

        return loss

    def loss(labels, logits):
        targets = _probabilities(labels, num_logits)
        return keras.losses.categorical_crossentropy(targets, logits, from_logits=True, label_smoothing=label_smoothing)

    return loss


def _probabilities(labels, num_classes: int):
    """Labels, `[batch]` or `[batch, 1]`, as `float32[batch, num_classes]`; probabilities are left as they are."""
    from keras import ops

    if len(labels.shape) == 2 and labels.shape[1] == num_classes:
        return labels
    return ops.one_hot(ops.cast(ops.reshape(labels, (-1,)), "int32"), num_classes)


def _probability_of_answer(labels, logits):
    """How probable the class that the logits say is, `float32[batch]`: of plain labels, whether it is right."""
    from keras import ops

    logits = logits if logits.shape[1] > 1 else ops.concatenate([ops.zeros_like(logits), logits], axis=1)
    probabilities = _probabilities(labels, logits.shape[1])
    return ops.take_along_axis(probabilities, ops.argmax(logits, axis=1)[:, None], axis=1)[:, 0]


def class_weights(setting, targets, label_names: Sequence[str]):
    """`float32[class]` weights of mean 1 over the rows of `targets`, `int32[rows]`.

    Raises:
        ZooError: a name in the setting is not a class.
    """
    import numpy as np

    counts = np.bincount(targets, minlength=len(label_names))
    if setting == "balanced":
        weights = 1 / np.maximum(counts, 1)
    else:
        for name in setting:
            if name not in label_names:
                raise ZooError(f"training.class_weights: {name!r} is no class; {nearest(name, label_names)}")
        weights = np.array([setting.get(name, 1.0) for name in label_names])
    return (weights * counts.sum() / (weights * counts).sum()).astype("float32")


def _natural_order(label: str) -> tuple:
    return (0, int(label), label) if label.isdecimal() else (1, 0, label)
