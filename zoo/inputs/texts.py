"""Text files as a text model needs them."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.datasets.own_tables import find_text, is_table, open_table
from zoo.datasets.own_texts import LARGEST_TABLE, is_text, read_utf8
from zoo.datasets.texts import as_array, clean
from zoo.errors import ZooError, shortened
from zoo.escaping import tell

if TYPE_CHECKING:
    from zoo.loading import LoadedModel


def is_wanted(file: Path) -> bool:
    """Whether a file is a text, or may be a table of texts."""
    return is_text(file) or is_table(file)


def read(files: list[Path], loaded_model: "LoadedModel") -> tuple[list[str], np.ndarray]:
    """Reads .txt files, a text each, and tables with a column of texts, a text a row.

    Returns:
        Names (file.csv:line for rows) and object[examples].

    Raises:
        ZooError: a file cannot be read, a byte is not UTF-8, or a table has no column of texts.
    """
    names, texts = [], []
    for file in files:
        rows = _read_table(file) if is_table(file) else [(str(file), read_utf8(file))]
        names += [name for name, _ in rows]
        texts += [text for _, text in rows]
    return names, cleaned(names, texts)


def cleaned(names: list[str], texts: list[str]) -> np.ndarray:
    """Returns object[examples] as training cleans them; a text of which nothing is left is told of on stderr."""
    features = as_array(clean(text) for text in texts)
    for name, text in zip(names, features, strict=True):
        if not text:
            tell(f"notice: {name}: an empty text; the answer is what the model says to nothing")
    return features


def _read_table(file: Path) -> list[tuple[str, str]]:
    with open_table(file, LARGEST_TABLE) as table:
        rows = list(table.rows)
    if not rows:
        raise ZooError(f"{file}: no rows under the header")
    column = find_text(table.header, rows[0][1])
    if column is None:
        raise ZooError(f"{file}:1: no column 'text' among {shortened(str(table.header))}; name the column of texts so")
    if ignored := [name for place, name in enumerate(table.header) if place != column]:
        tell(f"notice: {file}: columns ignored: {shortened(', '.join(ignored), 500)}")
    return [(f"{file}:{number}", row[column]) for number, row in rows]
