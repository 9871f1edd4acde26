"""What a request's body holds, as the model reads it; anything else is refused with a status and one sentence."""

import base64
import binascii
import dataclasses
import math
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from zoo.datasets.sequences import lengths, padded
from zoo.datasets.texts import as_array, clean
from zoo.errors import ZooError, first_few
from zoo.inputs.columns import of_rows
from zoo.schema import Schema
from zoo.serving.messages import Refused
from zoo.serving.pictures import decode_pictures

if TYPE_CHECKING:
    from zoo.loading import LoadedModel

MAX_CHARACTERS = 200_000  # of a text: no model of the zoo reads further
_DTYPES = {"image": "uint8", "table": "float32", "columns": "row", "text": "string", "sequence": "series"}
_VALUES = {"uint8": "whole numbers 0 to 255", "float32": "finite numbers", "string": "texts", "row": "objects",
           "series": "finite numbers, null where one is missing; a row may have fewer steps"}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Signature:
    """What one row of the model's input is."""

    input_name: str
    dtype: str
    shape: tuple[int, ...]
    schema: Schema | None = None

    @classmethod
    def of(cls, loaded_model: "LoadedModel") -> "Signature":
        """Raises: ZooError: the model is of a task, or reads something, that the server does not know."""
        model, task, shape = loaded_model.model, loaded_model.task, loaded_model.input_shape
        if task.judged_by != "model":
            raise ZooError(
                f"{loaded_model.path}: a model of {task.words} is a start for others, and has no answer to serve"
            )
        if loaded_model.reads not in _DTYPES:
            raise ZooError(
                f"{loaded_model.path}: it reads {loaded_model.reads!r}; the server knows {', '.join(_DTYPES)}"
            )
        if loaded_model.schema is not None:
            return cls("rows", "row", (), loaded_model.schema)
        if isinstance(shape, dict):
            raise ZooError(f"{loaded_model.path}: it has the inputs {', '.join(shape)}; the server takes models of one")
        if None in shape:
            raise ZooError(f"{loaded_model.path}: its input has an open size, {shape}; the server needs a fixed one")
        inputs = getattr(model, "inputs", None)
        return cls(inputs[0].name if inputs else "inputs", _DTYPES[loaded_model.reads], shape)

    def __str__(self) -> str:
        if self.schema is not None:
            names = [column.name for column in self.schema.columns]
            return f"an object a row, with a value or null for each of {first_few(names, 30)}"
        dtype = "float32" if self.dtype == "series" else self.dtype
        return f"{dtype}[row{''.join(f', {size}' for size in self.shape)}], {_VALUES[self.dtype]}"


class Features(NamedTuple):
    """The rows of a request, and whether they came as columns."""

    columnar: bool
    features: np.ndarray


def read_features(body: bytes | bytearray, signature: Signature, row_keys: tuple[str, ...], max_rows: int) -> Features:
    """The rows in a body, as the model reads them: `uint8` or `float32[rows, …]`, or `object[rows]` of cleaned texts.

    Args:
        row_keys: what the key of rows may be called.

    Raises:
        Refused: the body, or one of its rows, is not of the form.
    """
    values, columnar = read_rows(body, signature, row_keys, max_rows)
    if signature.schema is not None:
        return Features(columnar, _mixed_rows(values, signature.schema))
    if signature.dtype == "string" or dict not in set(map(type, values)):
        return Features(columnar, to_features(values, signature))
    if signature.dtype != "uint8":
        raise Refused(400, f'"b64" is for pictures and texts; expected {signature}')
    files = [from_base64(value) if isinstance(value, dict) else None for value in values]
    pictures = iter(decode_pictures([file for file in files if file is not None], signature.shape))
    parts = [
        to_features([value], signature) if file is None else next(pictures)[None]
        for value, file in zip(values, files, strict=True)
    ]
    return Features(columnar, np.concatenate(parts))


def read_rows(
    body: bytes | bytearray, signature: Signature, row_keys: tuple[str, ...], max_rows: int
) -> tuple[list[Any], bool]:
    """The rows in a body of TensorFlow Serving's form: `instances`, row by row, or `inputs`, as columns.

    Returns:
        The rows, pictures among them still as `{"b64": …}`, and whether they came as columns.
    """
    wanted = " or ".join(f'{{"{key}": [row, …]}}' for key in (*row_keys, "inputs"))
    request = read_object(body, wanted)
    unknown = request.keys() - {*row_keys, "inputs", "signature_name"}
    if unknown:
        raise Refused(400, f"unknown key {min(unknown)[:50]!r}; send {wanted}")
    if request.get("signature_name", "serving_default") not in ("serving_default", ""):
        raise Refused(400, 'the one signature_name is "serving_default"')
    keys = request.keys() - {"signature_name"}
    if len(keys) != 1:
        raise Refused(400, f"{'both rows and columns' if keys else 'no rows'}; send {wanted}")
    key = keys.pop()
    values = request[key]
    if signature.schema is not None:
        values = _rows_of_columns(values) if isinstance(values, dict) else values
    elif key == "inputs" and isinstance(values, dict):
        values = _of_input(values, signature)
    elif isinstance(values, list):
        values = [_of_input(row, signature) if isinstance(row, dict) and "b64" not in row else row for row in values]
    if not isinstance(values, list) or not values:
        raise Refused(400, f'"{key}" is no list of rows, or an empty one; expected {signature}')
    if len(values) > max_rows:
        raise Refused(413, f"{len(values)} rows; at most {max_rows} a request")
    return values, key == "inputs"


