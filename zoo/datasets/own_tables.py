"""The user's own tables: a header and rows, found and read the same way for training and for prediction."""

import array
import collections
import contextlib
import csv
import io
import itertools
import os
import pathlib
import re
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from zoo.datasets.cells import as_float32, finite_numbers, is_number
from zoo.datasets.own_data import Column, Examples, Reading
from zoo.datasets.splits import LONGEST_NAME, Split, content_hashes
from zoo.errors import ZooError, first_few, nearest, shortened
from zoo.safe_reading import opened

ENDINGS = (".csv", ".tsv")
_SEPARATORS = ",;\t"
_LONGEST_LINE = 1 << 24
_LARGEST_CELL = 1 << 24  # characters; the csv module takes 128 KiB, less than a book
_LABELS = ("label", "labels", "target", "class")  # what no column of another meaning is called
_MAYBE_LABELS = {
    "category", "diagnosis", "outcome", "price", "quality", "result", "sentiment", "species", "survived", "y",
}  # fmt: skip
_TEXTS = ("text", "review", "sentence", "comment", "message", "content", "body", "document", "tweet")
_IDENTIFIER = re.compile(r"(^|.*[_ ])(id|ids|index|key|no|nr|number|uuid)|.*(Id|ID)")
_MODELS_OF_WORDS = {"class": "table_mlp", "number": "table_mlp_regressor"}
_INDEX = re.compile(r"|Unnamed: 0(\.\d+)?")  # what pandas calls the index that it has written


class Table(NamedTuple):
    """A table that is open: the names in its header, (line, cells) of its rows, as many, and what parts the cells.

    `empty_lines` are those above the header.
    """

    header: list[str]
    rows: Iterator[tuple[int, list[str]]]
    separator: str = ","
    empty_lines: int = 0


def is_table(file: pathlib.Path) -> bool:
    """Whether a file is a table, by its name: its content could be any text's."""
    return file.suffix.lower() in ENDINGS


@contextlib.contextmanager
def open_table(file: pathlib.Path, most_bytes: int | None = None) -> Iterator[Table]:
    """A UTF-8 table, read row by row. Commas, semicolons or tabs part its cells: whichever part the header most.

    Spaces around a cell's quotes and names go; empty lines are left out.

    Raises:
        ZooError: it is not there, no regular file, over `most_bytes`, not UTF-8, no table, or a row has more or fewer
            cells than the header.
    """
    limit = csv.field_size_limit(_LARGEST_CELL)
    reader = None
    try:
        with opened(file, "csv reads one FILE.csv") as stream:
            size = os.fstat(stream.fileno()).st_size
            if most_bytes and size > most_bytes:
                raise ZooError(f"{file}: {size:,} bytes; at most {most_bytes:,} are read; cut it")
            lines = _lines(io.TextIOWrapper(stream, encoding="utf-8-sig", newline=""))
            above, first = next(((above, line) for above, line in enumerate(lines) if line.strip("\r\n")), (0, ""))
            separator = max(_SEPARATORS, key=lambda each: len(_header(first, each)))
            reader = csv.reader(
                itertools.chain([first], lines), strict=True, skipinitialspace=True, delimiter=separator
            )
            header = [name.strip() for name in next(reader, [])]
            if not header:
                raise ZooError(f"{file}: no rows under the header")
            yield Table(header, _rows(file, reader, len(header), separator), separator, above)
    except UnicodeDecodeError:
        raise ZooError(f"{file}{odd_byte(file)}; save the file as UTF-8") from None
    except (OSError, csv.Error) as error:
        line = f":{reader.line_num}" if reader else ""
        raise ZooError(f"{file}{line}: cannot be read as a UTF-8 table ({error}); mend the quotes") from None
    finally:
        csv.field_size_limit(limit)


