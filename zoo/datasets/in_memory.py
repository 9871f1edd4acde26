"""Arrays, DataFrames and texts of the user's own, as the readers of files would give them."""

import csv
import dataclasses
import pathlib
import re
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.datasets import sequences
from zoo.datasets.cells import as_float32
from zoo.datasets.own_data import Column, Examples, Reading
from zoo.datasets.pictures import Notices, fit_picture, is_grey, refuse_odd_pixels, to_bytes, to_eight_bits
from zoo.datasets.splits import Split
from zoo.datasets.texts import as_array, clean
from zoo.errors import ZooError, first_few, shortened


def read_frame(frame, reading: Reading) -> tuple[str, Examples]:
    """A DataFrame, read as the CSV file that pandas would write of it; what kind it is, and its examples.

    Booleans are 1 and 0, but for those of the label.

    Raises:
        ZooError: as the reader of such a file.
    """
    from zoo.datasets import own_tables, own_texts

    if not hasattr(frame, "columns"):
        raise ZooError("a Series has no label beside it; give a DataFrame, or (features, targets)")
    if frame.columns.nlevels > 1:
        raise ZooError("DataFrame: its columns have names of several levels; give each one name")
    named = frame.rename(columns=str)
    if reading.label is not None and not reading.is_several:
        reading = dataclasses.replace(reading, label=str(reading.label))
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "DataFrame.csv")
        try:
            own_tables.check_header(file, list(named.columns), numbers_may_name=True)
            _write(named, file, reading)
            if not reading.is_several and own_texts.is_text_table(file, reading.label):
                kind, examples = "text", own_texts.read_text_csv(file, reading)
            else:
                kind, examples = "table", own_tables.read_csv(file, reading, has_header=True)
        except ZooError as error:
            raise ZooError(_of_frame(str(error), file)) from None
    return kind, dataclasses.replace(examples, notes=[_of_frame(note, file) for note in examples.notes])


def read_mixed_frame(frame, reading: Reading) -> tuple[str, Examples]:
    """A DataFrame of numbers, categories, dates and texts, its columns typed as those of a Parquet file.

    Raises:
        ZooError: as the reader of such a file.
    """
    from zoo.datasets import column_types, own_columns
    from zoo.datasets.own_tables import check_header

    file = pathlib.Path("DataFrame")
    if not hasattr(frame, "columns"):
        raise ZooError("a Series has no label beside it; give a DataFrame")
    check_header(file, [str(name) for name in frame.columns], numbers_may_name=True)
    if reading.label is not None:
        reading = dataclasses.replace(reading, label=str(reading.label))
    table = column_types.of_frame(frame)
    if not table.num_rows:
        raise ZooError("DataFrame: no rows")
    return "columns", own_columns.of_table(table, file, reading)


def _write(frame, file: pathlib.Path, reading: Reading) -> None:
    from zoo.datasets.own_tables import find_label

    names = list(frame.columns)
    label = names[find_label(file, names, reading.label)[0]] if names and not reading.is_several else None
    for name in names:
        kind = str(frame[name].dtype)
        if kind in ("bool", "boolean") and name != label:
            frame = frame.assign(**{name: frame[name].astype("Int64")})
        elif kind == "object":
            frame = frame.assign(**{name: frame[name].map(as_text)})
    if label is not None and _are_whole(frame[label].dropna().tolist(), f"DataFrame: column {label!r}", reading):
        frame = frame.assign(**{label: frame[label].astype("float64").astype("Int64")})
    frame.to_csv(file, index=False, quoting=csv.QUOTE_NONNUMERIC)


def _of_frame(message: str, file: pathlib.Path) -> str:
    """What was said of the file, as the user of a DataFrame would say it."""
    message = message.replace(str(file), "DataFrame").replace("DataFrame:1:", "DataFrame:")
    message = message.replace("--set dataset.label=NAME", "label=NAME").replace("as dataset.label", "as label")
    # Of texts with line breaks the file has more lines than the DataFrame rows.
    return re.sub(r"^DataFrame:(\d+):", lambda at: f"DataFrame: row {int(at[1]) - 2}:", message)


