"""MovieLens 100K as its readme describes it, and its protocols."""

import collections

import numpy as np
import pytest

from zoo import datasets
from zoo.datasets import official
from zoo.errors import ZooError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def by_content():
    return datasets.load("movielens_100k")


def column(dataset, split, name):
    return dataset.schema.column(getattr(dataset, split).features, name)


def whole(dataset, name):
    return np.concatenate([column(dataset, split, name) for split in ("train", "validation", "test")])


def test_the_ratings_are_those_of_the_readme(by_content):
    stars = np.concatenate([getattr(by_content, split).targets for split in ("train", "validation", "test")])
    assert collections.Counter(stars.tolist()) == {1: 6110, 2: 11370, 3: 27145, 4: 34174, 5: 21201}
    counts = collections.Counter(whole(by_content, "user").tolist())
    assert len(counts) == 943 and min(counts.values()) == 20
    assert len(set(whole(by_content, "item"))) == 1682 and set(whole(by_content, "gender")) == {"F", "M"}
    assert len(set(whole(by_content, "occupation"))) == 21
    when = whole(by_content, "rated")
    assert str(np.datetime64(int(when.min()), "s"))[:7] == "1997-09"
    assert str(np.datetime64(int(when.max()), "s"))[:7] == "1998-04"
    names = official.item_names("movielens_100k", None)
    assert names["1"] == "Toy Story (1995)" and len(names) == 1682
    of_toy_story = whole(by_content, "item") == "1"
    assert set(whole(by_content, "release_year")[of_toy_story]) == {1995}
    assert whole(by_content, "Animation")[of_toy_story].all() and not whole(by_content, "War")[of_toy_story].any()


def test_of_one_split_nothing_but_users_and_films_is_in_another(by_content):
    assert [len(getattr(by_content, split)) for split in ("train", "validation", "test")] == [70_000, 10_000, 20_000]
    rows = list(zip(whole(by_content, "user"), whole(by_content, "item"), strict=True))
    assert len(set(rows)) == 100_000
    assert any("test: train knows not 0 of 941 users and 34 of 1,424 items" in n for n in by_content.report["notes"])


def test_no_column_follows_from_the_ratings(by_content):
    """The same ratings with other stars give the same features: here, users' and films' columns have one value each."""
    from zoo.datasets.interactions import catalogue

    known = catalogue(by_content.schema, by_content.train)
    of_row = {key: ~(known.of_user[key] | known.of_item[key]) for key in known.of_user}
    assert {key: int(mask.sum()) for key, mask in of_row.items()} == {"categories": 0, "numbers": 0, "dates": 1}
    for key in ("numbers",):  # no mean of stars: those of films with other stars would differ in every digit
        values = by_content.train.features[key]
        assert (np.isnan(values) | (values == np.round(values))).all()


def test_by_time_test_is_later_than_validation_and_that_than_train():
    dataset = datasets.load("movielens_100k_time")
    when = [column(dataset, split, "rated") for split in ("train", "validation", "test")]
    assert when[0].max() < when[1].min() and when[1].max() < when[2].min()
    assert any("test: train knows not 204 of 301 users" in note for note in dataset.report["notes"])
    with pytest.raises(ZooError, match="folds are cut by content, which movielens_100k_time must not be"):
        next(datasets.cross_validation_folds(dataset, 5))


def test_choices_have_the_split_of_the_ratings_and_drawn_rows(by_content):
    dataset = datasets.load("movielens_100k_liked")
    for split in ("train", "validation", "test"):
        part, of_ratings = getattr(dataset, split), getattr(by_content, split)
        real = part.ids >= 0
        assert np.array_equal(part.ids[real], of_ratings.ids)
        assert np.array_equal(part.targets[real], of_ratings.targets >= 4)
        assert (~real).sum() == 4 * (of_ratings.targets >= 4).sum() and not part.targets[~real].any()
