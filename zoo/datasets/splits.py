"""Splits that leak nothing: decided by the content of an example, so that duplicates stay together."""

import dataclasses
import functools
import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from zoo.datasets import on_disk, texts
from zoo.errors import ZooError

MOST_CLASSES = 3000  # the files of a run grow with the square of this number
LONGEST_NAME = 1000  # characters


@dataclasses.dataclass(frozen=True)
class Split:
    """Examples, whose features are in memory, or in a file where they are too large for that.

    features: `uint8[examples, height, width, channel]` images, `float32[examples, feature]` tables, or
        `object[examples]` texts; or several such arrays by name.
    targets: what is to be learned: `int32[examples]` classes, `float32[examples]` numbers, or any other array with a
        row an example; None where the task makes its own targets of the features.
    ids: `int64[examples]` rows of the official split in TFDS's order, or `str[examples]` file names or line numbers.
    weights: `float32[examples]`, how much each counts in training; None: all the same.
    """

    features: on_disk.Features
    targets: np.ndarray | None
    ids: np.ndarray
    weights: np.ndarray | None = None

    @functools.cached_property
    def hashes(self) -> np.ndarray:
        """`content_hashes` of the features."""
        return content_hashes(self.features)

    def with_hashes(self, hashes: np.ndarray) -> "Split":
        """The same split with its hashes known: computing them takes most of the time of a warm start."""
        split = dataclasses.replace(self)
        split.__dict__["hashes"] = hashes
        return split

    def with_weights(self, weights: np.ndarray) -> "Split":
        """The same split, its rows of these weights."""
        return dataclasses.replace(self, weights=weights).with_hashes(self.hashes)

    def take(self, rows) -> "Split":
        targets, weights = (None if a is None else a[rows] for a in (self.targets, self.weights))
        taken = Split(on_disk.take(self.features, rows), targets, self.ids[rows], weights)
        return taken.with_hashes(self.hashes[rows])

    def __len__(self) -> int:
        return len(self.ids)


def refuse_odd_classes(names: Sequence[str], where: str) -> None:
    """Raises: ZooError: there are more than MOST_CLASSES, or one has a name that no record can hold."""
    for name in names:
        if len(name) > LONGEST_NAME or name.encode("utf-8", "replace").decode() != name:
            shown = name[:40].encode("utf-8", "backslashreplace").decode()
            raise ZooError(f"{where}: the label {shown!r} is not UTF-8, or longer than {LONGEST_NAME:,}; rename it")
    if len(names) > MOST_CLASSES:
        raise ZooError(
            f"{where}: {len(names):,} different labels; at most {MOST_CLASSES:,} classes are trained; is the label a "
            "number, or a name of the row?"
        )


def content_hashes(features: on_disk.Features, exact: bool = False) -> np.ndarray:
    """`S32[examples]` SHA-256 of each example's bytes, or of a text's normal form; `exact`: of its own bytes."""
    if isinstance(features, dict):
        columns = [content_hashes(features[name], exact) for name in sorted(features)]
        return _hashes(map(b"".join, zip(*columns, strict=True)), len(columns[0]))
    if on_disk.are_texts(features):
        flat = features.ravel()
        hashes = _hashes(map(str.encode, flat), len(flat)) if exact else texts.content_hashes(flat)
        columns = hashes.reshape(len(features), -1)
        return columns[:, 0] if columns.shape[1] == 1 else _hashes(map(b"".join, columns), len(columns))
    return _hashes(map(np.ascontiguousarray, features), len(features))


def _hashes(contents: Iterable, count: int) -> np.ndarray:
    """One at a time into the array: a list of them would take four times its memory."""
    return np.fromiter((hashlib.sha256(content).hexdigest()[:32] for content in contents), "S32", count)


def without_duplicates(
    split: Split, drop_conflicts: bool, hashes: np.ndarray | None = None
) -> tuple[Split, dict[str, int]]:
    """Keep the first of identical examples with identical targets; with `drop_conflicts`, none whose targets disagree.

    `hashes` say which are identical, in place of the split's own. Returns the split and the counts
    `duplicates_removed` and `conflicts_removed`.
    """
    hashes = split.hashes if hashes is None else hashes
    if len(np.unique(hashes)) == len(split):
        return split, {"duplicates_removed": 0, "conflicts_removed": 0}
    targets = hashes if split.targets is None else _hashes(map(np.ascontiguousarray, split.targets), len(split))
    keys = np.char.add(hashes, targets)
    _, first_rows = np.unique(keys, return_index=True)
    rows = np.sort(first_rows)
    duplicates = len(split) - len(rows)
    conflicts = 0
    if drop_conflicts:
        _, inverse, counts = np.unique(hashes[rows], return_inverse=True, return_counts=True)
        agreeing = counts[inverse] == 1
        conflicts = int((~agreeing).sum())
        rows = rows[agreeing]
    return split.take(rows), {"duplicates_removed": duplicates, "conflicts_removed": conflicts}