def read_arrays(
    train: Sequence[Any],
    validation: Sequence[Any] | None,
    test: Sequence[Any] | None,
    reading: Reading,
    reads: str = "",
) -> tuple[str, Examples]:
    """Pairs of features and targets; what kind the features are, and all examples.

    Args:
        train: `(features, targets)`: pictures `[examples, height, width]` or with channels, rows `[examples, feature]`,
            or texts; a class or number an example.
        validation, test: the same; None: a part of train.
        reading: what the targets are for.
        reads: "sequence" where the features are sequences, `[time, channel]` each, which may be of different lengths.

    Raises:
        ZooError: they are no pair, of unequal length, or of a shape that nothing here reads.
    """
    if train is None:
        raise ZooError("validation_data and test_data go beside dataset=(features, targets); give these too")
    given = {"train": train, "validation": validation, "test": test}
    notes: list[str] = []
    pairs = {name: _pair(pair, name) for name, pair in given.items() if pair is not None}
    names = _column_names(pairs["train"][0], "train")
    if reads == "sequence":
        found = _sequences({name: values for name, (values, _) in pairs.items()})
    else:
        found = {name: _features(_in_order(values, names, name), name, notes) for name, (values, _) in pairs.items()}
    parts = {
        name: (kind, features, _targets(pairs[name][1], len(features), name, reading))
        for name, (kind, features) in found.items()
    }
    kinds = {kind for kind, _, _ in parts.values()}
    shapes = {features.shape[1:] for _, features, _ in parts.values()}
    if len(kinds | shapes) != 2:
        raise ZooError(f"train, validation and test hold {' and '.join(map(str, sorted(map(str, shapes))))}; one shape")
    features = np.concatenate([features for _, features, _ in parts.values()])
    words = (lambda row: [str(cell) for cell in row]) if reading.is_several else str
    cells = [words(target) for _, _, targets in parts.values() for target in targets]
    where, rows = pathlib.Path("targets"), range(len(cells))
    if reading.is_several:
        labels = _label_names(train[1], len(cells[0]), reading)
        several = [Column(where, *named, rows) for named in zip(labels, zip(*cells, strict=True), strict=True)]
        targets, described = reading.several(several)
    else:
        targets, described = reading.targets(Column(where, "y", cells, rows))
    if features.ndim != 2:
        names = None
    else:
        names = tuple(names or (f"x{number}" for number in range(features.shape[1])))
        features = as_float32(features, names, "features")
    part_of_row = np.repeat(list(parts), [len(targets) for _, _, targets in parts.values()])
    return kinds.pop(), Examples(
        Split(features, targets, np.arange(len(cells))), described, feature_names=names, notes=notes,
        part_of_row=part_of_row if len(parts) > 1 else None,
    )  # fmt: skip


def _pair(pair: Any, name: str) -> Sequence:
    if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
        raise ZooError(f"{name}: give (features, targets), a pair, or a DataFrame with label=NAME for train")
    return pair


def _column_names(values: Any, name: str) -> list[str] | None:
    """Of a DataFrame of features."""
    from zoo.datasets.own_tables import check_header

    if not hasattr(values, "columns"):
        return None
    names = [str(column) for column in values.columns]
    check_header(pathlib.Path(name), names, numbers_may_name=True)
    return names


def _in_order(values: Any, names: list[str] | None, name: str) -> Any:
    """A DataFrame with its columns in the order of those of train."""
    own = _column_names(values, name)
    if own is None or names is None or own == names:
        return values
    if set(own) != set(names):
        raise ZooError(f"{name}: its columns are {first_few(own, 10)}, those of train {first_few(names, 10)}")
    return values.iloc[:, [own.index(column) for column in names]]


