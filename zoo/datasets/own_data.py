"""The user's own data: a folder of pictures per class, or a table of numbers with a label."""

import array
import collections
import contextlib
import csv
import io
import math
import pathlib
import sys
from collections.abc import Iterator, Sequence

import numpy as np

from zoo.datasets import stored
from zoo.datasets.pictures import fit_picture, is_grey, open_picture, to_eight_bits
from zoo.datasets.splits import Split, refuse_many_classes
from zoo.errors import ZooError, shortened
from zoo.safe_reading import opened

_PICTURES = {".png", ".jpg", ".jpeg", ".bmp"}
_LONGEST_LINE = 1 << 24
_LARGEST = float(np.finfo("float32").max)


def read_image_folder(folder: pathlib.Path, image_shape: Sequence[int] | None) -> tuple[Split, tuple[str, ...]]:
    """`folder/class_name/*.png` → all pictures, `uint8[examples, height, width, channel]`, and sorted class names.

    Raises:
        ZooError: no such folder, fewer than two classes, an empty class, a damaged picture, or sizes that differ.
    """
    if not folder.is_dir():
        raise ZooError(f"--data_dir={folder}: no such folder; image_folder reads FOLDER/class_name/*.png")
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(classes) < 2:
        raise ZooError(f"--data_dir={folder}: {len(classes)} folders of classes; at least 2 are needed")
    refuse_many_classes(classes, f"--data_dir={folder}")
    files, labels = [], []
    for label, name in enumerate(classes):
        of_class = sorted(path for path in (folder / name).rglob("*") if path.suffix.lower() in _PICTURES)
        if not of_class:
            raise ZooError(f"{folder / name}: holds no picture ({', '.join(sorted(_PICTURES))}); remove it or fill it")
        files += of_class
        labels += [label] * len(of_class)
    shape = _read_picture(files[0], image_shape).shape
    images = stored.allocate((len(files), *shape), "uint8", folder)
    for row, file in enumerate(files):
        image = _read_picture(file, image_shape)
        if image.shape != shape:
            raise ZooError(
                f"{file}: {image.shape}, but the first picture is {shape}; "
                "say --set dataset.image_shape=[height,width,channel] to bring all to one size"
            )
        images[row] = image
    ids = np.array([str(file.relative_to(folder)) for file in files])
    return Split(stored.filled(images), np.array(labels, "int32"), ids), tuple(classes)


def _read_picture(file: pathlib.Path, image_shape: Sequence[int] | None) -> np.ndarray:
    """`uint8[height, width, channel]`, of the file's own shape where none is given."""
    picture = to_eight_bits(open_picture(file, str(file), formats=("PNG", "JPEG", "BMP")))
    height, width, channels = image_shape or (picture.height, picture.width, 1 if is_grey(picture) else 3)
    return fit_picture(picture, height, width, channels)


def read_csv(file: pathlib.Path) -> tuple[Split, tuple[str, ...], tuple[str, ...]]:
    """A UTF-8 table with a header → `float32[examples, feature]`, sorted label names, feature names.

    The label is the column named `label`, else the last one. Ids are line numbers.

    Raises:
        ZooError: no such file, a ragged row, a missing or wrong number (with file, line and column), one class only.
    """
    features, texts, ids = array.array("f"), [], array.array("q")
    with csv_rows(file) as rows:
        header = [name.strip() for name in next(rows, (0, []))[1]]
        label_column = _label_column(header, file)
        names = header[:label_column] + header[label_column + 1 :]
        for number, row in rows:
            where = f"{file}:{number}"
            if len(row) != len(header):
                raise ZooError(f"{where}: {len(row)} values, but the header has {len(header)} columns")
            label = row.pop(label_column).strip()
            if not label:
                raise ZooError(f"{where}: the label is missing")
            features.extend(finite_numbers(row, names, where))
            texts.append(sys.intern(label))
            ids.append(number)
    labels = tuple(sorted(set(texts), key=_natural_order))
    if not texts:
        raise ZooError(f"{file}: no rows under the header")
    if len(labels) < 2:
        raise ZooError(f"{file}: only the label {labels[0]!r} in column {header[label_column]!r}; 2 classes are needed")
    refuse_many_classes(labels, str(file))
    positions = {label: position for position, label in enumerate(labels)}
    split = Split(
        np.array(features, "float32").reshape(len(texts), len(names)),
        np.array([positions[text] for text in texts], "int32"),
        np.array(ids).astype(str),
    )
    return split, labels, tuple(names)


def _label_column(header: list[str], file: pathlib.Path) -> int:
    """Raises: ZooError: the header names a column twice, or has no two."""
    repeated = sorted(name for name, count in collections.Counter(header).items() if count > 1)
    if repeated:
        raise ZooError(f"{file}:1: {repeated[0]!r} names more than one column; rename one")
    if not header:
        raise ZooError(f"{file}: no rows under the header")
    if len(header) == 1:
        raise ZooError(f"{file}: only one column; numbers and a label are needed")
    return header.index("label") if "label" in header else len(header) - 1


def _natural_order(label: str) -> tuple:
    return (0, int(label), label) if label.isdecimal() else (1, 0, label)


@contextlib.contextmanager
def csv_rows(
    file: pathlib.Path, strict: bool = True, errors: str = "strict"
) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """The rows of a UTF-8 table with their line numbers, one at a time; empty lines are left out.

    Args:
        file: the table.
        strict: whether quotes must be in order.
        errors: what becomes of bytes that are not UTF-8, as `open` takes it.

    Raises:
        ZooError: it is not there, no regular file, not UTF-8, or no table.
    """
    try:
        with opened(file, "csv reads one FILE.csv") as stream:
            text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors=errors, newline="")
            reader = csv.reader(_lines(text), strict=strict)
            yield ((reader.line_num, row) for row in reader if row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ZooError(f"{file}: cannot be read as a UTF-8 table ({error})") from None


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise csv.Error(f"a line of {_LONGEST_LINE:,} characters")
        yield line


def finite_numbers(texts: Sequence[str], names: Sequence[str], where: str) -> list[float]:
    """Numbers that float32 holds; the `ZooError` for anything else names its column."""
    with contextlib.suppress(ValueError):
        values = [float(text) for text in texts]
        if all(-_LARGEST <= value <= _LARGEST for value in values) and not any("_" in text for text in texts):
            return values
    return [finite_number(text, f"{where}: column {name!r}") for text, name in zip(texts, names, strict=True)]


def finite_number(text: str, where: str) -> float:
    """A number that float32 holds; `where` begins the message of the `ZooError` for anything else."""
    try:
        value = math.nan if "_" in text else float(text)  # Python reads 1_000
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or abs(value) > _LARGEST:
        raise ZooError(f"{where}: {shortened(repr(text))} is not a finite number; mend the value or remove the row")
    return value
