"""What a column of the user's table is, and its cells as models read them; pyarrow parses and compares them."""

import dataclasses
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zoo.errors import ZooError, shortened
from zoo.schema import NO_DATE

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


def texts_of(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column's cells as texts without spaces around them; a missing one is null, however it is spelled."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
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
        ZooError: a cell is no number or date; the text names it.
    """
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
    if pa.types.is_temporal(column.type) or (texts is not None and _may_be_dates(texts)):
        dates, odd, note = _dates(column)
        if len(odd) <= _MOST_ODD * (rows - known.null_count):
            return Typed("date", dates, note or _said(odd, "dates"))
    if not pa.types.is_boolean(column.type):
        numbers, odd = _numbers(column, mark)
        if len(odd) <= _MOST_ODD * (rows - known.null_count) and not (texts is not None and _count(texts, _ZEROS)):
            return _typed_numbers(column, name, numbers, odd, different)
    return _typed_texts(column, known, different)


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


def _is_nested(kind: pa.DataType) -> bool:
    return pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _has_type(kind: pa.DataType) -> bool:
    """Whether a file says more of a column than that it holds texts."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return not (pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _count(texts: pa.ChunkedArray, pattern: str) -> int:
    return pc.sum(pc.match_substring_regex(texts, pattern)).as_py() or 0


def _odd(texts: pa.ChunkedArray, is_odd: pa.ChunkedArray) -> list[tuple[int, str]]:
    rows = np.flatnonzero(is_odd.fill_null(False).combine_chunks().to_numpy(zero_copy_only=False))
    return [(int(row), texts[int(row)].as_py()) for row in rows[:1]] + [(int(row), "") for row in rows[1:]]


def _numbers(column: pa.ChunkedArray, mark: str) -> tuple[np.ndarray, list[tuple[int, str]]]:
    """`float64[rows]` with NaN where a number is missing or odd, and (row, cell) of what is odd."""
    if _has_type(column.type) and not pa.types.is_temporal(column.type):
        values = np.array(column.cast(pa.float64()).fill_null(np.nan), "float64")
        return np.where(np.isfinite(values), values, np.nan), []
    texts = texts_of(column)
    fits = pc.and_(pc.match_substring_regex(texts, _NUMBER[mark]), pc.match_substring_regex(texts, r"\d"))
    plain = pc.replace_substring_regex(texts, r"[ '’\x{00a0}\x{202f}" + ("," if mark == "." else r"\.") + "]", "")
    plain = plain if mark == "." else pc.replace_substring(plain, ",", ".")
    plain = pc.replace_substring_regex(pc.if_else(fits, plain, pa.scalar(None, pa.string())), r"^\+", "")
    values = np.array(plain.cast(pa.float64()).fill_null(np.nan), "float64")
    odd = pc.or_(pc.invert(fits), pa.chunked_array([pa.array(np.isinf(values))]))
    return np.where(np.isfinite(values), values, np.nan), _odd(texts, odd)


def _may_be_dates(texts: pa.ChunkedArray) -> bool:
    found = len(texts) - texts.null_count
    return _count(texts, r"^\d{1,4}[-./]\d{1,2}[-./]\d{1,4}") >= (1 - _MOST_ODD) * found


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
    best = min(read, key=lambda each: read[each].null_count)
    note = ""
    other = best.replace("%m/%d", "%d/%m")
    if other != best and read[other].null_count == read[best].null_count and not read[other].equals(read[best]):
        note = "month before day, as in 12/31/2000; if the day comes first, write dates as 2000-12-31"
    odd = pc.and_(pc.is_null(read[best]), pc.is_valid(given))
    return np.array(read[best].cast(pa.int64()).fill_null(NO_DATE), "int64"), _odd(given, odd), note


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
        if value is None or (isinstance(value, float) and value != value):
            return None
        return str(value).lower() if isinstance(value, bool) else str(value)

    return pa.chunked_array([pa.array([text(value) for value in values], pa.string())])
