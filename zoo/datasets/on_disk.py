"""Features that memory may not hold: decoded once into a file, and read from there row by row."""

import os
import pathlib
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.processor import usable_memory

_SHARE_OF_MEMORY = 4  # features may take a quarter; the splits, which are copies, the model and the loop need the rest


class StoredRows:
    """Some rows of an array in a file, in any order. Indexing reads them from there, as `array[rows][index]` would."""

    def __init__(self, array: np.ndarray, rows: np.ndarray):
        self.array, self.rows = array, rows
        self.dtype = array.dtype
        self.shape = (len(rows), *array.shape[1:])
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index) -> np.ndarray:
        rows = self.rows[index]
        if np.ndim(rows) == 0:
            return np.array(self.array[rows])
        in_file_order = np.argsort(rows)
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        found[in_file_order] = self.array[rows[in_file_order]]
        return found

    def __iter__(self) -> Iterator[np.ndarray]:
        return (np.array(self.array[row]) for row in self.rows)

    def take(self, rows) -> "StoredRows":
        """Some of the rows, still in the file."""
        return StoredRows(self.array, self.rows[rows])


# Features of one kind are an array with a row an example; those of several kinds are such arrays by name.


Features = np.ndarray | StoredRows | dict[str, np.ndarray | StoredRows]


def each(function: Callable, features: Features, *more: Features) -> Any:
    """What `function` makes of an array, or of each array of a dictionary."""
    if isinstance(features, dict):
        return {name: function(features[name], *(other[name] for other in more)) for name in features}
    return function(features, *more)


def arrays_of(features: Features) -> list[np.ndarray | StoredRows]:
    """The arrays, in the order of their names."""
    return [features[name] for name in sorted(features)] if isinstance(features, dict) else [features]


def count(features: Features) -> int:
    """How many examples there are."""
    return len(arrays_of(features)[0])


def shapes(features: Features) -> Any:
    """Of one example: a tuple, or tuples by name."""
    return each(lambda array: tuple(array.shape[1:]), features)


def are_texts(features: Features) -> bool:
    """Whether the examples are texts, and nothing else."""
    return not isinstance(features, dict) and features.dtype == object


def bytes_of_one(features: Features) -> int:
    """How large an example is; a text of a table counts as a pointer."""
    return sum(array[0].nbytes if array.ndim > 1 else array.dtype.itemsize for array in arrays_of(features))


def as_tensors(features: Features):
    """Columns as Keras takes them: texts become tensors, for Keras takes no `object` arrays."""
    import tensorflow as tf

    return each(lambda column: tf.constant(column) if column.dtype == object else column, features)


def take(features: Features, rows) -> Features:
    """Some of the examples, in memory or in the file as they were."""
    return each(lambda array: array.take(rows) if isinstance(array, StoredRows) else array[rows], features)


def concatenate(parts: list[Features]) -> Features:
    """All examples of parts that came from one array."""

    def join(*arrays):
        if isinstance(arrays[0], StoredRows):
            return StoredRows(arrays[0].array, np.concatenate([array.rows for array in arrays]))
        return np.concatenate(arrays)

    return each(join, *parts)


def examples_at_once(features: Features) -> int:
    """How many examples to evaluate together: 1,000, or fewer that have 2²⁴ numbers, 64 MiB as float32."""
    numbers = sum(int(np.prod(array.shape[1:], dtype="int64")) for array in arrays_of(features))
    return max(1, min(1000, 2**24 // numbers))


def blocks(features: Features) -> Iterator[Any]:
    """The features in order, some at a time, in memory."""
    size = examples_at_once(features)

    def part(start: int):
        return each(lambda array: np.ascontiguousarray(array[start : start + size]), features)

    return (part(start) for start in range(0, count(features), size))


def allocate(shape: tuple[int, ...], dtype, folder: pathlib.Path) -> np.ndarray:
    """An array to fill: in memory, or, where it is too large, in a file that vanishes with the process.

    The file lies in `folder`, or, where that cannot be written, where temporary files are.

    Raises:
        ZooError: the disk has no room for it.
    """
    size = int(np.prod(shape, dtype="int64")) * np.dtype(dtype).itemsize
    if size <= usable_memory() // _SHARE_OF_MEMORY:
        return np.empty(shape, dtype)
    place = str(folder) if os.access(folder, os.W_OK) else tempfile.gettempdir()
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            if hasattr(os, "posix_fallocate"):  # else a full disk would kill the process at a later write
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype, "r+", shape=shape)
    except OSError as error:
        raise ZooError(
            f"{place}: no room for {size / 2**30:.1f} GiB of decoded examples, which memory cannot hold "
            f"({error.strerror}); make room, or shrink them by --set dataset.image_shape=[height,width,channel]"
        ) from None


def filled(array: np.ndarray) -> np.ndarray | StoredRows:
    """What `allocate` gave, as the features of a split."""
    return StoredRows(array, np.arange(len(array))) if isinstance(array, np.memmap) else array
