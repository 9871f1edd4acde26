"""One table written in many ways is one table; what a column is, and which tables are refused, with a line."""

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from zoo import datasets
from zoo.datasets import own_columns, own_tables
from zoo.datasets.own_data import Reading
from zoo.errors import ZooError
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


def table(folder, text, name="table.csv"):
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def rows_of(columns, count=30):
    """CSV of columns that are functions of the row."""
    lines = [",".join(columns), *(",".join(str(cell(row)) for cell in columns.values()) for row in range(count))]
    return "\n".join(lines)


USUAL = {"a": lambda row: row % 17 + 0.5, "b": lambda row: "xyz"[row % 3], "label": lambda row: "yn"[row % 2]}


@pytest.mark.parametrize(
    ("change", "reading", "message"),
    [
        ({}, {"label": "lable"}, "no column 'lable', which is to be the label"),
        ({"label": lambda row: "y"}, {}, "holds only the label 'y'; 2 classes are needed"),
        ({"label": lambda row: f"id{row}"}, {}, "another value in nearly each row, as identifiers do"),
        ({"label": lambda row: "y" if row != 7 else ""}, {}, "'label' is missing in 1 rows, the first of them 8"),
        ({}, {"drop": ("c",)}, "no column 'c', which dataset.drop names"),
        ({}, {"group": "label", "label": "label"}, "column 'label' is the label, and dataset.group names it too"),
        ({"w": lambda row: -1}, {"weight": "w"}, "weights of rows are numbers from 0 on"),
        ({"g": lambda row: "one"}, {"group": "g"}, "column 'g': all rows are of one group, and could not be split"),
        ({}, {"columns": {"b": "wat"}}, "column 'b' is told to be 'wat'"),
        ({}, {"columns": {"b": "number"}}, "column 'b': row 1: 'x' is no number"),
        ({"a": lambda row: 1, "b": lambda row: 2}, {}, "no column is left to learn from"),
        ({"a": lambda row: (row + 0.5) * 1e-30}, {}, "which float32 cannot tell apart"),
    ],
)
def test_a_table_that_says_nothing_is_one_line(tmp_path, change, reading, message):
    columns = {name: change.get(name, USUAL.get(name)) for name in [*(set(change) - set(USUAL)), *USUAL]}
    with pytest.raises(ZooError, match=message.replace("(", r"\(")) as raised:
        read(table(tmp_path, rows_of(columns)), **reading)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,a,label\n1,2,x\n", "'a' names more than one column"),
        ("a,b,label\n1,2\n", "2 values, but the header has 3 columns"),
        ("a,b,label\n1,2,x\n3,4,y\n1,2\n", "table.csv:4: 2 values, but the header has 3 columns"),
        ("a,b,label\n", "no rows under the header"),
        ("", "no rows under the header"),
    ],
)
def test_what_is_no_table_is_one_line(tmp_path, text, message):
    with pytest.raises(ZooError, match=message):
        read(table(tmp_path, text))


def test_a_byte_that_is_not_utf8_is_named_by_its_line(tmp_path):
    file = table(tmp_path, rows_of(USUAL))
    file.write_bytes(file.read_bytes() + b"1,caf\xe9,y\n")
    with pytest.raises(ZooError, match=":31: cannot be read as a UTF-8 table .byte 0xe9.; save the file as UTF-8"):
        read(file)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    file, whole = table(tmp_path, rows_of(USUAL)), own_columns._read_csv

    def while_written(path):
        found = whole(path)
        with path.open("a") as stream:
            stream.write("\n1,x,y")
        return found

    monkeypatch.setattr(own_columns, "_read_csv", while_written)
    with pytest.raises(ZooError, match="changed while it was read"):
        read(file)


def test_few_odd_cells_of_a_column_count_as_missing_and_are_said(tmp_path):
    mixed = USUAL | {"a": lambda row: "about 3" if row == 5 else row + 0.5}
    found = read(table(tmp_path, rows_of(mixed)))
    assert "warning: 'a': 1 cells are no numbers and count as missing, such as 'about 3'" in found.notes
    assert np.isnan(found.split.features["numbers"][:, 0]).nonzero()[0].tolist() == [5]


