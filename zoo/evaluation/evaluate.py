"""A trained model against a split of a data set: figures, a table for people, and a folder of pictures."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.datasets import on_disk
from zoo.datasets.splits import concatenate
from zoo.drawing.groups import save_groups
from zoo.errors import ZooError
from zoo.escaping import json_text, printable
from zoo.evaluation import tta
from zoo.evaluation.answers_table import write_answers
from zoo.evaluation.importance import importance_table, permutation_importance, write_importance
from zoo.evaluation.outcome import drawn
from zoo.evaluation.predict import open_model
from zoo.evaluation.slices import evaluate_slices, slices_table, write_slices
from zoo.inputs import sequences
from zoo.runs import open_run
from zoo.tasks.catalog import get_task

if TYPE_CHECKING:
    from zoo.datasets import Dataset, Split
    from zoo.loading import LoadedModel

_ANSWERS = "predictions.csv"
SPLITS = ("test", "validation", "train", "all")


def evaluate(
    run: str | None = None,
    model_file: str | None = None,
    dataset_name: str | None = None,
    data_dir: str | None = None,
    split_name: str = "test",
    output: str | os.PathLike | None = None,
    slice_by: Sequence[str] = (),
    tta_views: str | None = None,
    importance: bool = False,
) -> dict:
    """Evaluates a run's model, or a lone file, on a data set: by default the one it was trained on.

    Args:
        run: a run's folder; the split is then carved as that run carved it.
        model_file: a .keras file, in place of `run`.
        dataset_name: another data set with the same targets.
        data_dir: where the data are, if not where the run, or the environment, says.
        split_name: "test", "validation" or "train"; "all" of data that are a test set of their own.
        output: a folder for evaluation.json, predictions.csv and the pictures of the task.
        slice_by: columns, by which groups of the split's rows are judged too, as `evaluate_slices` says; of a run's own
            test split, they are written into its folder too.
        importance: also shuffle each column of a table, see `permutation_importance`.
        tta_views: also judge the mean answer to several views of each picture, see `tta.views_of`.

    Returns:
        {"model", "task", "unit", "dataset", "data_digest", "split", "results": what the task's `results` returns}, and
        "slices", one for each of `slice_by`, "importance", and "tta", what `tta.against_plain` returns.

    Raises:
        ZooError: the model or data cannot be read, or do not fit each other, or `output` cannot be written.
    """
    loaded_model = open_model(run, model_file)
    task, labels = loaded_model.task, loaded_model.labels
    if task.judged_by != "model":
        raise ZooError(
            f"{loaded_model.path}: a model of {task.words} is judged while it trains; see results.json of its run"
        )
    views = tta.views_of(loaded_model, tta_views, run) if tta_views else []
    dataset = load_dataset(run, loaded_model, dataset_name, data_dir)
    if run and not dataset_name and split_name != "all":
        refuse_other_data(run, dataset)
    split = fitting_split(loaded_model, dataset, split_name)
    if output is not None:
        _refuse_overwriting(Path(output), dataset)
    answers = loaded_model.answers(split.features)
    evaluation = {
        "model": str(loaded_model.path),
        "task": task.name,
        "unit": labels.get("unit", ""),
        "dataset": dataset.info.name,
        "data_digest": dataset.digest,
        "split": split_name,
        "results": task.results(answers, split.targets, labels),
    }
    is_runs_own_test = run and not dataset_name and split_name == "test"
    if slice_by:
        evaluation["slices"] = evaluate_slices(
            task, answers, split, in_model_order(loaded_model, dataset), labels, slice_by
        )
        if is_runs_own_test:
            write_slices(open_run(run), evaluation["slices"], split_name, dataset.digest)
    if importance:
        evaluation["importance"] = permutation_importance(loaded_model, answers, split)
        if is_runs_own_test:
            write_importance(open_run(run), evaluation["importance"])
    if views:
        evaluation["tta"] = tta.against_plain(loaded_model, split, answers, views)
    if output is not None:
        _write(evaluation, answers, dataset, split, loaded_model, Path(output))
    return evaluation


def evaluate_model(loaded_model: "LoadedModel", dataset: "Dataset", split_name: str) -> dict:
    """Predicts a split and returns its results, as the model's task gives them.

    Raises:
        ZooError: the data set's targets or features are not the model's, or the split is empty.
    """
    split = fitting_split(loaded_model, dataset, split_name)
    return loaded_model.task.results(loaded_model.answers(split.features), split.targets, loaded_model.labels)


def results_table(evaluation: dict) -> str:
    """Returns what `evaluate` returned as text for people."""
    results, task = evaluation["results"], get_task(evaluation["task"])
    heading = f"{evaluation['model']} on {evaluation['dataset']}, {evaluation['split']} split"
    lines = [
        f"{printable(heading)}, {results['n']:,} examples",
        "",
        *task.results_lines(results, evaluation),
    ]
    if "slices" in evaluation:
        for slices in evaluation["slices"]:
            lines += ["", slices_table(slices)]
    if "importance" in evaluation:
        lines += ["", importance_table(evaluation["importance"])]
    if "tta" in evaluation:
        lines += ["", *tta.lines(evaluation["tta"], evaluation, task)]
    return "\n".join(lines)


def load_dataset(
    run: str | None, loaded_model: "LoadedModel", dataset_name: str | None, data_dir: str | None
) -> "Dataset":
    from zoo import datasets

    if run and not dataset_name:
        # The run's own values: another validation fraction would mix training rows into its validation split.
        section = open_run(run).config.dataset
        if not data_dir:
            datasets.refuse_moved(section)
        section = section.model_copy(update={"label": section.label or _label_column(section.name, loaded_model)})
        return in_classes_of(loaded_model, datasets.load_configured(section, data_dir, loaded_model.task))
    name = dataset_name or loaded_model.dataset
    if not name:
        raise ZooError(f"{loaded_model.path}: the file does not say which data it was trained on; give --dataset=NAME")
    shape = loaded_model.input_shape
    own_images = datasets.dataset_info(name).feature_shape is None and len(shape) == 3
    label = _label_column(name, loaded_model)
    image_shape = shape if own_images else None
    schema = loaded_model.schema
    columns = None if schema is None else {column.name: column.kind for column in schema.columns}
    of_model = {"image_shape": image_shape, "task": loaded_model.task, "label": label}
    if schema is not None and datasets.dataset_info(name).kind == "table":
        dataset = datasets.as_columns(datasets.load(name, data_dir, **of_model))
    else:
        dataset = datasets.load(name, data_dir, columns=columns, **of_model)
    return in_classes_of(loaded_model, dataset)


def _label_column(dataset_name: str, loaded_model: "LoadedModel") -> str | list[str] | None:
    """Of the user's own table that the model was trained on: guessed anew, it may be another in another file."""
    if dataset_name not in ("csv", "parquet") or dataset_name != loaded_model.dataset:
        return None
    several = loaded_model.task.targets == "labels"
    return loaded_model.label_names if several else loaded_model.labels.get("target_name")


def in_classes_of(loaded_model: "LoadedModel", dataset: "Dataset") -> "Dataset":
    """The user's own data with the model's classes in its order, where some of them do not occur in the data."""
    classes, known = dataset.info.label_names, list(loaded_model.label_names)
    if not (dataset.info.needs_data_dir and dataset.info.targets == "class" and set(classes) < set(known)):
        return dataset
    places = np.array([known.index(name) for name in classes], "int32")
    parts = {
        name: dataclasses.replace(getattr(dataset, name), targets=places[getattr(dataset, name).targets])
        for name in ("train", "validation", "test")
    }
    return dataclasses.replace(dataset, info=dataclasses.replace(dataset.info, label_names=tuple(known)), **parts)


def refuse_other_data(run: str, dataset: "Dataset") -> None:
    """Raises: ZooError: the data are not those of the run, which may have trained on what would be judged."""
    if dataset.digest != open_run(run).record["data_digest"]:
        raise ZooError(
            f"{dataset.report['origin']}: not the data that {run} was trained on, or changed since: rows of its test "
            "split may have been learned; name the run's own by --data_dir, or judge a whole test set by --split=all"
        )


def fitting_split(loaded_model: "LoadedModel", dataset: "Dataset", split_name: str) -> "Split":
    """Returns the split, once the data are known to have the model's targets, its classes in order, its features."""
    if split_name not in SPLITS:
        raise ZooError(f"--split={split_name}: no such split; known: {', '.join(SPLITS)}")
    task = loaded_model.task
    if task.targets and task.targets != dataset.info.targets:
        raise ZooError(
            f"{loaded_model.path}: it is of {task.words}, whose targets are of the kind {task.targets!r}; those of "
            f"{dataset.info.name} are of the kind {dataset.info.targets!r}"
        )
    classes, known = list(dataset.info.label_names), list(loaded_model.label_names)
    if classes != known:
        raise ZooError(
            f"{loaded_model.path}: its classes ({_few(known)}) are not those of {dataset.info.name} ({_few(classes)}); "
            "give a data set with the same classes in the same order"
        )
    parts = [dataset.train, dataset.validation, dataset.test] if split_name == "all" else [getattr(dataset, split_name)]
    split = concatenate(parts) if len(parts) > 1 else parts[0]
    return dataclasses.replace(split, features=fitting_features(loaded_model, dataset, split))


def fitting_features(loaded_model: "LoadedModel", dataset: "Dataset", split: "Split") -> on_disk.Features:
    """Returns the features of a split's rows as the model reads them.

    Raises:
        ZooError: they are of another shape, or lack a column.
    """
    if loaded_model.feature_names:
        split = _in_order(split, list(loaded_model.feature_names), list(dataset.feature_names or ()), loaded_model.path)
    if loaded_model.schema is not None and dataset.schema is not None:
        split = dataclasses.replace(split, features=loaded_model.schema.taken_from(split.features, dataset.schema))
    shape, wanted = on_disk.shapes(split.features), loaded_model.input_shape
    if loaded_model.reads == "sequence" and len(shape) == 2 and shape[1:] == wanted[1:]:
        return sequences.fitting(split.features, loaded_model)
    if not _fits(wanted, shape):
        raise ZooError(
            f"{loaded_model.path}: it reads examples of shape {wanted}, but those of {dataset.info.name} are {shape}; "
            "give a data set of that shape"
        )
    return split.features


def _in_order(split: "Split", names: list[str], given: list[str], path: Path) -> "Split":
    """The split of a table with the columns that the model reads, in its order."""
    if names == given or isinstance(split.features, dict):
        return split
    if missing := [name for name in names if name not in given]:
        raise ZooError(f"{path}: it reads the column {missing[0]!r}, which the data do not have ({_few(given)})")
    return dataclasses.replace(split, features=split.features[..., [given.index(name) for name in names]])


def _fits(wanted, shape) -> bool:
    if isinstance(wanted, dict) or isinstance(shape, dict):
        return (
            isinstance(wanted, dict)
            and isinstance(shape, dict)
            and wanted.keys() == shape.keys()
            and all(_fits(wanted[name], shape[name]) for name in wanted)
        )
    return len(shape) == len(wanted) and all(size in (None, given) for size, given in zip(wanted, shape, strict=True))


def _few(names: list[str]) -> str:
    return f"{len(names)}: {', '.join(names[:4])}{', …' if len(names) > 4 else ''}"


def in_model_order(loaded_model: "LoadedModel", dataset: "Dataset") -> "Dataset":
    """The dataset with the names of its columns as `fitting_split` orders them."""
    names, schema = loaded_model.feature_names, loaded_model.schema
    named = dataclasses.replace(dataset, feature_names=tuple(names)) if names else dataset
    return named if schema is None else dataclasses.replace(named, schema=schema)


def _refuse_overwriting(output: Path, dataset: "Dataset") -> None:
    """Raises: ZooError: the user's own table is the file that would be written."""
    written, origin = output / _ANSWERS, Path(dataset.report.get("origin", ""))
    if written.is_file() and origin.is_file() and written.samefile(origin):
        raise ZooError(f"--output={output}: the data, {written}, would be lost; name another folder")


def _write(
    evaluation: dict, answers: np.ndarray, dataset: "Dataset", split: "Split", loaded_model: "LoadedModel", output: Path
) -> None:
    task, labels = loaded_model.task, loaded_model.labels
    dataset = in_model_order(loaded_model, dataset)
    try:
        output.mkdir(parents=True, exist_ok=True)
        text = json_text(evaluation) + "\n"
        (output / "evaluation.json").write_text(text, encoding="utf-8")
        write_answers(output / _ANSWERS, dataset, split, answers, split.targets, task, labels)
        if "slices" in evaluation:
            drawn(lambda: save_groups(evaluation["slices"], output / "slices.png", task.headline), output)
        drawn(lambda: task.draw(evaluation["results"], split, answers, labels, output), output)
    except OSError as error:
        raise ZooError(f"--output={output}: cannot be written ({error.strerror}); name another folder") from None
