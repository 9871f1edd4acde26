"""The zoo in Python and in notebooks: train, evaluate and compare as the scripts do, and look at what came out."""

import dataclasses
import fnmatch
import os
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from zoo import runs
from zoo.command_line import SETTINGS
from zoo.config import Config, load_config, with_values
from zoo.errors import ZooError, nearest, shortened
from zoo.escaping import tell
from zoo.models import catalog
from zoo.notebook import Comparison, Run, comparison_of
from zoo.tasks import Task
from zoo.tasks.catalog import get_task

if TYPE_CHECKING:
    from zoo.datasets import Dataset
    from zoo.loading import LoadedModel


def train(
    model: str | Config | None = None,
    runs_dir: str | os.PathLike = "runs",
    *,
    dataset: Any = None,
    label: str | Sequence[str] | None = None,
    validation_data: Any = None,
    test_data: Any = None,
    overrides: dict[str, Any] | None = None,
    resume: runs.Run | str | os.PathLike | None = None,
    show_progress: bool = True,
    profile: bool = False,
    callbacks: Sequence = (),
    trackers: Sequence[str] = (),
    **settings: Any,
) -> Run | None:
    """Train a model as `train.py` does, and return its run.

        run = zoo.train("mnist_mlp", epochs=3)
        run = zoo.train("binary_mlp", dataset=(X, y), learning_rate=0.01)
        run = zoo.train("binary_mlp", dataset=frame, label="survived")

    Args:
        model: a registered name, or a config from `zoo.load_config`.
        runs_dir: where the run directory is made.
        dataset: the data to train on in place of the config's: the name of a dataset; a CSV file, or a folder with a
            folder a class; `(features, targets)`; a DataFrame; or a `zoo.datasets.Dataset`.
        label: the column of a DataFrame or CSV file that is to be predicted, by default guessed by its name; of
            several labels, all their columns.
        validation_data, test_data: `(features, targets)` beside arrays; by default they are cut from `dataset`.
        overrides: values of the config by full key, such as `{"training.optimizer.weight_decay": 1e-4}`.
        resume: an interrupted run to finish.
        show_progress: lines, and on a terminal a bar, on standard error.
        profile: write a TensorBoard profile of two calls of the training loop.
        callbacks: `keras.callbacks.Callback`s that watch; `zoo.RunCallback`s know the run.
        trackers: experiment trackers that get what the run holds: mlflow, wandb.
        **settings: what `train.py` has flags for: epochs, batch_size, learning_rate, seed, precision and so on.

    Returns:
        The finished run; None on workers of a cluster that are not the chief.

    Raises:
        ZooError: a setting, the model or the data are wrong; the text is one line that says what to do.
        zoo.errors.Interrupted: Ctrl-C, SIGTERM or SIGHUP, after the state was saved; `run` is its attribute.
    """
    if not isinstance(callbacks, Sequence) or not all(_is_callback(each) for each in callbacks):
        raise ZooError("callbacks: a list of Keras callbacks is needed, such as [keras.callbacks.TerminateOnNaN()]")
    overrides = overrides or {}
    if not isinstance(overrides, dict) or not all(isinstance(key, str) for key in overrides):
        raise ZooError('overrides: a dictionary is needed, such as {"training.optimizer.weight_decay": 1e-4}')
    _refuse_other_than(model, str | Config | None, "model", "a registered name, or a config")
    _refuse_other_than(runs_dir, str | os.PathLike, "runs_dir", "a folder; data are dataset=(features, targets)")
    trackers = [trackers] if isinstance(trackers, str) else trackers
    values = {key: _plain(value) for key, value in (_by_key(settings) | overrides).items()}
    if resume is not None:
        run = resume if isinstance(resume, runs.Run) else runs.open_run(resume)
        if values or isinstance(model, str) or isinstance(dataset, str | os.PathLike):
            raise ZooError("resume goes on with the run's own config; leave model, settings and names of data out")
        config = model or run.config
        runs_dir = run.path.parent.parent
    else:
        if model is None:
            raise ZooError(f"which model? zoo.train(NAME, …), with one of: {', '.join(catalog.list_models())}")
        run, held_out = None, validation_data is not None or test_data is not None
        config = _config_of(model, _named_in(model, dataset, label, held_out) | values)
    data = _in_memory(config, dataset, label, validation_data, test_data)
    from zoo.training import fit

    finished = fit.train(
        config, runs_dir, resume=run, dataset=data, show_progress=show_progress, profile=profile, callbacks=callbacks,
        trackers=trackers,
    )  # fmt: skip
    return finished and Run(finished.path)


