"""Which rows of a table are compared or shown, and in which order."""

import dataclasses
import fnmatch
import math
import operator
import re
from collections.abc import Sequence
from typing import Any

from zoo.comparison.columns import Column, all_columns
from zoo.errors import ZooError, nearest
from zoo.tasks.catalog import get_task

_OPERATORS = {
    "<=": operator.le, ">=": operator.ge, "!=": operator.ne, "==": operator.eq, "<": operator.lt, ">": operator.gt,
    "=": operator.eq,
}  # fmt: skip
_CONDITION = re.compile(r"\s*([a-z_0-9]+)\s*(<=|>=|!=|==|<|>|=)\s*(.+?)\s*")


@dataclasses.dataclass(frozen=True)
class Condition:
    """`column operator value`; a value that is no number is a pattern such as `mnist_*`."""

    column: Column
    operator: str
    value: float | str

    def holds(self, row: dict[str, Any]) -> bool:
        """Whether a row meets it; a blank cell meets none.

        Raises:
            ZooError: a number is asked for where the column holds none, or the other way round.
        """
        found = row[self.column.name]
        if self.column.name == "rank" and found is not None:
            found = found[0]
        if found is None:
            return False
        if isinstance(found, tuple | list):
            raise ZooError(f"--where={self}: {self.column.name} is an interval; ask for a single figure")
        if isinstance(found, str):
            if self.operator not in ("=", "==", "!="):
                raise ZooError(f"--where={self}: {self.column.name} is a name; only = and != go with it")
            return fnmatch.fnmatchcase(found, self._text()) != (self.operator == "!=")
        if isinstance(self.value, str):
            raise ZooError(f"--where={self}: {self.column.name} is a number, {self.value!r} is none")
        return _OPERATORS[self.operator](found, self.value)

    def _text(self) -> str:
        return self.value if isinstance(self.value, str) else f"{self.value:g}"

    def __str__(self) -> str:
        return f"{self.column.name}{self.operator}{self._text()}"


def parse_conditions(texts: Sequence[str]) -> list[Condition]:
    """`["seconds<100 and model=mnist_*"]` → conditions that must all hold.

    Raises:
        ZooError: a text is no condition, or there is no such column.
    """
    return [_parse(part, text) for text in texts for part in re.split(r"\s+and\s+", text.strip())]


def _parse(part: str, text: str) -> Condition:
    match = _CONDITION.fullmatch(part)
    if not match:
        raise ZooError(f"--where={text}: write COLUMN<VALUE, with < <= > >= = or !=, and `and` between conditions")
    name, sign, value = match.groups()
    if name not in (known := all_columns()):
        raise ZooError(f"--where={text}: no column {name!r}; {nearest(name, known)}")
    value = value.strip("'\"")
    try:
        number = math.nan if "_" in value else float(value.replace(",", ""))
    except ValueError:
        number = math.nan
    return Condition(known[name], sign, value if math.isnan(number) else number)


def meeting(rows: Sequence[dict[str, Any]], conditions: Sequence[Condition]) -> list[dict[str, Any]]:
    """The rows that meet all conditions."""
    return [row for row in rows if all(condition.holds(row) for condition in conditions)]


def sort_rows(rows: Sequence[dict[str, Any]], sort_by: str) -> list[dict[str, Any]]:
    """The best first, by `COLUMN`; `-COLUMN` is the other way round. Blank cells come last, ties keep their order."""
    name = sort_by.removeprefix("-")
    better = all_columns()[name].better
    if better == "headline" and rows:
        better = get_task(rows[0]["task"]).headline.better
    falling = (better == "more") != sort_by.startswith("-")
    known = [row for row in rows if row[name] is not None]
    blank = [row for row in rows if row[name] is None]
    return sorted(known, key=lambda row: row[name], reverse=falling) + blank


def check_columns(columns: Sequence[str], sort_by: str | None = None) -> None:
    """Raises: ZooError: there is no such column, or none is asked for."""
    known = all_columns()
    if not columns:
        raise ZooError(f"--columns: name one or more of {', '.join(known)}")
    for flag, asked in [*(("columns", column) for column in columns), ("sort_by", sort_by or columns[0])]:
        if asked.removeprefix("-" if flag == "sort_by" else "") not in known:
            raise ZooError(f"--{flag}={asked}: no such column; {nearest(asked, known)}")
