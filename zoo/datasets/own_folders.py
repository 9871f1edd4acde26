"""Folders of classes, of pictures or texts."""

import collections
import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np

from zoo.datasets.own_data import Examples, name_of
from zoo.datasets.splits import Split, refuse_odd_classes
from zoo.datasets.walk import class_folders, in_words, walk
from zoo.errors import ZooError


@dataclasses.dataclass(frozen=True)
class Classes:
    """The files of all classes, `int32[files]` classes, `str[files]` names below the folder and names of splits."""

    names: tuple[str, ...]
    files: list[pathlib.Path]
    targets: np.ndarray
    ids: np.ndarray
    part_of_row: np.ndarray | None
    left_out: collections.Counter

    def examples(self, split: Split) -> Examples:
        """What a reader of such files returns."""
        described = {"targets": "class", "label_names": self.names}
        return Examples(split, described, part_of_row=self.part_of_row, left_out=self.left_out)


def read_classes(folder: pathlib.Path, is_wanted: Callable[[pathlib.Path], bool], reads: str, kind: str) -> Classes:
    """Find `folder/class_name/…`, or `folder/train/class_name/…` beside other splits, at any depth.

    Args:
        folder: the user's.
        is_wanted: whether a file is one of those to read.
        reads: what is read there, to end a message with.
        kind: what one of them is called.

    Raises:
        ZooError: no such folder, fewer than two classes, an empty class, a class that train does not have, or folders
            that may be classes or splits.
    """
    layout = class_folders(folder, reads)
    left_out, found = collections.Counter(layout.left_out), []
    names = sorted({path.name for path in layout.classes.get("", layout.classes.get("train"))})
    if len(names) < 2:
        raise ZooError(f"--data_dir={folder}: {len(names)} folders of classes; at least 2 are needed; {reads}")
    refuse_odd_classes(names, f"--data_dir={folder}")
    for part, folders in layout.classes.items():
        for of_class in folders:
            if of_class.name not in names:
                raise ZooError(f"{of_class}: train has no such class; take it away, or bring examples to train on")
            files, ignored = walk(of_class, is_wanted)
            if not files:
                more = f", but {in_words(ignored)}" if ignored else ""
                raise ZooError(f"{of_class}: holds no {kind}{more}; remove it or fill it")
            left_out += ignored
            found += [(part, names.index(of_class.name), file) for file in files]
    parts, labels, files = zip(*found, strict=True)
    ids = np.array([name_of(file, folder) for file in files])
    part_of_row = None if set(parts) == {""} else np.array(parts)
    return Classes(tuple(names), list(files), np.array(labels, "int32"), ids, part_of_row, left_out)