def with_groups(split: Split, groups: np.ndarray) -> Split:
    """The split, cut so that rows of one group, `object[examples]` of str, stay together; a row of "" is its own."""
    return split.with_hashes(np.where(groups == "", split.hashes, content_hashes(groups)))


def split_by_content(split: Split, fractions: list[float]) -> list[Split]:
    """Cut by the order of content hashes into parts of these fractions, rounded, of at least one row each.

    Equal contents share a part, which may then be larger or smaller. The parts do not depend on the order of the rows,
    and each keeps that order.

    Raises:
        ZooError: a part would be empty.
    """
    hashes = split.hashes
    order = np.argsort(hashes, kind="stable")
    bounds = [0]
    for position, fraction in enumerate(np.cumsum(fractions)[:-1], start=1):
        room_for_others = len(split) - (len(fractions) - position)
        bound = min(max(round(float(fraction) * len(split)), bounds[-1] + 1), room_for_others)
        bounds.append(_edge_near(bound, hashes[order], bounds[-1]))
    bounds.append(len(split))
    parts = [split.take(np.sort(order[a:b])) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
    if any(len(part) == 0 for part in parts):
        raise ZooError(
            f"{len(np.unique(hashes))} different examples are too few for {len(parts)} parts: "
            f"this needs at least {len(parts)}, and many more to be of use; bring more"
        )
    return parts


def split_by_time(split: Split, seconds: np.ndarray, fractions: list[float]) -> list[Split]:
    """Cut by moments into parts of about these fractions: each row of a part is later than all rows before it.

    Args:
        split: in any order, which the parts keep.
        seconds: `int64[examples]`, when each row was.
        fractions: the earliest part first.

    Raises:
        ZooError: a part would be empty.
    """
    moments = np.sort(seconds)
    ends = [moments[min(len(moments) - 1, round(float(end) * len(moments)))] for end in np.cumsum(fractions)[:-1]]
    part_of = np.searchsorted(ends, seconds, side="right")
    parts = [split.take(np.flatnonzero(part_of == number)) for number in range(len(fractions))]
    if any(len(part) == 0 for part in parts):
        raise ZooError(f"{len(np.unique(seconds))} different moments are too few for {len(parts)} parts; bring more")
    return parts


def first_by_content(split: Split, fraction: float, classes: np.ndarray) -> Split:
    """The first rows of each class by the order of content hashes: the fraction, rounded, at least one; in their order.

    `classes` are `int[examples]`.
    """
    order = np.argsort(split.hashes, kind="stable")
    rows = []
    for number in np.unique(classes):
        of_class = order[classes[order] == number]
        rows.append(of_class[: max(1, round(fraction * len(of_class)))])
    return split.take(np.sort(np.concatenate(rows)))


def _edge_near(bound: int, ordered: np.ndarray, last: int) -> int:
    """The nearest place to `bound`, after `last`, where two neighbours differ, or an end."""
    if not 0 < bound < len(ordered) or ordered[bound] != ordered[bound - 1]:
        return bound
    low, high = (int(np.searchsorted(ordered, ordered[bound], side)) for side in ("left", "right"))
    return low if low > last and bound - low < high - bound else high


def concatenate(parts: list[Split]) -> Split:
    """One split with the rows of all parts, in their order."""
    ids, hashes = (np.concatenate([getattr(part, field) for part in parts]) for field in ("ids", "hashes"))
    targets, weights = (
        None if getattr(parts[0], field) is None else np.concatenate([getattr(part, field) for part in parts])
        for field in ("targets", "weights")
    )
    return Split(on_disk.concatenate([part.features for part in parts]), targets, ids, weights).with_hashes(hashes)


def overlap(first: Split, second: Split) -> int:
    """How many examples of `second` are in `first` too."""
    return int(np.isin(second.hashes, first.hashes).sum())
