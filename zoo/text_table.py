"""Aligned columns for the terminal."""

from collections.abc import Sequence

from zoo.escaping import printable


def p_text(p: float) -> str:
    """A p-value as people read it."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def align_columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of as many cells each → one line a row, columns as wide as their widest cell, two spaces between."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
