"""What a task is: everything that depends on what a model is asked.

Importing this imports neither TensorFlow nor NumPy: the methods import what they need. A task keeps no state; what a
method needs comes with the call.
"""

import abc
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

from zoo.command_words import command
from zoo.errors import ZooError
from zoo.measures.metric import Metric

# Keys of `training` that are one task's affair or a few tasks', and so are refused where the task does not name them.
OWN_SETTINGS = ("label_smoothing", "class_weights", "masking", "length_buckets", "distillation", "progressive_resizing")


@dataclasses.dataclass(frozen=True)
class Training:
    """What a training starts from.

    Attributes:
        config: a `zoo.config.Config`.
        model: the `keras.Model` that users get, raw input → answers.
        options: those that the registry's builder made the model with.
        info: the `zoo.datasets.DatasetInfo` of the data.
    """

    config: Any
    model: Any
    options: dict[str, Any]
    info: Any


@dataclasses.dataclass(frozen=True)
class Player:
    """One of several networks that train together, each with an optimizer of its own.

    Attributes:
        name: of its loss in history.csv, `<name>_loss`.
        network: a `keras.Model`; its trainable variables are what the player may change.
        loss: (x, y, sample_weight) → float32[], what the player minimizes, a mean over the batch that it is given.
    """

    name: str
    network: Any
    loss: Callable[[Any, Any, Any], Any]


