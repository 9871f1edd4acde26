"""What a model answered to a split, as a CSV file for people: truth, answer, and the input's own columns."""

import csv
import io
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.datasets import on_disk
from zoo.datasets.texts import clean
from zoo.errors import ZooError
from zoo.escaping import spreadsheet_cell, tell
from zoo.measures.statistics import are_right_or_wrong
from zoo.runs import write_atomically
from zoo.tasks import Task

FILE = "test_predictions.csv"
_MOST_CELLS = 5_000_000  # of numbers, some 100 MB


def write_answers(
    path: pathlib.Path, dataset, split, answers: np.ndarray, targets, task: Task, labels: dict[str, Any]
) -> None:
    """Write a row an example: id, truth, what the task says of the answer, and `input_<name>` of each input column.

    A table of the user's that is not as it was read costs this file alone, and a line says so.

    `right` says yes or no where the task knows right from wrong. Ids are rows from 0 of the user's own table, else
    names of files, or rows of the official split. Pictures have no columns but their ids.

    Args:
        path: the file.
        dataset: the `zoo.datasets.Dataset`.
        split: of it.
        answers: with a row an example.
        targets: what they are held against.
        task: what the model is asked.
        labels: those of the model.
    """
    try:
        inputs = _inputs(dataset, split)
    except ZooError as error:
        tell(f"{path.name}: not written: {error}")
        return
    cells = len(split) * (answers[0].size + len(inputs))
    if cells > _MOST_CELLS:
        tell(f"{path.name}: left out, {cells:,} cells; predictions.npz has the answers")
        return
    described = [{"name": str(name)} | task.describe(one, labels) for name, one in zip(split.ids, answers, strict=True)]
    (_, *names), *rows = task.csv_of(described)
    header, columns = ["id", *names], [[row[0] for row in rows], *zip(*(row[1:] for row in rows), strict=True)]
    if targets is not None:
        header.insert(1, "truth")
        columns.insert(1, [_truth(task, target, labels) for target in targets])
    scores = task.scores(answers, targets, labels)
    if scores is not None and are_right_or_wrong(scores):
        header.insert(2, "right")
        columns.insert(2, ["yes" if score else "no" for score in scores])
    header += [f"input_{name}" for name in inputs]
    columns += inputs.values()
    stream = io.StringIO()
    lines = [header, *zip(*columns, strict=True)]
    csv.writer(stream, lineterminator="\n").writerows([spreadsheet_cell(cell) for cell in line] for line in lines)
    write_atomically(path, stream.getvalue().encode("utf-8"))


def _truth(task: Task, target, labels: dict[str, Any]) -> Any:
    number = target.ndim == 0 and target.dtype.kind == "f"
    return str(target) if number else task.truth_in_words(target, labels)  # 0.1, where float() says 0.10000000149


def _inputs(dataset, split) -> dict[str, Sequence[Any]]:
    """The input's own columns by name, a value a row."""
    file = pathlib.Path(dataset.report.get("origin", ""))
    features = split.features
    if dataset.schema is not None:
        return {name: dataset.schema.written(features, name) for name in dataset.schema.names}
    if dataset.info.name == "csv" and file.is_file():
        cells = _cells(file, split.ids)
        if not cells or not _say(cells, features, dataset.feature_names):
            raise ZooError(f"{file} has changed since it was read")
        return cells
    if on_disk.are_texts(features):
        return {"text": features}
    if isinstance(features, dict):
        return {name: column.astype(str).tolist() for name, column in features.items() if column.ndim == 1}
    if features.ndim != 2:
        return {}
    names = dataset.feature_names or [f"feature_{number}" for number in range(features.shape[1])]
    return {name: column.astype(str).tolist() for name, column in zip(names, np.asarray(features).T, strict=True)}


def _cells(file: pathlib.Path, ids: np.ndarray) -> dict[str, Sequence[str]]:
    """The cells of the user's table as they stand there, of the rows that `ids` names; none if a row is not there."""
    from zoo.datasets.own_tables import open_table

    wanted = {int(row): place for place, row in enumerate(ids)}
    found: list[list[str]] = [[] for _ in ids]
    with open_table(file) as table:
        for row, (_, cells) in enumerate(table.rows):
            if row in wanted:
                found[wanted[row]] = cells
    return {name: column for name, *column in zip(table.header, *found, strict=True)} if all(found) else {}


def _say(cells: dict[str, Sequence[str]], features: np.ndarray, names: Sequence[str] | None) -> bool:
    """Whether columns of a table hold these features."""
    if on_disk.are_texts(features):
        return any(list(map(clean, column)) == list(features) for column in cells.values())
    try:
        columns = [np.array(list(map(float, cells[name]))).astype("float32") for name in names]
    except (KeyError, ValueError):
        return False
    return np.array_equal(np.stack(columns, axis=1), features)
