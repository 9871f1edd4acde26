"""Saved models: written with their label names inside, read without running anything that the file brings."""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import tempfile
import zipfile
from typing import Any

import numpy as np

from zoo.adapted import open_adapted
from zoo.command_words import command
from zoo.datasets.on_disk import Features, StoredRows, are_texts, arrays_of, as_tensors, blocks, count
from zoo.errors import ZooError, shortened
from zoo.inputs.memory import features_of
from zoo.opening.keras_file import open_keras
from zoo.opening.labels import LABELS, check_number
from zoo.published import PublishedRun
from zoo.runs import Run, open_run
from zoo.runtimes import is_exported, open_exported, refuse_changed
from zoo.schema import Schema
from zoo.tasks import Task
from zoo.tasks.catalog import get_task, read_labels


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """A model from raw input to answers, with what is needed to name them.

    Attributes:
        model: a `keras.Model`, or a `zoo.opening.exported.ExportedModel`.
        task: what it is asked.
        reads: image, table, columns or text.
        labels: what travels with it, see `zoo.tasks.Task.labels`.
        path: of its file.
    """

    model: Any
    task: Task
    reads: str
    labels: dict[str, Any]
    path: pathlib.Path

    @property
    def label_names(self) -> list[str]:
        """Of the classes; empty where the answers are none."""
        return self.labels["label_names"]

    @property
    def dataset(self) -> str | None:
        return self.labels.get("dataset")

    @property
    def feature_names(self) -> list[str] | None:
        return self.labels.get("feature_names")

    @property
    def schema(self) -> Schema | None:
        """Of the columns of a mixed table."""
        return Schema.from_json(self.labels.get("schema"))

    @property
    def input_shape(self) -> Any:
        """Of one example: a tuple, or tuples by name."""
        return input_shape_of(self.model)

    def answers(self, features: Features, batch_size: int = 1000) -> np.ndarray:
        """Features as a `zoo.datasets.Split` has them → answers, `[examples, …]`, as the task gives them."""
        found = self.task.read_through(self.model, features)
        if found is not None:
            return found
        return self.task.answers(outputs_of(self.model, features, batch_size))

    def predict(self, inputs: Any, batch_size: int = 1000) -> np.ndarray:
        """Raw input → answers, `[examples, …]`, as the task gives them: probabilities of classes, or numbers.

        Args:
            inputs: pictures, rows or texts, one or many; in the forms that `zoo.inputs.memory.features_of` says.
            batch_size: how many are computed together.

        Raises:
            ZooError: they do not fit the model, are not finite, or their answer is not.
        """
        if not isinstance(batch_size, int | np.integer) or batch_size < 1:
            raise ZooError(f"batch_size={batch_size!r}: a whole number from 1 on is needed")
        answers = self.answers(features_of(inputs, self), batch_size)
        wrong = np.flatnonzero(~np.isfinite(answers.reshape(len(answers), -1)).all(axis=1)) if len(answers) else ()
        if len(wrong):
            raise ZooError(f"{self.path}: its answer to row {wrong[0]} is not finite; its training diverged")
        return answers

    def predict_labels(self, inputs: Any, batch_size: int = 1000) -> np.ndarray:
        """Raw input, as `predict` takes it → the most probable class of each example, `str[examples]`.

        Raises:
            ZooError: as `predict`, or the model answers with no classes.
        """
        if self.task.output != "probabilities":
            raise ZooError(f"{self.path}: a model of {self.task.words} has no labels; call predict")
        return np.array(self.label_names)[self.predict(inputs, batch_size).argmax(axis=-1)]

    def predict_probabilities(self, inputs: Any) -> np.ndarray:
        """Raw input, as `predict` takes it → `float32[examples, num_classes]`; one sigmoid unit becomes two columns.

        Raises:
            ZooError: the model gives no probabilities.
        """
        if self.task.output != "probabilities":
            raise ZooError(f"{self.path}: a model of {self.task.words} gives no probabilities; call predict")
        return self.predict(inputs)


def outputs_of(model, features: Features, batch_size: int = 1000) -> np.ndarray:
    """A model's raw outputs, `float32[examples, …]`."""
    if not count(features):
        return np.zeros((0, *model.output_shape[1:]), "float32")
    if any(isinstance(array, StoredRows) for array in arrays_of(features)):
        return np.concatenate([outputs_of(model, block, batch_size) for block in blocks(features)])
    if are_texts(features):  # a text takes more memory inside a model than a picture does
        batch_size = min(batch_size, 64)
    if isinstance(features, dict):
        features = as_tensors(features)
    return np.asarray(model.predict(features, batch_size=batch_size, verbose=0), "float32")


def save_model(model, path: pathlib.Path, labels: dict[str, Any], compress: bool = False) -> None:
    """Write a `.keras` file that plain Keras opens, with `labels` as one more member of the zip; atomic.

    Keras stores the members as they are. `compress` deflates them, which pays where many weights are 0.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".saving-") as folder:
        temporary = pathlib.Path(folder) / "model.keras"
        with _normalizing_alone(model):
            model.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(LABELS, json.dumps(labels, ensure_ascii=False))
        if compress:
            deflate(temporary, smaller := temporary.with_name("deflated.keras"))
            temporary = smaller
        shutil.move(temporary, path)


def write_labels(path: pathlib.Path, labels: dict[str, Any]) -> None:
    """Put other labels into a `.keras` file that `save_model` wrote; atomic."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".saving-") as folder:
        temporary = pathlib.Path(folder) / path.name
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile(temporary, "w") as new:
            for member in archive.infolist():
                content = json.dumps(labels, ensure_ascii=False) if member.filename == LABELS else archive.read(member)
                new.writestr(member, content)
        os.replace(temporary, path)


