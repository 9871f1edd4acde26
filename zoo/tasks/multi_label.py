"""Say which of several labels go with an example: none, one or many."""

from collections.abc import Callable, Sequence
from typing import Any

from zoo.errors import ZooError
from zoo.tasks import Metric, Task

_SHARE = (0.0, 1.0)
_YES = {"1", "1.0", "yes", "true", "y", "t"}
_NO = {"0", "0.0", "no", "false", "n", "f"}


class MultiLabel(Task):
    """Targets are `int8[rows, labels]` of 0 and 1, answers `float32[rows, labels]`, a probability a label.

    A label is said from its own threshold on, which is chosen on validation and stands in labels.json; before that, and
    in files from elsewhere, from 0.5 on. The headline is macro F1 of what is said; `zoo.measures.labels` has the score
    a row that its tests take.
    """

    name = "multi_label"
    headline = Metric("macro_f1", "more", bounds=_SHARE, title="macro F1")
    figures = (
        Metric("micro_f1", "more", title="micro F1"),
        Metric("ranking_loss", "less"),
        Metric("hamming_loss", "less", shown=False),
        Metric("mean_average_precision", "more", shown=False),
    )
    reads = ("table", "columns")
    targets = "labels"
    trains = "logits"
    output = "label_probabilities"
    baselines = ("logistic_regression_per_label",)
    explained = "label"
    verb = "classify"
    learned = ("thresholds",)
    scores_by_row = False

    # ---- the data

    def read_targets(self, column, to_learn: bool = True) -> tuple[Any, dict[str, Any]]:
        """Of one label's column; a table has several, which `zoo.datasets.own_data.Reading.several` puts together."""
        import numpy as np

        numbers = []
        for cell, line in zip(column.cells, column.lines, strict=True):
            word = cell.casefold()
            if word not in _YES and word not in _NO:
                raise ZooError(
                    f"{column.file}:{line}: column {column.name!r}: {cell[:40]!r} is neither yes nor no; a column of "
                    "labels holds 1 and 0, yes and no, or true and false"
                )
            numbers.append(word in _YES)
        if to_learn and len(set(numbers)) < 2:
            said = "yes" if numbers[0] else "no"
            raise ZooError(f"{column.where} says {said} in all rows; there is nothing to learn from a constant")
        return np.array(numbers, "int8"), {}

    def check_targets(self, dataset) -> None:
        import numpy as np

        names = dataset.info.label_names
        for name in ("train", "validation", "test"):
            split = getattr(dataset, name)
            if split is None:
                continue
            where, targets = f"dataset {dataset.info.name!r}, {name}", split.targets
            if targets is None or targets.ndim != 2 or targets.shape[1] != len(names):
                shape = "none" if targets is None else f"of shape {targets.shape}"
                raise ZooError(
                    f"{where}: the targets are {shape}; {self.words} needs [rows, {len(names)}], as many names"
                )
            if not np.isin(targets, (0, 1)).all():
                raise ZooError(f"{where}: a target is {targets[~np.isin(targets, (0, 1))][0]}; 0 or 1 is needed")
        constant = np.flatnonzero(np.ptp(dataset.train.targets, axis=0) == 0)
        if len(constant):
            raise ZooError(
                f"dataset {dataset.info.name!r}: the label {names[constant[0]]!r} is the same in all training rows; "
                "there is nothing to learn from it; bring more rows, or leave the label out"
            )

    def labels(self, info) -> dict[str, Any]:
        return {"label_names": list(info.label_names)}

    def learned_labels(self, answers, targets, labels: dict[str, Any]) -> dict[str, Any]:
        from zoo.measures.labels import choose_thresholds

        return {"thresholds": [float(threshold) for threshold in choose_thresholds(answers, targets)]}

    # ---- the training

    def fitting_options(self, dataset, options: dict[str, Any]) -> dict[str, Any]:
        return {"num_labels": len(dataset.info.label_names)}

    def loss(self, training) -> Callable[[Any, Any], Any]:
        """Cross-entropy of each label's yes or no, their mean over labels."""
        import keras
        from keras import ops

        def loss(targets, logits):
            return keras.losses.binary_crossentropy(ops.cast(targets, "float32"), logits, from_logits=True)

        return loss

    def metrics(self, training) -> list:
        """Macro F1 at the one threshold for all labels that is best: with one each, few rows would flatter more."""
        return [_macro_f1(training.model.output_shape[-1])]

    # ---- what makes an answer good

    def wrong_output(self, shape: tuple[int | None, ...]) -> str | None:
        fits = len(shape) == 2 and isinstance(shape[1], int)
        return None if fits else "probabilities of labels are (batch, labels)"

    def results(self, answers, targets, labels: dict[str, Any]) -> dict[str, Any]:
        from zoo.measures.labels import multi_label_results

        return multi_label_results(answers, targets, labels["label_names"], thresholds_of(labels))

    def scores(self, answers, targets, labels: dict[str, Any]):
        """What each row adds to macro F1; their mean is macro F1."""
        import numpy as np

        from zoo.measures.labels import macro_f1_scores

        return macro_f1_scores(answers >= thresholds_of(labels), np.asarray(targets).astype(bool))

    def check_predictions(self, predictions, labels: dict[str, Any]) -> None:
        super().check_predictions(predictions, labels)
        targets, answers = predictions.targets, predictions.answers
        if targets is None or answers is None or targets.dtype.kind not in "iufb" or answers.shape != targets.shape:
            raise ValueError("answers are not of the shape of the targets, or one of them is missing")
        if answers.ndim != 2 or answers.shape[1] != len(labels["label_names"]):
            raise ValueError("the answers do not fit the label names")
        if not ((targets == 0) | (targets == 1)).all() or not ((answers > -0.1) & (answers < 1.1)).all():
            raise ValueError("a target is neither 0 nor 1, or a probability is not between 0 and 1")

    def parity_limits(self, reference, value: float, quantized: bool) -> dict[str, float]:
        return {"macro_f1_change": 0.01} if quantized else {"max_abs_difference": 1e-4}

    # ---- words and pictures

    def results_lines(self, results: dict[str, Any], labels: dict[str, Any]) -> list[str]:
        from zoo.escaping import printable

        lines = super().results_lines(results, labels)
        named = [(printable(name), values) for name, values in results["per_label"].items()]
        width = max(16, *(len(name) for name, _ in named))
        lines += ["", f"{'label':{width}}  precision  recall      F1  support  said from"]
        for name, values in named:
            lines.append(
                f"{name:{width}}  {values['precision']:9.4f}  {values['recall']:6.4f}  {values['f1']:6.4f}"
                f"  {values['support']:7,}  {values['threshold']:9.4f}"
            )
        return lines

    def draw(self, results: dict[str, Any], split, answers, labels: dict[str, Any], folder) -> None:
        from zoo.drawing import figures

        figures.save_labels(results, folder / "labels.png")

    def draw_card(self, results: dict[str, Any], predictions, labels: dict[str, Any], folder) -> None:
        from zoo.drawing import figures

        figures.save_labels(results, folder / "labels.png")

    def describe(self, answer, labels: dict[str, Any]) -> dict[str, Any]:
        import numpy as np

        names, thresholds = labels["label_names"], thresholds_of(labels)
        order = np.argsort(-answer, kind="stable")
        return {
            "labels": [names[i] for i in order if answer[i] >= thresholds[i]],
            "probabilities": {names[i]: float(answer[i]) for i in order},
        }

    def table_of(self, predictions: Sequence[dict], top: int) -> list[tuple[str, ...]]:
        rows = [("file", "labels", "most probable")]
        for one in predictions:
            first = list(one["probabilities"].items())[:top]
            words = ", ".join(f"{label} {probability:.4f}" for label, probability in first)
            rows.append((one["name"], ", ".join(one["labels"]) or "(none)", words))
        return rows

    def csv_of(self, predictions: Sequence[dict]) -> list[Sequence[Any]]:
        labels = sorted(predictions[0]["probabilities"])
        header = ["file", *labels, *(f"probability_{label}" for label in labels)]
        rows = []
        for one in predictions:
            said = [int(label in one["labels"]) for label in labels]
            rows.append([one["name"], *said, *(one["probabilities"][label] for label in labels)])
        return [header, *rows]

    def truth_in_words(self, target, labels: dict[str, Any]) -> str:
        return (
            ", ".join(name for name, is_true in zip(labels["label_names"], target, strict=True) if is_true) or "(none)"
        )

    def serve(self, answers, labels: dict[str, Any]) -> list:
        """`[label, probability]` pairs of the labels that are said of each row, the most probable first."""
        described = (self.describe(answer, labels) for answer in answers)
        return [[[label, one["probabilities"][label]] for label in one["labels"]] for one in described]

    def example_lines(self, labels: dict[str, Any], outputs: int) -> list[str]:
        return [
            'labels = json.load(open("labels.json"))',
            'named = zip(labels["label_names"], answer, labels["thresholds"])',
            'print(*[f"{name} {p:.4f}" for name, p, threshold in named if p >= threshold] or ["none"], sep=", ")',
        ]


