"""What a column of the user's table is, and its cells as models read them; pyarrow parses and compares them."""

import collections
import contextlib
import dataclasses
import datetime
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zoo.errors import ZooError, shortened
from zoo.schema import NO_DATE

CELL = str | int | float | bool | np.generic | datetime.date | None  # what a cell in Python may be
MISSING = ("", "na", "n/a", "#n/a", "nan", "nat", "null", "none", "nil", "?", "-", "--")
_FEW_NUMBERS = 10  # whole numbers of so few values are categories
_MOST_ODD = 0.1  # the part of a column's cells that may be no numbers or dates, and is then taken for missing
_IDENTIFIER_ROWS = 20  # fewer rows than these say nothing of identifiers
_WORDS_OF_A_TEXT = 4
_GROUPS = "[ '’\u00a0\u202f]"
# A number with a decimal point or comma; the other mark, spaces and apostrophes may part thousands.
_NUMBER = {
    ".": rf"^[+-]?(\d+|\d{{1,3}}((,|{_GROUPS})\d{{3}})+)?(\.\d*)?([eE][+-]?\d+)?$",
    ",": rf"^[+-]?(\d+|\d{{1,3}}((\.|{_GROUPS})\d{{3}})+)?(,\d*)?([eE][+-]?\d+)?$",
}
# What can be read in one way only: 1,5 and 1,2345 but not 1,234.
_SURE = {
    ".": rf"^[+-]?(\d|,|{_GROUPS})*\.(\d{{1,2}}|\d{{4,}})$|^[+-]?0?\.\d+$|^[+-]?\d{{1,3}}(,\d{{3}})+\.\d+$",
    ",": rf"^[+-]?(\d|\.|{_GROUPS})*,(\d{{1,2}}|\d{{4,}})$|^[+-]?0?,\d+$|^[+-]?\d{{1,3}}(\.\d{{3}})+,\d+$",
}
_ZEROS = r"^0\d+$"  # a code, such as of a place
_DATES = (
    "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d", "%Y/%m/%d %H:%M:%S", "%d.%m.%Y", "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S", "%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y", "%d/%m/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
)  # fmt: skip
_IDENTIFIER = re.compile(r"(^|.*[_ ])(id|ids|index|key|no|nr|number|uuid)|.*(Id|ID)|Unnamed: 0(\.\d+)?|")


@dataclasses.dataclass(frozen=True)
class Typed:
    """A column as models read it.

    Attributes:
        kind: of `zoo.schema.KEYS`; None: to be left out.
        cells: `float64[rows]`, `int64[rows]` seconds or `object[rows]` of str.
        note: what there is to say of it, or "".
    """

    kind: str | None
    cells: np.ndarray | None
    note: str = ""


