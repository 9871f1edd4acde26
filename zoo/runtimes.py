"""Exported models in their own runtimes."""

import contextlib
import hashlib
import pathlib
import re
from collections.abc import Iterator

from zoo.errors import ZooError
from zoo.opening.exported import ExportedModel, example_of, one_line
from zoo.opening.labels import LABELS  # noqa: F401
from zoo.opening.litert_file import judge_litert, open_litert
from zoo.opening.onnx_file import METADATA_KEY, judge_onnx, open_onnx  # noqa: F401
from zoo.opening.saved_model import judge_saved_model, open_saved_model
from zoo.opening.trial import try_out
from zoo.runs import size_of
from zoo.safe_reading import read_mapping

_RUNTIMES = {".onnx": (judge_onnx, open_onnx), ".tflite": (judge_litert, open_litert)}


def is_exported(path: pathlib.Path) -> bool:
    """Whether a path looks like an exported model, not a `.keras` file."""
    return path.suffix in (".onnx", ".tflite") or (path / "saved_model.pb").exists()


def open_exported(path: pathlib.Path) -> ExportedModel:
    """Open a .onnx or .tflite file, or the folder of a SavedModel, in its runtime.

    Its content is judged first, and it answers once in a process of its own, as a damaged file can crash its runtime.

    Raises:
        ZooError: the file is damaged, holds what is refused, or its runtime is not installed.
    """
    read_only = path.suffix in (".onnx", ".tflite")
    if read_only and not path.is_file():
        raise ZooError(f"{path}: no regular file")
    judge, open_it = _RUNTIMES.get(path.suffix, (judge_saved_model, open_saved_model))
    with _one_line(path):
        judge(path)
    try_out(path, "zoo.runtimes:answer_once", size_of(path), "" if read_only else "tensorflow")
    with _one_line(path):
        model = open_it(path)
    return model


def answer_once(path: pathlib.Path) -> None:
    """Open a model and let it answer for one example, so that what its runtime makes of it comes to light."""
    _, open_it = _RUNTIMES.get(path.suffix, (None, open_saved_model))
    with _one_line(path):
        model = open_it(path)
    try:
        model.predict(example_of(model))
    except ZooError as error:
        needs_another_size = None in model.input_shape[1:]  # of pictures of any size
        if not needs_another_size or re.search("alloc|memory|exhausted|OOM", str(error), re.IGNORECASE):
            raise ZooError(f"{path}: refused, {error}") from None


@contextlib.contextmanager
def _one_line(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except ZooError:
        raise
    except Exception as error:  # the file is the user's: whatever a runtime makes of it is one line
        raise ZooError(f"{path}: its runtime cannot load it ({one_line(error)}); copy or export it again") from error


def file_digest(path: pathlib.Path) -> str:
    """SHA-256 of a file, or of all files of a folder with their names."""
    digest = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
        digest.update(str(file.relative_to(path)).encode() if path.is_dir() else b"")
        with open(file, "rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return f"sha256:{digest.hexdigest()}"


def refuse_changed(path: pathlib.Path) -> None:
    """Raises: ZooError: the bytes are not those that the parity.json of an export, beside them, speaks for."""
    judged = path.parent / "parity.json"
    if not judged.exists():
        return
    try:
        record = read_mapping(judged, "export again")
        changed = record["file"] == path.name and record["digest"] != file_digest(path)
    except (OSError, KeyError):
        raise ZooError(f"{judged}: damaged; export again, or move {path.name} elsewhere") from None
    if changed:
        raise ZooError(f"{path}: damaged or changed, it is not what parity.json beside it judged; export again")
