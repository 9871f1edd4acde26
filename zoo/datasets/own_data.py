"""The user's own data: a folder of pictures per class, or a table of numbers with a label."""

import csv
import dataclasses
import math
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.datasets import stored
from zoo.datasets.pictures import fit_picture, is_grey, to_eight_bits
from zoo.datasets.splits import Split
from zoo.errors import ZooError
from zoo.tasks import Task

_MANY_NUMBERS = 20  # so many different ones may be classes or something to predict
_PICTURES = {".png", ".jpg", ".jpeg", ".bmp"}


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
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as opened:
            picture = ImageOps.exif_transpose(opened)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ZooError(f"{file}: cannot be read as a picture ({error}); replace or remove it") from None
    picture = to_eight_bits(picture)
    height, width, channels = image_shape or (picture.height, picture.width, 1 if is_grey(picture) else 3)
    return fit_picture(picture, height, width, channels)


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of the user's table, as a task reads its targets from: the cells' texts, and the line of each."""

    file: pathlib.Path
    name: str
    cells: list[str]
    lines: list[str]

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
        return targets, {"targets": self.task.targets} | described


def read_csv(file: pathlib.Path, reading: Reading) -> tuple[Split, dict[str, Any], tuple[str, ...]]:
    """A UTF-8 table with a header → `float32[examples, feature]` and targets, what describes these, feature names.

    The label is the column named `label`, else the last one. Ids are line numbers.

    Raises:
        ZooError: no such file, a ragged row, a missing or wrong number (with file, line and column), or a label column
            that the task cannot learn from.
    """
    try:
        with open(file, encoding="utf-8-sig", newline="") as stream:
            rows = [(number, row) for number, row in _numbered(csv.reader(stream, strict=True)) if row]
    except FileNotFoundError:
        raise ZooError(f"--data_dir={file}: no such file; csv reads one FILE.csv") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ZooError(f"{file}: cannot be read as a UTF-8 table ({error})") from None
    if len(rows) < 2:
        raise ZooError(f"{file}: no rows under the header")
    header = [name.strip() for name in rows[0][1]]
    label_column = header.index("label") if "label" in header else len(header) - 1
    names = tuple(name for column, name in enumerate(header) if column != label_column)
    if repeated := sorted({name for name in header if header.count(name) > 1}):
        raise ZooError(f"{file}:1: {repeated[0]!r} names more than one column; rename one")
    if not names:
        raise ZooError(f"{file}: only one column; numbers and a label are needed")
    features, label_texts, ids = [], [], []
    for number, row in rows[1:]:
        if len(row) != len(header):
            raise ZooError(f"{file}:{number}: {len(row)} values, but the header has {len(header)} columns")
        cells = [
            (name, text) for column, (name, text) in enumerate(zip(header, row, strict=True)) if column != label_column
        ]
        features.append([finite_number(text, f"{file}:{number}: column {name!r}") for name, text in cells])
        label_texts.append(row[label_column].strip())
        ids.append(str(number))
        if not label_texts[-1]:
            raise ZooError(f"{file}:{number}: the label is missing")
    targets, described = reading.targets(Column(file, header[label_column], label_texts, ids))
    return Split(np.array(features, "float32"), targets, np.array(ids)), described, names


def _numbered(reader):
    for row in reader:
        yield reader.line_num, row


def finite_number(text: str, where: str) -> float:
    """A number that float32 holds; `where` begins the message of the `ZooError` for anything else."""
    try:
        value = math.nan if "_" in text else float(text)  # Python reads 1_000
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or abs(value) > float(np.finfo("float32").max):
        raise ZooError(f"{where}: {text!r} is not a finite number; mend the value or remove the row")
    return value


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
