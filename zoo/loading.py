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
from zoo.quiet import import_tensorflow
from zoo.runs import Run, open_run
from zoo.runtimes import is_exported, open_exported, refuse_changed

_LABELS = "labels.json"


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
            archive.writestr(_LABELS, json.dumps(labels, ensure_ascii=False))
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
    labels = _read_labels(path)
    import_tensorflow()
    import keras

    import zoo.layers  # noqa: F401, registers the classes that a file of ours may name

    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except ZooError:
        raise
    except Exception as error:  # the file is the user's: whatever Keras makes of it is one line
        reason = _why_refused(error)
        raise ZooError(f"{path}: {reason}") from error
    return _with_labels(model, labels, path)


def _with_labels(model, labels: dict[str, Any], path: pathlib.Path) -> LoadedModel:
    num_classes = max(model.output_shape[-1], 2)
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


def _read_labels(path: pathlib.Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            outside = [name for name in archive.namelist() if name.startswith("/") or ".." in name.split("/")]
            if outside:
                raise ZooError(f"{path}: refused, its member {outside[0]!r} would be written outside of its folder")
            damaged = archive.testzip()
            if damaged:
                raise ZooError(f"{path}: damaged ({damaged} fails its checksum); copy or train it again")
            return json.loads(archive.read(_LABELS)) if _LABELS in archive.namelist() else {}
    except (zipfile.BadZipFile, OSError, ValueError, EOFError) as error:
        raise ZooError(f"{path}: not a .keras file, or cut short ({error}); copy or train it again") from None


def _why_refused(error: Exception) -> str:
    text = str(error)
    if "Lambda" in text or "lambda" in text or "safe_mode" in text:
        return "refused: it holds a Lambda layer, which would run code from the file; rebuild it from registered layers"
    if "Could not locate" in text or "Unknown" in text:
        return f"refused: {text.splitlines()[0][:200]}; --import the module that registers it"
    separator = "\n\n"
    if (
        "objects could not be loaded" in text and separator in text
    ):  # Keras quotes the first error in its second paragraph
        return f"cannot be loaded: {text.split(separator)[1].splitlines()[0][:200]}"
    return f"cannot be loaded by Keras ({text.splitlines()[0][:200] if text else type(error).__name__})"
