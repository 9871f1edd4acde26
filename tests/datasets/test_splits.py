"""Splits by content leak nothing, whatever the data."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from zoo.datasets.splits import (
    Split,
    content_hashes,
    first_by_content,
    overlap,
    split_by_content,
    with_groups,
    without_duplicates,
)
from zoo.errors import ZooError


def split_of(rows):
    features = np.array([[value] for value, _ in rows], "float32")
    return Split(features, np.array([label for _, label in rows], "int32"), np.arange(len(rows)))


ROWS = strategies.lists(
    strategies.tuples(strategies.integers(0, 40), strategies.integers(0, 1)), min_size=1, max_size=80
)


@hypothesis.given(ROWS)
def test_no_content_crosses_a_split_and_no_row_is_lost(rows):
    split = split_of(rows)
    try:
        parts = split_by_content(split, [0.2, 0.3, 0.5])
    except ZooError:
        hypothesis.assume(False)
    seen = [set(content_hashes(part.features)) for part in parts]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])
    assert sorted(np.concatenate([part.ids for part in parts])) == list(range(len(rows)))


@hypothesis.given(ROWS, strategies.randoms())
def test_the_split_does_not_depend_on_the_order_of_rows(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    try:
        first, second = (split_by_content(split_of(r), [0.3, 0.7])[0] for r in (rows, shuffled))
    except ZooError:
        hypothesis.assume(False)
    assert sorted(first.features[:, 0]) == sorted(second.features[:, 0])


def test_different_examples_are_cut_to_the_exact_count():
    parts = split_by_content(split_of([(value, 0) for value in range(60)]), [0.25, 0.75])
    assert [len(part) for part in parts] == [15, 45]


def test_duplicates_and_conflicts_are_counted_and_dropped():
    split = split_of([(1, 0), (1, 0), (2, 0), (2, 1), (3, 1)])
    kept, counts = without_duplicates(split, drop_conflicts=True)
    assert counts == {"duplicates_removed": 1, "conflicts_removed": 2}
    assert kept.ids.tolist() == [0, 4]
    kept, counts = without_duplicates(split, drop_conflicts=False)
    assert kept.ids.tolist() == [0, 2, 3, 4]


def test_rows_of_one_group_stay_together_and_those_of_none_do_not():
    split = split_of([(value, 0) for value in range(400)])
    groups = np.array([("", "A b", "a  B", f"{row}")[row % 4] for row in range(400)], object)
    parts = split_by_content(with_groups(split, groups), [0.3, 0.3, 0.4])
    assert sum(bool((part.ids % 4 == 1).any() or (part.ids % 4 == 2).any()) for part in parts) == 1
    assert all((part.ids % 4 == 0).any() and (part.ids % 4 == 3).any() for part in parts)


def test_too_few_examples_are_refused():
    with pytest.raises(ZooError, match="too few"):
        split_by_content(split_of([(1, 0), (2, 1)]), [0.1, 0.1, 0.8])


@hypothesis.given(strategies.sets(strategies.integers(0, 10_000), min_size=3, max_size=60))
def test_different_examples_fill_every_part(values):
    parts = split_by_content(split_of([(value, 0) for value in values]), [0.1, 0.1, 0.8])
    tenth = max(1, round(0.1 * len(values)))
    assert len(parts[0]) == tenth
    assert all(len(part) >= 1 for part in parts) and sum(len(part) for part in parts) == len(values)


@hypothesis.given(ROWS)
def test_rows_take_their_hashes_with_them(rows):
    kept, _ = without_duplicates(split_of(rows), drop_conflicts=False)
    taken = kept.take(np.arange(len(kept))[::2])
    np.testing.assert_array_equal(taken.hashes, content_hashes(taken.features))


def test_overlap_counts_the_rows_of_the_second_split():
    first, second = split_of([(1, 0), (2, 0), (3, 0)]), split_of([(2, 1), (2, 0), (9, 0)])
    assert overlap(first, second) == 2


def test_a_fraction_of_each_class_lies_inside_a_larger_one():
    generator = np.random.default_rng(0)
    classes = np.repeat(np.arange(3), [200, 60, 3]).astype("int32")
    split = Split(generator.integers(0, 256, (263, 4, 4, 1), dtype="uint8"), classes, np.arange(263))
    small, large = (first_by_content(split, fraction, classes) for fraction in (0.1, 0.5))
    assert np.bincount(small.targets).tolist() == [20, 6, 1] and np.bincount(large.targets).tolist() == [100, 30, 2]
    assert set(small.ids) < set(large.ids) and list(small.ids) == sorted(small.ids)
    shuffled = split.take(generator.permutation(263))
    assert set(first_by_content(shuffled, 0.1, shuffled.targets).ids) == set(small.ids)
