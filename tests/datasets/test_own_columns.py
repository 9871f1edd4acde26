"""One table written in many ways is one table; what a column is, and which tables are refused, with a line."""

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from zoo.datasets import own_columns
from zoo.datasets.own_data import Reading
from zoo.schema import NO_DATE
from zoo.tasks.catalog import get_task

NAMES = ["price", "rooms", "city", "sold", "remark", "garden", "number", "country", "label"]
_CITIES = ("Bern", "Århus", "", "Łódź")


def plain_rows(count=60):
    """Cells in one plain way: a gap is "", a decimal has a point, a date is ISO's."""
    rng = np.random.default_rng(3)
    rows = []
    for row in range(count):
        price = "" if row % 13 == 5 else f"{rng.uniform(800, 90_000):.2f}"
        date = "" if row % 11 == 4 else str(datetime.date(2015, 1, 1) + datetime.timedelta(int(rng.integers(3000))))
        remark = f"near the lake, with {rng.integers(99)} old trees and {rng.integers(99)} birds\nand a road"
        garden = ("true", "false")[row % 2]
        rows.append(
            [price, str(2 + row % 4), _CITIES[row % 4], date, remark, garden, str(500 + row), "CH", "ab"[row % 3 == 0]]
        )
    return rows


def quoted(cell):
    return '"' + cell.replace('"', '""') + '"'


def write(file, rows, names=NAMES, separator=",", end="\n", change=lambda name, cell: cell, quote_all=False, bom=False):
    def cell(name, text):
        text = change(name, text)
        return quoted(text) if quote_all or any(mark in text for mark in (separator, '"', "\n")) else text

    lines = [separator.join(names)]
    lines += [separator.join(cell(n, row[NAMES.index(n)]) for n in names) for row in rows]
    file.write_bytes((b"\xef\xbb\xbf" if bom else b"") + (end.join(lines) + end).encode())


def commas(name, cell):
    return cell.replace(".", ",") if name == "price" else cell


def thousands(mark, decimal):
    def change(name, cell):
        if name != "price" or not cell:
            return cell
        return f"{float(cell):,.2f}".replace(",", "#").replace(".", decimal).replace("#", mark)

    return change


def missing(word):
    return lambda name, cell: cell or word


def upper_booleans(name, cell):
    return cell.upper() if name == "garden" else f"{cell}.0" if name == "rooms" else cell


def german_dates(name, cell):
    return ".".join(reversed(cell.split("-"))) if name == "sold" and cell else cell


def parquet(file, rows):
    columns = dict(zip(NAMES, map(list, zip(*rows, strict=True)), strict=True))
    table = {
        "price": [float(cell) if cell else None for cell in columns["price"]],
        "rooms": [int(cell) for cell in columns["rooms"]],
        "city": [cell or None for cell in columns["city"]],
        "sold": [datetime.date.fromisoformat(cell) if cell else None for cell in columns["sold"]],
        "remark": columns["remark"],
        "garden": [cell == "true" for cell in columns["garden"]],
        "number": [int(cell) for cell in columns["number"]],
        "country": columns["country"],
        "label": columns["label"],
    }
    pyarrow.parquet.write_table(pa.table(table), file)


WAYS = {
    "semicolons and decimal commas": lambda f, r: write(f, r, separator=";", change=commas),
    "tabs": lambda f, r: write(f, r, separator="\t"),
    "a BOM": lambda f, r: write(f, r, bom=True),
    "CRLF": lambda f, r: write(f, r, end="\r\n"),
    "all quoted": lambda f, r: write(f, r, quote_all=True),
    "decimal commas in quotes": lambda f, r: write(f, r, change=commas),
    "columns in another order": lambda f, r: write(f, r, names=[*NAMES[:-1][::-1], "label"]),
    "NA": lambda f, r: write(f, r, change=missing("NA")),
    "question marks and NaN": lambda f, r: write(f, r, change=lambda n, c: c or {"price": "NaN"}.get(n, "?")),
    "null": lambda f, r: write(f, r, change=missing("NULL")),
    "thousands by commas": lambda f, r: write(f, r, change=thousands(",", ".")),
    "thousands by points": lambda f, r: write(f, r, separator=";", change=thousands(".", ",")),
    "thousands by apostrophes": lambda f, r: write(f, r, change=thousands("’", ".")),
    "thousands by spaces": lambda f, r: write(f, r, change=thousands("\u202f", ",")),
    "1.0 and TRUE": lambda f, r: write(f, r, change=upper_booleans),
    "German dates": lambda f, r: write(f, r, change=german_dates),
    "spaces around cells": lambda f, r: write(f, r, change=lambda n, c: c if n == "remark" else f" {c} "),
    "Parquet": parquet,
}


def read(file, task="classification", **more):
    return own_columns.read(file, Reading(get_task(task), columns=more.pop("columns", {}), **more))


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    file = tmp_path_factory.mktemp("clean") / "clean.csv"
    write(file, plain_rows())
    return read(file)


def by_name(examples):
    return {name: examples.schema.column(examples.split.features, name) for name in examples.schema.names}


def test_a_clean_table_is_typed_as_a_person_would(clean):
    assert {column.name: column.kind for column in clean.schema.columns} == {
        "price": "number", "rooms": "category", "city": "category", "sold": "date", "remark": "text",
        "garden": "category",
    }  # fmt: skip
    features = by_name(clean)
    assert np.isnan(features["price"]).sum() == 5 and np.nanmax(features["price"]) > 50_000
    assert sorted(set(features["city"])) == ["", "Bern", "Århus", "Łódź"]
    assert (features["sold"] == NO_DATE).sum() == 6
    first = datetime.datetime.fromtimestamp(int(features["sold"][0]), datetime.UTC)
    assert str(first.date()) == plain_rows()[0][3]
    assert features["remark"][0].endswith("birds\nand a road")
    said = "\n".join(clean.notes)
    assert "left out: 'number': another whole number in each row" in said
    assert "left out: 'country': one value in all rows" in said


@pytest.mark.parametrize("way", WAYS)
def test_one_table_written_in_many_ways_is_one_table(tmp_path, clean, way):
    file = tmp_path / ("table.parquet" if way == "Parquet" else "table.csv")
    WAYS[way](file, plain_rows())
    found = read(file)
    assert {c.name: c.kind for c in found.schema.columns} == {c.name: c.kind for c in clean.schema.columns}
    for name, cells in by_name(clean).items():
        np.testing.assert_array_equal(by_name(found)[name], cells, err_msg=f"{way}: {name}")
    np.testing.assert_array_equal(found.split.targets, clean.split.targets)
    assert found.described == clean.described
