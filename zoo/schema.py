"""What the columns of a mixed table are, and in which array of its features each of them stands. No TensorFlow here."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.errors import ZooError, nearest

# The name of the array that holds the columns of a kind; missing values are NaN, "", NO_DATE and "".
KEYS = {"number": "numbers", "category": "categories", "date": "dates", "text": "texts"}
DTYPES = {"numbers": "float32", "categories": "object", "dates": "int64", "texts": "object"}
NO_DATE = int(np.iinfo("int64").min)


@dataclasses.dataclass(frozen=True)
class SchemaColumn:
    """A column of a table: its name, and what it holds, one of `KEYS`."""

    name: str
    kind: str


@dataclasses.dataclass(frozen=True)
class Schema:
    """The columns of a mixed table; those of one kind stand in the order of the columns of its array.

    Features of such a table are `numbers`, `float32[rows, n]`; `categories`, `object[rows, m]` of str; `dates`,
    `int64[rows, d]`, seconds since 1970; and `texts`, `object[rows, t]` of str. A kind without columns has no array.
    """

    columns: tuple[SchemaColumn, ...]

    @classmethod
    def of(cls, **names: Sequence[str]) -> "Schema":
        """From names by the name of their array: `Schema.of(numbers=["age"], categories=["sex", "race"])`."""
        kinds = {key: kind for kind, key in KEYS.items()}
        return cls(tuple(SchemaColumn(name, kinds[key]) for key, of_key in names.items() for name in of_key))

    @classmethod
    def from_json(cls, columns: Iterable[Mapping[str, str]] | None) -> "Schema | None":
        """What `to_json` gave; None stays None."""
        return None if columns is None else cls(tuple(SchemaColumn(each["name"], each["kind"]) for each in columns))

    def to_json(self) -> list[dict[str, str]]:
        return [dataclasses.asdict(column) for column in self.columns]

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in the order of the columns."""
        return tuple(column.name for column in self.columns)

    def names_of(self, key: str) -> tuple[str, ...]:
        """The names of the columns of an array, such as `numbers`."""
        return tuple(column.name for column in self.columns if KEYS[column.kind] == key)

    @property
    def shapes(self) -> dict[str, tuple[int]]:
        """Of one row of each array that there is."""
        widths = {key: len(self.names_of(key)) for key in KEYS.values()}
        return {key: (width,) for key, width in widths.items() if width}

    def place(self, name: str) -> tuple[str, int]:
        """The array that holds a column, and the number of the column there.

        Raises:
            ZooError: there is no such column.
        """
        kind = next((column.kind for column in self.columns if column.name == name), None)
        if kind is None:
            raise ZooError(f"no column {name!r} in the table; {nearest(name, self.names)}")
        return KEYS[kind], self.names_of(KEYS[kind]).index(name)

    def column(self, features: Mapping[str, Any], name: str) -> np.ndarray:
        """A column of features.

        Raises:
            ZooError: there is no such column.
        """
        key, place = self.place(name)
        return features[key][:, place]

    def taken_from(self, features: dict[str, Any], other: "Schema") -> dict[str, Any]:
        """Features of a table of another schema that has these columns too, in the order of this one.

        Raises:
            ZooError: a column is not there, or is of another kind.
        """
        if self == other:
            return features
        taken = {}
        for key in self.shapes:
            places = [other.place(name) for name in self.names_of(key)]
            wrong = next((n for n, (k, _) in zip(self.names_of(key), places, strict=True) if k != key), None)
            if wrong is not None:
                raise ZooError(f"column {wrong!r} is not one of {key}, as the model reads it; see dataset.columns")
            taken[key] = features[key][:, [place for _, place in places]]
        return taken

    def written(self, features: Mapping[str, Any], name: str) -> list[str]:
        """A column of features as a person would write it; what is missing is empty.

        Raises:
            ZooError: there is no such column.
        """
        column = self.column(features, name)
        if column.dtype == "int64":
            return ["" if second == NO_DATE else str(np.datetime64(int(second), "s")) for second in column]
        if column.dtype == "float32":
            return ["" if number != number else str(number) for number in column]
        return column.tolist()


def frequent_categories(categories: np.ndarray, least_count: int = 1, most: int | None = None) -> list[list[str]]:
    """Of each column of `object[examples, column]` the categories of at least `least_count` rows, the frequent first.

    At most `most` of a column. Missing ones, "", are none.
    """
    vocabularies = []
    for column in range(categories.shape[1]):
        counts = collections.Counter(categories[:, column].tolist())
        del counts[""]
        kept = sorted((word for word, count in counts.items() if count >= least_count), key=lambda w: (-counts[w], w))
        vocabularies.append(kept[:most])
    return vocabularies
