"""Saved models: written with their label names inside, read without running anything that the file brings."""

import dataclasses
import json
import os
import pathlib
import shutil
import tempfile
import zipfile
from typing import Any

import numpy as np

from zoo.datasets.stored import StoredRows, blocks
from zoo.errors import ZooError
from zoo.opening.keras_file import open_keras
from zoo.opening.labels import LABELS, check_number
from zoo.runs import Run, open_run
from zoo.runtimes import is_exported, open_exported, refuse_changed


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """A model from raw input to probabilities, with what is needed to name its answers."""

    model: Any
    label_names: list[str]
    task: str
    path: pathlib.Path
    dataset: str | None = None
    feature_names: list[str] | None = None

    def predict_probabilities(self, features: np.ndarray) -> np.ndarray:
        """Raw input `[examples, …]` → `float32[examples, num_classes]`; one sigmoid unit becomes two columns."""
        return predict_probabilities(self.model, features)


def predict_probabilities(model, features: np.ndarray | StoredRows, batch_size: int = 1000) -> np.ndarray:
    """Raw input `[examples, …]` → `float32[examples, num_classes]`; one sigmoid unit becomes two columns."""
    if isinstance(features, StoredRows):
        return np.concatenate([predict_probabilities(model, block, batch_size) for block in blocks(features)])
    if features.dtype == object:  # texts cost more memory each than pictures, in what the model makes of them
        batch_size = min(batch_size, 64)
    return two_columns(np.asarray(model.predict(features, batch_size=batch_size, verbose=0), "float32"))


def two_columns(probabilities: np.ndarray) -> np.ndarray:
    """`float32[examples, classes]` → the same; of one sigmoid unit, `[examples, 1]`, both classes' probabilities."""
    if probabilities.shape[1] > 1:
        return probabilities
    return np.concatenate([1 - probabilities, probabilities], axis=1)


def save_model(model, path: pathlib.Path, labels: dict[str, Any], compress: bool = False) -> None:
    """Write a `.keras` file that plain Keras opens, with `labels` as one more member of the zip; atomic.

    Keras stores the members as they are. `compress` deflates them, which pays where many weights are 0.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".saving-") as folder:
        temporary = pathlib.Path(folder) / "model.keras"
        model.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(LABELS, json.dumps(labels, ensure_ascii=False))
        if compress:
            temporary = _deflated(temporary)
        shutil.move(temporary, path)


def _deflated(path: pathlib.Path) -> pathlib.Path:
    smaller = path.with_name("deflated.keras")
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(smaller, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for member in archive.namelist():
            new.writestr(member, archive.read(member))
    return smaller


def load_model(path_or_run: str | os.PathLike | Run) -> LoadedModel:
    """Load the model of a run or of an export's folder, a `.keras`, `.onnx` or `.tflite` file, or a SavedModel.

    No code from a `.keras` file is run: Keras's safe mode stays on. An exported file answers in its own runtime.

    Raises:
        ZooError: there is no model, the file is damaged, or it holds a Lambda or an unknown class.
    """
    if isinstance(path_or_run, Run):
        path = path_or_run.model_file
        if not path.exists():
            finished = path_or_run.record.get("status") == "finished"
            why = "as a baseline it keeps none" if finished else "it did not finish (train.py --resume)"
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
        return _with_labels(model, model.labels, path)
    if path.suffix != ".keras" or not path.is_file():
        raise ZooError(f"{path}: not a .keras, .onnx or .tflite file, nor the folder of a run or a SavedModel")
    model, labels = open_keras(path)
    return _with_labels(model, labels, path)


def _with_labels(model, labels: dict[str, Any], path: pathlib.Path) -> LoadedModel:
    for name, shape in (("inputs", model.input_shape), ("outputs", model.output_shape)):
        if not shape or not all(size is None or isinstance(size, int) for size in shape):
            raise ZooError(f"{path}: has {len(shape)} {name}; one is needed")
    if model.output_shape[-1] is None:
        raise ZooError(
            f"{path}: its output has the open shape {model.output_shape}; a classifier's is (batch, classes)"
        )
    num_classes = max(model.output_shape[-1], 2)
    if labels.get("label_names"):
        check_number(labels["label_names"], num_classes, path)
    return LoadedModel(
        model=model,
        label_names=labels.get("label_names") or [str(number) for number in range(num_classes)],
        task=labels.get("task") or _task_of(model),
        path=path,
        dataset=labels.get("dataset"),
        feature_names=labels.get("feature_names"),
    )


def _task_of(model) -> str:
    kind = {1: "text", 2: "table"}.get(len(model.input_shape), "image")
    return f"{kind}_classification"