def evaluate(
    model: "runs.Run | LoadedModel | str | os.PathLike",
    dataset: Any = None,
    split: str = "test",
    *,
    data_dir: str | os.PathLike | None = None,
    output: str | os.PathLike | None = None,
) -> dict[str, Any]:
    """Judge a trained model on a split of data, by default those that it was trained on.

    Args:
        model: a run, its folder, a model file, or a name with published weights.
        dataset: as `train`; of arrays and DataFrames every row is judged.
        split: test, validation, train, or all.
        data_dir: where the data are now.
        output: a folder for evaluation.json, predictions.csv and pictures.

    Returns:
        The task's figures: of a classifier `accuracy` with its interval, `macro_f1`, `nll` and so on.

    Raises:
        ZooError: the model or the data cannot be read, or do not fit each other.
    """
    from zoo.evaluation import evaluate as evaluation
    from zoo.loading import LoadedModel, load_model

    if dataset is None or isinstance(dataset, str | os.PathLike):
        named = _named_data(dataset, _task_of(model).writes) if dataset is not None else {}
        where = {"dataset_name": named.get("dataset.name"), "data_dir": data_dir or named.get("dataset.data_dir")}
        if isinstance(model, LoadedModel):
            if output is not None:
                raise ZooError("output goes with a run, a file or a name; give model.path in place of the model")
            found = evaluation.load_dataset(None, model, **where)
            return evaluation.evaluate_model(model, found, split)
        run, file = _run_or_file(model)
        return evaluation.evaluate(run, file, split_name=split, output=output, **where)["results"]
    loaded = model if isinstance(model, LoadedModel) else load_model(model)
    if output is not None or data_dir is not None:
        raise ZooError("output and data_dir go with data that have a name or a path; leave them out")
    if loaded.task.writes:
        raise ZooError(f"{loaded.path}: is judged on a text file, or a folder of them: dataset='texts.txt'")
    features, targets = _judged_on(dataset, loaded, split)
    return loaded.task.results(loaded.answers(features), targets, loaded.labels)


def compare(
    *which: runs.Run | str | os.PathLike,
    models: Sequence[str] | str = "*",
    where: Sequence[str] | str = (),
    pretrained: bool = False,
) -> Comparison:
    """Compare finished runs: figures with intervals over seeds, and which models the test set can tell apart.

        zoo.compare()
        zoo.compare(run, other_run)
        zoo.compare("runs", models="mnist_*", where="seconds<100")
        zoo.compare(models="mnist_*", pretrained=True)

    Args:
        *which: runs, or folders of them; by default `runs`.
        models: patterns of model names.
        where: conditions on rows.
        pretrained: compare published weights, beside the runs that are given, if any.

    Raises:
        ZooError: there is no such run, or none is left.
    """
    from zoo.comparison import table
    from zoo.evaluation.published import measured_runs

    for one in which:
        _refuse_other_than(one, str | os.PathLike | runs.Run, "compare", "a run or a folder of runs each")
    paths = [str(one.path) if isinstance(one, runs.Run) else str(one) for one in which]
    patterns, conditions = ([each] if isinstance(each, str) else list(each) for each in (models, where))
    chosen = table.find_runs(paths or ["runs"], patterns) if paths or not pretrained else []
    results, notices = table.read_results([*chosen, *(measured_runs(patterns) if pretrained else [])])
    if not results:
        raise ZooError("; ".join([*notices, "no run is left to compare; train a model first"]))
    return comparison_of(results, notices, conditions)


