"""The user's own tables of numbers, categories, dates and texts, with gaps: CSV or Parquet, read by pyarrow."""

import collections
import os
import pathlib
import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from zoo.datasets import column_types
from zoo.datasets.cells import as_float32
from zoo.datasets.own_data import Column, Examples, Reading
from zoo.datasets.own_tables import check_header, find_label, odd_byte, open_table
from zoo.datasets.splits import Split, content_hashes
from zoo.errors import ZooError, first_few, nearest, shortened
from zoo.safe_reading import opened
from zoo.schema import KEYS, Schema, SchemaColumn

DROP = "drop"  # in place of a kind
_BLOCK_BYTES = 16 << 20  # a row must fit into it
_LINES = 10  # of a kind
_SEVERAL = 20
_RAGGED = re.compile(r"Expected \d+ columns, got \d+")


def read_table(file: pathlib.Path) -> tuple[pa.Table, str]:
    """A CSV file, all of whose cells are texts, or a Parquet file as it is; and what parts the cells of the CSV.

    Raises:
        ZooError: it is not there, no table, too large for memory, or changes while it is read.
    """
    with opened(file, "csv and parquet read one FILE") as stream:
        before = os.fstat(stream.fileno())
        is_parquet = stream.read(4) == b"PAR1"
    try:
        table, separator = (pa.parquet.read_table(file), "") if is_parquet else _read_csv(file)
        after = file.stat()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise ZooError(f"{file}: cannot be read as a table ({shortened(' '.join(str(error).split()), 200)})") from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ZooError(f"{file}: changed while it was read; wait until it is whole, and try again")
    check_header(file, table.column_names)
    if not table.num_rows:
        raise ZooError(f"{file}: no rows under the header")
    return table, separator


def _read_csv(file: pathlib.Path) -> tuple[pa.Table, str]:
    with open_table(file) as opened_table:
        header, separator, above = opened_table.header, opened_table.separator, opened_table.empty_lines
        next(opened_table.rows, None)  # a first row that is no row is said with its line
    check_header(file, header)
    try:
        with pa.csv.open_csv(
            file,
            pa.csv.ReadOptions(block_size=_BLOCK_BYTES, skip_rows=above, column_names=header, skip_rows_after_names=1),
            pa.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            pa.csv.ConvertOptions(column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False),
        ) as reader:
            return pa.Table.from_batches(list(reader), reader.schema), separator
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error):
            raise ZooError(f"{file}{odd_byte(file)}; save the file as UTF-8") from None
        if _RAGGED.search(str(error)):  # the reader does not count rows; ours does, and says the line
            with open_table(file) as opened_table:
                collections.deque(opened_table.rows, maxlen=0)
        raise


def read(file: pathlib.Path, reading: Reading) -> Examples:
    """A table with a label → features by kind, see `zoo.schema`, and targets. Ids are rows from 0.

    Raises:
        ZooError: as `read_table`; a column that is named is not there, the label is missing, or says nothing.
    """
    table, separator = read_table(file)
    return of_table(table, file, reading, separator)


def of_table(table: pa.Table, file: pathlib.Path, reading: Reading, separator: str = "") -> Examples:
    """As `read`, of a table in memory; `file` is what messages call it."""
    if reading.is_several:
        raise ZooError(f"{file}: several labels are read of tables of numbers alone; take a column for the label")
    table = column_types.plain(table)
    _refuse_unknown(file, table.column_names, reading)
    others = [n for n in table.column_names if n not in {*reading.drop, reading.group, reading.weight}]
    place, notes = find_label(file, others, reading.label)
    label = others.pop(place)
    texts = [column_types.texts_of(table[n]) for n in table.column_names if pa.types.is_string(table[n].type)]
    mark = column_types.decimal_mark(texts, separator)
    del texts
    targets, described = reading.targets(_label_column(table[label], file, label, mark, reading))
    columns, arrays, said = _typed_columns(table, others, mark, file, reading)
    if not columns:
        why = "; ".join(said) or "bring more beside the label"
        raise ZooError(f"{file}: no column is left to learn from; {why}")
    schema = Schema(tuple(columns))
    split = Split(_stacked(arrays), targets, np.arange(table.num_rows).astype(str))
    if reading.group:
        groups, missing = _groups(table[reading.group], mark, f"{file}: column {reading.group!r}")
        split = split.with_hashes(content_hashes(groups))
        notes.append(f"groups by {reading.group!r}: rows of one group stay on one side of each split")
        if missing:
            notes.append(f"{missing:,} rows have no group: each is taken for a group of its own")
    if reading.weight:
        split = split.with_weights(_weights(table[reading.weight], mark, f"{file}: column {reading.weight!r}"))
        notes.append(f"weights of training rows by {reading.weight!r}; figures count each row alike")
    notes += [*_kinds(schema), *said]
    return Examples(split, described, notes=notes, schema=schema)


def features_of(table: pa.Table, schema: Schema, where: str, separator: str = "") -> dict[str, np.ndarray]:
    """The columns of a schema, of a table that has them in any order, and may have more.

    Raises:
        ZooError: a column is missing, or a cell is not what the column holds; the text names it.
    """
    missing = next((name for name in schema.names if name not in table.column_names), None)
    if missing is not None:
        raise ZooError(f"{where}: no column {missing!r}, which the model reads; {nearest(missing, table.column_names)}")
    table = column_types.plain(table.select(list(schema.names)))
    texts = [column_types.texts_of(each) for each in table.columns if pa.types.is_string(each.type)]
    mark = column_types.decimal_mark(texts, separator)
    arrays: dict[str, list[np.ndarray]] = {}
    for column in schema.columns:
        cells = column_types.as_kind(table[column.name], column.kind, mark, f"{where}: column {column.name!r}")
        if column.kind == "number":
            _refuse_large(cells, f"{where}: column {column.name!r}")
        arrays.setdefault(KEYS[column.kind], []).append(cells)
    return _stacked(arrays)


