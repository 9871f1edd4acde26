"""The user's own texts: a folder of text files per class, or a table with a column of texts and a label."""

import pathlib
from collections.abc import Sequence

import numpy as np

from zoo.datasets.own_data import Column, Examples, Reading
from zoo.datasets.own_folders import read_classes
from zoo.datasets.own_tables import check_header, find_label, find_text, open_table
from zoo.datasets.splits import Split
from zoo.datasets.texts import as_array, clean
from zoo.errors import ZooError, shortened
from zoo.safe_reading import MOST_TEXT_BYTES, read_bytes

LARGEST_TABLE = 1 << 30


def is_text(file: pathlib.Path) -> bool:
    """Whether a file is a text, by its name: anything may be one by its content."""
    return file.suffix.lower() in (".txt", "")


def is_text_table(file: pathlib.Path, label: str | Sequence[str] | None = None) -> bool:
    """Whether a table holds texts beside its label; what cannot be read is left to the reader to complain of."""
    try:
        with open_table(file) as table:
            names = _without(label, table.header)
            if "text" in [name.casefold() for name in names]:
                return True
            return find_text(names, next(table.rows, (1, []))[1]) is not None
    except ZooError:
        return False


def read_text_csv(file: pathlib.Path, reading: Reading) -> Examples:
    """A table with a column of texts and a label → `object[examples]` texts and targets.

    Other columns are ignored. Ids are rows from 0, as pandas counts them. Classes are sorted as texts, even where they
    are numbers.

    Raises:
        ZooError: as `open_table`; no such column, an empty text or label, or labels that the task cannot learn from.
    """
    texts, labels, lines, notes = [], [], [], []
    with open_table(file, LARGEST_TABLE) as table:
        check_header(file, table.header)
        text_column = label_column = None
        for number, row in table.rows:
            if text_column is None:
                text_column, label_column, notes = _columns(file, table.header, row, reading.label)
            text, label = clean(row[text_column]), row[label_column].strip()
            if not text or not label:
                raise ZooError(
                    f"{file}:{number}: the {'label' if text else 'text'} is empty; fill it or remove the row"
                )
            texts.append(text)
            labels.append(label)
            lines.append(number)
    if not texts:
        raise ZooError(f"{file}: no rows under the header")
    column = Column(file, table.header[label_column], labels, lines)
    targets, described = reading.targets(column)
    if names := described.get("label_names"):
        described["label_names"] = tuple(sorted(names))
        targets = np.array([described["label_names"].index(name) for name in names], "int32")[targets]
    split = Split(as_array(texts), targets, np.arange(len(texts)).astype(str))
    return Examples(split, described, notes=notes)


def _without(label: str | None, header: list[str]) -> list[str]:
    """The header, in which the label that the user names is called nothing: it is no text."""
    return ["" if name == label else name for name in header]


def _columns(
    file: pathlib.Path, header: list[str], first_row: list[str], label: str | None
) -> tuple[int, int, list[str]]:
    """Where the text and the label are, and lines that say so."""
    text_column = find_text(_without(label, header), first_row)
    if text_column is None:
        raise ZooError(f"{file}:1: no column 'text' among {shortened(str(header))}; name the column of texts so")
    others = [name for place, name in enumerate(header) if place != text_column]
    if not others:
        raise ZooError(f"{file}:1: no column 'label' beside the texts; a label is needed")
    place, notes = find_label(file, others, label)
    ignored = [name for name in others if name and name != others[place]]
    notes = [f"texts {header[text_column]!r}", *notes]
    if ignored:
        notes.append(f"columns left out: {shortened(', '.join(ignored), 500)}")
    return text_column, header.index(others[place]), notes


def read_text_folder(folder: pathlib.Path) -> Examples:
    """`folder/class_name/*.txt` → all texts, `object[examples]`, of sorted classes. Ids are file names.

    Raises:
        ZooError: as `read_classes`; an empty file, or a byte that is not UTF-8.
    """
    classes = read_classes(folder, is_text, "text_folder reads FOLDER/class_name/*.txt", ".txt file")
    texts = []
    for file in classes.files:
        texts.append(clean(read_utf8(file)))
        if not texts[-1]:
            raise ZooError(f"{file}: is empty; fill it or remove it")
    return classes.examples(Split(as_array(texts), classes.targets, classes.ids))


def read_utf8(file: pathlib.Path, most_bytes: int = MOST_TEXT_BYTES) -> str:
    """Raises: ZooError: the file cannot be read, or a byte is not UTF-8; the text names its line."""
    content = read_bytes(file, most_bytes, "check the path")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ZooError(
            f"{file}:{line}: byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        ) from None