def read_object(body: bytes | bytearray, wanted: str) -> dict[str, Any]:
    """The JSON object of a body; `wanted` says what to send.

    Raises:
        Refused: it is none.
    """
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        why = "it is nested too deeply" if "depth" in str(error) else f"{error} (NaN and Infinity are no JSON)"
        raise Refused(400, f"the body cannot be read as JSON: {why}") from None
    if not isinstance(request, dict):
        raise Refused(400, f"the body is no JSON object; send {wanted}")
    return request


def _rows_of_columns(columns: dict[str, Any]) -> list[dict[str, Any]]:
    """`{column: [value, …]}` as a row each."""
    lists = list(columns.values())
    if not all(isinstance(values, list) and len(values) == len(lists[0]) for values in lists):
        raise Refused(400, "the columns are no lists of one length")
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def _mixed_rows(values: list[Any], schema: Schema) -> np.ndarray:
    """`object[rows]`, of each row the arrays by kind: so rows of several requests make one batch."""
    try:
        features = of_rows(values, schema)
    except ZooError as error:
        raise Refused(400, str(error)) from None
    rows = np.empty(len(values), object)
    rows[:] = [{key: array[row] for key, array in features.items()} for row in range(len(values))]
    return rows


def to_features(values: list[Any], signature: Signature) -> np.ndarray:
    """Rows without pictures' files → `uint8` or `float32[rows, …]`, or `object[rows]` of cleaned texts."""
    if signature.dtype == "string":
        return as_array(clean(_as_text(value)) for value in values)
    if signature.dtype == "series":
        return _series(values, signature)
    shape = signature.shape
    if shape[-1] == 1 and len(shape) == 3 and _depth(values) == len(shape):  # grey pictures need no channel axis
        shape = shape[:-1]
    numbers = _flat(values, shape, signature)
    try:
        if signature.dtype == "uint8":
            return np.frombuffer(bytes(numbers), "uint8").reshape(-1, *signature.shape)
        with np.errstate(over="ignore"):
            flat = np.array(numbers, "float64").astype("float32")
    except (ValueError, OverflowError):
        raise Refused(400, f"a number is out of range; expected {signature}") from None
    if not np.isfinite(flat).all():
        raise Refused(400, f"a number is out of float32's range; expected {signature}")
    return flat.reshape(-1, *signature.shape)


def _series(values: list[Any], signature: Signature) -> np.ndarray:
    """`float32[rows, time, channel]`, NaN behind the last step of a row and where a number is null."""
    most, channels = signature.shape
    if set(map(type, values)) != {list} or not all(values):
        raise Refused(400, f"a row is no list of steps, or an empty one; expected {signature}")
    longest = max(map(len, values))
    if longest > most:
        raise Refused(400, f"a row has {longest:,} steps; the model reads {most:,}; expected {signature}")
    numbers = _flat(list(chain.from_iterable(values)), (channels,), signature)
    steps = np.array([math.nan if number is None else number for number in numbers], "float64").reshape(-1, channels)
    ends = np.cumsum(list(map(len, values)))
    features = padded([part for part in np.split(steps, ends[:-1])], most)
    if np.isinf(features).any():
        raise Refused(400, f"a number is out of float32's range; expected {signature}")
    if not lengths(features).all():
        raise Refused(400, f"a row has no value; expected {signature}")
    return features


def _of_input(value: dict[str, Any], signature: Signature) -> Any:
    """The value in `{input name: value}`."""
    if value.keys() != {signature.input_name}:
        raise Refused(400, f'the one input is called "{signature.input_name}"')
    return value[signature.input_name]


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        try:
            value = from_base64(value).decode()
        except UnicodeDecodeError:
            raise Refused(400, 'the bytes in "b64" are no UTF-8') from None
    if not isinstance(value, str):
        raise Refused(400, f"a row is of type {type(value).__name__}; expected texts")
    if len(value) > MAX_CHARACTERS:
        raise Refused(413, f"a text of {len(value):,} characters; at most {MAX_CHARACTERS:,} are taken")
    return value


def from_base64(value: dict[str, Any]) -> bytes:
    """The bytes of `{"b64": text}`."""
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise Refused(400, 'an object among the rows is not {"b64": "…"} of valid base64') from None


def _flat(values: list[Any], shape: tuple[int, ...], signature: Signature) -> list[int | float]:
    """All numbers of nested lists, which have to be of that shape, in order."""
    level = values
    for size in shape:
        if set(map(type, level)) != {list} or set(map(len, level)) != {size}:
            raise Refused(400, f"{_found(values)}; expected {signature}")
        level = list(chain.from_iterable(level))
    kinds = set(map(type, level))
    allowed = {"uint8": {int}, "series": {int, float, type(None)}}.get(signature.dtype, {int, float})
    if not kinds <= allowed:
        strange = min(kind.__name__ for kind in kinds - allowed)
        raise Refused(400, f"a value is of type {strange}; expected {signature}")
    return level


def _depth(values: Any) -> int:
    depth = 0
    while isinstance(values, list) and values:
        values, depth = values[0], depth + 1
    return depth


def _found(values: list[Any]) -> str:
    """The beginning of a wrong shape, for the message."""
    sizes, first = [], values[0]
    while isinstance(first, list) and len(sizes) < 8:
        sizes.append(len(first))
        first = first[0] if first else None
    return f"the first row is of shape {sizes}, or the rows differ"
