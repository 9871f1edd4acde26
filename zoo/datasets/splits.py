"""Splits that leak nothing: decided by the content of an example, so that duplicates stay together."""

import dataclasses
import hashlib

import numpy as np

from zoo.errors import ZooError


@dataclasses.dataclass(frozen=True)
class Split:
    """Examples in memory.

    features: `uint8[examples, height, width, channel]` images or `float32[examples, feature]` tables.
    labels: `int32[examples]`.
    ids: `int64[examples]` rows of the official split, or `str[examples]` names of the user's own examples.
    """

    features: np.ndarray
    labels: np.ndarray
    ids: np.ndarray

    def take(self, rows) -> "Split":
        return Split(self.features[rows], self.labels[rows], self.ids[rows])

    def __len__(self) -> int:
        return len(self.labels)


def content_hashes(features: np.ndarray) -> np.ndarray:
    """`S32[examples]` SHA-256 of each example's bytes."""
    digests = [hashlib.sha256(np.ascontiguousarray(example)).digest() for example in features]
    return np.array([digest.hex()[:32] for digest in digests], "S32")


def without_duplicates(split: Split, drop_conflicts: bool) -> tuple[Split, dict[str, int]]:
    """Keep the first of identical examples with identical labels; with `drop_conflicts`, none whose labels disagree.

    Returns the split and the counts `duplicates_removed` and `conflicts_removed`.
    """
    hashes = content_hashes(split.features)
    keys = np.array([f"{h.decode()}:{label}" for h, label in zip(hashes, split.labels, strict=True)])
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


def split_by_content(split: Split, fractions: list[float]) -> list[Split]:
    """Cut into parts of about these fractions, in the order of content hashes; equal contents share a part.

    The parts do not depend on the order of the rows, and each keeps that order.

    Raises:
        ZooError: a part would be empty.
    """
    hashes = content_hashes(split.features)
    order = np.argsort(hashes, kind="stable")
    bounds = [0]
    for fraction in np.cumsum(fractions)[:-1]:
        bound = max(round(float(fraction) * len(split)), bounds[-1])
        while 0 < bound < len(split) and hashes[order[bound]] == hashes[order[bound - 1]]:
            bound += 1
        bounds.append(bound)
    bounds.append(len(split))
    parts = [split.take(np.sort(order[a:b])) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
    if any(len(part) == 0 for part in parts):
        raise ZooError(f"{len(split)} different examples are too few to split into {len(parts)} parts; bring more")
    return parts


def overlap(first: Split, second: Split) -> int:
    """How many examples of `second` have a twin in `first`."""
    return int(np.isin(content_hashes(second.features), content_hashes(first.features)).sum())