def _typed_columns(
    table: pa.Table, names: Sequence[str], mark: str, file: pathlib.Path, reading: Reading
) -> tuple[list[SchemaColumn], dict[str, list[np.ndarray]], list[str]]:
    columns, arrays, odd, dropped = [], {}, [], []
    for name in names:
        told = (reading.columns or {}).get(name)
        where = f"{file}: column {name!r}"
        if told == DROP:
            continue
        if told:
            typed = column_types.Typed(told, column_types.as_kind(table[name], told, mark, where))
        else:
            typed = column_types.typed(table[name], name, mark)
        if typed.kind is None:
            dropped.append(f"left out: {name!r}: {typed.note}")
            continue
        if typed.note:
            odd.append(f"warning: {name!r}: {typed.note}")
        if typed.kind == "number":
            _refuse_narrow(typed.cells, name, file)
        columns.append(SchemaColumn(name, typed.kind))
        arrays.setdefault(KEYS[typed.kind], []).append(typed.cells)
    return columns, arrays, [*_first(dropped), *_first(odd)]


def _refuse_narrow(numbers: np.ndarray, name: str, file: pathlib.Path) -> None:
    found = numbers[~np.isnan(numbers)]
    if len(found):
        as_float32(found[:, None], [name], str(file))


def _refuse_large(numbers: np.ndarray, where: str) -> None:
    large = np.flatnonzero(np.abs(numbers) > np.finfo("float32").max)
    if len(large):
        raise ZooError(f"{where}: row {large[0] + 1}: {numbers[large[0]]:g} is beyond what float32 holds; mend it")


def _stacked(arrays: dict[str, list[np.ndarray]]) -> dict[str, np.ndarray]:
    stacked = {}
    for key, columns in arrays.items():
        dtype = "float32" if key == "numbers" else columns[0].dtype
        stacked[key] = np.empty((len(columns[0]), len(columns)), dtype)
        for place in range(len(columns)):
            stacked[key][:, place], columns[place] = columns[place], None  # a column at a time leaves memory
    return stacked


def _refuse_unknown(file: pathlib.Path, names: Sequence[str], reading: Reading) -> None:
    asked = {
        "drop": reading.drop, "group": [reading.group] if reading.group else [],
        "weight": [reading.weight] if reading.weight else [], "columns": reading.columns or {},
    }  # fmt: skip
    for key, wanted in asked.items():
        for name in wanted:
            if name not in names:
                raise ZooError(f"{file}: no column {name!r}, which dataset.{key} names; {nearest(name, names)}")
            if name == reading.label:
                raise ZooError(f"{file}: column {name!r} is the label, and dataset.{key} names it too; name another")
    for name, kind in (reading.columns or {}).items():
        if kind not in (*KEYS, DROP):
            raise ZooError(f"{file}: column {name!r} is told to be {kind!r}; {nearest(str(kind), [*KEYS, DROP])}")
    if reading.group and reading.group == reading.weight:
        raise ZooError(f"{file}: column {reading.group!r} is named by dataset.group and dataset.weight; one is needed")


def _label_column(column: pa.ChunkedArray, file: pathlib.Path, name: str, mark: str, reading: Reading) -> Column:
    """The label's cells as texts, numbers with a decimal point."""
    where = f"{file}: the label {name!r}"
    texts = column_types.as_kind(column, "category", mark, where)
    missing = np.flatnonzero(texts == "")
    if len(missing):
        raise ZooError(
            f"{where} is missing in {len(missing):,} rows, the first of them {missing[0] + 1}; fill it, or take these "
            "rows away; or another column is the label: --set dataset.label=NAME"
        )
    if reading.task.targets == "number":
        texts = np.array([repr(float(n)) for n in column_types.as_kind(column, "number", mark, where)], object)
    elif reading.judges is None and len(texts) >= _SEVERAL and len(set(texts.tolist())) > 0.9 * len(texts):
        raise ZooError(
            f"{where} holds another value in nearly each row, as identifiers do: no classes; name another column, "
            "--set dataset.label=NAME, or take a model of regression if it is a number to predict"
        )
    return Column(file, name, texts.tolist(), range(2, len(texts) + 2))


def _groups(column: pa.ChunkedArray, mark: str, where: str) -> tuple[np.ndarray, int]:
    """`object[rows]`, another for each row that has none, and how many these are."""
    groups = column_types.as_kind(column, "category", mark, where)
    without = np.flatnonzero(groups == "")
    groups[without] = [f"\0{row}" for row in without]
    if len(set(groups.tolist())) < 2:
        raise ZooError(f"{where}: all rows are of one group, and could not be split; name another column, or none")
    return groups, len(without)


def _weights(column: pa.ChunkedArray, mark: str, where: str) -> np.ndarray:
    weights = column_types.as_kind(column, "number", mark, where)
    if np.isnan(weights).any() or (weights < 0).any() or not weights.any():
        raise ZooError(f"{where}: weights of rows are numbers from 0 on, not all 0 and none missing; mend the column")
    return (weights / weights.mean()).astype("float32")


def _kinds(schema: Schema) -> list[str]:
    """A line for each kind of column."""
    lines = []
    for key in KEYS.values():
        if names := schema.names_of(key):
            lines.append(f"{len(names):,} {key}: {first_few(names, _SEVERAL)}")
    return lines


def _first(lines: list[str]) -> list[str]:
    more = len(lines) - _LINES
    return [*lines[:_LINES], f"{more:,} more of this kind"] if more > 1 else lines
