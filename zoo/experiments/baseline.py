"""Simpler models, most of scikit-learn, on a dataset's own split, as runs beside those of the zoo's models."""

import concurrent.futures
import concurrent.futures.process
import importlib.util
import multiprocessing
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Sequence

from zoo import datasets, runs
from zoo.command_words import typed
from zoo.config import Config, dataset_section
from zoo.errors import ZooError, nearest
from zoo.experiments import baseline_models, baseline_texts
from zoo.experiments.baseline_models import Candidate, Data
from zoo.settings import DatasetSection
from zoo.tasks import Task
from zoo.tasks.catalog import all_tasks, get_task
from zoo.training.record import git_revision, peak_memory_mib
from zoo.version import __version__

BASELINES = baseline_models.BASELINES | baseline_texts.TEXT_BASELINES


def train_baseline(name: str, section: DatasetSection, runs_dir: str | os.PathLike = "runs", seed: int = 0) -> runs.Run:
    """Fit a model with each of its settings, keep the one that is best on validation, and write its run.

    Images are read as pixels, tables as standardized columns, texts as TF-IDF, or to model them as they are. Seconds
    and memory are those of the whole search.

    Args:
        name: one of `BASELINES`.
        section: which data, split as a training of that section splits them.
        runs_dir: where the run directory is made.
        seed: of random choices; logistic_regression and ridge make none.

    Raises:
        ZooError: there is no such baseline, it is none for these targets, or the data cannot be had.
    """
    check_names([name])
    if not _is_installed(name):
        package, extra = BASELINES[name].needs
        raise ZooError(f"--models={name} needs the package {package}: pip install 'keras-model-zoo[{extra}]'")
    started = time.monotonic()
    tasks = [task for task in all_tasks() if name in task.baselines]
    told = section.task or datasets.dataset_info(section.name).targets
    task = next((task for task in tasks if told in (task.name, task.targets)), tasks[0])
    dataset = datasets.load_configured(section, task=task)
    known = fitting(task, dataset.info.kind) if task.targets == dataset.info.targets else ()
    if name not in known or (isinstance(dataset.train.features, dict) and dataset.schema is None):
        others = [fitting(each, dataset.info.kind) for each in all_tasks() if each.targets == dataset.info.targets]
        names = [] if isinstance(dataset.train.features, dict) and dataset.schema is None else sum(others, ())
        fit = f"{', '.join(names)} go" if names else "none goes"
        raise ZooError(f"--models={name}: is of {task.words} and does not go with the data of {section.name}; {fit}")
    task.check_targets(dataset)
    run = runs.create_run(runs_dir, name)
    try:
        read, categorical = _reader(name, dataset)
        parts = [
            part for split in (dataset.train, dataset.validation) for part in (read(split.features), split.targets)
        ]
        data = Data(*parts, len(dataset.info.label_names), categorical)
        candidates = [_try(name, settings, data, seed, task) for settings in BASELINES[name].grid[dataset.info.kind]]
        best = max(candidates, key=lambda candidate: candidate.rank)
        _write(run, name, section, dataset, task, read, candidates, best, seed, started)
    except BaseException:
        shutil.rmtree(run.path, ignore_errors=True)  # a search cannot be resumed half-way
        raise
    return run


def train_in_own_process(*arguments) -> runs.Run:
    """`train_baseline` in a new process, so that the peak of memory is the baseline's own.

    Raises:
        ZooError: as `train_baseline`, or the process was killed.
    """
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        try:
            return process.submit(train_baseline, *arguments).result()
        except concurrent.futures.process.BrokenProcessPool:
            raise ZooError(f"{arguments[0]}: its process was killed, by hand or for want of memory") from None


def check_names(names: Sequence[str]) -> None:
    """Raises: ZooError: there is no such baseline, or none is named."""
    for name in names:
        if name not in BASELINES:
            raise ZooError(f"--models={name}: no such baseline; {nearest(name, BASELINES)}")
    if not names:
        raise ZooError(f"--models: name one or more of {', '.join(BASELINES)}")


def data_of(
    dataset_name: str | None,
    run: str | None,
    data_dir: str | None,
    task: str | None = None,
    assignments: Sequence[str] = (),
) -> DatasetSection:
    """Which data a baseline is fitted on: those of a name, or those of a run, split as its config says.

    Args:
        dataset_name: of the data.
        run: the folder of a run, in place of a name.
        data_dir: where the data are.
        task: what the label column of the user's own table is for.
        assignments: other keys, as `dataset.label=price`.

    Raises:
        ZooError: both or neither is given, there is no such dataset, run or task, or an assignment is wrong.
    """
    if bool(dataset_name) == bool(run):
        raise ZooError(f"{'both' if run else 'neither'} of --dataset and --run given: say which data")
    if run:
        opened = runs.open_run(run)
        section = opened.config.dataset
        task = task or opened.labels["task"]
    else:
        section = DatasetSection(name=datasets.dataset_info(dataset_name).name)
    section = dataset_section(section.model_dump(), assignments)
    values = {"data_dir": data_dir, "task": get_task(task).name if task else None}
    own = datasets.dataset_info(section.name).targets is None
    return section.model_copy(update={key: value for key, value in values.items() if value and (own or key != "task")})