def plain(table: pa.Table) -> pa.Table:
    """The table with texts, numbers, dates and booleans in the few types that the rest of this module reads.

    Times of day and durations become seconds. Lists, structs and bytes that are no UTF-8 stay.
    """
    return pa.Table.from_arrays([_plain(column) for column in table.columns], names=table.column_names)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind, types = column.type, pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type))
    if types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type))
    if types.is_time(kind) or types.is_duration(kind):
        ticks = column.cast(pa.int32() if types.is_time32(kind) else pa.int64()).cast(pa.float64(), safe=False)
        return pc.divide(ticks, float({"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]))
    if types.is_null(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return column.cast(pa.string())
    if types.is_binary(kind) or types.is_large_binary(kind):
        with contextlib.suppress(pa.ArrowInvalid):  # some programs write texts so
            return column.cast(pa.string())
    return column


def of_frame(frame: Any) -> pa.Table:
    """A DataFrame; the cells of a column of several types become texts.

    Raises:
        ZooError: two columns have one name, or a cell is no single value.
    """
    names = [str(name) for name in frame.columns]
    twice = next((name for name, count in collections.Counter(names).items() if count > 1), None)
    if twice is not None:
        raise ZooError(f"DataFrame: {shortened(repr(twice))} names more than one column; rename one")
    return pa.table({name: _of_series(frame.iloc[:, place], name) for place, name in enumerate(names)})


def _of_series(series: Any, name: str) -> Any:
    with contextlib.suppress(pa.ArrowException, UnicodeEncodeError):
        return pa.array(series, from_pandas=True)
    cells = series.astype(object).where(series.notna(), None).tolist()
    wrong = next((cell for cell in cells if not isinstance(cell, CELL)), None)
    if wrong is not None:
        raise ZooError(f"DataFrame: column {name!r} holds {shortened(repr(wrong))}; one value a cell is needed")
    return as_column(cells)


def texts_of(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column's cells as texts without spaces around them; a missing one is null, however it is spelled."""
    texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
    return pc.if_else(pc.is_in(pc.utf8_lower(texts), pa.array(MISSING)), pa.scalar(None, pa.string()), texts)


def decimal_mark(columns: list[pa.ChunkedArray], separator: str) -> str:
    """Whether a table writes decimals with a point or a comma, by the cells that can be read in one way only."""
    found = {mark: sum(_count(column, pattern) for column in columns) for mark, pattern in _SURE.items()}
    if found["."] == found[","]:
        return "," if separator == ";" and any(_count(column, r"^[+-]?\d+,\d+$") for column in columns) else "."
    return max(found, key=found.get)


def as_kind(column: pa.ChunkedArray, kind: str, mark: str, where: str) -> np.ndarray:
    """A column as one of a known kind: `float64[rows]`, `int64[rows]` or `object[rows]`.

    Raises:
        ZooError: a cell is no number or date; the text names it. Or the column holds lists and the like.
    """
    if _is_nested(column.type):
        raise ZooError(f"{where}: it holds {shortened(str(column.type), 80)}; one value a row is needed")
    if kind == "number":
        values, odd = _numbers(column, mark)
    elif kind == "date":
        values, odd, _ = _dates(column)
    else:
        return _categories(column) if kind == "category" else _texts(column)
    if odd:
        row, cell = odd[0]
        raise ZooError(f"{where}: row {row + 1}: {shortened(repr(cell))} is no {kind}; mend it, or leave it empty")
    return values


def typed(column: pa.ChunkedArray, name: str, mark: str) -> Typed:
    """Decide what a column is by its cells."""
    rows = len(column)
    if _is_nested(column.type):
        return Typed(None, None, f"it holds {column.type}")
    texts = None if _has_type(column.type) else texts_of(column)
    known = column if texts is None else texts
    different = pc.count_distinct(known, mode="only_valid").as_py()
    if different == 0 or (different == 1 and known.null_count == 0):
        return Typed(None, None, "one value in all rows" if different else "all cells are missing")
    found, nearly = rows - known.null_count, ""
    if pa.types.is_temporal(column.type) or (texts is not None and _may_be_dates(texts)):
        dates, odd, note = _dates(column)
        if len(odd) <= _MOST_ODD * found:
            return Typed("date", dates, _joined(note, _said(odd, "dates")))
        nearly = _nearly(odd, found, "dates")
    if not pa.types.is_boolean(column.type):
        numbers, odd = _numbers(column, mark)
        if len(odd) <= _MOST_ODD * found and not (texts is not None and _count(texts, _ZEROS)):
            return _typed_numbers(column, name, numbers, odd, different)
        if odd and different > _FEW_NUMBERS:
            nearly = nearly or _nearly(odd, found, "numbers")
    taken = _typed_texts(column, known, different)
    return dataclasses.replace(taken, note=_joined(taken.note, "" if taken.kind == "text" else nearly))


def _typed_numbers(column, name: str, numbers: np.ndarray, odd: list, different: int) -> Typed:
    found = numbers[np.isfinite(numbers)]
    whole = len(found) > 0 and bool((found == np.floor(found)).all())
    if whole and not odd and different <= _FEW_NUMBERS:
        return Typed("category", _categories(column), "")
    if whole and different == len(numbers) >= _IDENTIFIER_ROWS:
        rising, dense = bool((np.diff(numbers) > 0).all()), np.ptp(found) < 2 * len(numbers)
        if rising or dense or _IDENTIFIER.fullmatch(name):
            return Typed(None, None, "another whole number in each row, as identifiers have")
    return Typed("number", numbers, _said(odd, "numbers"))


def _typed_texts(column, known, different: int) -> Typed:
    found = len(known) - known.null_count
    words = pc.mean(pc.list_value_length(pc.utf8_split_whitespace(known))).as_py() if not pa.types.is_boolean(
        known.type) else 1  # fmt: skip
    if words >= _WORDS_OF_A_TEXT and different > 0.2 * found:
        return Typed("text", _texts(column))
    if found >= _IDENTIFIER_ROWS and different > 0.9 * found:
        return Typed(None, None, "another text in nearly each row, as identifiers and names have")
    return Typed("category", _categories(column))


def _said(odd: list, what: str) -> str:
    return f"{len(odd):,} cells are no {what} and count as missing, such as {shortened(repr(odd[0][1]))}" if odd else ""


def _nearly(odd: list, found: int, what: str) -> str:
    """Of a column that half of its cells say to be another kind than it is taken for."""
    if len(odd) > found / 2:
        return ""
    return (
        f"taken for words, though only {len(odd):,} of {found:,} cells are no {what}, such as "
        f"{shortened(repr(odd[0][1]))}; mend these, or leave them empty"
    )


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _is_nested(kind: pa.DataType) -> bool:
    """Whether it is a type whose cells are no numbers, dates or texts."""
    tests = ("nested", "binary", "large_binary", "fixed_size_binary", "binary_view", "interval")
    return any(getattr(pa.types, f"is_{test}")(kind) for test in tests)


def _has_type(kind: pa.DataType) -> bool:
    """Whether a file says more of a column than that it holds texts."""
    return not pa.types.is_string(kind)


def _count(texts: pa.ChunkedArray, pattern: str) -> int:
    return pc.sum(pc.match_substring_regex(texts, pattern)).as_py() or 0


def _odd(texts: pa.ChunkedArray, is_odd: pa.ChunkedArray) -> list[tuple[int, str]]:
    rows = np.flatnonzero(is_odd.fill_null(False).combine_chunks().to_numpy(zero_copy_only=False))
    return [(int(row), texts[int(row)].as_py()) for row in rows[:1]] + [(int(row), "") for row in rows[1:]]


def _numbers(column: pa.ChunkedArray, mark: str) -> tuple[np.ndarray, list[tuple[int, str]]]:
    """`float64[rows]` with NaN where a number is missing or odd, and (row, cell) of what is odd.

    A column that reads better with the other decimal mark than that of the table is read so.
    """
    if _has_type(column.type) and not pa.types.is_temporal(column.type):
        values = np.array(column.cast(pa.float64(), safe=False).fill_null(np.nan), "float64")
        return np.where(np.isfinite(values), values, np.nan), []
    texts = texts_of(column)
    found = _numbers_with(texts, mark)
    if not found[1] or not _count(texts, r"^[+-]?[\d.,]+$"):
        return found
    return min(found, _numbers_with(texts, "." if mark == "," else ","), key=lambda each: len(each[1]))


def _numbers_with(texts: pa.ChunkedArray, mark: str) -> tuple[np.ndarray, list[tuple[int, str]]]:
    fits = pc.and_(pc.match_substring_regex(texts, _NUMBER[mark]), pc.match_substring_regex(texts, r"\d"))
    plain = pc.replace_substring_regex(texts, r"[ '’\x{00a0}\x{202f}" + ("," if mark == "." else r"\.") + "]", "")
    plain = plain if mark == "." else pc.replace_substring(plain, ",", ".")
    plain = pc.replace_substring_regex(pc.if_else(fits, plain, pa.scalar(None, pa.string())), r"^\+", "")
    values = np.array(plain.cast(pa.float64()).fill_null(np.nan), "float64")
    odd = pc.or_(pc.invert(fits), pa.chunked_array([pa.array(np.isinf(values))]))
    return np.where(np.isfinite(values), values, np.nan), _odd(texts, odd)


def _may_be_dates(texts: pa.ChunkedArray) -> bool:
    found = len(texts) - texts.null_count
    return _count(texts, r"^\d{1,4}[-./]\d{1,2}[-./]\d{1,4}") >= found / 2


def _dates(column: pa.ChunkedArray) -> tuple[np.ndarray, list[tuple[int, str]], str]:
    """`int64[rows]` seconds, (row, cell) of what is odd, and which of two ways to read them was taken."""
    if pa.types.is_temporal(column.type):
        seconds = column.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
        return np.array(seconds.fill_null(NO_DATE), "int64"), [], ""
    given = texts_of(column)
    # ISO 8601 may have a T between date and time, parts of seconds, and a Z.
    iso = r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(:\d\d)?)(\.\d+)?(Z|[+-]00:?00)?$"
    texts = pc.replace_substring_regex(given, iso, r"\1 \2")
    read = {each: pc.strptime(texts, format=each, unit="s", error_is_null=True) for each in _DATES}
    month_first, day_first = (
        pc.coalesce(*(dates for each, dates in read.items() if not each.startswith(other)))
        for other in ("%d/%m", "%m/%d")
    )
    best = day_first if day_first.null_count < month_first.null_count else month_first
    note = ""
    if day_first.null_count == month_first.null_count and not day_first.equals(month_first):
        note = "month before day, as in 12/31/2000; if the day comes first, write dates as 2000-12-31"
    marks = {each[2] for each, dates in read.items() if dates.null_count < len(dates)}
    if len(marks) > 1:
        note = _joined(note, f"dates are written in several ways, with {' and '.join(sorted(marks))}; all are read")
    odd = pc.and_(pc.is_null(best), pc.is_valid(given))
    return np.array(best.cast(pa.int64()).fill_null(NO_DATE), "int64"), _odd(given, odd), note


def _shared(texts: pa.ChunkedArray) -> np.ndarray:
    """`object[rows]` in which equal texts are one object: of a million rows there are few."""
    encoded = texts.fill_null("").dictionary_encode().unify_dictionaries().combine_chunks()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    words = np.empty(len(encoded.dictionary), object)
    words[:] = encoded.dictionary.to_pylist()
    return words[encoded.indices.to_numpy()]


def _categories(column: pa.ChunkedArray) -> np.ndarray:
    """Texts, of which whole numbers and booleans are written in one way: 1 and not 1.0 or 01.0, true and not TRUE."""
    if pa.types.is_boolean(column.type):
        return _shared(column.cast(pa.string()))
    if pa.types.is_floating(column.type):
        texts = pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type)).cast(pa.string())
    else:
        texts = texts_of(column)
    texts = pc.replace_substring_regex(texts, r"^\+?(-?\d+)[.,]0+$", r"\1")
    is_boolean = pc.match_substring_regex(texts, r"^(?i:true|false)$")
    return _shared(pc.if_else(is_boolean, pc.utf8_lower(texts), texts))


def _texts(column: pa.ChunkedArray) -> np.ndarray:
    from zoo.datasets.texts import as_array, clean

    return as_array(clean(text) for text in texts_of(column).fill_null("").to_pylist())


def as_column(values: list[Any]) -> pa.ChunkedArray:
    """Cells of JSON rows, texts, numbers, booleans or None, as texts; 1.0 is then 1."""

    def text(value: Any) -> str | None:
        if value is None or value != value:
            return None
        said = str(value).lower() if isinstance(value, bool) else str(value)
        return said.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # half a pair is no character

    return pa.chunked_array([pa.array([text(value) for value in values], pa.string())])
