"""What a user hands to a model in Python: arrays, lists, DataFrames, texts, paths of pictures."""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.datasets.on_disk import Features
from zoo.datasets.own_tables import find_text
from zoo.datasets.pictures import Notices, to_bytes
from zoo.errors import ZooError, nearest, shortened
from zoo.escaping import tell
from zoo.inputs import images, texts

if TYPE_CHECKING:
    from zoo.loading import LoadedModel


def features_of(inputs: Any, loaded_model: "LoadedModel") -> Features:
    """What a model reads, made of what a user has; one example becomes a batch of one.

    Args:
        inputs: for pictures, arrays `[height, width]`, with a channel axis or not, with a batch axis or not, of 0 to
            255 or floats of 0 to 1; or paths of pictures. For tables, a row, rows, a dictionary of columns, or a
            DataFrame, whose columns are found by name. For texts, a string or many, or a table with a column of them.
        loaded_model: what is to read them.

    Raises:
        ZooError: they do not fit the model; the text says what would.
    """
    if loaded_model.reads == "text" and not isinstance(loaded_model.input_shape, dict):
        return _texts(inputs)
    if loaded_model.reads == "image":
        return _pictures(inputs, loaded_model)
    inputs = _by_column(inputs)
    if isinstance(loaded_model.input_shape, dict):
        return _columns(inputs, loaded_model.input_shape, "input")
    return _rows(inputs, loaded_model)


def _by_column(inputs):
    """Rows with names as a dictionary of columns; all else as it is."""
    if hasattr(inputs, "to_frame") and all(isinstance(name, str) for name in inputs.index):  # a row of a DataFrame
        return inputs.to_dict()
    if isinstance(inputs, Sequence) and inputs and all(isinstance(row, dict) for row in inputs):
        names = dict.fromkeys(name for row in inputs for name in row)  # in their order
        return {name: [row.get(name, np.nan) for row in inputs] for name in names}
    return inputs


def _texts(inputs) -> np.ndarray:
    if isinstance(inputs, dict) or hasattr(inputs, "columns"):  # of which list() gives the names
        inputs = _text_column(inputs)
    if isinstance(inputs, np.ndarray) and inputs.dtype == object and inputs.ndim == 1:
        given = inputs
    else:
        given = [inputs] if isinstance(inputs, str | bytes) else list(inputs)
    wrong = next((row for row, text in enumerate(given) if not isinstance(text, str)), None)
    if wrong is not None:
        raise ZooError(f"text {wrong}: {shortened(repr(given[wrong]))} is no str; the model reads texts")
    return given if given is inputs else texts.cleaned([f"text {number}" for number in range(len(given))], given)


def _text_column(inputs) -> list:
    names = [str(name) for name in inputs]
    columns = [[column] if isinstance(column := inputs[name], str) else list(column) for name in inputs]
    place = find_text(names, [str(column[0]) for column in columns if column])
    if place is None:
        raise ZooError(f"no column 'text' among {shortened(', '.join(names))}; give the column of texts alone")
    return columns[place]


def _pictures(inputs, loaded_model: "LoadedModel") -> np.ndarray:
    paths = [inputs] if isinstance(inputs, str | os.PathLike) else inputs
    if isinstance(paths, Sequence) and paths and all(isinstance(path, str | os.PathLike) for path in paths):
        files = [Path(path) for path in paths]
        for file in files:
            if not file.is_file():
                raise ZooError(f"{file}: no such file; check the path (the working folder is {Path.cwd()})")
        return images.read(files, loaded_model)[1]
    height, width, channels = loaded_model.input_shape
    array, wanted = _array(inputs), f"[{height or 'height'}, {width or 'width'}, {channels}]"
    single = array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in (1, 3, 4))
    batch = array[np.newaxis] if single else array
    batch = batch[..., np.newaxis] if batch.ndim == 3 else batch
    if batch.ndim != 4:
        raise ZooError(f"pictures of shape {array.shape}; the model reads {wanted}, one or many")
    if not all(size in (None, given) for size, given in zip((height, width, channels), batch.shape[1:], strict=True)):
        raise ZooError(
            f"pictures of shape {list(batch.shape[1:])}, but the model reads {wanted}; bring them to it, or give the "
            "paths of picture files, which are brought to it"
        )
    notices: Notices = defaultdict(list)
    pixels = to_bytes(batch, "the pictures", notices) if len(batch) else batch
    for what in notices:
        tell(f"notice: {what}")
    return pixels


def _rows(inputs, loaded_model: "LoadedModel") -> np.ndarray:
    names, (size,) = loaded_model.feature_names, loaded_model.input_shape
    if isinstance(inputs, dict) or hasattr(inputs, "columns"):
        if names:
            columns = _columns(inputs, {name: () for name in names}, "column")
            rows = np.stack([_array(column, name) for name, column in columns.items()], axis=1)
            return _finite(rows.astype("float32"), names)
        inputs = np.stack([np.atleast_1d(_array(inputs[name], name)) for name in inputs], axis=1)
    array = _array(inputs)
    rows = array[np.newaxis] if array.ndim == 1 else array
    if rows.ndim != 2 or rows.shape[1] != size:
        of = f": {shortened(', '.join(names))}" if names else ""
        raise ZooError(f"rows of shape {array.shape}, but the model reads {size} numbers a row{of}")
    return _finite(rows.astype("float32", copy=False), names)


def _finite(rows: np.ndarray, names: list[str] | None) -> np.ndarray:
    """Raises: ZooError: a number is missing or infinite: layers such as ReLU would answer as if it were 0."""
    wrong = np.argwhere(~np.isfinite(rows))
    if len(wrong):
        row, column = wrong[0]
        name = repr(names[column]) if names else column
        raise ZooError(f"row {row}: column {name} is {rows[row, column]}; fill it, or leave the row out")
    return rows


def _columns(inputs, shapes: dict[str, tuple], what: str) -> dict[str, np.ndarray]:
    given = list(getattr(inputs, "columns", inputs))
    for name in shapes:
        if name not in given:
            raise ZooError(f"no {what} {name!r}, which the model reads; {nearest(name, map(str, given))}")
    columns = {}
    for name, shape in shapes.items():
        column = inputs[name]
        array = np.atleast_1d(np.asarray(column))  # the value of one row may stand alone
        columns[name] = array.reshape(-1, *[size or -1 for size in shape]) if shape else array.reshape(len(array))
    if len({len(column) for column in columns.values()}) != 1:
        raise ZooError(f"{what}s of unequal length: {', '.join(f'{n!r} {len(c)}' for n, c in columns.items())}")
    return columns


def _array(values, name: str = "") -> np.ndarray:
    """Numbers; of whatever NumPy makes an array of, such as a tensor or a list of lists."""
    if isinstance(values, str | bytes):
        raise ZooError(f"{shortened(repr(values))} is a text; the model reads numbers")
    where = f"column {name!r}: " if name else ""
    try:
        array = np.asarray(values)
        return array if array.dtype.kind in "biuf" else array.astype("float64")
    except (ValueError, TypeError) as error:
        raise ZooError(f"{where}no array of numbers ({shortened(' '.join(str(error).split()), 120)})") from None