class Task(abc.ABC):
    """What a model is asked.

    Answers are what users get: arrays with a row an example. Labels, `dict`, are what travels with a model so that its
    answers can be named; labels.json of a run holds them.
    """

    name: ClassVar[str]
    headline: ClassVar[Metric]  # selects epochs, stops early, prunes trials, sorts, is claimed
    figures: ClassVar[tuple[Metric, ...]] = ()  # more columns of a comparison, see `table_figures`
    reads: ClassVar[tuple[str, ...] | None] = None  # kinds of input that it goes with; None: every one
    targets: ClassVar[str | None] = None  # what it learns from: "class", "number", …; None: from the features
    trains: ClassVar[str] = "logits"  # the layer whose output the loss compares with the targets, see `trained_output`
    output: ClassVar[str] = "answers"  # the model's last layer, and what exported files call their output
    settings: ClassVar[frozenset[str]] = frozenset()  # those of `OWN_SETTINGS` that go with it
    judged_by: ClassVar[Literal["model", "trainer"]] = "model"  # whose outputs of held-out rows the figures are of
    views: ClassVar[tuple[str, ...]] = ()  # what the report draws beside learning curves, see `zoo.comparison.details`
    baselines: ClassVar[tuple[str, ...]] = ()  # of scikit-learn, see `zoo.experiments.baseline`
    writes: ClassVar[bool] = False  # whether its models go on with a text, see `zoo.generation`
    explains: ClassVar[bool] = False  # whether an answer is one of several `logits`, so that it can be explained
    scores_by_row: ClassVar[bool] = True  # whether a row has the same score whichever rows it is judged with
    # What columns of a row are held responsible for: of several "class" logits, of "label" logits, or of a "value".
    explained: ClassVar[Literal["class", "label", "value"] | None] = None
    tokenizes: ClassVar[bool] = False  # whether `prepare` gets texts themselves, not what the text layer makes of them
    verb: ClassVar[str | None] = None  # TensorFlow Serving's, beside predict
    pretrains: ClassVar[bool] = False  # whether its models are only a start for others
    learned: ClassVar[tuple[str, ...]] = ()  # the keys that `learned_labels` gives
    mixes: ClassVar[bool] = False  # whether there are targets between two targets, see `soft_targets`

    @property
    def words(self) -> str:
        """The name for people."""
        return self.name.replace("_", " ")

    # ---- the data

    def read_targets(self, column) -> tuple[Any, dict[str, Any]]:
        """Targets from a column of the user's own table, and the fields of `DatasetInfo` that describe them.

        Args:
            column: a `zoo.datasets.own_data.Column`, whose cells are not empty.

        Raises:
            ZooError: the cells are no targets for this task.
        """
        raise ZooError(f"{column.where}: {self.words} does not learn from a column of a table")

    def check_targets(self, dataset) -> None:
        """Raises: ZooError: the targets of a `zoo.datasets.Dataset` cannot be learned from."""
        return None

    def labels(self, info) -> dict[str, Any]:
        """What names the answers of a model that was trained on such data."""
        return {"label_names": []}

    def learned_labels(self, answers, targets, labels: dict[str, Any]) -> dict[str, Any]:
        """What more travels with a trained model, learned from its answers to validation, such as thresholds."""
        return {}

    # ---- the training

    def refuse(self, config) -> None:
        """Raises: ZooError: a setting does not go with the task, and `OWN_SETTINGS` does not say so already."""
        return None

    def count_examples(self, split, options: dict[str, Any]) -> int:
        """How many examples training or validation sees of a `zoo.datasets.Split`, where its rows are cut into more.

        Args:
            split: texts, pictures or rows as they were read.
            options: those of the model's builder.
        """
        return len(split)

    def fitting_options(self, dataset, options: dict[str, Any]) -> dict[str, Any]:
        """Options of the builder that follow from the data, beside `input_shape`; `options` are its own values."""
        return {}

    def adapt(self, model, targets) -> None:
        """Let the model see the training targets, after its layers have seen the training features."""
        return None

    def prepare(self, training: Training, split, learning: bool):
        """A `zoo.datasets.Split` as the trainer reads it; `learning` of the training split."""
        return split

    def augmentation(self, training: Training, of_data: Callable | None) -> Callable | None:
        """Changes of each training batch: (features, rows, seed) → features. `of_data` are those of the config."""
        return of_data

    def soft_targets(self, training: Training) -> Callable:
        """Where the task `mixes`: targets as the pipeline reads them, `[…]`, → `float32[…, size]`, one more axis.

        Any mean of such targets is one too; `loss` and `metrics` take them beside the plain ones of validation.
        """
        raise NotImplementedError(f"{self.name} mixes, but has no soft_targets")

    def trained_output(self, model):
        """The Keras tensor of the model that the loss is computed from."""
        return model.get_layer(self.trains).output

    def partners(self, training: Training) -> dict[str, Any]:
        """Networks that train beside the model, by name."""
        return {}

    def graph(self, training: Training, networks: dict[str, Any]) -> tuple[Any, Any]:
        """Inputs and outputs (Keras tensors) of the trainer.

        Args:
            training: what it starts from.
            networks: "model", from its input, or from behind its text layer, to `trained_output`; and the partners.
                Their dropout is that of training.

        The trainer's outputs are what `loss` and `metrics` take.
        """
        from zoo.layers.front import inputs_of

        twin = networks["model"]
        return inputs_of(twin), twin.outputs[0]

    def players(self, training: Training, networks: dict[str, Any]) -> list[Player]:
        """Who trains, where more than one network does; empty: the trainer minimizes `loss` of its outputs."""
        return []

    @abc.abstractmethod
    def loss(self, training: Training) -> Callable[[Any, Any], Any]:
        """(targets, outputs of the trainer) → float32[batch]."""

    @abc.abstractmethod
    def metrics(self, training: Training) -> list:
        """Keras metrics of (targets, outputs of the trainer); one of them has the name of the headline."""

    def row_weights(self, config, dataset):
        """How much each training row counts, `float32[rows]` of mean 1; None: all the same."""
        return None

    # ---- what makes an answer good

    def wrong_output(self, shape: tuple[int | None, ...]) -> str | None:
        """Why a model with an output of this shape, the batch first, cannot be one of this task; None if it can be."""
        return None

    def read_through(self, model, features):
        """Answers that one pass of the `keras.Model` does not give, as of a text longer than it reads; None: it does.

        Args:
            model: from raw input to the layer `output`.
            features: as a `zoo.datasets.Split` has them.
        """
        return None

    def answers(self, outputs):
        """The model's raw outputs, `float32[batch, …]`, as answers."""
        return outputs

    @abc.abstractmethod
    def results(self, answers, targets, labels: dict[str, Any]) -> dict[str, Any]:
        """What results.json holds of a split: the headline as {"value", "interval"}, `n`, and whatever else.

        Raises:
            ZooError: there is no row, or an answer is not finite.
        """

    def scores(self, answers, targets, labels: dict[str, Any]):
        """One number a row, larger is better, `float[rows]`: what paired tests need. None: models are never tested.

        Where the headline is no mean over rows, scores depend on which rows are judged together.
        """
        return None

    def selection(self, answers, targets, labels: dict[str, Any]) -> tuple[Any, Any, str] | None:
        """Of a question of yes or no: `bool[rows]` which are selected, which are to be, and what selected is called."""
        return None

    def preference(self, answers):
        """How much each row is wanted, larger is more, `float[rows]`: ranks lists. None: answers have no order."""
        return None

    def wanted(self, targets, training_targets):
        """Which rows a ranked list should have on top, `bool[rows]`, where there is a `preference`."""
        raise NotImplementedError(f"{self.name} has a preference, but no wanted")

    def headline_of(self, mean_scores):
        """The headline of rows whose scores have these means, elementwise."""
        return self.headline.goodness(mean_scores)

    def value(self, results: dict[str, Any]) -> float:
        """The headline among the results of a split."""
        return float(results[self.headline.name]["value"])

    def table_figures(self, results: dict[str, Any], test, validation=None) -> dict[str, float | None]:
        """Values of `figures` for one run.

        Args:
            results: of test.
            test: its `zoo.runs.Predictions`.
            validation: those of validation; None where they were not kept.
        """
        return {metric.name: _number(results.get(metric.name)) for metric in self.figures}

    def check_predictions(self, predictions, labels: dict[str, Any]) -> None:
        """Raises: ValueError: what a run kept of a split, `zoo.runs.Predictions`, is none of this task's."""
        import numpy as np

        for array in (predictions.answers, predictions.scores):
            if array is not None and (array.dtype.kind not in "fiub" or not np.isfinite(array).all()):
                raise ValueError("an answer or a score is no finite number")
        if predictions.scores is not None and predictions.scores.ndim != 1:
            raise ValueError("scores are not one a row")

    def agreement(self, answers, reference) -> dict[str, float]:
        """How close the answers of an exported file are to those of Keras, by name; `parity_limits` has the limits."""
        return {"max_abs_difference": float(abs(answers - reference).max())}

    def parity_limits(self, reference, value: float, quantized: bool) -> dict[str, float]:
        """How far an exported file may be off.

        Args:
            reference: Keras's answers.
            value: their headline.
            quantized: whether the file computes in int8 or float16, not in float32.

        Returns:
            Limits of figures of `agreement`, and of the headline's change under `<headline>_change`.
        """
        if quantized:
            return {f"{self.headline.name}_change": 0.01 * abs(value)}
        return {"max_abs_difference": 1e-4 * (float(reference.std()) or 1.0)}

    # ---- words and pictures

    def summary(self, results: dict[str, Any], labels: dict[str, Any]) -> str:
        """The last line of a training, of the results of test."""
        test, unit = results[self.headline.name], labels.get("unit") or ""
        return (
            f"test {self.headline.words} {self.headline.text(test['value'], unit)} "
            f"(95 % interval {self.headline.interval_text(test['interval'])})"
        )

    def next_command(self, run_path: str) -> str:
        """What to type after a training; the path is quoted."""
        return f"{command('evaluate')} --run={run_path}"

    def results_lines(self, results: dict[str, Any], labels: dict[str, Any]) -> list[str]:
        """Results as a table for people."""
        unit = labels.get("unit") or ""
        metrics = {metric.name: metric for metric in (self.headline, *self.figures)}
        width = max(len(metric.words) for metric in metrics.values()) + 2
        lines = []
        for name, metric in metrics.items():
            value = results.get(name)
            if (number := _number(value)) is None:
                continue
            line = f"{metric.words:{width}}{metric.text(number, unit)}"
            interval = value["interval"] if isinstance(value, dict) else None
            lines.append(line + (f"  (95 % interval {metric.interval_text(interval)})" if interval else ""))
        return lines

    def draw(self, results: dict[str, Any], split, answers, labels: dict[str, Any], folder) -> None:
        """Pictures of a split's answers, as PNG files in a folder."""
        return None

    def draw_card(self, results: dict[str, Any], predictions, labels: dict[str, Any], folder) -> None:
        """Pictures for a model's card, of the kinds that `zoo.comparison.card_pictures.WIDTHS` names, in a folder.

        Args:
            results: of test.
            predictions: the `zoo.runs.Predictions` of test.
        """
        return None

    def describe(self, answer, labels: dict[str, Any]) -> dict[str, Any]:
        """One row's answer for people and programs, as JSON can hold it."""
        return {"answer": answer.tolist()}

    def table_of(self, predictions: Sequence[dict], top: int) -> list[tuple[str, ...]]:
        """Rows of text, a header first, for what `describe` gave of some inputs, each with its `name`."""
        keys = [key for key in predictions[0] if key != "name"]
        return [("file", *keys), *((one["name"], *(_cell(one[key]) for key in keys)) for one in predictions)]

    def csv_of(self, predictions: Sequence[dict]) -> list[Sequence[Any]]:
        """The same for a CSV file, whole."""
        keys = [key for key in predictions[0] if key != "name"]
        return [["file", *keys], *([one["name"], *(one[key] for key in keys)] for one in predictions)]

    def truth_in_words(self, target, labels: dict[str, Any]) -> str:
        """A row's target for people."""
        return _cell(target.tolist())

    def serve(self, answers, labels: dict[str, Any]) -> list:
        """What the server answers to `verb`, a value a row."""
        return answers.tolist()

    def example_lines(self, labels: dict[str, Any], outputs: int) -> list[str]:
        """Lines of an example script that print the array `answer`, one row of `outputs` numbers."""
        return ["print(*answer)"]


def _number(value) -> float | None:
    return value["value"] if isinstance(value, dict) else value


def _cell(value) -> str:
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