def baselines_of(section: DatasetSection) -> list[str]:
    """The baselines that go with the targets of the data.

    Raises:
        ZooError: it is not sure what the label column of the user's own table is for, or no baseline goes with it.
    """
    info = datasets.dataset_info(section.name)
    kind = "columns" if section.columns is not None else info.kind
    if section.task and kind:
        tasks = [get_task(section.task)]
    else:
        if not (info.targets and kind):
            info = datasets.load_configured(section, ask=True).info
        tasks = [get_task(section.task)] if section.task else [t for t in all_tasks() if t.targets == info.targets]
    names = [name for task in tasks for name in fitting(task, kind or info.kind)]
    names = list(filter(_is_installed, names))
    if not names:
        raise ZooError(f"no baseline goes with {section.name}'s targets; there are {', '.join(BASELINES)}")
    return list(dict.fromkeys(names))


def _is_installed(name: str) -> bool:
    needs = BASELINES[name].needs
    return needs is None or importlib.util.find_spec(needs[0]) is not None


def fitting(task: Task, kind: str) -> tuple[str, ...]:
    """The task's baselines that go with a kind of data: trees that classify are for mixed tables alone."""
    found = [name for name in task.baselines if kind in BASELINES[name].grid]
    if task.targets == "class" and kind != "columns":
        found = [name for name in found if not BASELINES[name].of_trees]
    return tuple(found)


def _reader(name: str, dataset) -> tuple[Callable, int]:
    """What makes the rows that the model reads, and how many of their columns, the first, are numbers of categories."""
    from zoo.evaluation.linear import fit_reader, fit_tree_reader

    if BASELINES[name].as_it_is:
        return lambda features: features, 0
    if dataset.info.kind == "columns" and BASELINES[name].of_trees:
        return fit_tree_reader(dataset.train.features)
    return fit_reader(dataset.info.kind, dataset.train.features), 0


def _try(name: str, settings: dict, data: Data, seed: int, task: Task) -> Candidate:
    candidate = BASELINES[name].fit(settings, data, seed)
    found = candidate.settings
    words = ", ".join(f"{key}={value:g}" for key, value in settings.items())
    figure = f"validation {task.headline.words} {task.headline.text(found[f'validation_{task.headline.name}'])}"
    stopped = "" if found.get("converged", True) else ", stopped before it converged"
    print(f"{name}: {words}  {figure}  {found['seconds']:.1f} s{stopped}", file=sys.stderr)
    return candidate


def _write(
    run: runs.Run,
    name: str,
    section: DatasetSection,
    dataset,
    task: Task,
    read: Callable,
    candidates: Sequence[Candidate],
    best: Candidate,
    seed: int,
    started: float,
) -> None:
    import sklearn

    from zoo.evaluation.outcome import write_outcome
    from zoo.evaluation.speed import FILE, measure_speed

    kind = dataset.info.kind

    def predict(features):
        return best.predict(read(features))

    grid = [list(settings.values()) if len(settings) > 1 else next(iter(settings.values()))
            for settings in BASELINES[name].grid[kind]]  # fmt: skip
    config = {"model": {"name": name, "options": {"grid": grid}}, "dataset": section.model_dump(),
              "training": {"seed": seed}}  # fmt: skip
    run.write_config(Config.model_validate(config).to_yaml())
    labels = task.labels(dataset.info) | {"task": task.name, "reads": kind, "dataset": dataset.info.name,
                                          "feature_names": dataset.feature_names}  # fmt: skip
    if dataset.schema is not None:
        labels["schema"] = dataset.schema.to_json()
    run.write_json("labels.json", labels)
    draw = write_outcome(run, dataset, task, lambda split: (predict(split.features), split.targets), {})
    wall_seconds, memory = round(time.monotonic() - started, 2), peak_memory_mib()
    run.write_json(FILE, measure_speed(predict, dataset.test.features))
    run.update_record(
        status="finished",
        command=typed(),
        model=name,
        dataset=dataset.info.name,
        seed=seed,
        git_revision=git_revision(),
        versions={"python": platform.python_version(), "scikit-learn": sklearn.__version__, "zoo": __version__},
        device=f"CPU ({os.cpu_count()} cores)",
        parameters=best.parameters,
        flops=best.flops,
        data_digest=dataset.digest,
        data_report=dataset.report,
        search=[candidate.settings for candidate in candidates],
        chosen=best.settings,
        wall_seconds=wall_seconds,
        peak_memory_mib=memory,
        **best.facts,
    )
    draw()
