"""The user's own data: what their readers return, and what a label column is taken for."""

import collections
import dataclasses
import math
import pathlib
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.datasets.cells import as_float32, finite_number, is_number
from zoo.datasets.splits import Split, refuse_odd_classes
from zoo.errors import ZooError, first_few, nearest, shortened
from zoo.schema import Schema
from zoo.tasks import Task

_MANY_NUMBERS = 20  # so many different ones may be classes or something to predict
_MISSING = {"nan", "na", "n/a", "null", "none", "nil", "?", "-", "--", "#n/a", "missing", "unknown"}


@dataclasses.dataclass(frozen=True)
class Examples:
    """All that was read of the user's file or folder.

    Attributes:
        split: every example.
        described: fields of `DatasetInfo`.
        feature_names: of a table's columns.
        part_of_row: `str[examples]`, the split of each where the folder names splits.
        notes: what was guessed, and what looks strange, a line each.
        left_out: how many files of which kind were not read.
        schema: of the columns of a mixed table.
        exact_hashes: by which equal examples are found, where those of the features see less.
    """

    split: Split
    described: dict[str, Any]
    feature_names: tuple[str, ...] | None = None
    part_of_row: np.ndarray | None = None
    notes: list[str] = dataclasses.field(default_factory=list)
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)
    exact_hashes: Callable[[], np.ndarray] | None = None
    schema: Schema | None = None

    def parts(self) -> tuple[Split, Split | None, Split | None]:
        """Train, and validation and test where the user's folder names them."""
        if self.part_of_row is None:
            return self.split, None, None
        rows = [np.flatnonzero(self.part_of_row == name) for name in ("train", "validation", "test")]
        train, *others = (self.split.take(of_part) if len(of_part) else None for of_part in rows)
        return train, *others


