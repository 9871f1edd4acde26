"""The user's own data: a folder of pictures per class, or a table of numbers with a label."""

import array
import collections
import contextlib
import csv
import dataclasses
import io
import math
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from zoo.datasets import on_disk
from zoo.datasets.pictures import fit_picture, is_grey, open_picture, to_eight_bits
from zoo.datasets.splits import Split, refuse_odd_classes
from zoo.errors import ZooError, shortened
from zoo.safe_reading import opened
from zoo.tasks import Task

_MANY_NUMBERS = 20  # so many different ones may be classes or something to predict
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
    refuse_odd_classes(classes, f"--data_dir={folder}")
    files, labels = [], []
    for label, name in enumerate(classes):
        of_class = sorted(path for path in (folder / name).rglob("*") if path.suffix.lower() in _PICTURES)
        if not of_class:
            raise ZooError(f"{folder / name}: holds no picture ({', '.join(sorted(_PICTURES))}); remove it or fill it")
        files += of_class
        labels += [label] * len(of_class)
    shape = _read_picture(files[0], image_shape).shape
    images = on_disk.allocate((len(files), *shape), "uint8", folder)
    for row, file in enumerate(files):
        image = _read_picture(file, image_shape)
        if image.shape != shape:
            raise ZooError(
                f"{file}: {image.shape}, but the first picture is {shape}; "
                "say --set dataset.image_shape=[height,width,channel] to bring all to one size"
            )
        images[row] = image
    ids = np.array([name_of(file, folder) for file in files])
    return Split(on_disk.filled(images), np.array(labels, "int32"), ids), tuple(classes)


def _read_picture(file: pathlib.Path, image_shape: Sequence[int] | None) -> np.ndarray:
    """`uint8[height, width, channel]`, of the file's own shape where none is given."""
    picture = to_eight_bits(open_picture(file, str(file), formats=("PNG", "JPEG", "BMP")))
    height, width, channels = image_shape or (picture.height, picture.width, 1 if is_grey(picture) else 3)
    return fit_picture(picture, height, width, channels)


def name_of(file: pathlib.Path, folder: pathlib.Path) -> str:
    r"""A file's path below a folder; bytes of it that are no text as `\udcff`."""
    return str(file.relative_to(folder)).encode("utf-8", "backslashreplace").decode()


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of the user's table, as a task reads its targets from: the cells' texts, and the line of each."""

    file: pathlib.Path
    name: str
    cells: Sequence[str]
    lines: Sequence[int | str]

    @property
    def where(self) -> str:
        """The place, to begin an error message with."""
        return f"{self.file}: column {self.name!r}"

    def numbers(self) -> np.ndarray:
        """`float32[rows]`.

        Raises:
            ZooError: a cell is no finite number; the text names its line.
        """
        places = (f"{self.file}:{line}: column {self.name!r}" for line in self.lines)
        return np.array([finite_number(cell, place) for cell, place in zip(self.cells, places, strict=True)], "float32")


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a label column is for, and whether to ask where that is not sure."""

    task: Task
    ask: bool = False

    def targets(self, column: Column) -> tuple[np.ndarray, dict[str, Any]]:
        """The targets, and the fields of `DatasetInfo` that describe them.

        Raises:
            ZooError: the cells are no targets for the task, or may be for another as well.
        """
        different = set(column.cells)
        many = len(different) > _MANY_NUMBERS and all(map(_is_number, different))
        if self.ask and self.task.targets == "class" and many:
            raise ZooError(
                f"{column.where} holds {len(different):,} different numbers: say --task=regression to predict them, "
                "with a model of regression, or --task=classification if each of them is a class"
            )
        targets, described = self.task.read_targets(column)
        if "label_names" in described:
            refuse_odd_classes(described["label_names"], str(column.file))
        return targets, {"targets": self.task.targets} | described


def read_csv(file: pathlib.Path, reading: Reading) -> tuple[Split, dict[str, Any], tuple[str, ...]]:
    """A UTF-8 table with a header → `float32[examples, feature]` and targets, what describes these, feature names.

    The label is the column named `label`, else the last one. Ids are line numbers.

    Raises:
        ZooError: no such file, a ragged row, a missing or wrong number (with file, line and column), or a label column
            that the task cannot learn from.
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
    if not texts:
        raise ZooError(f"{file}: no rows under the header")
    targets, described = reading.targets(Column(file, header[label_column], texts, ids))
    split = Split(np.array(features, "float32").reshape(len(texts), len(names)), targets, np.array(ids).astype(str))
    return split, described, tuple(names)


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


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
