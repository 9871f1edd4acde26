"""The user's own sequences: a folder of CSV files per class, or `.ts` files."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from zoo.datasets.own_data import Column, Examples, Reading
from zoo.datasets.own_folders import read_classes
from zoo.datasets.own_tables import check_header, is_table, open_table
from zoo.datasets.sequences import MOST_STEPS, lengths, numbers_of, padded, read_lines, read_ts
from zoo.datasets.splits import Split
from zoo.errors import ZooError, first_few, nearest

_PARTS = {"train": "_train.ts", "test": "_test.ts"}


class OneSequence(NamedTuple):
    """Names of channels, `float32[time, channel]`, columns left out, and whether steps behind `MOST_STEPS` were."""

    channels: list[str]
    values: np.ndarray
    left_out: list[str]
    is_cut: bool


def read_sequence(file: pathlib.Path, drop: Sequence[str] = (), wanted: Sequence[str] | None = None) -> OneSequence:
    """A CSV file whose rows are the steps of one sequence, its columns the channels; an empty cell is a gap.

    A first column without a name is an index, and left out.

    Args:
        file: with a header.
        drop: columns that are left out.
        wanted: the columns to read, in this order; by default all.

    Raises:
        ZooError: as `open_table`; a cell is no number, a wanted column is missing, or no step has a value.
    """
    rows: list[list[float]] = []
    is_cut = False
    with open_table(file) as table:
        check_header(file, table.header)
        channels = [name for name in table.header if name and name not in drop] if wanted is None else list(wanted)
        if missing := [name for name in channels if name not in table.header]:
            raise ZooError(f"{file}:1: no column {missing[0]!r}; {nearest(missing[0], table.header)}")
        if not channels:
            raise ZooError(f"{file}:1: no column is left to read; name fewer in dataset.drop")
        places = [table.header.index(name) for name in channels]
        for number, row in table.rows:
            if is_cut := len(rows) == MOST_STEPS:
                break
            try:
                rows.append(numbers_of([row[place] for place in places], channels, f"{file}:{number}"))
            except ZooError as error:
                raise ZooError(f"{error}; or leave the column out: --set 'dataset.drop=[NAME]'") from None
        left_out = [name for name in table.header if name not in channels]
    values = np.array(rows, "float32").reshape(-1, len(channels))
    if np.isnan(values).all():
        raise ZooError(f"{file}: the sequence is empty, no step has a value; fill it or remove the file")
    return OneSequence(channels, values, left_out, is_cut)


def read_sequence_folder(folder: pathlib.Path, reading: Reading) -> Examples:
    """`folder/class_name/*.csv` → `float32[examples, time, channel]` of sorted classes. Ids are file names.

    Raises:
        ZooError: as `read_classes` and `read_sequence`; or the files have different columns.
    """
    classes = read_classes(folder, is_table, "sequence_folder reads FOLDER/class_name/*.csv", ".csv or .tsv file")
    found = [read_sequence(file, reading.drop) for file in classes.files]
    channels = found[0].channels
    for file, sequence in zip(classes.files, found, strict=True):
        if odd := set(channels) ^ set(sequence.channels):
            raise ZooError(
                f"{file}: has {len(sequence.channels)} columns, {classes.files[0]} {len(channels)}; {min(odd)!r} is in "
                f"one of them alone: add it, or leave it out everywhere: --set 'dataset.drop=[{min(odd)}]'"
            )
    if unknown := [name for name in reading.drop if not any(name in sequence.left_out for sequence in found)]:
        raise ZooError(f"{folder}: dataset.drop names {unknown[0]!r}, no column; {nearest(unknown[0], channels)}")
    values = [one.values[:, [one.channels.index(name) for name in channels]] for one in found]
    features = padded(values, folder=folder)
    notes = [_about(features, channels), *_cut(sum(sequence.is_cut for sequence in found))]
    examples = classes.examples(Split(features, classes.targets, classes.ids))
    return dataclasses.replace(examples, feature_names=tuple(channels), notes=notes)


def read_ts_files(path: pathlib.Path, reading: Reading) -> Examples:
    """A `.ts` file, or a folder with one `NAME_TRAIN.ts` and one `NAME_TEST.ts` → `float32[examples, time, channel]`.

    Ids are `file:line`.

    Raises:
        ZooError: there is no such file, or as `read_ts`.
    """
    files = {"train": path} if path.is_file() else _of_folder(path)
    series, ids, parts = [], [], []
    for part, file in files.items():
        before = len(series)
        series += read_ts(read_lines(file), str(file))
        if len(series) == before:
            raise ZooError(f"{file}: no sequences behind @data; give a file with examples")
        ids += [f"{file.name}:{one.line}" for one in series[before:]]
        parts += [part] * (len(series) - before)
    counts = {one.values.shape[1] for one in series}
    if len(counts) > 1:
        raise ZooError(
            f"{path}: train and test have {' and '.join(map(str, sorted(counts)))} channels; as many are needed"
        )
    column = Column(path, "label", [one.label for one in series], [one.line for one in series])
    targets, described = reading.targets(column)
    features = padded([one.values for one in series], folder=path.parent)
    channels = [str(number) for number in range(1, features.shape[2] + 1)]
    notes = [_about(features, channels), *_cut(sum(len(one.values) == MOST_STEPS for one in series))]
    part_of_row = np.array(parts) if len(files) > 1 else None
    return Examples(Split(features, targets, np.array(ids)), described, part_of_row=part_of_row, notes=notes)


def _of_folder(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    if not folder.is_dir():
        raise ZooError(f"--data_dir={folder}: no such file or folder; ts_file reads FILE.ts, or a folder of two")
    found = {}
    for part, ending in _PARTS.items():
        files = [file for file in sorted(folder.iterdir()) if file.name.lower().endswith(ending)]
        if len(files) != 1:
            raise ZooError(
                f"--data_dir={folder}: {len(files)} files NAME{ending.upper()[:-3]}.ts; one is needed, beside its "
                "other part; or name a single file, FILE.ts"
            )
        found[part] = files[0]
    return found


def _about(features, channels: Sequence[str]) -> str:
    steps = lengths(features)
    return f"{steps.min():,} to {steps.max():,} steps of {len(channels)} channels: {first_few(channels, 20)}"


def _cut(count: int) -> list[str]:
    return [f"warning: {count:,} sequences have more steps; their first {MOST_STEPS:,} are read"] if count else []
