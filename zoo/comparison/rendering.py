"""Tables as text."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from zoo.comparison.columns import all_columns, columns_of
from zoo.comparison.selecting import check_columns
from zoo.escaping import json_text, markdown_cell, printable, spreadsheet_cell
from zoo.tasks import Task
from zoo.tasks.catalog import get_task
from zoo.text_table import align_columns, p_text


def render(tables: Sequence[Sequence[dict]], columns: Sequence[str] | None, form: str) -> str:
    """Tables as text.

    Args:
        tables: of `compare`.
        columns: which columns, in their order; None: those that a table of its task shows unasked.
        form: terminal, markdown, csv or json.

    Raises:
        ZooError: there is no such column.
    """
    if columns is not None:
        check_columns(columns)
    every = columns or shown_columns(tables)
    if form == "json":
        return json_text([[{c: row[c] for c in every} for row in rows] for rows in tables])
    if form == "csv":
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(every)
        writer.writerows([_csv_cell(c, row[c], task_of(rows)) for c in every] for rows in tables for row in rows)
        return stream.getvalue().rstrip("\n")
    return "\n\n".join(_text_table(rows, columns or shown_columns([rows]), form) for rows in tables)


def shown_columns(tables: Sequence[Sequence[dict]]) -> list[str]:
    """The columns that tables of such runs show unasked."""
    columns = columns_of([task_of(rows) for rows in tables])
    differ = any(row["settings"] for rows in tables for row in rows)
    return [column.name for column in columns if column.shown or (differ and column.name == "settings")]


def task_of(rows: Sequence[dict]) -> Task:
    """What the models of a table are asked."""
    return get_task(rows[0]["task"])


def _text_table(rows: Sequence[dict], columns: Sequence[str], form: str) -> str:
    cells = [[cell(column, row[column], task_of(rows)) for column in columns] for row in rows]
    if form == "terminal":
        return f"{printable(rows[0]['dataset'])}\n" + align_columns([list(columns), *cells])
    lines = [columns, ["---"] * len(columns), *(map(markdown_cell, line) for line in cells)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _csv_cell(column: str, value: Any, task: Task) -> object:
    return spreadsheet_cell(value) if isinstance(value, str) else cell(column, value, task)


def cell(column: str, value: Any, task: Task) -> str:
    """A figure as people read it; blank where there is none."""
    if value is None:
        return ""
    if column == "rank":
        first, last = value
        return str(first) if first == last else f"{first} to {last}"
    decimals = all_columns()[column].decimals
    decimals = task.headline.decimals if decimals is None else decimals
    if isinstance(value, list | tuple):
        return " to ".join(f"{end:.{decimals}f}" for end in value)
    if column == "p":
        return p_text(value)
    if isinstance(value, float):
        separator = "," if column == "throughput" else ""
        return f"{value:{separator}.{decimals}f}"
    return f"{value:,}" if column in ("parameters", "flops") else str(value)
