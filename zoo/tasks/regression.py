"""Predict a number, or several, of an example."""

from collections.abc import Callable
from typing import Any

from zoo.errors import ZooError
from zoo.tasks import Metric, Task, Training

_POSITIVE = (0.0, float("inf"))


class Regression(Task):
    """Targets are `float32[rows]`, or `float32[rows, outputs]`; answers are the same, in the target's own unit.

    A model ends in a layer `standardized`, of numbers of mean 0 and deviation 1, and a layer `values`, which turns them
    into the target's unit; `zoo.models.head.regression_head` makes both. Training compares the first with the targets,
    brought to the same scale.
    """

    name = "regression"
    headline = Metric("rmse", "less", unit="target", bounds=_POSITIVE, title="RMSE")
    figures = (
        Metric("mae", "less", unit="target", bounds=_POSITIVE, title="MAE"),
        Metric("r2", "more", bounds=(-float("inf"), 1.0), title="R²"),
    )
    targets = "number"
    trains = "standardized"
    output = "values"
    settings = frozenset({"length_buckets", "progressive_resizing"})
    views = ("residuals",)
    baselines = ("ridge", "hist_gradient_boosting", "random_forest", "lightgbm")
    explained = "value"
    verb = "regress"

    # ---- the data

    def read_targets(self, column) -> tuple[Any, dict[str, Any]]:
        numbers = column.numbers()
        if numbers.min() == numbers.max():
            raise ZooError(f"{column.where} holds only {numbers[0]:g}; there is nothing to learn from a constant")
        return numbers, {"target_name": column.name}

    def check_targets(self, dataset) -> None:
        import numpy as np

        for name in ("train", "validation", "test"):
            split = getattr(dataset, name)
            if split is None:
                continue
            where, targets = f"dataset {dataset.info.name!r}, {name}", split.targets
            if targets is None or targets.dtype.kind not in "fiu":
                held = "none" if targets is None else f"of type {targets.dtype}"
                raise ZooError(f"{where}: the targets are {held}; {self.words} needs numbers")
            wrong = np.flatnonzero(~np.isfinite(targets.reshape(len(targets), -1)).all(axis=1))
            if len(wrong):
                raise ZooError(
                    f"{where}: the target of row {split.ids[wrong[0]]} is {targets[wrong[0]]}; mend or remove the row"
                )
        targets = dataset.train.targets.reshape(len(dataset.train), -1)
        if (targets.min(axis=0) == targets.max(axis=0)).any():
            raise ZooError(
                f"dataset {dataset.info.name!r}: all training targets are {targets[0][0]:g}; there is nothing to learn"
            )

    def labels(self, info) -> dict[str, Any]:
        return {"label_names": [], "target_name": info.target_name, "unit": info.unit}

    # ---- the training

    def fitting_options(self, dataset, options: dict[str, Any]) -> dict[str, Any]:
        targets = dataset.train.targets
        return {"num_outputs": 1 if targets.ndim == 1 else targets.shape[1]}

    def adapt(self, model, targets) -> None:
        """Mean and deviation of the training targets go into the layer `values`."""
        model.get_layer("values").adapt(targets.reshape(len(targets), -1).astype("float32"))

    def loss(self, training: Training) -> Callable[[Any, Any], Any]:
        """Squared error of standardized numbers."""
        return lambda targets, outputs: _squared_error(standardize(training.model, targets), outputs)

    def metrics(self, training: Training) -> list:
        import keras
        from keras import ops

        class RootMeanSquaredError(keras.metrics.MeanMetricWrapper):
            """RMSE in the target's unit: Keras's own metric would be that of the standardized numbers."""

            def result(self):
                return ops.sqrt(super().result())

        _, deviation = scale_of(training.model)

        def squared_error(targets, outputs):
            return _squared_error(standardize(training.model, targets) * deviation, outputs * deviation)

        return [RootMeanSquaredError(squared_error, name="rmse")]

    # ---- what makes an answer good

    def wrong_output(self, shape: tuple[int | None, ...]) -> str | None:
        return None if len(shape) == 2 else "numbers are (batch, outputs)"

    def answers(self, outputs):
        """One number a row is `float32[rows]`."""
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def results(self, answers, targets, labels: dict[str, Any]) -> dict[str, Any]:
        from zoo.measures.numbers import regression_results

        return regression_results(answers, targets)

    def scores(self, answers, targets, labels: dict[str, Any]):
        """The squared error, with a minus."""
        errors = (answers.astype("float64") - targets) ** 2
        return -errors.reshape(len(errors), -1).mean(axis=1)

    def preference(self, answers):
        """The number, where there is one."""
        return answers if answers.ndim == 1 else None

    def wanted(self, targets, training_targets):
        """The median of the training targets, or more."""
        import numpy as np

        return targets >= np.median(training_targets)

    def headline_of(self, mean_scores):
        import numpy as np

        return np.sqrt(np.maximum(-np.asarray(mean_scores), 0))

    def check_predictions(self, predictions, labels: dict[str, Any]) -> None:
        super().check_predictions(predictions, labels)
        answers, targets = predictions.answers, predictions.targets
        if answers is None or targets is None or targets.dtype.kind != "f" or answers.shape != targets.shape:
            raise ValueError("answers are not of the shape of the targets, or these are no numbers")

    # ---- words and pictures

    def draw(self, results: dict[str, Any], split, answers, labels: dict[str, Any], folder) -> None:
        from zoo.drawing import figures

        figures.save_residuals(split.targets, answers, labels, folder / "residuals.png")

    def draw_card(self, results: dict[str, Any], predictions, labels: dict[str, Any], folder) -> None:
        from zoo.drawing import figures

        figures.save_residuals(predictions.targets, predictions.answers, labels, folder / "residuals.png")

    def describe(self, answer, labels: dict[str, Any]) -> dict[str, Any]:
        value = float(answer) if answer.ndim == 0 else [float(number) for number in answer]
        return {"value": value} | ({"unit": labels["unit"]} if labels.get("unit") else {})

    def truth_in_words(self, target, labels: dict[str, Any]) -> str:
        return f"{super().truth_in_words(target, labels)} {labels.get('unit') or ''}".strip()


def scale_of(model):
    """Mean and deviation of the training targets, `float32[1, outputs]`, which the layer `values` has learned."""
    from keras import ops

    layer = model.get_layer("values")
    return layer.mean, ops.maximum(ops.sqrt(layer.variance), 1e-7)


def standardize(model, targets):
    """`[batch]` or `[batch, outputs]` targets → `float32[batch, outputs]` of mean 0 and deviation 1."""
    from keras import ops

    mean, deviation = scale_of(model)
    return (ops.reshape(ops.cast(targets, "float32"), (-1, mean.shape[-1])) - mean) / deviation


def _squared_error(targets, outputs):
    from keras import ops

    return ops.mean(ops.square(targets - outputs), axis=-1)