def generate(model: "runs.Run | LoadedModel | str | os.PathLike", prompt: str = "", **options: Any) -> str | list[str]:
    """Let a language model go on with a text.

        zoo.generate("bible_gpt", "In the beginning", seed=1)
        zoo.generate(run, num_samples=3, max_tokens=100, temperature=0.7, top_p=0.9)

    Args:
        model: a run, its folder, a model file, a name with published weights, or what `zoo.load_model` gives, which
            is quicker when it is asked again.
        prompt: where it begins; without, it begins a text of its own.
        **options: what `generate.py` has flags for, see `zoo.generation.options.Options`.

    Returns:
        What follows the prompt; with `num_samples` a list of as many texts.

    Raises:
        ZooError: the model does not write, or an option is wrong.
    """
    from zoo.generation.options import options_of
    from zoo.generation.writing import writer_of
    from zoo.loading import LoadedModel, load_model

    chosen = options_of(options)
    writer = writer_of(model if isinstance(model, LoadedModel) else load_model(model))
    job = writer.job(prompt, chosen)
    for notice in job.notices:
        tell(f"notice: {notice}")
    texts = [""] * chosen.num_samples
    for piece in writer.write(job):
        texts[piece.sample] += piece.text
    return texts if options.get("num_samples") is not None else texts[0]


def list_runs(pattern: str = "*", runs_dir: str | os.PathLike = "runs", status: str | None = "finished") -> list[Run]:
    """The runs of models whose names match a pattern, the oldest first.

    Args:
        pattern: such as `mnist_*`.
        runs_dir: where they are.
        status: finished, interrupted, failed, running; None: all.
    """
    if status is not None and status not in runs.STATUSES:
        raise ZooError(f"status={status!r}: no such status; {nearest(str(status), runs.STATUSES)}")
    folder, found = pathlib.Path(runs_dir), []
    for record in sorted(folder.glob("*/*/run.json"), key=lambda path: path.parent.name):
        run = Run(record.parent)
        if not fnmatch.fnmatchcase(record.parent.parent.name, pattern):
            continue
        try:
            if status is None or run.record.get("status") == status:
                found.append(run)
        except ZooError as error:  # one damaged run hides no other
            tell(f"notice: {error}")
    return found


def _refuse_other_than(value: Any, kind: Any, name: str, wanted: str) -> None:
    if not isinstance(value, kind):
        raise ZooError(f"{name}: {wanted}, is needed, not {shortened(repr(value))}")


def _plain(value: Any) -> Any:
    """A number of NumPy's as Python's own, which a config takes."""
    return value.item() if isinstance(value, numpy.generic) else value


def _is_callback(value: Any) -> bool:
    return hasattr(value, "on_epoch_end") and not isinstance(value, type)


def _by_key(settings: dict[str, Any]) -> dict[str, Any]:
    for name in settings:
        if name not in SETTINGS:
            raise ZooError(f"train has no setting {name!r}; {nearest(name, SETTINGS)}; other keys go into overrides")
    return {SETTINGS[name]: value for name, value in settings.items() if value is not None}


def _config_of(model: str | Config | None, values: dict[str, Any]) -> Config:
    if not isinstance(model, Config):
        return load_config(model, overrides=values)
    if values.get("dataset.name") not in (None, model.dataset.name):
        values = {"claim": None} | values  # the claim is of other data
    return with_values(model, values, "zoo.train") if values else model


def _named_in(model: str | Config, dataset, label, held_out: bool) -> dict[str, Any]:
    """The values of a config that name the data."""
    if isinstance(dataset, str | os.PathLike):
        task = catalog.model_info(model.model.name if isinstance(model, Config) else model).task
        return _named_data(dataset, task.writes) | ({"dataset.label": label} if label is not None else {})
    if _is_whole(dataset):
        return {} if isinstance(model, Config) else {"dataset.name": dataset.info.name}
    if dataset is not None or held_out:
        return {"dataset.name": "arrays"}
    return {"dataset.label": label} if label is not None else {}


def _is_whole(dataset) -> bool:
    from zoo.datasets import Dataset

    return isinstance(dataset, Dataset)


def _in_memory(config: Config, dataset, label, validation_data, test_data) -> "Dataset | None":
    """The data, where they are in memory, cut as the config says."""
    held_out, whole = validation_data is not None or test_data is not None, _is_whole(dataset)
    if whole or isinstance(dataset, str | os.PathLike):
        if held_out:
            raise ZooError(
                "validation_data and test_data go with arrays; this dataset has splits of its own, leave them out"
            )
        if whole and label is not None:
            raise ZooError(f"label={label!r} names a column of a DataFrame or a CSV file; leave it out")
        return dataset if whole else None
    if dataset is None and not held_out:
        return None
    from zoo import datasets

    section, info = config.dataset, catalog.model_info(config.model.name)
    if info.task.writes:
        raise ZooError(f"{config.model.name} learns from a text file, or a folder of them: dataset='texts.txt'")
    cut = section.validation_fraction, section.duplicates
    columns = {} if section.columns is None and info.reads == "columns" else section.columns
    of_columns = {"columns": columns, "drop": section.drop, "group": section.group, "weight": section.weight}
    data = datasets.from_memory(
        dataset, info.task, label, validation_data, test_data, *cut, **of_columns, reads=info.reads
    )
    return data if section.train_fraction == 1 else datasets.with_fraction_of_train(data, section.train_fraction)


