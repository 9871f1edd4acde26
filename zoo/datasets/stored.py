"""Features that memory may not hold: decoded once into a file, and read from there row by row."""

import os
import pathlib
import tempfile
from collections.abc import Iterator

import numpy as np

from zoo.errors import ZooError
from zoo.processor import usable_memory

_SHARE_OF_MEMORY = 4  # features may take a fourth; the splits, which are copies, the model and the loop need the rest


class StoredRows:
    """Rows of an array in a file, in an order of their own. Indexing reads them, as `array[rows][index]` would."""

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


def take(features: np.ndarray | StoredRows, rows) -> np.ndarray | StoredRows:
    """Some of the examples, in memory or in the file as they were."""
    return features.take(rows) if isinstance(features, StoredRows) else features[rows]


def concatenate(parts: list[np.ndarray | StoredRows]) -> np.ndarray | StoredRows:
    """All examples of parts that came from one array."""
    if isinstance(parts[0], StoredRows):
        return StoredRows(parts[0].array, np.concatenate([part.rows for part in parts]))
    return np.concatenate(parts)


def examples_at_once(features: np.ndarray | StoredRows) -> int:
    """How many examples to evaluate together: 1,000, or fewer that have 2²⁴ numbers, 64 MiB as float32."""
    return max(1, min(1000, 2**24 // int(np.prod(features.shape[1:], dtype="int64"))))


def blocks(features: np.ndarray | StoredRows) -> Iterator[np.ndarray]:
    """The features in order, some at a time, in memory."""
    size = examples_at_once(features)
    return (np.ascontiguousarray(features[start : start + size]) for start in range(0, len(features), size))


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
            if hasattr(os, "posix_fallocate"):  # else a full disk would end the process at some later write
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
