"""Judges the weights inside a `.keras` file. Runs in a process of its own: damaged HDF5 can crash its library."""

import io
import math
import pathlib
import zipfile
from collections.abc import Iterator

import h5py

from zoo.errors import ZooError
from zoo.opening.archive import most_unfolded

WEIGHTS = "model.weights.h5"
_MOST_OBJECTS = 50_000
_FILTERS = {1, 2, 3}  # deflate, shuffle, checksum; HDF5 would look for other filters on the disk, as plugins


def stored_bytes(path: pathlib.Path) -> int:
    """Bytes of all arrays in the weights of a `.keras` file, each of which has been read.

    Raises:
        ZooError: it holds something other than numbers of its own, or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            content = archive.read(WEIGHTS)
        with h5py.File(io.BytesIO(content), "r") as file:
            return _judge(path, file)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, OverflowError, EOFError, NotImplementedError,
            RecursionError, AttributeError, MemoryError) as error:  # fmt: skip
        reason = "".join(c if c.isprintable() else " " for c in str(error))[:200] or type(error).__name__
        raise ZooError(f"{path}: its weights are damaged ({reason}); copy or train it again") from None


def _judge(path: pathlib.Path, file: h5py.File) -> int:
    total, most = 0, most_unfolded(path)
    for name, item in _items(path, file):
        _refuse_large_notes(path, name, item)
        if isinstance(item, h5py.Group):
            continue
        if not isinstance(item, h5py.Dataset):
            raise ZooError(f"{path}: refused, {name} in its weights is a {type(item).__name__}, no array")
        if item.external or item.is_virtual:
            kind = "an external" if item.external else "a virtual"
            raise ZooError(f"{path}: refused, {name} in its weights is {kind} dataset, which reads other files")
        if item.dtype.kind not in "biufc" or item.shape is None:
            raise ZooError(f"{path}: refused, {name} in its weights holds {item.dtype}, no numbers")
        properties = item.id.get_create_plist()
        filters = {properties.get_filter(number)[0] for number in range(properties.get_nfilters())}
        if filters - _FILTERS:
            raise ZooError(f"{path}: refused, {name} in its weights needs the filter {min(filters - _FILTERS)} of HDF5")
        total += math.prod(item.shape) * item.dtype.itemsize
        if total > most:
            raise ZooError(
                f"{path}: refused, its weights declare {total:,} bytes and more at {name}; "
                f"at most {most:,} are read from a file of this size"
            )
        item[()]  # the proof that it can be read
    return total


def _items(path: pathlib.Path, file: h5py.File) -> Iterator[tuple[str, object]]:
    """Everything in the file, each object once, following hard links only."""
    waiting, seen = [("", file)], set()
    while waiting:
        name, item = waiting.pop()
        number = h5py.h5o.get_info(item.id).addr
        if number in seen:
            raise ZooError(f"{path}: refused, {name} in its weights is there by a second name")
        seen.add(number)
        if len(seen) > _MOST_OBJECTS:
            raise ZooError(f"{path}: refused, its weights have more than {_MOST_OBJECTS:,} arrays and groups")
        yield name or "/", item
        if isinstance(item, h5py.Group):
            for key in item:
                link = item.get(key, getlink=True)
                if not isinstance(link, h5py.HardLink):
                    raise ZooError(
                        f"{path}: refused, {name}/{key} in its weights is a {type(link).__name__}, "
                        "which leads elsewhere"
                    )
                waiting.append((f"{name}/{key}", item[key]))


def _refuse_large_notes(path: pathlib.Path, name: str, item) -> None:
    """Refuse large attributes: Keras writes only names in them."""
    for key in item.attrs:
        attribute = item.attrs.get_id(key)
        if attribute.get_storage_size() > 1 << 16 or math.prod(attribute.shape) > 1 << 12:
            raise ZooError(f"{path}: refused, {name} in its weights has the large attribute {key[:80]!r}")
        item.attrs[key]