def _named_data(dataset: str | os.PathLike, to_write: bool) -> dict[str, Any]:
    """A dataset's name, or the user's own file or folder and what it holds; `to_write`: texts without a label."""
    from zoo.datasets import list_datasets, own_tables, pictures, walk

    path, known = pathlib.Path(dataset), [info.name for info in list_datasets()]
    if str(dataset) in known and not path.suffix:
        return {"dataset.name": str(dataset)}
    if to_write and path.exists():
        return {"dataset.name": "text_file", "dataset.data_dir": str(path)}
    if path.is_file():
        name = {".parquet": "parquet", ".ts": "ts_file"}.get(path.suffix.lower(), "csv")
        return {"dataset.name": name, "dataset.data_dir": str(path)}
    if not path.is_dir():
        raise ZooError(f"dataset {str(dataset)!r}: no such dataset, file or folder; {nearest(str(dataset), known)}")
    folders = {  # those that hold several kinds are what comes first
        "image_folder": pictures.is_picture,
        "text_folder": lambda file: file.suffix.lower() == ".txt",
        "ts_file": lambda file: file.suffix.lower() == ".ts",
        "sequence_folder": own_tables.is_table,
    }
    name = next((name for name, is_wanted in folders.items() if walk.walk(path, is_wanted).files), "text_folder")
    return {"dataset.name": name, "dataset.data_dir": str(path)}


def _run_or_file(model: runs.Run | str | os.PathLike) -> tuple[runs.Run | str | None, str | None]:
    from zoo.loading import is_name
    from zoo.published import PublishedRun

    _refuse_other_than(model, str | os.PathLike | runs.Run, "model", "a run, a name, or the path of a file or folder")
    if is_name(model):
        model = PublishedRun(model)
    if isinstance(model, PublishedRun):
        return model, None
    path = model.path if isinstance(model, runs.Run) else pathlib.Path(model)
    return (str(path), None) if (path / "run.json").exists() else (None, str(path))


def _task_of(model: "runs.Run | LoadedModel | str | os.PathLike") -> Task:
    from zoo.loading import LoadedModel, load_model

    if isinstance(model, LoadedModel):
        return model.task
    run, file = _run_or_file(model)
    if file is not None:
        return load_model(file).task
    return get_task((runs.open_run(run) if isinstance(run, str) else run).labels["task"])


def _judged_on(dataset: Any, loaded: "LoadedModel", split_name: str):
    """Every row of arrays or of a DataFrame, or the split of a `Dataset`, with targets as the model numbers them."""
    from zoo import datasets
    from zoo.evaluation.evaluate import fitting_split, in_classes_of

    data = dataset
    if not isinstance(dataset, datasets.Dataset):
        if split_name not in ("test", "all"):
            raise ZooError(f"split={split_name!r}: of arrays and DataFrames every row is judged; leave split out")
        split_name = "test"
        target = loaded.labels.get("target_name") if hasattr(dataset, "to_csv") else None
        columns = None if loaded.schema is None else {each.name: each.kind for each in loaded.schema.columns}
        if columns is not None and hasattr(dataset, "to_csv"):
            others = [str(name) for name in dataset.columns if str(name) not in {*columns, target}]
            columns |= dict.fromkeys(others, "drop")
        data = datasets.from_memory(
            dataset, loaded.task, target, judges=loaded.label_names, columns=columns, reads=loaded.reads
        )
        names = loaded.feature_names
        if (
            names
            and target is None
            and len(names) == len(data.feature_names or ())
            and not hasattr(dataset[0], "columns")
        ):
            data = dataclasses.replace(data, feature_names=tuple(names))  # columns without names, in the model's order
    split = fitting_split(loaded, in_classes_of(loaded, data), split_name)
    return split.features, split.targets
