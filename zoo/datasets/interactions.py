"""Who met what, as ratings: tables with a column `user`, a column `item`, and what is known of either. No TensorFlow.

A column belongs to the user where each user has one value of it in the training rows, else to the item where each item
has one; what is left, such as when it was, belongs to the row.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from zoo.datasets.on_disk import Features, each, take
from zoo.datasets.splits import Split
from zoo.datasets.splits import concatenate as concatenate_splits
from zoo.schema import DTYPES, NO_DATE, Schema

_NAMES = {"user": ("user", "user_id"), "item": ("item", "item_id")}


def keys_of(schema: Schema | None) -> tuple[str, str] | None:
    """The names of the columns of users and items; None of a table that has not both as categories."""
    categories = schema.names_of("categories") if schema else ()
    found = [[name for name in names if name in categories] for names in _NAMES.values()]
    return (found[0][0], found[1][0]) if all(found) else None


def users_and_items(schema: Schema, split: Split) -> list[np.ndarray]:
    """`str[rows]` of users and of items; the schema has both."""
    return [schema.column(split.features, key).astype(str) for key in keys_of(schema)]


def are_real(split: Split) -> np.ndarray:
    """`bool[rows]`: which were not drawn, see `with_unrated`."""
    return split.ids >= 0 if split.ids.dtype.kind == "i" else np.ones(len(split), bool)


def notes_on_unseen(schema: Schema | None, train: Split, others: dict[str, Split | None]) -> list[str]:
    """A line for each other split with users or items that no training row has."""
    keys, lines = keys_of(schema), []
    for split, part in others.items() if keys else ():
        if part is None:
            continue
        unseen, words = np.zeros(len(part), bool), []
        for name in keys:
            column = schema.column(part.features, name).astype(str)
            new = ~np.isin(column, schema.column(train.features, name).astype(str))
            unseen |= new
            words.append(f"{len(np.unique(column[new])):,} of {len(np.unique(column)):,} {name}s")
        if unseen.any():
            lines.append(f"{split}: train knows not {' and '.join(words)}, in {unseen.sum():,} of {len(part):,} rows")
    return lines


def liked(split: Split, least: float) -> Split:
    """Numbers as classes: 1 from `least` on, else 0."""
    return dataclasses.replace(split, targets=(split.targets >= least).astype("int32")).with_hashes(split.hashes)


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """Users and items of training rows, and who has met what.

    users, items: `str[…]`, sorted.
    of_user, of_item: `bool[column]` by array, which columns belong to whom.
    user_rows, item_rows: the last training row of each.
    met: `bool[users, items]`; rows that were drawn, whose ids are negative, count not.
    """

    schema: Schema
    features: Features
    users: np.ndarray
    items: np.ndarray
    of_user: dict[str, np.ndarray]
    of_item: dict[str, np.ndarray]
    user_rows: np.ndarray
    item_rows: np.ndarray
    met: np.ndarray

    def knows(self, user: str) -> bool:
        """Whether a training row is of this user."""
        return bool(np.isin(user, self.users))

    def row_of(self, user: str) -> Features:
        """One row with all that the training rows say of a user: the last; of a new one nothing, at the latest date."""
        if self.knows(user):
            return take(self.features, self.user_rows[[np.searchsorted(self.users, user)]])
        row = {key: np.full((1, shape[0]), _MISSING[key], DTYPES[key]) for key, shape in self.schema.shapes.items()}
        if "dates" in row:
            row["dates"][:] = self.features["dates"].max(axis=0)
        key, column = self.schema.place(keys_of(self.schema)[0])
        row[key][0, column] = user
        return row

    def rows(self, users: Features, items: np.ndarray) -> Features:
        """Rows of users, each with an item of this number in place of the row's own."""
        of_items = take(self.features, self.item_rows[items])
        return each(lambda own, other, mask: np.where(mask, other, own), users, of_items, self.of_item)

    def met_by(self, user: str) -> np.ndarray:
        """`bool[items]`, which items a user has in training rows."""
        none = np.zeros(len(self.items), bool)
        return self.met[np.searchsorted(self.users, user)] if self.knows(user) else none


_MISSING = {"numbers": np.nan, "categories": "", "dates": NO_DATE, "texts": ""}


def catalogue(schema: Schema, train: Split) -> Catalogue:
    """What training rows say of users and items; the schema has both, see `keys_of`."""
    numbers, names, last = [], [], []
    for column in users_and_items(schema, train):
        found, place = np.unique(column, return_inverse=True)
        names.append(found)
        numbers.append(place)
        last.append(np.zeros(len(found), int))
        np.maximum.at(last[-1], place, np.arange(len(place)))
    user, item = numbers
    real = are_real(train)
    met = np.zeros((len(names[0]), len(names[1])), bool)
    met[user[real], item[real]] = True
    of_user = each(lambda array: _depends_on(user, array), train.features)
    of_item = each(lambda array, mine: ~mine & _depends_on(item, array), train.features, of_user)
    return Catalogue(schema, train.features, *names, of_user, of_item, *last, met)


def _depends_on(groups: np.ndarray, array: np.ndarray) -> np.ndarray:
    """`bool[column]`: whether all rows of a group have one value."""
    count = len(np.unique(groups))

    def is_one(column: np.ndarray) -> bool:
        values = np.unique(column.astype(str) if column.dtype == object else column, return_inverse=True)[1]
        return len(np.unique(groups * (values.max() + 1) + values)) == count

    return np.array([is_one(array[:, place]) for place in range(array.shape[1])])


def with_unrated(schema: Schema, parts: Sequence[Split], each_liked: int, seed: int = 0) -> list[Split]:
    """Splits with rows of class 0 for items that a user did not rate, `each_liked` for each row of class 1.

    Items are drawn from those of train, all with the same probability. Left out is what the user rated in the split
    and in those before it, train first; what is rated later alone may be drawn, since nobody knows it yet.
    Their ids are negative.

    Args:
        schema: of the features.
        parts: train first.
        each_liked: how many.
        seed: of the drawing.
    """
    known = catalogue(schema, parts[0])
    generator, found = np.random.default_rng(seed), []
    users = np.unique(np.concatenate([users_and_items(schema, part)[0] for part in parts]))
    rated = np.zeros((len(users), len(known.items)), bool)
    for part in parts:
        user, item = users_and_items(schema, part)
        user, of_train = np.searchsorted(users, user), np.isin(item, known.items)
        rated[user[of_train], np.searchsorted(known.items, item[of_train])] = True
        has_choice = ~rated.all(axis=1)[user]
        rows = np.repeat(np.flatnonzero((part.targets == 1) & has_choice), each_liked)
        items = generator.integers(len(known.items), size=len(rows))
        while len(again := np.flatnonzero(rated[user[rows], items])):
            items[again] = generator.integers(len(known.items), size=len(again))
        features = known.rows(take(part.features, rows), items)
        ids = -1 - (part.ids[rows] * each_liked + np.arange(len(rows)) % each_liked)
        drawn = Split(features, np.zeros(len(rows), part.targets.dtype), ids)
        found.append(concatenate_splits([part, drawn]))
    return found
