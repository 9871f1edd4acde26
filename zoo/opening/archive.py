"""Zip files from anywhere: opened within bounds, and refused in one line."""

import contextlib
import pathlib
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator

from zoo.errors import ZooError

_MOST_MEMBERS = 10_000
_LEAST_ALLOWED = 64 << 20  # bytes that any zip may unfold to
_MOST_EXPANSION = 20  # times the file's own size; pruned weights reach 15
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, NotImplementedError, RuntimeError,
           ValueError, OverflowError)  # fmt: skip


def most_unfolded(path: pathlib.Path) -> int:
    """How many bytes a file may unfold to."""
    return max(_LEAST_ALLOWED, _MOST_EXPANSION * path.stat().st_size)


@contextlib.contextmanager
def open_zip(path: pathlib.Path, what: str) -> Iterator[zipfile.ZipFile]:
    """A zip whose names and sizes have been judged, and whose checksums hold.

    Args:
        path: a regular file.
        what: what the user takes it for, as in "not a .keras file".

    Raises:
        ZooError: it is no zip, is damaged or encrypted, unfolds to too much, or has names that could leave a folder.
    """
    try:
        archive = zipfile.ZipFile(path)
    except _BROKEN as error:
        raise _damaged(path, what, error) from None
    with archive:
        _refuse_names(path, archive.infolist())
        _refuse_sizes(path, archive.infolist())
        for member in archive.infolist():
            _check_sum(path, what, archive, member)
        yield archive


def _refuse_names(path: pathlib.Path, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > _MOST_MEMBERS:
        raise ZooError(f"{path}: refused, it has {len(members):,} members; at most {_MOST_MEMBERS:,} are read")
    names = set()
    for member in members:
        name = member.filename
        if name.startswith("/") or ".." in re.split(r"[/\\]", name) or re.match(r"[A-Za-z]:|.*\\", name):
            raise ZooError(f"{path}: refused, its member {name!r} would be written outside of its folder")
        if not name.isprintable():
            raise ZooError(f"{path}: refused, its member {name!r} has a name that cannot be printed")
        if name in names:
            raise ZooError(f"{path}: refused, it has two members {name!r}; readers disagree on which one counts")
        names.add(name)


def _refuse_sizes(path: pathlib.Path, members: list[zipfile.ZipInfo]) -> None:
    for member in members:
        if member.flag_bits & 1:
            raise ZooError(f"{path}: refused, its member {member.filename!r} is encrypted; save it without a password")
        if member.compress_type not in _METHODS:
            raise ZooError(
                f"{path}: refused, its member {member.filename!r} is compressed by method {member.compress_type}; "
                "stored and deflated members are read"
            )
    size, most = sum(member.file_size for member in members), most_unfolded(path)
    if size > most:
        raise ZooError(f"{path}: refused, it would unfold to {size:,} bytes; at most {most:,} are read from its size")


def _check_sum(path: pathlib.Path, what: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    try:
        with archive.open(member) as stream:
            while stream.read(1 << 20):
                pass
    except zipfile.BadZipFile:
        raise ZooError(f"{path}: damaged ({member.filename!r} fails its checksum); copy or train it again") from None
    except _BROKEN as error:
        raise _damaged(path, what, error) from None


def _damaged(path: pathlib.Path, what: str, error: Exception) -> ZooError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return ZooError(f"{path}: not a {what}, or cut short ({reason}); copy or train it again")
