"""Who met what: what belongs to users and items, rows that were not rated, and splits by time."""

import numpy as np
import pytest

from zoo.datasets import interactions, splits
from zoo.datasets.splits import Split
from zoo.errors import ZooError
from zoo.schema import NO_DATE, Schema

SCHEMA = Schema.of(categories=("city", "user", "genre", "item"), numbers=("age",), dates=("rated",))


def ratings(*rows, first=0):
    """Rows of (user, item, stars, when); city and age are the user's, genre is the item's."""
    users = {"a": ("Lund", 20), "b": ("Rom", 30), "c": ("Lund", 30)}
    categories = [(users[user][0], user, "war" if item in "xy" else "love", item) for user, item, _, _ in rows]
    features = {
        "categories": np.array(categories, object),
        "numbers": np.array([[users[user][1]] for user, *_ in rows], "float32"),
        "dates": np.array([[when] for *_, when in rows], "int64"),
    }
    return Split(features, np.array([stars for _, _, stars, _ in rows], "float32"), np.arange(len(rows)) + first)


TRAIN = ratings(("a", "x", 5, 1), ("a", "y", 2, 2), ("b", "x", 4, 3), ("b", "z", 1, 9), ("c", "w", 5, 5))


def test_columns_belong_to_whom_they_depend_on():
    known = interactions.catalogue(SCHEMA, TRAIN)
    assert known.users.tolist() == ["a", "b", "c"] and known.items.tolist() == ["w", "x", "y", "z"]
    assert known.of_user["categories"].tolist() == [True, True, False, False] and known.of_user["numbers"].all()
    assert known.of_item["categories"].tolist() == [False, False, True, True] and not known.of_item["dates"].any()
    assert known.met.astype(int).tolist() == [[0, 1, 1, 0], [0, 1, 0, 1], [1, 0, 0, 0]]
    rows = known.rows(known.row_of("c"), np.array([0, 2]))
    assert rows["categories"].tolist() == [["Lund", "c", "love", "w"], ["Lund", "c", "war", "y"]]
    assert rows["numbers"].tolist() == [[30], [30]] and rows["dates"].tolist() == [[5], [5]]


def test_of_a_new_user_nothing_is_known_but_the_time():
    known = interactions.catalogue(SCHEMA, TRAIN)
    row = known.row_of("zoe")
    assert row["categories"].tolist() == [["", "zoe", "", ""]] and np.isnan(row["numbers"]).all()
    assert row["dates"].tolist() == [[9]] and not known.met_by("zoe").any() and not known.knows("zoe")


def test_rows_that_were_not_rated_are_of_items_unknown_to_the_user_until_then():
    train = interactions.liked(TRAIN, 4)
    test = interactions.liked(ratings(("a", "w", 5, 11), ("c", "v", 5, 12), first=5), 4)
    assert train.targets.tolist() == [1, 0, 1, 0, 1]
    drawn, of_test = interactions.with_unrated(SCHEMA, (train, test), 8)
    assert len(drawn) == 5 + 3 * 8 and (drawn.ids[5:] < 0).all() and not drawn.targets[5:].any()
    assert len(set(drawn.ids.tolist())) == len(drawn) and drawn.ids[:5].tolist() == [0, 1, 2, 3, 4]
    user, item = (SCHEMA.column(drawn.features, name) for name in ("user", "item"))
    pairs = set(zip(user[5:], item[5:], strict=True))
    rated = set(zip(*(SCHEMA.column(TRAIN.features, name) for name in ("user", "item")), strict=True))
    assert not pairs & rated and ("a", "w") in pairs  # what test alone says, training must not know
    in_test = set(zip(*(SCHEMA.column(of_test.features, name)[2:] for name in ("user", "item")), strict=True))
    assert not in_test & (rated | {("a", "w")}) and "v" not in {item for _, item in in_test}
    genre = SCHEMA.column(drawn.features, "genre")
    assert all((g == "war") == (i in "xy") for g, i in zip(genre, item, strict=True))
    assert np.array_equal(interactions.catalogue(SCHEMA, drawn).met, interactions.catalogue(SCHEMA, TRAIN).met)
    again = interactions.with_unrated(SCHEMA, (train, test), 8)[0]
    assert np.array_equal(again.features["categories"], drawn.features["categories"])


def test_who_met_every_item_has_no_others():
    everything = interactions.liked(ratings(*(("a", item, 5, 1) for item in "xyzw"), ("b", "x", 5, 2)), 4)
    (drawn,) = interactions.with_unrated(SCHEMA, (everything,), 2)
    assert SCHEMA.column(drawn.features, "user")[5:].tolist() == ["b", "b"]


def test_users_and_items_that_train_knows_not_are_counted():
    test = ratings(("c", "w", 5, 11), ("c", "v", 5, 12), first=5)
    assert interactions.notes_on_unseen(SCHEMA, TRAIN, {"test": test, "validation": None}) == [
        "test: train knows not 0 of 1 users and 1 of 2 items, in 1 of 2 rows"
    ]
    assert interactions.notes_on_unseen(Schema.of(numbers=("age",)), TRAIN, {"test": test}) == []
    assert interactions.keys_of(Schema.of(categories=("item_id", "user_id"))) == ("user_id", "item_id")
    assert interactions.keys_of(Schema.of(categories=("item",), numbers=("user",))) is None


def test_a_split_by_time_leaves_nothing_of_the_future_in_train():
    generator = np.random.default_rng(0)
    when = generator.integers(0, 300, 1000)  # many rows at one moment
    rows = ratings(*(("a", "x", 5, int(second)) for second in when))
    train, validation, test = splits.split_by_time(rows, when, [0.7, 0.1, 0.2])
    seconds = [part.features["dates"][:, 0] for part in (train, validation, test)]
    assert seconds[0].max() < seconds[1].min() and seconds[1].max() < seconds[2].min()
    assert [round(len(part) / 1000, 1) for part in (train, validation, test)] == [0.7, 0.1, 0.2]
    assert sorted(np.concatenate([part.ids for part in (train, validation, test)])) == list(range(1000))
    with pytest.raises(ZooError, match="2 different moments are too few for 3 parts"):
        splits.split_by_time(rows, when % 2, [0.7, 0.1, 0.2])


def test_a_missing_date_is_the_earliest():
    rows = ratings(*(("a", "x", 5, second) for second in (3, NO_DATE, 1, 2)))
    train, test = splits.split_by_time(rows, rows.features["dates"][:, 0], [0.5, 0.5])
    assert train.ids.tolist() == [1, 2] and test.ids.tolist() == [0, 3]
