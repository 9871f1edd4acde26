"""What a user hands to a model in Python: arrays, lists, DataFrames, texts, paths of pictures."""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.datasets.in_memory import as_text, is_pillow, one_line, refuse_sparse_and_masked
from zoo.datasets.on_disk import Features
from zoo.datasets.own_tables import find_text
from zoo.datasets.pictures import Notices, to_bytes
from zoo.errors import ZooError, nearest, shortened
from zoo.escaping import tell
from zoo.inputs import columns, images, sequences, texts

if TYPE_CHECKING:
    from zoo.loading import LoadedModel


def features_of(inputs: Any, loaded_model: "LoadedModel") -> Features:
    """What a model reads, made of what a user has; one example becomes a batch of one.

    Args:
        inputs: for pictures, arrays `[height, width]`, with a channel axis or not, with a batch axis or not, of 0 to
            255 or floats of 0 to 1; or paths of pictures. For tables, a row, rows, a dictionary of columns, or a
            DataFrame, whose columns are found by name; of mixed columns also dictionaries, one a row. For texts, a
            string or many. For sequences, arrays `[time, channel]`, one or many, of any length.
        loaded_model: what is to read them.

    Raises:
        ZooError: they do not fit the model; the text says what would.
    """
    if loaded_model.reads == "text" and not isinstance(loaded_model.input_shape, dict):
        return _texts(inputs)
    if loaded_model.reads == "image":
        return _pictures(inputs, loaded_model)
    if loaded_model.reads == "sequence":
        return sequences.of_memory(inputs, loaded_model)
    if loaded_model.schema is not None:
        return columns.of_memory(inputs, loaded_model.schema)
    if isinstance(loaded_model.input_shape, dict):
        return _columns(inputs, loaded_model.input_shape, "input")
    return _rows(inputs, loaded_model)


def _texts(inputs) -> np.ndarray:
    if hasattr(inputs, "columns") or isinstance(inputs, dict):
        inputs = _text_column(inputs)
    given = inputs.numpy() if hasattr(inputs, "numpy") else inputs  # a tensor, whose texts are bytes
    if isinstance(given, str | bytes) or not hasattr(given, "__iter__") or getattr(given, "ndim", 1) == 0:
        given = [getattr(given, "item", lambda: given)()]
    if not (isinstance(given, np.ndarray) and given.dtype == object and given.ndim == 1):
        given = list(given)
    if any(isinstance(text, bytes) for text in given):
        given = [as_text(text) for text in given]
    wrong = next((row for row, text in enumerate(given) if not isinstance(text, str)), None)
    if wrong is not None:
        raise ZooError(f"text {wrong}: {shortened(repr(given[wrong]))} is no str; the model reads texts")
    return given if given is inputs else texts.cleaned([f"text {number}" for number in range(len(given))], given)


def _text_column(inputs):
    """Of a table the column that training would take: `text`, or one of a usual name."""
    names = list(inputs)
    columns = [inputs[name] for name in names]
    first = ["" if isinstance(column, str) or not len(column) else str(list(column)[0]) for column in columns]
    place = find_text([str(name) for name in names], first)
    if place is None:
        raise ZooError(
            "the model reads texts, and none of these columns is called so; give the one of texts, such as frame[NAME]"
        )
    return columns[place]


def _pictures(inputs, loaded_model: "LoadedModel") -> np.ndarray:
    if is_pillow(inputs) or (isinstance(inputs, Sequence) and inputs and all(map(is_pillow, inputs))):
        return images.of_pillow([inputs] if is_pillow(inputs) else inputs, loaded_model)
    paths = [inputs] if isinstance(inputs, str | os.PathLike) else inputs
    if isinstance(paths, Sequence) and paths and all(isinstance(path, str | os.PathLike) for path in paths):
        files = [Path(path) for path in paths]
        for file in files:
            if not file.is_file():
                raise ZooError(f"{file}: no such file; check the path (the working folder is {Path.cwd()})")
        return images.read(files, loaded_model)[1]
    height, width, channels = loaded_model.input_shape
    array, wanted = _array(inputs), f"[{height or 'height'}, {width or 'width'}, {channels}]"
    grey_batch = array.ndim == 3 and channels == 1 and array.shape[1:] == (height, width)
    single = array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in (1, 3, 4) and not grey_batch)
    batch = array[np.newaxis] if single else array
    batch = batch[..., np.newaxis] if batch.ndim == 3 else batch
    if batch.ndim != 4:
        raise ZooError(f"pictures of shape {array.shape}; the model reads {wanted}, one or many")
    if not all(size in (None, given) for size, given in zip((height, width, channels), batch.shape[1:], strict=True)):
        raise ZooError(
            f"pictures of shape {list(batch.shape[1:])}, but the model reads {wanted}; bring them to it, or give the "
            "paths of picture files, which are brought to it"
        )
    dtype = _input_dtype(loaded_model.model)
    if dtype != "uint8" and not loaded_model.dataset:  # from elsewhere: how its numbers are scaled, its user knows
        return batch.astype(dtype)
    notices: Notices = defaultdict(list)
    pixels = to_bytes(batch, "the pictures", notices) if len(batch) else batch
    for what in notices:
        tell(f"notice: {what}")
    return pixels


