"""Datasets: examples with splits that leak nothing, label names, and where they came from."""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.datasets import interactions, near_duplicates, official, on_disk, sources, splits, synthetic, tables, texts
from zoo.datasets.catalog import DatasetInfo, add_dataset, dataset_info, list_datasets
from zoo.datasets.own_data import Examples, Reading, notes_on_classes
from zoo.datasets.splits import Split
from zoo.datasets.walk import fewer_kinds
from zoo.errors import ZooError
from zoo.schema import Schema
from zoo.tasks import Task
from zoo.tasks.catalog import get_task

__all__ = [
    "Dataset",
    "DatasetInfo",
    "Split",
    "as_columns",
    "cross_validation_folds",
    "dataset_info",
    "from_memory",
    "is_at_hand",
    "list_datasets",
    "load",
    "load_configured",
    "register_dataset",
    "with_fraction_of_train",
]

_VALIDATION_ROWS = 5_000
_OWN_TEST_FRACTION = 0.1


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Three splits; `digest` is the SHA-256 over all of them, `report` counts what was found.

    `test` is None if it is withheld, as from the trials of a search. `known` are figures that no model can beat, such
    as the Bayes accuracy of generated data; results.json repeats them.
    """

    info: DatasetInfo
    train: Split
    validation: Split
    test: Split | None
    digest: str
    report: dict[str, Any]
    feature_names: tuple[str, ...] | None = None
    schema: Schema | None = None
    known: dict[str, float] = dataclasses.field(default_factory=dict)


_generated: dict[str, Callable[[], tuple[Split, Split, Split]]] = {
    "xor": lambda: (synthetic.xor(),) * 3,
    "synthetic_binary": synthetic.synthetic_binary,
}
_NOTES = {"xor": {"note": "all splits are the four points"}}
_KNOWN = {"synthetic_binary": {"bayes_accuracy": synthetic.BAYES_ACCURACY}}


def register_dataset(info: DatasetInfo, splits: Callable[[], tuple[Split, Split, Split]]) -> None:
    """Add data of the user's own that Python makes: `splits` gives train, validation and test.

    Raises:
        ZooError: the name is taken by other data.
    """
    add_dataset(dataclasses.replace(info, source=info.source or "generated"))
    _generated[info.name] = splits


def load(
    name: str,
    data_dir: str | os.PathLike | None = None,
    validation_fraction: float | None = None,
    image_shape: Sequence[int] | None = None,
    task: Task | None = None,
    ask: bool = False,
    label: str | Sequence[str] | None = None,
    duplicates: str | None = None,
    columns: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
    group: str | None = None,
    weight: str | None = None,
) -> Dataset:
    """Load a dataset; the first time this fetches and prepares it.

    Args:
        name: one of `list_datasets()`.
        data_dir: where prepared data live (default: TFDS's rule), or the user's own folder or file.
        validation_fraction: of the training rows; by default 5,000 rows, or a tenth of the user's own data.
        image_shape: (height, width, channel) to which the user's own pictures are brought.
        task: what the label column of the user's own table is for; by default classification.
        ask: refuse a label column of many different numbers, which may be classes or numbers to predict.
        label: name of the label column of the user's own table, by default guessed; or of several labels' columns.
        duplicates: "drop" equal training examples but the first, or "keep" them, all on one side of each split; by
            default rows of the user's own table are kept, and all else dropped.
        columns: to read the user's own table as one of mixed columns: what some of them are, if the user says it, one
            of `zoo.schema.KEYS` or "drop"; None: as one of numbers or of texts.
        drop, group, weight: columns of such a table that are left out, whose rows stay together, and that weigh rows.

    Raises:
        ZooError: no such dataset, or its data cannot be had or read; the text says what to do.
    """
    info = dataset_info(name)
    if validation_fraction is not None and not 0 < validation_fraction < 1:
        raise ZooError(f"validation_fraction is {validation_fraction}; a number between 0 and 1 is needed")
    if image_shape is not None and (len(image_shape) != 3 or min(image_shape) < 1 or image_shape[2] not in (1, 3)):
        raise ZooError(f"image_shape is {list(image_shape)}; [height, width, channel] with 1 or 3 channels is needed")
    if duplicates not in (None, "drop", "keep"):
        raise ZooError(f"duplicates is {duplicates!r}; drop or keep is needed")
    own = {"label": label, "drop": drop, "group": group, "weight": weight}
    key = next((key for key, value in own.items() if value), None)
    if key and name not in ("csv", "parquet") and (name, key) != ("sequence_folder", "drop"):
        raise ZooError(f"dataset.{key} is {own[key]!r}; it names a column of a table of yours, and {name!r} is none")
    mixed = columns if columns is not None or name != "parquet" else {}
    if mixed is None and info.kind != "sequence" and (drop or group or weight):
        key = next(key for key in ("drop", "group", "weight") if own[key])
        raise ZooError(f"dataset.{key} goes with models that read columns, such as --model=table_mlp; take one of them")
    path = pathlib.Path(data_dir).expanduser() if data_dir else None
    if name == "arrays":
        raise ZooError("dataset 'arrays' was in the memory of the process that trained; give it to zoo.train in Python")
    if info.needs_data_dir and path is None:
        raise ZooError(f"dataset {name!r} is your own data: say where, --data_dir=PATH")
    if name in _generated:
        report = {"origin": "generated"} | _NOTES.get(name, {})
        return _dataset(info, *_generated[name](), report, known=_KNOWN.get(name, {}))
    if name == "diabetes":
        return _split(info, tables.diabetes(), None, "scikit-learn", validation_fraction or 0.1, duplicates)
    if name == "tfds_folder":
        return _load_tfds_folder(info, path, validation_fraction or 0.1, image_shape, duplicates)
    if info.needs_data_dir:
        if task is None or task.targets is None:  # tasks without targets learn from the same split as classifiers
            task, ask = get_task("classification"), ask and task is None
        if label is not None and not isinstance(label, str) and task.targets != "labels":
            raise ZooError(f"dataset.label names {len(label)} columns; {task.words} has one: dataset.label=NAME")
        reading = Reading(task, ask, label, None, mixed, tuple(drop), group, weight)
        return _load_own(info, path, validation_fraction or 0.1, image_shape, reading, duplicates)
    train, test, origin = official.load_arrays(info.stored_as or name, path)
    fraction = validation_fraction or (0.1 if test is None else _VALIDATION_ROWS / len(train))
    if fraction > 0.5:  # few rows
        fraction = 0.1
    return _split(info, train, test, origin, fraction, duplicates)


def _split(
    info: DatasetInfo, train: Split, test: Split | None, origin: str, fraction: float, duplicates: str | None
) -> Dataset:
    """Validation, and where there is none test, cut from train by content, or by time."""
    found: dict[str, Any] = {}
    if duplicates == "drop" or (duplicates is None and info.kind != "columns"):
        # Equal rows with different numbers are noise; with different classes they are a mistake.
        train, found = splits.without_duplicates(train, drop_conflicts=info.targets == "class")
    elif equal := _equal_rows(train):
        found = {"notes": [equal]}
    if info.group_column:
        train = splits.with_groups(train, info.schema.column(train.features, info.group_column))
    if info.liked_from is not None:
        train = interactions.liked(train, info.liked_from)
    if test is None:
        fraction = _checked_fraction(fraction, info.test_fraction)
        parts = [info.test_fraction, fraction, 1 - info.test_fraction - fraction]
        if info.time_column:
            seconds = info.schema.column(train.features, info.time_column)
            train, validation, test = splits.split_by_time(train, seconds, parts[::-1])
        else:
            test, validation, train = splits.split_by_content(train, parts)
    else:
        validation, train = splits.split_by_content(train, [fraction, 1 - fraction])
    if info.unrated:
        train, validation, test = interactions.with_unrated(info.schema, (train, validation, test), info.unrated)
    return _dataset(info, train, validation, test, {"origin": origin} | found)


def _equal_rows(split: Split) -> str:
    """A line on equal rows that stay, or nothing."""
    equal = len(split) - len(np.unique(split.hashes))
    return f"{equal:,} rows are equal to one before them: they stay, on its side of each split" if equal else ""


def load_configured(
    section, data_dir: str | os.PathLike | None = None, task: Task | None = None, ask: bool = False, reads: str = ""
) -> Dataset:
    """Load what a `zoo.settings.DatasetSection` names.

    Args:
        section: which data.
        data_dir: goes before the section's own.
        task: that of the model, where there is one. The section's own goes before it, and is not asked for again.
        ask: as `load`.
        reads: what the model reads; for "columns", a table of the user's is a mixed one, and one of numbers becomes so.

    Raises:
        ZooError: as `load`.
    """
    told = get_task(section.task) if section.task else None
    where = (section.name, data_dir or section.data_dir, section.validation_fraction, section.image_shape)
    columns = {} if reads == "columns" and section.columns is None else section.columns
    of_columns = (columns, section.drop, section.group, section.weight)
    dataset = load(*where, told or task, ask and told is None, section.label, section.duplicates, *of_columns)
    if columns is not None and dataset.info.kind == "table":
        dataset = as_columns(dataset)
    return dataset if section.train_fraction == 1 else with_fraction_of_train(dataset, section.train_fraction)


def as_columns(dataset: Dataset) -> Dataset:
    """A table of numbers as a mixed one that has no other columns."""
    names = dataset.feature_names or tuple(f"x{number}" for number in range(dataset.train.features.shape[1]))
    schema = Schema.of(numbers=names)
    parts = [
        dataclasses.replace(part, features={"numbers": part.features}).with_hashes(part.hashes)
        for part in (dataset.train, dataset.validation, dataset.test)
    ]
    info = dataclasses.replace(dataset.info, kind="columns", feature_names=None, schema=schema)
    return _dataset(info, *parts, dataset.report, known=dataset.known, schema=schema)


def with_fraction_of_train(dataset: Dataset, fraction: float) -> Dataset:
    """The dataset with a part of its training split, chosen by content within each class, at least one row of each.

    Validation and test stay as they are. A smaller fraction's rows are among those of a larger one.
    """
    targets = dataset.train.targets if dataset.info.targets == "class" else np.zeros(len(dataset.train), int)
    train = splits.first_by_content(dataset.train, fraction, targets)
    note = f"train_fraction {fraction:g}: {len(train):,} of {len(dataset.train):,} training rows are learned from"
    report = dataset.report | {"notes": [*dataset.report.get("notes", ()), note]}
    return _dataset(
        dataset.info, train, dataset.validation, dataset.test, report,
        feature_names=dataset.feature_names, schema=dataset.schema, known=dataset.known,
    )  # fmt: skip


def refuse_moved(section) -> None:
    """Raises: ZooError: the user's own data that a run's `zoo.settings.DatasetSection` names are not there any more."""
    if dataset_info(section.name).needs_data_dir and section.data_dir and not os.path.exists(section.data_dir):
        raise ZooError(f"{section.data_dir}: not there, where the run found its data; name their place, --data_dir=NEW")


def is_at_hand(name: str, data_dir: str | os.PathLike | None = None) -> bool:
    """Whether `load` would find the data on this machine, with nothing to fetch or prepare.

    Raises:
        ZooError: no such dataset.
    """
    info = dataset_info(name)
    name = info.stored_as or name
    if info.source == "generated" or name not in sources.SOURCES and not info.needs_data_dir:
        return True
    path = pathlib.Path(data_dir).expanduser() if data_dir else None
    if info.needs_data_dir:
        return path is not None and path.exists()
    return (official.folder_of(name, path) / "dataset_info.json").exists()


def cross_validation_folds(dataset: Dataset, num_folds: int) -> Iterator[Dataset]:
    """Splits anew for each fold, cut by content; every row of train and validation is held out once, as `test`.

    Validation is cut from the other rows, so that weights are not selected on the rows that are reported. The test
    split of the dataset is in no fold.

    Raises:
        ZooError: fewer than two folds, or more folds than different examples, or the data are split by time, or hold
            rows that were drawn.
    """
    if num_folds < 2:
        raise ZooError(f"--cross_validation={num_folds}: at least 2 folds are needed")
    if dataset.info.time_column or dataset.info.unrated:
        raise ZooError(
            f"--cross_validation={num_folds}: folds are cut by content, which {dataset.info.name} must not be; train "
            "on its own split"
        )
    validation_fraction = len(dataset.validation) / (len(dataset.train) + len(dataset.validation))
    whole = splits.concatenate([dataset.train, dataset.validation])
    folds = splits.split_by_content(whole, [1 / num_folds] * num_folds)
    said = {key: dataset.report[key] for key in ("notes", "left_out") if key in dataset.report}
    for number, held_out in enumerate(folds):
        others = splits.concatenate(folds[:number] + folds[number + 1 :])
        validation, train = splits.split_by_content(others, [validation_fraction, 1 - validation_fraction])
        origin = f"{dataset.report['origin']}, fold {number + 1} of {num_folds} held out as test"
        yield _dataset(
            dataset.info, train, validation, held_out, said | {"origin": origin},
            feature_names=dataset.feature_names, schema=dataset.schema, known=dataset.known,
        )  # fmt: skip


def _load_own(
    info: DatasetInfo, path: pathlib.Path, fraction: float, image_shape, reading: Reading, duplicates: str | None
) -> Dataset:
    _checked_fraction(fraction, _OWN_TEST_FRACTION)
    kind, examples = _read_own(info, path, image_shape, reading)
    return _of_examples(info, kind, examples, str(path), fraction, duplicates)


def from_memory(
    data: Any,
    task: Task,
    label: str | Sequence[str] | None = None,
    validation_data: Any = None,
    test_data: Any = None,
    validation_fraction: float | None = None,
    duplicates: str | None = None,
    judges: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
    group: str | None = None,
    weight: str | None = None,
    reads: str = "",
) -> Dataset:
    """The user's own arrays or DataFrame, split as files of theirs would be: by content, so that nothing leaks.

    Args:
        data: `(features, targets)` or a DataFrame.
        task: what the targets are for.
        label: the DataFrame's column of targets, by default guessed by its name; or of several labels' columns.
        validation_data, test_data: `(features, targets)` beside arrays; by default tenths of `data`.
        validation_fraction, duplicates: as `load`.
        judges: the classes of a model to be judged on all rows, which are then each split's; they may be few.
        columns, drop, group, weight: as `load`, of a DataFrame.
        reads: what the model reads, where shapes leave it open: "sequence" takes arrays `[time, channel]`.

    Raises:
        ZooError: as `load`.
    """
    from zoo.datasets import in_memory

    if task.targets is None:
        task = get_task("classification")
    known = None if judges is None else tuple(judges)
    reading = Reading(task, False, label, known, columns, tuple(drop), group, weight)
    if hasattr(data, "to_csv"):
        if validation_data is not None or test_data is not None:
            raise ZooError("validation_data and test_data go with arrays; leave them out, or give train as arrays too")
        read = in_memory.read_frame if columns is None else in_memory.read_mixed_frame
        kind, examples = read(data, reading)
        origin = "a DataFrame"
    else:
        if label is not None:
            raise ZooError(f"label={label!r} names a column of a DataFrame; of arrays, give (features, targets)")
        kind, examples = in_memory.read_arrays(data, validation_data, test_data, reading, reads)
        origin = "arrays"
    if judges is not None:
        info = _described(dataset_info("arrays"), kind, examples)
        about = {"feature_names": examples.feature_names, "schema": examples.schema}
        dataset = _dataset(info, *[examples.split] * 3, {"origin": origin}, **about)
    else:
        info = dataset_info("arrays")
        dataset = _of_examples(info, kind, examples, origin, validation_fraction or 0.1, duplicates)
    return as_columns(dataset) if columns is not None and kind == "table" else dataset


def _of_examples(
    info: DatasetInfo, kind: str, examples: Examples, origin: str, fraction: float, duplicates: str | None
) -> Dataset:
    _checked_fraction(fraction, _OWN_TEST_FRACTION)
    train, validation, test = examples.parts()
    report = {"origin": origin, "notes": list(examples.notes)}
    # Equal rows of a table may be different respondents; equal pictures or texts are copies, of unequal classes
    # mistakes.
    are_copies = kind not in ("table", "columns")
    if duplicates == "drop" or (duplicates is None and are_copies):
        mistakes = are_copies and examples.described["targets"] == "class"
        exact = examples.exact_hashes() if examples.exact_hashes else None
        train, removed = splits.without_duplicates(train, mistakes, exact)
        report |= removed
    elif equal := _equal_rows(train):
        report["notes"].append(equal)
    # Test is cut first, so that it stays the same whatever the fraction of validation.
    wanted = {"test": 0 if test else _OWN_TEST_FRACTION, "validation": 0 if validation else fraction}
    cut = [share for share in wanted.values() if share]
    *held_out, train = splits.split_by_content(train, [*cut, 1 - sum(cut)]) if cut else [train]
    test = test or held_out.pop(0)
    validation = validation or held_out.pop(0)
    info = _described(info, kind, examples)
    names = examples.feature_names
    if names:
        report["schema"] = dict.fromkeys(names, "float32")
    if info.targets == "class":
        report["notes"] += notes_on_classes(info.label_names, examples.split.targets)
    if examples.left_out:
        report["left_out"] = fewer_kinds(examples.left_out)
    if examples.part_of_row is not None:
        report["validation_rows_also_in_train"] = splits.overlap(train, validation)
    if examples.schema:
        report["schema"] = {column.name: column.kind for column in examples.schema.columns}
    return _dataset(info, train, validation, test, report, feature_names=names, schema=examples.schema)


def _described(info: DatasetInfo, kind: str, examples: Examples) -> DatasetInfo:
    shape = on_disk.shapes(examples.split.features)
    return dataclasses.replace(info, kind=kind, feature_shape=shape, **examples.described)


def _read_own(info: DatasetInfo, path: pathlib.Path, image_shape, reading: Reading) -> tuple[str, Examples]:
    """What the data are, and all examples."""
    from zoo.datasets import own_documents, own_pictures, own_sequences, own_tables, own_texts

    if reading.columns is not None and info.name in ("csv", "parquet"):
        from zoo.datasets import own_columns

        return "columns", own_columns.read(path, reading)
    if info.kind == "image":
        return "image", own_pictures.read_image_folder(path, image_shape)
    if info.documents:
        return "text", own_documents.read_documents(path)
    if info.kind == "text":
        return "text", own_texts.read_text_folder(path)
    if info.kind == "sequence":
        read = own_sequences.read_ts_files if info.name == "ts_file" else own_sequences.read_sequence_folder
        return "sequence", read(path, reading)
    if not reading.is_several and own_texts.is_text_table(path, reading.label):
        return "text", own_texts.read_text_csv(path, reading)
    return "table", own_tables.read_csv(path, reading)


def _load_tfds_folder(
    info: DatasetInfo, path: pathlib.Path, fraction: float, image_shape, duplicates: str | None
) -> Dataset:
    from zoo.datasets.tfds_folder import read_tfds_folder

    train, test, label_names = read_tfds_folder(path, image_shape)
    info = dataclasses.replace(info, label_names=label_names, feature_shape=train.features.shape[1:])
    return _split(info, train, test, str(path), fraction, duplicates)


def _checked_fraction(fraction: float, of_test: float) -> float:
    if fraction >= 1 - of_test:
        raise ZooError(
            f"validation_fraction is {fraction}; less than {1 - of_test:g} is needed: {of_test:g} is the test split"
        )
    return fraction


def _dataset(
    info: DatasetInfo, train: Split, validation: Split, test: Split, report: dict[str, Any], **more
) -> Dataset:
    parts = {"train": train, "validation": validation, "test": test}
    digest = hashlib.sha256()
    for part in parts.values():
        _add_features(digest, part.features)
        if part.targets is not None:
            digest.update(np.ascontiguousarray(part.targets))
    counts = {name: _counts(part, info) for name, part in parts.items()}
    report = report | {"counts": counts, "test_rows_also_in_train": splits.overlap(train, test)}
    if on_disk.are_texts(train.features):
        report["characters"] = texts.lengths(train.features)
    more = {"feature_names": info.feature_names, "schema": info.schema} | more
    held_out = {"validation": validation, "test": test}
    found = interactions.notes_on_unseen(more["schema"], train, held_out)
    if info.documents:
        texts_of = {name: (part.features, part.ids) for name, part in held_out.items()}
        found = near_duplicates.notes(train.features, texts_of)
    if found:
        report["notes"] = [*report.get("notes", ()), *found]
    return Dataset(info, train, validation, test, f"sha256:{digest.hexdigest()}", report, **more)


def _add_features(digest, features: on_disk.Features) -> None:
    if isinstance(features, dict):
        for name in sorted(features):
            digest.update(name.encode())
            _add_features(digest, features[name])
        return
    for array in texts.pieces(features) if on_disk.are_texts(features) else on_disk.blocks(features):
        digest.update(array if isinstance(array, bytes) else np.ascontiguousarray(array))


def _counts(split: Split, info: DatasetInfo) -> dict[str, Any]:
    """How many rows; for classes, how many of each; for numbers, their range."""
    rows: dict[str, Any] = {"rows": len(split)}
    if info.targets == "labels":
        return rows | {"labels": dict(zip(info.label_names, split.targets.sum(axis=0).tolist(), strict=True))}
    if info.targets == "class":
        of_classes = np.bincount(split.targets, minlength=len(info.label_names)).tolist()
        return rows | {"classes": dict(zip(info.label_names, of_classes, strict=True))}
    if info.targets == "number":
        of = {"mean": np.mean, "deviation": np.std, "least": np.min, "greatest": np.max}
        return rows | {"targets": {name: float(function(split.targets)) for name, function in of.items()}}
    return rows