def _sequences(given: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    """As `_features`, of each part: all as long as the longest of any."""
    found = {name: sequences.of_arrays(values, name) for name, values in given.items()}
    longest = max(features.shape[1] for features in found.values())
    return {name: ("sequence", sequences.fitted(features, longest)[0]) for name, features in found.items()}


def _targets(values: Any, count: int, name: str, reading: Reading) -> list:
    refuse_sparse_and_masked(values, f"{name}: targets")
    try:
        targets = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:  # such as of a PyTorch tensor with a gradient
        raise ZooError(f"{name}: targets: no array ({one_line(error)})") from None
    if reading.is_several:
        if targets.ndim != 2 or count != len(targets) or not targets.size or targets.dtype.kind not in "biuf":
            raise ZooError(
                f"{name}: targets of shape {targets.shape} and type {targets.dtype} beside {count:,} examples; numbers "
                "[examples, labels] of 0 and 1 are needed"
            )
        return targets.tolist()
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if targets.ndim != 1:
        raise ZooError(
            f"{name}: targets of shape {targets.shape}; one class or number an example is needed (of one-hot rows: "
            "targets.argmax(axis=1))"
        )
    if count != len(targets) or not len(targets):
        raise ZooError(f"{name}: {count:,} examples and {len(targets):,} targets; as many are needed")
    cells = [as_text(cell) for cell in targets.tolist()]
    missing = next((row for row, cell in enumerate(cells) if _is_missing(cell)), None)
    if missing is not None:
        raise ZooError(f"{name}: target {missing} is {cells[missing]}; fill it, or leave the example out")
    return [int(cell) for cell in cells] if _are_whole(cells, f"{name}: targets", reading) else cells


def _label_names(values: Any, count: int, reading: Reading) -> list[str]:
    """Those of a DataFrame of targets, or of the model that is judged; else numbers from 0."""
    if hasattr(values, "columns"):
        return [str(column) for column in values.columns]
    return list(reading.judges) if len(reading.judges or ()) == count else [str(number) for number in range(count)]


def _are_whole(cells: Sequence, where: str, reading: Reading) -> bool:
    """Whether floats are to be classes, which are then called 1 and not 1.0.

    Raises:
        ZooError: they have decimals.
    """
    if reading.task.targets != "class" or not all(isinstance(cell, float) for cell in cells):
        return False
    broken = next((cell for cell in cells if not cell.is_integer()), None)
    if broken is not None:
        raise ZooError(
            f"{where}: numbers such as {broken:g} are no classes; take a model of regression, or give whole numbers or "
            "texts"
        )
    return True


def _is_missing(cell: Any) -> bool:
    return cell is None or type(cell).__name__ in ("NAType", "NaTType") or (isinstance(cell, float) and cell != cell)


def as_text(value: Any) -> Any:
    """UTF-8 bytes, as TensorFlow has texts, as a text; anything else as it is."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise ZooError(f"{shortened(repr(value))} is no UTF-8; decode it before") from None


def refuse_sparse_and_masked(values: Any, where: str) -> None:
    """Raises: ZooError: NumPy would read them as something else."""
    if hasattr(values, "toarray"):
        raise ZooError(f"{where}: a sparse matrix; give its .toarray()")
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ZooError(f"{where}: masked values are missing; fill them, or leave out their examples")


def one_line(error: Exception) -> str:
    """What a library said of a conversion that failed, for a message."""
    return shortened(" ".join(str(error).split()), 120)


def is_pillow(value: Any) -> bool:
    """Whether this is a picture of Pillow's."""
    return hasattr(value, "getbands") and hasattr(value, "convert")


def _of_pillow(pictures: Sequence, name: str) -> list[np.ndarray]:
    """`uint8[height, width, channel]` of each, grey if all are."""
    for number, picture in enumerate(pictures):
        refuse_odd_pixels(picture, f"{name}: picture {number}")
    channels = 1 if all(map(is_grey, map(to_eight_bits, pictures))) else 3
    return [fit_picture(to_eight_bits(each), each.height, each.width, channels) for each in pictures]


def _features(values: Any, name: str, notes: list[str]) -> tuple[str, np.ndarray]:
    """The kind, and `uint8[examples, height, width, channel]`, `float64[examples, feature]` or `object[examples]`."""
    refuse_sparse_and_masked(values, f"{name}: features")
    array = values.to_numpy() if hasattr(values, "to_numpy") else values
    if not isinstance(array, np.ndarray):
        is_list = isinstance(array, list | tuple) and array
        if is_list and all(map(is_pillow, array)):
            array = _of_pillow(array, name)
        texts = is_list and all(isinstance(text, str | bytes) for text in array)
        try:
            array = as_array(array) if texts else np.asarray(array)
        except (ValueError, TypeError, RuntimeError) as error:
            raise ZooError(f"{name}: no array ({one_line(error)}); all examples need one shape") from None
    if array.ndim == 1 and len(array) and array.dtype.kind in "OUTS" and all(isinstance(t, str | bytes) for t in array):
        return "text", as_array(clean(str(as_text(text))) for text in array)
    if array.dtype.kind == "O":
        try:
            array = array.astype("float64")
        except (ValueError, TypeError) as error:
            raise ZooError(f"{name}: not numbers throughout ({one_line(error)})") from None
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
