"""Tables as text."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from zoo.comparison.columns import BY_NAME
from zoo.comparison.selecting import check_columns
from zoo.escaping import json_text, markdown_cell, printable, spreadsheet_cell
from zoo.text_table import align_columns


def render(tables: Sequence[Sequence[dict]], columns: Sequence[str], form: str) -> str:
    """Tables as text.

    Args:
        tables: of `compare`.
        columns: which of COLUMNS, in their order.
        form: terminal, markdown, csv or json.

    Raises:
        ZooError: there is no such column.
    """
    check_columns(columns)
    if form == "json":
        return json_text([[{c: row[c] for c in columns} for row in rows] for rows in tables])
    if form == "csv":
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_csv_cell(c, row[c]) for c in columns] for rows in tables for row in rows)
        return stream.getvalue().rstrip("\n")
    return "\n\n".join(_text_table(rows, columns, form) for rows in tables)


def _text_table(rows: Sequence[dict], columns: Sequence[str], form: str) -> str:
    cells = [[cell(column, row[column]) for column in columns] for row in rows]
    if form == "terminal":
        return f"{printable(rows[0]['dataset'])}\n" + align_columns([list(columns), *cells])
    lines = [columns, ["---"] * len(columns), *(map(markdown_cell, line) for line in cells)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _csv_cell(column: str, value: Any) -> object:
    return spreadsheet_cell(value) if isinstance(value, str) else cell(column, value)


def cell(column: str, value: Any) -> str:
    """A figure as people read it; blank where there is none."""
    if value is None:
        return ""
    if column == "rank":
        first, last = value
        return str(first) if first == last else f"{first} to {last}"
    if isinstance(value, list | tuple):
        return f"{value[0]:.4f} to {value[1]:.4f}"
    if column == "p":
        return "< 0.001" if value < 0.001 else f"{value:.3f}"
    if isinstance(value, float):
        separator = "," if column == "throughput" else ""
        return f"{value:{separator}.{BY_NAME[column].decimals}f}"
    return f"{value:,}" if column in ("parameters", "flops") else str(value)