def thresholds_of(labels: dict[str, Any]):
    """`float64[labels]`, from which probability on each label is said."""
    import numpy as np

    return np.array(labels.get("thresholds") or [0.5] * len(labels["label_names"]))


def _macro_f1(num_labels: int):
    """A Keras metric of `[batch, labels]` targets and logits."""
    import keras
    from keras import ops

    thresholds = ops.linspace(-6.0, 6.0, 121)  # logits
    segments = (len(thresholds) + 1) * num_labels

    class MacroF1(keras.metrics.Metric):
        """Of each label, how many logits lie between two thresholds, and how many of these are of rows that have it."""

        def __init__(self):
            super().__init__(name="macro_f1")
            self.said = self.add_variable((segments,), "zeros", name="said")
            self.hits = self.add_variable((segments,), "zeros", name="hits")

        def update_state(self, targets, logits, sample_weight=None):
            weights = ops.ones_like(logits) if sample_weight is None else ops.reshape(sample_weight, (-1, 1))
            weights = weights * ops.ones_like(logits)
            places = ops.sum(ops.cast(logits[..., None] >= thresholds, "int32"), axis=-1)
            places = ops.reshape(places * num_labels + ops.arange(num_labels), (-1,))
            for variable, values in ((self.said, weights), (self.hits, weights * ops.cast(targets, weights.dtype))):
                variable.assign_add(ops.segment_sum(ops.reshape(values, (-1,)), places, segments))

        def result(self):
            said, hits = (ops.reshape(each, (-1, num_labels)) for each in (self.said, self.hits))
            true = ops.sum(hits, axis=0)
            said, hits = (ops.flip(ops.cumsum(ops.flip(each, 0), axis=0), 0)[1:] for each in (said, hits))
            sizes = said + true
            f1 = ops.where(sizes > 0, 2 * hits / ops.maximum(sizes, 1e-7), 0.0)
            return ops.max(ops.sum(f1, axis=1) / ops.maximum(ops.sum(ops.cast(sizes > 0, f1.dtype), axis=1), 1.0))

    return MacroF1()
