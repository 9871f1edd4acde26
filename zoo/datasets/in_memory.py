"""Arrays, DataFrames and texts of the user's own, as the readers of files would give them."""

import dataclasses
import pathlib
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.datasets import Dataset, dataset_info, on_disk
from zoo.datasets.cells import as_float32
from zoo.datasets.own_data import Column, Examples, Judging, Reading
from zoo.datasets.pictures import Notices, to_bytes
from zoo.datasets.splits import Split
from zoo.datasets.texts import as_array, clean
from zoo.errors import ZooError, shortened
from zoo.tasks import Task

_MISSING = ("nan", "None", "<NA>", "NaT")  # what NumPy and pandas call a value that is not there


def read_frame(frame, reading: Reading) -> tuple[str, Examples]:
    """A DataFrame, read as the CSV file that pandas would write of it; what kind it is, and its examples.

    Raises:
        ZooError: as the reader of such a file.
    """
    from zoo.datasets import own_tables, own_texts

    frame = frame.apply(_whole_numbers)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "DataFrame.csv")
        frame.to_csv(file, index=False)
        try:
            if own_texts.is_text_table(file, reading.label):
                return "text", own_texts.read_text_csv(file, reading)
            return "table", own_tables.read_csv(file, reading)
        except ZooError as error:
            raise ZooError(str(error).replace(str(file), "DataFrame")) from None


def _whole_numbers(column):
    """A column of floats that are whole numbers as integers: a class 1.0 is the class 1."""
    there = column.dropna() if column.dtype.kind == "f" else ()
    is_whole = len(there) and (there % 1 == 0).all() and there.abs().max() < 2**53
    return column.astype("Int64") if is_whole else column


def read_arrays(
    train: Sequence[Any],
    validation: Sequence[Any] | None,
    test: Sequence[Any] | None,
    reading: Reading,
    unnamed: Sequence[str] = (),
) -> tuple[str, Examples]:
    """Pairs of features and targets; what kind the features are, and all examples.

    Args:
        train: `(features, targets)`: pictures `[examples, height, width]` or with channels, rows `[examples, feature]`,
            or texts; a class or number an example.
        validation, test: the same; None: a part of train.
        reading: what the targets are for.
        unnamed: what columns are called that have no names, as those of a DataFrame have; by default x0, x1 and so on.

    Raises:
        ZooError: they are no pair, of unequal length, or of a shape that nothing here reads.
    """
    given = {"train": train, "validation": validation, "test": test}
    notes: list[str] = []
    parts = {name: _pair(pair, name, notes) for name, pair in given.items() if pair is not None}
    kinds = {kind for kind, _, _ in parts.values()}
    shapes = {features.shape[1:] for _, features, _ in parts.values()}
    if len(kinds | shapes) != 2:
        raise ZooError(f"train, validation and test hold {' and '.join(map(str, sorted(map(str, shapes))))}; one shape")
    features = np.concatenate([features for _, features, _ in parts.values()])
    cells = [str(cell) for _, _, targets in parts.values() for cell in targets]
    column = Column(pathlib.Path("targets"), "y", cells, range(len(cells)))
    targets, described = reading.targets(column)
    names = _column_names(given, features.shape[1], unnamed) if features.ndim == 2 else None
    if names:
        features = as_float32(features, names, "features")
    part_of_row = np.repeat(list(parts), [len(targets) for _, _, targets in parts.values()])
    return kinds.pop(), Examples(
        Split(features, targets, np.arange(len(cells))), described, feature_names=names, notes=notes,
        part_of_row=part_of_row if len(parts) > 1 else None,
    )  # fmt: skip


def rows_to_judge(
    data: Any, task: Task, label: str | None, label_names: Sequence[str], feature_names: Sequence[str]
) -> Dataset:
    """All rows of arrays or of a DataFrame, to be judged by a trained model, as the training split of a dataset.

    Args:
        data: as `zoo.datasets.from_memory`.
        task: of the model.
        label: the DataFrame's column of targets.
        label_names: classes of the model; the rows may be of some of them, or of one.
        feature_names: what the columns of arrays are called.

    Raises:
        ZooError: as `zoo.datasets.load`, or a row is of none of the classes.
    """
    reading = Judging(task, False, label, tuple(label_names))
    if hasattr(data, "to_csv"):
        kind, examples = read_frame(data, reading)
    else:
        kind, examples = read_arrays(data, None, None, reading, feature_names)
    rows = examples.split
    described = examples.described | {"kind": kind, "feature_shape": on_disk.shapes(rows.features)}
    info = dataclasses.replace(dataset_info("arrays"), label_names=tuple(label_names), **described)
    none = rows.take(range(0))
    return Dataset(info, rows, none, none, "", {"origin": "memory"}, feature_names=examples.feature_names)


