"""The user's own texts: a folder of text files per class, or a table with the columns text and label."""

import csv
import io
import pathlib
from typing import Any

import numpy as np

from zoo.datasets.own_data import Column, Reading, csv_rows, name_of
from zoo.datasets.splits import Split, refuse_odd_classes
from zoo.datasets.texts import as_array, clean
from zoo.errors import ZooError, shortened
from zoo.safe_reading import MOST_TEXT_BYTES, read_bytes

_LARGEST_CELL = 2**30  # the csv module's own limit, 128 KiB, is less than a book
_LARGEST_TABLE = 2**30


def is_text_table(file: pathlib.Path) -> bool:
    """Whether a table's header names a column text; what cannot be read is left to the reader to complain of."""
    try:
        with csv_rows(file, strict=False, errors="replace") as rows:
            return "text" in [name.strip() for name in next(rows, (0, []))[1]]
    except ZooError:
        return False


def read_text_csv(file: pathlib.Path, reading: Reading) -> tuple[Split, dict[str, Any], None]:
    """A UTF-8 table with the columns text and label → `object[examples]` texts and targets, what describes these.

    Other columns are ignored. Ids are line numbers. Classes are sorted as texts, even where they are numbers.

    Raises:
        ZooError: no such file or column, a byte that is not UTF-8, an empty text or label, or labels that the task
            cannot learn from.
    """
    rows = read_rows(file)
    header = [name.strip() for name in rows[0][1]]
    for name in ("text", "label"):
        if header.count(name) != 1:
            raise ZooError(
                f"{file}:1: {header.count(name)} columns {name!r}; one is needed, beside {shortened(str(header))}"
            )
    texts, labels, ids = [], [], []
    text_column, label_column = header.index("text"), header.index("label")
    for number, row in rows[1:]:
        if len(row) != len(header):
            raise ZooError(f"{file}:{number}: {len(row)} values, but the header has {len(header)} columns")
        text, label = clean(row[text_column]), row[label_column].strip()
        if not text or not label:
            raise ZooError(f"{file}:{number}: the {'label' if text else 'text'} is empty; fill it or remove the row")
        texts.append(text)
        labels.append(label)
        ids.append(str(number))
    targets, described = reading.targets(Column(file, "label", labels, ids))
    if names := described.get("label_names"):
        described["label_names"] = tuple(sorted(names))
        targets = np.array([described["label_names"].index(name) for name in names], "int32")[targets]
    return Split(as_array(texts), targets, np.array(ids)), described, None


def read_text_folder(folder: pathlib.Path) -> tuple[Split, tuple[str, ...]]:
    """`folder/class_name/*.txt` → all texts, `object[examples]`, and sorted class names. Ids are file names.

    Raises:
        ZooError: no such folder, fewer than two classes, an empty class or file, a byte that is not UTF-8.
    """
    if not folder.is_dir():
        raise ZooError(f"--data_dir={folder}: no such folder; text_folder reads FOLDER/class_name/*.txt")
    texts, labels, ids = [], [], []
    for of_class in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        files = sorted(of_class.rglob("*.txt"))
        if not files:
            raise ZooError(f"{of_class}: holds no .txt file; remove it or fill it")
        for file in files:
            texts.append(clean(read_utf8(file)))
            labels.append(of_class.name)
            ids.append(name_of(file, folder))
            if not texts[-1]:
                raise ZooError(f"{file}: is empty; fill it or remove it")
    return _split(texts, labels, ids, str(folder))


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


def read_rows(file: pathlib.Path) -> list[tuple[int, list[str]]]:
    """The (line number, cells) of a UTF-8 table, its header first; empty lines are left out.

    Raises:
        ZooError: as `read_utf8`, or the table is broken or has no rows under its header.
    """
    limit = csv.field_size_limit(_LARGEST_CELL)
    reader = csv.reader(io.StringIO(read_utf8(file, _LARGEST_TABLE), newline=""), strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise ZooError(f"{file}:{reader.line_num}: broken table ({error}); mend the quotes") from None
    finally:
        csv.field_size_limit(limit)
    if len(rows) < 2:
        raise ZooError(f"{file}: no rows under the header")
    return rows


def _split(texts: list[str], labels: list[str], ids: list[str], where: str) -> tuple[Split, tuple[str, ...]]:
    names = sorted(set(labels))
    if len(names) < 2:
        raise ZooError(f"{where}: {len(names)} classes ({', '.join(names) or 'none'}); at least 2 are needed")
    refuse_odd_classes(names, where)
    return Split(as_array(texts), np.searchsorted(names, labels).astype("int32"), np.array(ids)), tuple(names)