def name_of(file: pathlib.Path, folder: pathlib.Path) -> str:
    r"""A file's path below a folder; bytes of it that are no text as `\\udcff`."""
    return str(file.relative_to(folder)).encode("utf-8", "backslashreplace").decode()


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of the user's table, as a task reads its targets from: the cells' texts, and the line of each."""

    file: pathlib.Path
    name: str
    cells: Sequence[str]
    lines: Sequence[int]

    @property
    def where(self) -> str:
        """The place, to begin an error message with."""
        return f"{self.file}: column {self.name!r}"

    def numbers(self) -> np.ndarray:
        """`float32[rows]`.

        Raises:
            ZooError: a cell is no finite number; the text names its line. Or float32 cannot tell them apart.
        """
        places = (f"{self.file}:{line}: column {self.name!r}" for line in self.lines)
        if self.cells and not is_number(self.cells[0]) and "," not in self.cells[0]:
            raise ZooError(
                f"{next(places)}: {shortened(repr(self.cells[0]))} is no number, and the label is to be predicted as "
                "one; mend it, or take a model of classification if the label names classes"
            )
        values = [finite_number(cell, place) for cell, place in zip(self.cells, places, strict=True)]
        return as_float32(np.array(values)[:, None], [self.name], str(self.file))[:, 0]


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a label column is for, whether to ask where that is not sure, and its name where the user says it.

    Attributes:
        label: of a task of several labels a list of names, or one text with commas between them.
        judges: the classes of a model that is judged on the rows, which may all be of one; None: to learn from them.
        columns: what columns of a mixed table are, where the user says it; None: the table is one of numbers or texts.
        drop: names of columns to be left out of a mixed table.
        group: the column whose groups stay together.
        weight: the column of the rows' weights.
    """

    task: Task
    ask: bool = False
    label: str | Sequence[str] | None = None
    judges: tuple[str, ...] | None = None
    columns: Mapping[str, str] | None = None
    drop: tuple[str, ...] = ()
    group: str | None = None
    weight: str | None = None

    def targets(self, column: Column) -> tuple[np.ndarray, dict[str, Any]]:
        """The targets, and the fields of `DatasetInfo` that describe them.

        Raises:
            ZooError: the cells are no targets for the task, or may be for another as well.
        """
        different = set(column.cells)
        described = {"targets": self.task.targets, "target_name": column.name}
        if self.judges is not None and self.task.targets == "number":
            return column.numbers(), described
        if self.judges:
            places = self._places(different, column.where)
            return np.array([places[cell] for cell in column.cells], "int32"), described | {"label_names": self.judges}
        many = len(different) > _MANY_NUMBERS and all(map(_is_finite, different))
        if self.ask and self.task.targets == "class" and many:
            raise ZooError(
                f"{column.where} holds {len(different):,} different numbers: say --task=regression to predict them, "
                "with a model of regression, or --task=classification if each of them is a class; or --set "
                "dataset.label=NAME if the label is another column"
            )
        targets, more = self.task.read_targets(column)
        if "label_names" in more:
            refuse_odd_classes(more["label_names"], str(column.file))
        return targets, described | more

    @property
    def is_several(self) -> bool:
        """Whether the targets are several columns, each yes or no."""
        return self.task.targets == "labels"

    def label_columns(self, where: str) -> list[str]:
        """The names of several labels' columns: a list, or names with commas between them.

        Raises:
            ZooError: none is named, or one twice.
        """
        given = self.label if self.label is not None else self.judges or ""
        names = [name.strip() for name in (given.split(",") if isinstance(given, str) else given)]
        if not all(names):
            raise ZooError(f"{where}: which columns are the labels? Name them: --set 'dataset.label=[a, b]'")
        if repeated := [name for name in names if names.count(name) > 1]:
            raise ZooError(f"{where}: dataset.label names {repeated[0]!r} twice; once is enough")
        return names

    def several(self, columns: Sequence[Column]) -> tuple[np.ndarray, dict[str, Any]]:
        """`int8[rows, labels]`, a column each, and the fields of `DatasetInfo` that describe them.

        Raises:
            ZooError: a cell is neither yes nor no, or of those to learn from, a column is the same in all rows.
        """
        names = tuple(column.name for column in columns)
        refuse_odd_classes(names, str(columns[0].file))
        targets = np.stack([self.task.read_targets(column, self.judges is None)[0] for column in columns], axis=1)
        return targets, {"targets": self.task.targets, "label_names": names}

    def _places(self, cells: set[str], where: str) -> dict[str, int]:
        """The numbers of the model's classes by what the cells call them: their names, or the numbers themselves."""
        names = {name: place for place, name in enumerate(self.judges)}
        numbers = {str(place): place for place in range(len(names))}
        if cells <= set(names) or not cells <= set(numbers):
            unknown = min(cells - set(names), default=None)
            if unknown is not None:
                held = shortened(repr(unknown))
                raise ZooError(f"{where} holds {held}, which is no class of the model; {nearest(unknown, names)}")
            return names
        return numbers


def notes_on_classes(names: Sequence[str], targets: np.ndarray) -> list[str]:
    """What the classes are, and which of them may be no class, or one class in two spellings."""
    counts = np.bincount(targets, minlength=len(names)).tolist()
    lines = [f"{len(names):,} classes: {first_few(names, 20)}"]
    if missing := [(name, count) for name, count in zip(names, counts, strict=True) if name.casefold() in _MISSING]:
        shown = ", ".join(f"{name!r} ({count:,} rows)" for name, count in missing)
        lines.append(f"warning: taken for a class like others: {shown}; take these rows away if their label is unknown")
    numbers = [float(name) for name in names if _is_finite(name)]
    broken = [name for name, number in zip(names, numbers, strict=False) if not number.is_integer()]
    if len(numbers) == len(names) and (broken or len(names) > len(targets) / 2):
        lines.append(
            f"warning: taken for classes: numbers such as {[*broken, *names][0]!r}; to predict them, --task=regression "
            "and a model of regression"
        )
    alike = collections.defaultdict(list)
    for name, count in zip(names, counts, strict=True):
        alike[_spelling(name)].append(f"{name!r} ({count:,} rows)")
    for group in [group for group in alike.values() if len(group) > 1][:5]:
        lines.append(f"warning: taken for different classes: {', '.join(group)}; write them alike if they are one")
    return lines


def _spelling(name: str) -> str | float:
    """What names that may mean the same share."""
    if _is_finite(name):
        return float(name)
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