def test_empty_lines_above_the_header_are_no_rows(tmp_path):
    plain = read(table(tmp_path, rows_of(USUAL)))
    for above in ("\n", "\r\n\r\n", "\ufeff\n\n"):
        found = read(table(tmp_path, above + rows_of(USUAL)))
        assert found.schema == plain.schema and found.described == plain.described
        np.testing.assert_array_equal(found.split.features["numbers"], plain.split.features["numbers"])


def test_a_column_may_have_another_decimal_mark_than_the_others(tmp_path):
    columns = {"comma": lambda row: f"{row % 13},25", "point": lambda row: f"{row % 17 + 0.5:.2f}"}
    columns |= {"mixed": lambda row: f"{row % 19},5" if row % 2 else f"{row % 19}.5", "label": USUAL["label"]}
    lines = rows_of({name: lambda row, cell=cell: f'"{cell(row)}"' for name, cell in columns.items()}, 60)
    found = read(table(tmp_path, lines))
    assert found.schema.names_of("numbers") == ("comma", "point") and found.schema.names_of("categories") == ("mixed",)
    np.testing.assert_array_equal(by_name(found)["comma"][:3], [0.25, 1.25, 2.25])
    np.testing.assert_array_equal(by_name(found)["point"][:3], [0.5, 1.5, 2.5])
    (said,) = [note for note in found.notes if "'mixed'" in note]
    assert "taken for words, though only 30 of 60 cells are no numbers, such as '" in said


def test_dates_may_be_written_in_several_ways(tmp_path):
    ways = (lambda day: f"2020-01-{day:02d}", lambda day: f"{day:02d}.01.2020", lambda day: f"01/{day:02d}/2020",
            lambda day: f"2020-01-{day:02d}T00:00:00Z")  # fmt: skip
    columns = {"when": lambda row: ways[row % 4](1 + row % 28)} | USUAL
    found = read(table(tmp_path, rows_of(columns, 56)))
    first = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC).timestamp()
    np.testing.assert_array_equal(by_name(found)["when"], [first + 86_400 * (row % 28) for row in range(56)])
    assert "warning: 'when': dates are written in several ways, with - and . and /; all are read" in found.notes
    columns["when"] = lambda row: ways[0](1 + row) if row % 5 else "soon"
    (said,) = [note for note in read(table(tmp_path, rows_of(columns, 28))).notes if "'when'" in note]
    assert "6 of 28 cells are no dates, such as 'soon'" in said


def test_rows_without_a_group_are_no_group(tmp_path):
    columns = {"g": lambda row: "" if row % 2 else f"p{row // 40}"} | USUAL
    dataset = datasets.load("csv", table(tmp_path, rows_of(columns, 400)), columns={}, group="g")
    assert "200 rows have no group: each is taken for a group of its own" in dataset.report["notes"]
    assert len(dataset.test) > 10 and (dataset.test.ids.astype(int) % 2).any() and len(dataset.train) > 200


def test_several_labels_of_a_mixed_table_are_one_line(tmp_path):
    with pytest.raises(ZooError, match="several labels are read of tables of numbers alone"):
        read(table(tmp_path, rows_of(USUAL)), task="multi_label", label=["a", "label"])


@pytest.mark.parametrize(
    ("task", "said"),
    [("classification", "--model=table_mlp,"), ("regression", "--model=table_mlp_regressor,"), ("multi_label", None)],
)
def test_a_model_that_reads_words_is_named_where_there_is_one(tmp_path, task, said):
    label = {"multi_label": "c,d"}.get(task, "c")
    file = table(tmp_path, "a,b,c,d\n1,x,0,1\n2,y,1,0\n3,y,1,1\n")
    with pytest.raises(ZooError, match="'x' is not a finite number") as raised:
        own_tables.read_csv(file, Reading(get_task(task), label=label))
    assert said in str(raised.value) if said else "--model" not in str(raised.value)


