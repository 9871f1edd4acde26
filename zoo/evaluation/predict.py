"""From a user's files to answers with names."""

import csv
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from zoo.datasets import own_tables, walk
from zoo.errors import ZooError
from zoo.escaping import spreadsheet_cell, tell
from zoo.evaluation import tta
from zoo.inputs import columns, images, sequences, tables, texts
from zoo.registry import plural
from zoo.tasks import Task
from zoo.text_table import align_columns

if TYPE_CHECKING:
    from zoo.loading import LoadedModel


class Reader(NamedTuple):
    """What files of one kind are, in words and as a question, and `read(files, loaded_model) -> (names, features)`."""

    words: str
    is_wanted: Callable[[Path], bool]
    read: Callable[[list[Path], "LoadedModel"], tuple[list[str], np.ndarray]]


READERS = {
    "image": Reader("pictures or .npy files", images.is_wanted, images.read),
    "table": Reader(".csv or .tsv files", own_tables.is_table, tables.read),
    "columns": Reader(".csv, .tsv or .parquet files", columns.is_table, columns.read),
    "text": Reader(".txt, .csv or .tsv files", texts.is_wanted, texts.read),
    "sequence": Reader(".csv, .tsv, .npy or .ts files", sequences.is_wanted, sequences.read),
}


def open_model(run: str | os.PathLike | None, model_file: str | os.PathLike | None) -> "LoadedModel":
    """Loads the model of a run, or of a lone .keras file.

    Raises:
        ZooError: both or neither is given, or there is no model to load.
    """
    from zoo import loading, runs

    if bool(run) == bool(model_file):
        raise ZooError(
            f"{'both' if run else 'neither'} of --run and --model_file given: name a run's folder, a .keras file, or "
            "published weights by --model"
        )
    return loading.load_model(runs.open_run(run) if run else model_file)


def refuse_missing(paths: Sequence[str | os.PathLike]) -> None:
    """Raises: ZooError: a path is not there. Quick, so that a mistyped one is told before a model is loaded."""
    for path in map(Path, paths):
        if not path.exists():
            raise ZooError(f"{path}: no such file or folder; check the path (the working folder is {Path.cwd()})")


def refuse_overwriting(paths: Sequence[str | os.PathLike], outputs: dict[str, str | None], reads: str) -> None:
    """Raises: ZooError: an output, by the name of its flag, is one of the inputs of a model that reads such files."""
    reader = READERS.get(reads)
    for flag, output in outputs.items():
        if not output or not Path(output).exists():
            continue
        for path in map(Path, paths):
            inside = path.is_dir() and Path(output).resolve().is_relative_to(path.resolve())
            if path.samefile(output) or (inside and reader and reader.is_wanted(Path(output))):
                raise ZooError(f"--{flag}={output}: is an input, which would be lost; name another file")


def read_inputs(paths: Sequence[str | os.PathLike], loaded_model: "LoadedModel") -> tuple[list[str], np.ndarray]:
    """Reads files, and the files inside folders (at any depth, sorted), as the model needs them.

    Notices about values that had to be converted go to stderr, one line a kind.

    Returns:
        A name for each example, and uint8[examples, height, width, channel], float32[examples, feature], texts,
        object[examples], or float32[examples, time, channel].

    Raises:
        ZooError: a path or its content cannot be read, the text says where and what to do.
    """
    reader = READERS.get(loaded_model.reads)
    if reader is None:
        raise ZooError(f"{loaded_model.path}: nothing here reads {loaded_model.reads!r}; known: {', '.join(READERS)}")
    if loaded_model.task.judged_by != "model":
        raise ZooError(f"{loaded_model.path}: a model of {loaded_model.task.words} has no answer to a whole example")
    refuse_missing(paths)
    files = [file for path in paths for file in _files_of(Path(path), reader)]
    if not files:
        raise ZooError(f"nothing to predict: give --input=PATH, {reader.words} or a folder of them")
    return reader.read(files, loaded_model)


def take_texts(given: Sequence[str], loaded_model: "LoadedModel") -> tuple[list[str], np.ndarray]:
    """Texts given on the command line, as `read_inputs` gives those of files.

    Raises:
        ZooError: the model does not read texts.
    """
    if loaded_model.reads != "text":
        raise ZooError(f"--text: {loaded_model.path} is a model that reads {plural(loaded_model.reads)}; give it files")
    names = [f"text {number}" for number in range(1, len(given) + 1)]
    return names, texts.cleaned(names, list(given))


def predict(loaded_model: "LoadedModel", names: Sequence[str], features, views: Sequence[tta.View] = ()) -> list[dict]:
    """Predicts each example.

    Args:
        loaded_model: that answers.
        names: what each example is called.
        features: as `read_inputs` gives them.
        views: of `tta.views_of`, to answer with the mean over them.

    Returns:
        One dict an example: name, and the answer as the model's task describes it; of a classifier label (the most
        probable), probability (its), probabilities {label: probability}, the most probable first.

    Raises:
        ZooError: the model's output is not finite.
    """
    task, predictions = loaded_model.task, []
    answers = tta.mean_answers(loaded_model, features, views) if views else loaded_model.answers(features)
    for name, answer in zip(names, answers, strict=True):
        if not np.isfinite(answer).all():
            raise ZooError(f"{name}: the model's {task.output} are not finite; its training diverged, train it again")
        predictions.append({"name": name} | task.describe(answer, loaded_model.labels))
    return predictions


def predictions_table(task: Task, predictions: Sequence[dict], top: int = 3) -> str:
    """Returns an aligned text table; of labels the first `top`."""
    return align_columns(task.table_of(predictions, top))


def write_predictions(task: Task, predictions: Sequence[dict], path: str | os.PathLike) -> None:
    """Writes a CSV; of a classifier file, label, probability, then one column `probability_<label>` a class, sorted.

    Raises:
        ZooError: the file cannot be written.
    """
    write_rows(task.csv_of(predictions), path)


def write_rows(rows: Sequence[Sequence], path: str | os.PathLike) -> None:
    """Writes a CSV whose cells begin no formula.

    Raises:
        ZooError: the file cannot be written.
    """
    try:
        with open(path, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(map(spreadsheet_cell, row) for row in rows)
    except OSError as error:
        raise ZooError(
            f"{path}: cannot be written ({error.strerror}); give --output a file in a folder that exists"
        ) from None


def _files_of(path: Path, reader: Reader) -> list[Path]:
    """Returns the file itself, or the readable files inside a folder, as training would find them."""
    if path.is_dir():
        files, left_out = walk.walk(path, reader.is_wanted)
        if left_out:
            tell(f"notice: {path}: left out {walk.in_words(left_out)}")
        if not files:
            raise ZooError(f"{path}: no {reader.words} in this folder; name a folder or file that has some")
        return files
    if not reader.is_wanted(path):
        ending = path.suffix or "files without an ending"
        raise ZooError(f"{path}: the model reads {reader.words}, not {ending!r}; convert it")
    return [path]
