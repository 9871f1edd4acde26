"""Tensors of a file that `torch.save` wrote before version 1.6, read without PyTorch and without running its pickle."""

import collections
import dataclasses
import io
import pathlib
import pickle
from typing import Any

import numpy as np

from zoo.errors import ZooError, shortened
from zoo.safe_reading import one_line, read_bytes

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_DTYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
}
_LARGEST = 1 << 30


@dataclasses.dataclass(frozen=True)
class _Storage:
    dtype: np.dtype
    key: str


@dataclasses.dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_tensors(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The tensors of a state dictionary, by name.

    A pickle is a program that may import and call anything. This reader knows three names: an ordered dictionary, the
    type of a storage, and a tensor on it; they become plain descriptions. Any other name ends the reading.

    Raises:
        ZooError: the file asks for another name, or is damaged, or of another format.
    """
    stream = io.BytesIO(read_bytes(path, _LARGEST))
    with one_line(path, "damaged, or no state dictionary in torch's older format", "fetch it again"):
        head = [_Reader(stream, path).load() for _ in range(5)]
        if head[:2] != [_MAGIC, _PROTOCOL]:
            raise ValueError("no magic number")
        state, keys = head[3:]
        used = {tensor.storage.key: tensor.storage for tensor in state.values()}
        storages = {key: _numbers(stream, used[key].dtype) for key in keys}
        return {str(name): _array(tensor, storages[tensor.storage.key]) for name, tensor in state.items()}


class _Reader(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, path: pathlib.Path):
        super().__init__(stream)
        self.path = path

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _described
        if module == "torch" and name in _DTYPES:
            return np.dtype(_DTYPES[name])
        asked = shortened(f"{module}.{name}")
        raise ZooError(f"{self.path}: its pickle asks for {asked}, which no tensor needs; nothing was run, delete it")

    def persistent_load(self, reference: Any) -> _Storage:
        kind, dtype, key, *_ = reference
        if kind != "storage" or not isinstance(dtype, np.dtype) or not isinstance(key, str):
            raise ValueError("no storage")
        return _Storage(dtype, key)


def _described(storage: _Storage, offset: int, shape: tuple, strides: tuple, *_) -> _Tensor:
    numbers = (offset, *shape, *strides)
    if not isinstance(storage, _Storage) or any(type(number) is not int or number < 0 for number in numbers):
        raise ValueError("no tensor")
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _numbers(stream: io.BytesIO, dtype: np.dtype) -> np.ndarray:
    count = int.from_bytes(stream.read(8), "little")
    return np.frombuffer(stream.read(count * dtype.itemsize), dtype, count)


def _array(tensor: _Tensor, numbers: np.ndarray) -> np.ndarray:
    last = tensor.offset + sum((size - 1) * step for size, step in zip(tensor.shape, tensor.strides, strict=True))
    if 0 in tensor.shape or last >= len(numbers):
        raise ValueError("a tensor that its storage does not hold")
    strides = [step * numbers.itemsize for step in tensor.strides]
    return np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, strides, writeable=False).copy()