def _input_dtype(model) -> str:
    """Of a `keras.Model` or a `zoo.opening.exported.ExportedModel`."""
    return np.dtype(model.inputs[0].dtype if hasattr(model, "inputs") else model.input.dtype).name


def _rows(inputs, loaded_model: "LoadedModel") -> np.ndarray:
    names, (size,) = loaded_model.feature_names, loaded_model.input_shape
    if isinstance(inputs, Sequence) and inputs and all(isinstance(row, dict) for row in inputs):
        inputs = {
            name: [row.get(name, np.nan) for row in inputs]
            for name in dict.fromkeys(key for row in inputs for key in row)
        }
    if names and hasattr(inputs, "to_frame") and set(names) <= set(map(str, getattr(inputs, "index", ()))):
        inputs = {name: inputs[name] for name in inputs.index}  # a row of a DataFrame
    if isinstance(inputs, dict) or hasattr(inputs, "columns"):
        if names:
            columns = _columns(inputs, {name: () for name in names}, "column")
            rows = np.stack([_array(column, name) for name, column in columns.items()], axis=1)
            return _finite(_narrow(rows), names)
        inputs = np.stack(list(_columns(inputs, {str(name): () for name in inputs}, "column").values()), axis=1)
    array = _array(inputs)
    rows = array[np.newaxis] if array.ndim == 1 else array
    if rows.ndim != 2 or rows.shape[1] != size:
        of = f": {shortened(', '.join(names))}" if names else ""
        raise ZooError(f"rows of shape {array.shape}, but the model reads {size} numbers a row{of}")
    return _finite(_narrow(rows), names)


def _narrow(rows: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # what is infinite in float32 is refused by name
        return rows.astype("float32", copy=False)


def _finite(rows: np.ndarray, names: list[str] | None) -> np.ndarray:
    """Raises: ZooError: a number is missing or infinite: layers such as ReLU would answer as if it were 0."""
    wrong = np.argwhere(~np.isfinite(rows))
    if len(wrong):
        row, column = wrong[0]
        name = repr(names[column]) if names else column
        raise ZooError(f"row {row}: column {name} is {rows[row, column]}; fill it, or leave the row out")
    return rows


def _columns(inputs, shapes: dict[str, tuple], what: str) -> dict[str, np.ndarray]:
    keys = list(getattr(inputs, "columns", inputs))
    given = list(map(str, keys))  # pandas may name columns by numbers
    for name in shapes:
        if name not in given:
            raise ZooError(f"no {what} {name!r}, which the model reads; {nearest(name, given)}")
        if given.count(name) > 1:
            raise ZooError(f"{what} {name!r} occurs twice; keep one of them")
    columns = {}
    for name, shape in shapes.items():
        place = given.index(name)
        column = inputs.iloc[:, place] if hasattr(inputs, "iloc") else inputs[keys[place]]
        array = np.atleast_1d(column if isinstance(column, np.ndarray) else np.asarray(column))
        if not shape and array.size != len(array):
            raise ZooError(f"{what} {name!r} has the shape {array.shape}; one value a row is needed")
        columns[name] = array.reshape(-1, *[size or -1 for size in shape]) if shape else array.reshape(len(array))
    if len({len(column) for column in columns.values()}) != 1:
        raise ZooError(f"{what}s of unequal length: {', '.join(f'{n!r} {len(c)}' for n, c in columns.items())}")
    return columns


def _array(values, name: str = "") -> np.ndarray:
    """Numbers; of whatever NumPy makes an array of, such as a tensor or a list of lists."""
    if isinstance(values, str | bytes):
        raise ZooError(f"{shortened(repr(values))} is a text; the model reads numbers")
    where = f"column {name!r}: " if name else ""
    refuse_sparse_and_masked(values, where or "input")
    try:
        array = np.asarray(values)
        if array.dtype.kind in "mMc":  # dates would become nanoseconds
            raise TypeError(f"they are of type {array.dtype}")
        return array if array.dtype.kind in "biuf" else array.astype("float64")
    except (ValueError, TypeError, RuntimeError) as error:  # RuntimeError: a PyTorch tensor with a gradient
        raise ZooError(f"{where}no array of numbers ({one_line(error)})") from None