def _column_names(given: dict[str, Any], width: int, unnamed: Sequence[str]) -> tuple[str, ...]:
    """Those of DataFrames among the features, which have to agree."""
    frames = [pair[0] for pair in given.values() if pair is not None and hasattr(pair[0], "columns")]
    named = {tuple(map(str, frame.columns)) for frame in frames}
    if len(named) > 1:
        raise ZooError("train, validation and test have other columns, or in another order; give all of them alike")
    names = next(iter(named), tuple(unnamed) if len(unnamed) == width else ())
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ZooError(f"column {twice!r} occurs twice; keep one of them")
    return names or tuple(f"x{number}" for number in range(width))


def _pair(pair: Any, name: str, notes: list[str]) -> tuple[str, np.ndarray, list]:
    if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
        raise ZooError(f"{name}: give (features, targets), a pair, or a DataFrame with label=NAME for train")
    kind, features = _features(pair[0], name, notes)
    targets = np.asarray(pair[1])
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if targets.ndim != 1:
        raise ZooError(
            f"{name}: targets of shape {targets.shape}; one class or number an example is needed (of one-hot rows: "
            "targets.argmax(axis=1))"
        )
    if len(features) != len(targets) or not len(targets):
        raise ZooError(f"{name}: {len(features):,} examples and {len(targets):,} targets; as many are needed")
    cells = targets.tolist()
    missing = next((row for row, cell in enumerate(cells) if not isinstance(cell, str) and str(cell) in _MISSING), None)
    if missing is not None:
        raise ZooError(
            f"{name}: the target of row {missing} is missing ({cells[missing]}); fill or leave out such rows"
        )
    # 1.0 and 1 are one class
    return kind, features, [int(cell) if isinstance(cell, float) and cell.is_integer() else cell for cell in cells]


def _features(values: Any, name: str, notes: list[str]) -> tuple[str, np.ndarray]:
    """The kind, and `uint8[examples, height, width, channel]`, `float64[examples, feature]` or `object[examples]`."""
    array = values.to_numpy() if hasattr(values, "to_numpy") else values
    if not isinstance(array, np.ndarray):
        texts = isinstance(array, list | tuple) and array and all(isinstance(text, str) for text in array)
        try:
            array = as_array(array) if texts else np.asarray(array)
        except ValueError as error:
            raise ZooError(f"{name}: no array ({shortened(str(error), 120)}); all examples need one shape") from None
    if array.ndim == 1 and array.dtype.kind in "OUT" and all(isinstance(text, str) for text in array):
        return "text", as_array(clean(str(text)) for text in array)
    if array.dtype.kind == "O":
        try:
            array = array.astype("float64")
        except (ValueError, TypeError) as error:
            raise ZooError(f"{name}: not numbers throughout ({shortened(str(error), 120)})") from None
    if array.ndim in (3, 4) and array.size:
        images = array[..., np.newaxis] if array.ndim == 3 else array
        if images.shape[-1] not in (1, 3):
            raise ZooError(f"{name}: pictures of shape {images.shape[1:]}; 1 or 3 channels, as the last axis, are read")
        notices: Notices = defaultdict(list)
        pixels = to_bytes(images, f"{name}: pictures", notices)
        notes += [f"{name}: {what}" for what in notices]
        return "image", pixels
    if array.ndim != 2 or not array.size or array.dtype.kind not in "biuf":
        raise ZooError(
            f"{name}: features of shape {array.shape} and type {array.dtype}; pictures [examples, height, width], rows "
            "[examples, feature] or texts are read"
        )
    rows = array.astype("float64")
    if not np.isfinite(rows).all():
        row, column = np.argwhere(~np.isfinite(rows))[0]
        raise ZooError(f"{name}: row {row}, column {column}: {rows[row, column]}; fill or leave out such rows")
    return "table", rows
