"""Which files of the user's folders are read: one rule for training and prediction, pictures and texts."""

import collections
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from zoo.errors import ZooError
from zoo.safe_reading import one_line

_MOST_KINDS, _OTHERS = 10, "of other kinds"
_LITTER = {"__macosx", "thumbs.db", "desktop.ini"}
_SPLITS = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip


class Found(NamedTuple):
    """The files to read, sorted, and how many of what kind were left out."""

    files: list[pathlib.Path]
    left_out: collections.Counter


class Layout(NamedTuple):
    """Folders of classes by name of split, `{"": …}` where there are no splits; and how many files lie beside them."""

    classes: dict[str, list[pathlib.Path]]
    left_out: collections.Counter


def is_litter(name: str) -> bool:
    """Whether a file or folder is hidden, or left behind by an operating system."""
    return name.startswith(".") or name.casefold() in _LITTER


def walk(folder: pathlib.Path, is_wanted: Callable[[pathlib.Path], bool]) -> Found:
    """The files below a folder, at any depth and behind symbolic links; each folder is read once, links last.

    A link to what the folder lies in leads nowhere: it would make its neighbours part of it.

    Raises:
        ZooError: a folder or file cannot be read.
    """
    files, left_out = [], collections.Counter()
    seen = {_identity(os.stat(parent)) for parent in {*folder.resolve().parents, *folder.absolute().parents}}
    left = collections.deque([folder])
    while left:
        path = left.popleft()
        with one_line(path, "cannot be read", "give yourself the right to read it, or take it away"):
            identity = _identity(os.stat(path))
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        if identity in seen:
            left_out["a folder that was read already"] += 1
            continue
        seen.add(identity)
        for entry in entries:
            file = path / entry.name
            # Not `file.is_dir()`, which raises an error where a link leads to what may not be looked at.
            if is_litter(entry.name):
                left_out["hidden"] += 1
            elif os.path.isdir(file):
                left.append(file) if entry.is_symlink() else left.appendleft(file)
            elif not os.path.isfile(file):
                left_out["a broken link, a pipe or a device"] += 1
            elif is_wanted(file):
                files.append(file)
            else:
                left_out[file.suffix.lower() or "without an ending"] += 1
    return Found(sorted(files), left_out)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def in_words(left_out: Mapping[str, int]) -> str:
    """What was left out, for people."""
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(fewer_kinds(left_out).items()))


def fewer_kinds(left_out: Mapping[str, int]) -> dict[str, int]:
    """The same without zeros, and rare kinds together: each file of a folder may have an ending of its own."""
    kinds = collections.Counter(left_out)
    others = kinds.pop(_OTHERS, 0)
    common = kinds.most_common()
    others += sum(count for _, count in common[_MOST_KINDS:])
    return {kind: count for kind, count in [*common[:_MOST_KINDS], (_OTHERS, others)] if count}


def class_folders(folder: pathlib.Path, reads: str) -> Layout:
    """The folders of classes below a folder, or below its folders `train`, `validation` and `test`.

    Args:
        folder: the user's.
        reads: what is read there, to end a message with.

    Raises:
        ZooError: no such folder, or it is not sure whether its folders are classes or splits.
    """
    if not folder.is_dir():
        raise ZooError(f"--data_dir={folder}: no such folder; {reads}")
    left_out = collections.Counter()
    inside = _folders(folder, left_out)
    splits = {path: _SPLITS[path.name.casefold()] for path in inside if path.name.casefold() in _SPLITS}
    others = [path.name for path in inside if path not in splits]
    if not splits or (len(splits) == 1 and others):
        return Layout({"": inside}, left_out)
    names = ", ".join(path.name for path in splits)
    if others:
        raise ZooError(
            f"--data_dir={folder}: are {names} splits, beside {others[0]!r}, or classes? Keep the splits alone there, "
            "or rename these classes"
        )
    if len(set(splits.values())) < len(splits) or "train" not in splits.values():
        raise ZooError(
            f"--data_dir={folder}: the splits {names}; one named train is needed, and of validation and test one at "
            "most; or rename these classes"
        )
    classes = {split: _folders(path, left_out) for path, split in splits.items()}
    if not classes["train"]:
        raise ZooError(f"--data_dir={folder}: train holds no folders of classes; {reads}")
    return Layout({split: found for split, found in classes.items() if found}, left_out)


def _folders(folder: pathlib.Path, left_out: collections.Counter) -> list[pathlib.Path]:
    """The folders inside one; files beside them are counted."""
    with one_line(folder, "cannot be read", "give yourself the right to read it"):
        inside = sorted(folder.iterdir())
        folders = [path for path in inside if os.path.isdir(path) and not is_litter(path.name)]
    hidden = sum(is_litter(path.name) for path in inside)
    left_out["hidden"] += hidden
    left_out["in no folder of a class"] += len(inside) - len(folders) - hidden
    return folders