def _header(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:
        return []


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise csv.Error(f"a line of {_LONGEST_LINE:,} characters")
        yield line


def _rows(file: pathlib.Path, reader, width: int, separator: str) -> Iterator[tuple[int, list[str]]]:
    for row in reader:
        if row and len(row) != width:
            raise ZooError(
                f"{file}:{reader.line_num}: {len(row)} values, but the header has {width} columns; put a text that "
                f"holds {separator!r} between double quotes"
            )
        if row:
            yield reader.line_num, row


def odd_byte(file: pathlib.Path) -> str:
    """Where a file is not UTF-8, and by which byte."""
    with opened(file) as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                return f":{number}: cannot be read as a UTF-8 table (byte 0x{line[error.start]:02x})"
    return ": cannot be read as a UTF-8 table (it ends within a character)"


def read_csv(file: pathlib.Path, reading: Reading, has_header: bool = False) -> Examples:
    """A table of numbers with a label → `float32[examples, feature]` and targets.

    The label is the column that `reading` names, else the one of a usual name, else the last. An index that pandas has
    written, a first column without name of different whole numbers, is left out. Ids are rows from 0, as pandas
    counts them. `has_header`: the first line names the columns for certain, even by numbers.

    Raises:
        ZooError: as `open_table`; a header that is none, a missing or wrong number (with file, line and column), a
            column that float32 cannot hold, or a label column that the task cannot learn from.
    """
    cells, lines = array.array("d"), array.array("q")
    with open_table(file) as table:
        check_header(file, table.header, has_header)
        if len(table.header) == 1:
            raise ZooError(
                f"{file}: only one column; numbers and a label are needed, parted by commas, semicolons or tabs"
            )
        label_columns, notes = _find_labels(file, table.header, reading)
        names = [name for place, name in enumerate(table.header) if place not in label_columns]
        labels: dict[int, list[str]] = {place: [] for place in label_columns}
        from_behind = [(place, labels[place]) for place in sorted(labels, reverse=True)]
        for number, row in table.rows:
            for place, of_label in from_behind:
                label = row.pop(place).strip()
                if not label:
                    raise ZooError(
                        f"{file}:{number}: the label is missing: {shortened(repr(table.header[place]))} is empty; fill "
                        "it, or take the row away; or another column is the label: --set dataset.label=NAME"
                    )
                of_label.append(sys.intern(label))
            try:
                cells.extend(finite_numbers(row, names, f"{file}:{number}"))
            except ZooError as error:
                model = _MODELS_OF_WORDS.get(reading.task.targets)
                other = f"; or take --model={model}, which reads words, dates and gaps too" if model else ""
                raise ZooError(f"{error}{other}") from None
            lines.append(number)
    if not lines:
        raise ZooError(f"{file}: no rows under the header")
    features = np.frombuffer(cells, "float64").reshape(len(lines), len(names))
    features, names, more = _without_index(file, features, names)
    columns = [Column(file, table.header[place], of_label, lines) for place, of_label in labels.items()]
    targets, described = reading.several(columns) if reading.is_several else reading.targets(*columns)
    split = Split(as_float32(features, names, str(file)), targets, np.arange(len(lines)).astype(str))
    notes += [
        f"{len(names)} features: {first_few(names, 20)}",
        *more,
        *_constants(features, names),
        *_identifiers(features, names),
    ]
    # Numbers that are equal in float32 alone are no equal rows.
    return Examples(split, described, tuple(names), notes=notes, exact_hashes=lambda: content_hashes(features))


def check_header(file: pathlib.Path, header: Sequence[str], numbers_may_name: bool = False) -> None:
    """Raises: ZooError: a name is missing, too long, a number, or there twice; the first column may have none."""
    if len(set(header)) < len(header):
        repeated = min(name for name, count in collections.Counter(header).items() if count > 1)
        raise ZooError(f"{file}:1: {shortened(repr(repeated))} names more than one column; rename one")
    for place, name in enumerate(header, start=1):
        if is_number(name) and not numbers_may_name:
            raise ZooError(
                f"{file}:1: column {place} is called {shortened(repr(name))}, a number: the first line is to name the "
                "columns, in words; write such a line above the rows"
            )
        if len(name) > LONGEST_NAME:
            raise ZooError(
                f"{file}:1: the name of column {place}, {shortened(repr(name))}, has {len(name):,} characters; at most "
                f"{LONGEST_NAME:,} are read"
            )
        if not name and place > 1:
            raise ZooError(f"{file}:1: column {place} has no name; name it, or take it away")


def find_label(file: pathlib.Path, header: list[str], named: str | None) -> tuple[int, list[str]]:
    """Where the label is, and a line that says so.

    Raises:
        ZooError: there is no such column.
    """
    folded = [name.casefold() for name in header]
    if named is not None:
        if named not in header:
            raise ZooError(f"{file}:1: no column {named!r}, which is to be the label; {nearest(named, header)}")
        return header.index(named), [f"label {named!r}, as dataset.label says"]
    known = next((name for name in _LABELS if folded.count(name) == 1), None)
    place = folded.index(known) if known else len(header) - 1
    likely = [header[p] for p, name in enumerate(folded) if p != place and name in {*_LABELS, *_MAYBE_LABELS}]
    how = "by its name" if known else "the last column"
    other = f"; or is it {' or '.join(map(repr, likely[:3]))}? Say it" if likely else "; another"
    return place, [f"label {header[place]!r}, {how}{other}: --set dataset.label=NAME"]


def _find_labels(file: pathlib.Path, header: list[str], reading: Reading) -> tuple[list[int], list[str]]:
    """Where the labels are, and lines that say so. Of a task of several labels, the user names their columns.

    Raises:
        ZooError: one of them is not there, or none is left for the features.
    """
    if not reading.is_several:
        place, notes = find_label(file, header, reading.label)
        return [place], notes
    names = reading.label_columns(str(file))
    places = [find_label(file, header, name)[0] for name in names]
    if len(names) == len(header):
        raise ZooError(f"{file}:1: all columns are labels; leave one out, to learn from")
    return places, [f"{len(names)} labels, as dataset.label says: {first_few(names, 20)}"]


def find_text(header: list[str], first_row: Sequence[str] = ()) -> int | None:
    """Where the texts are: the column `text` in any letter case, or one of a usual name that begins with no number."""
    folded = [name.casefold() for name in header]
    for name in _TEXTS:
        if folded.count(name) == 1:
            place = folded.index(name)
            if name == "text" or (len(first_row) > place and not is_number(first_row[place])):
                return place
    return None


def _without_index(
    file: pathlib.Path, features: np.ndarray, names: list[str]
) -> tuple[np.ndarray, list[str], list[str]]:
    if _INDEX.fullmatch(names[0]) and _are_different_integers(features[:, :1]).all() and len(names) > 1:
        return features[:, 1:], names[1:], ["left out: the first column, which is an index without a name"]
    if not names[0]:
        raise ZooError(f"{file}:1: column 1 has no name; name it, or take it away")
    return features, names, []


def _constants(features: np.ndarray, names: Sequence[str]) -> list[str]:
    constant = np.flatnonzero(features.min(axis=0) == features.max(axis=0))
    few = first_few([repr(names[column]) for column in constant], 10)
    return [f"warning: says nothing, one value in all rows: {few}"] if few else []


def _are_different_integers(features: np.ndarray) -> np.ndarray:
    """`bool[feature]`"""
    whole = (features == np.floor(features)).all(axis=0)
    return whole & (np.diff(np.sort(features, axis=0), axis=0) > 0).all(axis=0)


def _identifiers(features: np.ndarray, names: Sequence[str]) -> list[str]:
    if len(features) < 10:
        return []
    different = _are_different_integers(features)
    rising = (np.diff(features, axis=0) > 0).all(axis=0)
    dense = np.ptp(features, axis=0) < 2 * len(features)
    return [
        f"warning: column {names[i]!r} holds another whole number in each row, as identifiers do; take it away if it "
        "says nothing of the label"
        for i in np.flatnonzero(different)
        if rising[i] or dense[i] or _IDENTIFIER.fullmatch(names[i])
    ]
