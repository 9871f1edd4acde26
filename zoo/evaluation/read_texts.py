"""Text files as a text model needs them."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.datasets.own_texts import read_rows, read_utf8
from zoo.datasets.texts import as_array, clean
from zoo.errors import ZooError, shortened
from zoo.escaping import tell

if TYPE_CHECKING:
    from zoo.loading import LoadedModel


def read(files: list[Path], loaded_model: "LoadedModel") -> tuple[list[str], np.ndarray]:
    """Reads .txt files, a text each, and .csv files with a column text, a text a row.

    Returns:
        Names (file.csv:line for rows) and object[examples].

    Raises:
        ZooError: a file cannot be read, a byte is not UTF-8, or a table has no column text.
    """
    names, texts = [], []
    for file in files:
        rows = _read_table(file) if file.suffix.lower() == ".csv" else [(str(file), read_utf8(file))]
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
    rows = read_rows(file)
    header = [name.strip() for name in rows[0][1]]
    if header.count("text") != 1:
        raise ZooError(f"{file}:1: {header.count('text')} columns 'text' among {shortened(str(header))}; one is needed")
    column = header.index("text")
    short = next((number for number, row in rows[1:] if len(row) <= column), None)
    if short is not None:
        raise ZooError(f"{file}:{short}: no value in column 'text'; mend the line")
    return [(f"{file}:{number}", row[column]) for number, row in rows[1:]]