@contextlib.contextmanager
def _normalizing_alone(model):
    """Batch normalization without its exchange between replicas, which answers do not need.

    Keras on JAX and PyTorch refuses to open a file that has it.
    """
    from zoo.keras_hooks import all_layers

    synchronized = [layer for layer in all_layers(model) if getattr(layer, "synchronized", False)]
    try:
        for layer in synchronized:
            layer.synchronized = False
        yield
    finally:
        for layer in synchronized:
            layer.synchronized = True


def deflate(path: pathlib.Path, target: pathlib.Path) -> None:
    """Write a `.keras` file anew with its members compressed; of the same members come the same bytes."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for name in archive.namelist():
            member = zipfile.ZipInfo(name)  # without the time
            member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            new.writestr(member, archive.read(name), compresslevel=9)


def load_model(path_or_run: str | os.PathLike | Run) -> LoadedModel:
    """Load the model of a run or of an export's folder, a `.keras`, `.onnx` or `.tflite` file, or a SavedModel.

    A name such as "mnist_cnn" stands for the weights that the zoo publishes, see `zoo.weights.store.weights_file`; a
    file or folder of that name comes first, as `./mnist_cnn` would.

    No code from a `.keras` file is run: Keras's safe mode stays on. An exported file answers in its own runtime.

    Raises:
        ZooError: there is no model, nor weights of that name, or the file is damaged, or it holds a Lambda or an
            unknown class.
    """
    if not isinstance(path_or_run, str | os.PathLike | Run):
        raise ZooError(f"{shortened(repr(path_or_run))}: no model; give a run, a name, or the path of a file or folder")
    if is_name(path_or_run):
        path_or_run = PublishedRun(path_or_run)
    if isinstance(path_or_run, Run):
        path = path_or_run.model_file
        if isinstance(path_or_run, PublishedRun) and path_or_run.entry.base:
            return with_labels(*open_adapted(path), path)
        if not path.exists():
            finished = path_or_run.record.get("status") == "finished"
            why = "as a baseline it keeps none" if finished else f"it did not finish ({command('train')} --resume)"
            raise ZooError(f"{path_or_run.path}: the run has no {path.name}; {why}")
    else:
        path = pathlib.Path(path_or_run)
        if path.is_dir() and not is_exported(path):
            return load_model(open_run(path))
    if not path.exists():
        raise ZooError(f"{path}: no such model file")
    refuse_changed(path)
    if is_exported(path):
        model = open_exported(path)
        return with_labels(model, model.labels, path)
    if path.suffix != ".keras" or not path.is_file():
        raise ZooError(f"{path}: not a .keras, .onnx or .tflite file, nor the folder of a run or a SavedModel")
    model, labels = open_keras(path)
    return with_labels(model, labels, path)


def is_name(text: str | os.PathLike) -> bool:
    """Whether this is a name of weights, no path: without folder and suffix, and nothing of that name lies here."""
    return isinstance(text, str) and bool(re.fullmatch(r"[\w-]+", text)) and not os.path.lexists(text)


def with_labels(model, labels: dict[str, Any], path: pathlib.Path) -> LoadedModel:
    """A model with what its file says of it; one from elsewhere says nothing, and is taken for a classifier.

    Raises:
        ZooError: its task is not known here, or its inputs, its outputs or their names are not those of its task.
    """
    labels = {"reads": _kind_of(model)} | read_labels(labels)
    try:
        task = get_task(labels["task"])
    except ZooError as error:
        raise ZooError(f"{path}: {error}") from None
    several_by_name = isinstance(input_shape_of(model), dict)
    for name, shape in (("inputs", () if several_by_name else model.input_shape), ("outputs", model.output_shape)):
        if not all(size is None or isinstance(size, int) for size in shape):
            raise ZooError(f"{path}: has {len(shape)} {name}; one is needed")
    if complaint := task.wrong_output(tuple(model.output_shape)):
        raise ZooError(f"{path}: its output has the shape {model.output_shape}; {complaint}")
    if task.targets == "class":
        num_classes = max(model.output_shape[-1], 2)
        labels["label_names"] = labels.get("label_names") or [str(number) for number in range(num_classes)]
        check_number(labels["label_names"], num_classes, path)
    if task.targets == "labels":
        num_labels = model.output_shape[-1]
        labels["label_names"] = labels.get("label_names") or [str(number) for number in range(num_labels)]
        check_number(labels["label_names"], num_labels, path)
        labels["thresholds"] = labels.get("thresholds") or [0.5] * num_labels
        if len(labels["thresholds"]) != num_labels:
            raise ZooError(f"{path}: {len(labels['thresholds'])} thresholds for {num_labels} labels; train again")
    return LoadedModel(model, task, labels["reads"], labels, path)


def input_shape_of(model) -> Any:
    """Of one example: a tuple, or tuples by name; Keras itself gives a mere list of a model with several inputs."""
    inputs = getattr(model, "input", None)
    if isinstance(inputs, dict):
        return {name: tuple(tensor.shape[1:]) for name, tensor in inputs.items()}
    return tuple(model.input_shape[1:])


def _kind_of(model) -> str:
    shape = input_shape_of(model)
    return "table" if isinstance(shape, dict) else {0: "text", 1: "table"}.get(len(shape), "image")