def parquet_of(folder, **columns):
    file = folder / "typed.parquet"
    pa.parquet.write_table(pa.table(columns | {"a": [row % 17 + 0.5 for row in range(60)], "label": ["y", "n"] * 30}),
                           file)  # fmt: skip
    return file


TYPES = {
    "time": (pa.array([datetime.time(row % 24, 30) for row in range(60)]), "number", 3_600 + 1_800),
    "duration": (pa.array([datetime.timedelta(milliseconds=500 * (row % 23)) for row in range(60)]), "number", 0.5),
    "decimal": (pa.array([f"{row % 23}.25" for row in range(60)]).cast(pa.decimal128(10, 2)), "number", 1.25),
    "large": (pa.array([2**53 + 2**40 * (row % 23) for row in range(60)]), "number", 2**53 + 2**40),
    "bytes": (pa.array([b"x%d" % (row % 4) for row in range(60)]), "category", "x1"),
    "view": (pa.array([f"x{row % 4}" for row in range(60)]).cast(pa.string_view()), "category", "x1"),
    "dictionary": (pa.array([f"x{row % 4}" for row in range(60)]).dictionary_encode(), "category", "x1"),
    "null": (pa.nulls(60), None, "all cells are missing"),
    "list": (pa.array([[row] for row in range(60)]), None, "it holds list<"),
    "struct": (pa.array([{"k": row} for row in range(60)]), None, "it holds struct<"),
    "no text": (pa.array([b"\xff%d" % (row % 4) for row in range(60)]), None, "it holds binary"),
}


@pytest.mark.parametrize("name", TYPES)
def test_columns_of_every_type_of_a_parquet_file(tmp_path, name):
    cells, kind, second = TYPES[name]
    file = parquet_of(tmp_path, it=cells)
    found = read(file, label="label")
    if kind:
        assert {c.name: c.kind for c in found.schema.columns}["it"] == kind and by_name(found)["it"][1] == second
        return
    assert found.schema.names == ("a",) and any("left out: 'it': " + second in note for note in found.notes)
    if name == "null":
        return
    kinds = [{"columns": {"it": told}} for told in ("number", "category", "date", "text")]
    for asked in ({"label": "it"}, {"group": "it"}, {"weight": "it"}, *kinds):
        with pytest.raises(ZooError, match="'it'[^\n]*: it holds .*; one value a row is needed$"):
            read(file, **{"label": "label"} | asked)


def test_rows_of_one_group_are_on_one_side_of_each_split(tmp_path):
    columns = {"patient": lambda row: f"p{row // 4}"} | USUAL
    file = table(tmp_path, rows_of(columns, 400))
    dataset = datasets.load("csv", file, columns={}, group="patient", weight=None)
    assert "patient" not in dataset.schema.names
    groups = [{int(row) // 4 for row in part.ids} for part in (dataset.train, dataset.validation, dataset.test)]
    assert not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])
    assert dataset.report["test_rows_also_in_train"] == 0


def test_weights_come_along_and_a_code_keeps_its_zeros(tmp_path):
    columns = {"w": lambda row: 1 + row % 2, "zip": lambda row: f"0{row % 12}123"} | USUAL
    dataset = datasets.load("csv", table(tmp_path, rows_of(columns, 200)), columns={}, weight="w")
    for part in (dataset.train, dataset.validation):
        np.testing.assert_allclose(part.weights, np.where(part.ids.astype(int) % 2, 4 / 3, 2 / 3), rtol=1e-6)
    assert "00123" in set(dataset.schema.column(dataset.train.features, "zip"))
    assert datasets.load("csv", table(tmp_path, rows_of(columns, 200)), columns={}).train.weights is None


@pytest.mark.slow
def test_ten_thousand_columns_are_read_at_once(tmp_path):
    names = [f"c{number}" for number in range(10_000)]
    lines = [",".join([*names, "label"])]
    lines += [",".join([*(str((row * 7 + n) % 23 + 0.5) for n in range(10_000)), "ab"[row % 2]]) for row in range(12)]
    found = read(table(tmp_path, "\n".join(lines)))
    assert found.split.features["numbers"].shape == (12, 10_000)
    assert all(len(note) < 1000 for note in found.notes)
