"""Cells of a user's table as numbers that models can compute with."""

import contextlib
import math
import re
from collections.abc import Sequence

import numpy as np

from zoo.errors import ZooError, shortened

_LARGEST = float(np.finfo("float32").max)
_LARGEST_SQUARED = 1e18  # variances are computed of squares
_SMALLEST_SPREAD = 1e-7  # below it, Keras's Normalization takes a column for constant
_ROUNDED_AWAY = 0.01  # of a column's deviation


def as_float32(values: np.ndarray, names: Sequence[str], where: str) -> np.ndarray:
    """`float64[rows, columns]` as models compute with them.

    Raises:
        ZooError: of a column, little or nothing is left in float32; the text names it, and what to do.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what float64 alone holds becomes infinite, and is refused
        narrow = values.astype("float32")
        low, high, spread = values.min(axis=0), values.max(axis=0), values.std(axis=0)
        lost = np.abs(values - narrow).max(axis=0) > _ROUNDED_AWAY * spread
    large = np.maximum(-low, high) > _LARGEST_SQUARED
    wrong = np.flatnonzero((low < high) & (lost | large | (spread < _SMALLEST_SPREAD)))
    if len(wrong):
        column = wrong[0]
        least, greatest, name = low[column], high[column], shortened(repr(names[column]))
        far = lost[column] and abs(least) > spread[column]
        advice = "subtract {0:.15g} from it" if far else "multiply it by {1:g}"
        size = spread[column] or greatest - least  # squares of tiny numbers are 0
        exponent = -round(math.log10(size if math.isfinite(size) else max(-least, greatest)))
        factor = 10.0 ** min(exponent, 300)
        raise ZooError(
            f"{where}: column {name} lies between {least:.15g} and {greatest:.15g}, which float32 cannot tell apart or "
            f"square; {advice.format(least, factor)} before"
        )
    return narrow


def finite_numbers(texts: Sequence[str], names: Sequence[str], where: str) -> list[float]:
    """Numbers that float32 holds; the `ZooError` for anything else names its column."""
    with contextlib.suppress(ValueError):
        values = [float(text) for text in texts]
        if all(-_LARGEST <= value <= _LARGEST for value in values) and not any("_" in text for text in texts):
            return values
    return [finite_number(text, f"{where}: column {name!r}") for text, name in zip(texts, names, strict=True)]


_ADVICE = (
    (r"[+-]?\d+(\.\d{3})*,\d+", "write decimals with a point"),
    ("true|false|yes|no", "write 1 and 0 for it, or take the column away"),
    (r"[^\d\s]{1,3} ?[+-]?[\d.,]+|[+-]?[\d.,]+ ?[^\d\s]{1,3}", "write the number alone"),
    ("(?s:.*)", "mend the value, or take the row or the column away"),
)


def finite_number(text: str, where: str) -> float:
    """A number that float32 holds; `where` begins the message of the `ZooError` for anything else."""
    try:
        value = math.nan if "_" in text else float(text)  # Python reads 1_000
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or abs(value) > _LARGEST:
        advice = next(advice for pattern, advice in _ADVICE if re.fullmatch(pattern, text.strip().lower()))
        raise ZooError(f"{where}: {shortened(repr(text))} is not a finite number; {advice}")
    return value


def is_number(text: str) -> bool:
    """Whether a text says a number, finite or not, in digits."""
    try:
        float(text)
    except ValueError:
        return False
    return text.lower().lstrip("+-") not in ("nan", "inf", "infinity")
