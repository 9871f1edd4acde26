"""Runs as training writes them → results: figures, and a score for each test row."""

import contextlib
import dataclasses
import fnmatch
import glob
import hashlib
import json
import os
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zoo.command_words import command
from zoo.config import Config
from zoo.errors import ZooError, nearest
from zoo.runs import ExportedRun, Predictions, Run, run_at
from zoo.tasks import Task
from zoo.tasks.catalog import get_task

_DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError)
_NUMBERS = ("seed", "parameters", "wall_seconds", "peak_memory_mib")
_NAMES = ("model", "dataset", "device", "data_digest")
_LEVELS_BELOW_A_LINK = 3  # a link may lead to RUNS/MODEL/RUN, or to a folder above it, but not to the whole disk


@dataclasses.dataclass(frozen=True)
class Result:
    """One finished run: what it was, its figures, and a score for each test row. None: not measured."""

    run: Run
    record: dict[str, Any]
    task: Task
    labels: dict[str, Any]
    rows: int
    value: float  # the headline on test
    figures: dict[str, float | None]  # the task's others
    config_digest: str
    test_digest: str
    scores: np.ndarray | None  # float64[rows], larger is better
    validation_value: float | None = None
    speed: dict[str, Any] | None = None  # latency_ms, throughput and device, of `evaluation.speed`


def find_runs(paths: Sequence[str], models: Sequence[str] = ("*",)) -> list[Run]:
    """The runs at or below paths and globs whose model fits one of the patterns.

    Raises:
        ZooError: a path holds no run, or no model fits.
    """
    found = {}
    for path in paths:
        folders = [pathlib.Path(path)] if pathlib.Path(path).exists() else map(pathlib.Path, glob.glob(path))
        records = [record for folder in folders for record in _records(folder)]
        if not records:
            raise ZooError(f"{path}: no run there; name a folder that training wrote, or a glob of them in quotes")
        found |= {record.parent.resolve(): _run_of(record) for record in records}
    names = {path: _name(run, path) for path, run in found.items()}
    kept = [run for path, run in found.items() if any(fnmatch.fnmatch(names[path], model) for model in models)]
    if not kept:
        raise ZooError(f"--models={','.join(models)}: {nearest(','.join(models), set(names.values()))}")
    return kept


def data_name(record: dict[str, Any]) -> str:
    """A dataset's name; the user's own data by their file or folder."""
    from zoo.datasets.catalog import list_datasets

    report = record.get("data_report")
    origin = report.get("origin") if isinstance(report, dict) else None
    own = any(info.name == record["dataset"] and info.needs_data_dir for info in list_datasets())
    return pathlib.PurePath(origin).name if own and isinstance(origin, str) and origin else record["dataset"]


def _run_of(record: pathlib.Path) -> Run:
    """The run at a path, unchecked: `read_results` says what is wrong with it."""
    return run_at(record.parent)


def _name(run: Run, path: pathlib.Path) -> str:
    """A run's model is its folder's name, so that a damaged record does not hide it; an export's record says it."""
    if not isinstance(run, ExportedRun):
        return path.parent.name
    try:
        return run.model_name
    except ZooError:  # `read_results` will say so
        return path.name


def _records(folder: pathlib.Path) -> list[pathlib.Path]:
    """Of runs below a folder; of exports where there are none, so that a run's exports come only when named."""
    found = {"run.json": [], "parity.json": []}
    left, seen = [(str(folder), None)], set()
    while left:
        path, levels = left.pop()  # levels: how far to go below the symbolic link that led here
        try:
            status = os.stat(path)
            entries = list(os.scandir(path)) if (status.st_dev, status.st_ino) not in seen else []
        except OSError as error:
            print(f"{path}: left out, cannot be read ({error.strerror})", file=sys.stderr)
            continue
        seen.add((status.st_dev, status.st_ino))
        for entry in entries:
            if entry.name in found:
                found[entry.name].append(pathlib.Path(entry.path))
            elif levels is None and entry.is_symlink() and _is_folder(entry):
                left.insert(0, (entry.path, _LEVELS_BELOW_A_LINK - 1))  # after all that is no link
            elif levels != 0 and _is_folder(entry):
                left.append((entry.path, levels and levels - 1))
    return sorted(found["run.json"]) or sorted(found["parity.json"])


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return False


def read_results(runs: Sequence[Run]) -> tuple[list[Result], list[str]]:
    """The newest finished run of each (config, seed, data), and a line for every run, or part of one, left out."""
    newest, left_out = {}, []
    for run in sorted(runs, key=lambda run: run.path.name):
        try:
            result, notices = _read(run)
        except ZooError as error:
            left_out.append(str(error))
            continue
        left_out += notices
        newest[result.config_digest, result.record["seed"], result.test_digest] = result
    return list(newest.values()), left_out


def _read(run: Run) -> tuple[Result, list[str]]:
    try:
        record, results = run.record, None
        if record.get("status") == "pruned":
            raise ZooError(f"{run.path}: left out, a trial that its search ended early")
        if record.get("status") != "finished":
            raise ZooError(f"{run.path}: left out, its status is {record.get('status')!r}; finish it with --resume")
        results = run.results
        if "test" not in results and "validation" in results:
            raise ZooError(f"{run.path}: left out, a trial of a search, from which test was withheld")
        labels = run.labels
        task, test = get_task(labels["task"]), results["test"]
        _check(record, test, task)
        predictions = run.read_predictions("test")
        task.check_predictions(predictions, labels)
        if predictions.targets is not None and len(predictions.ids) != test["n"]:
            raise ValueError(f"{len(predictions.ids)} rows where results.json has {test['n']}")
        scores = predictions.scores
        if scores is None and predictions.answers is not None:
            scores = task.scores(predictions.answers, predictions.targets, labels)
        if scores is not None and not np.isfinite(scores).all():
            raise ValueError(f"{run.predictions_file().name}: a score is not finite")
        parts, notices = _read_parts(run, record, task, test, predictions)
        result = Result(
            run=run,
            record=record,
            task=task,
            labels=labels,
            rows=len(predictions.ids),
            value=task.value(test),
            config_digest=recipe_digest(run.config_values, run.variant),
            test_digest=_test_digest(record, predictions, labels),
            scores=None if scores is None else np.asarray(scores, "float64"),
            validation_value=_value_or_none(task, results.get("validation")),
            **parts,
        )
        return result, notices
    except FileNotFoundError as error:
        raise ZooError(f"{run.path}: left out, {pathlib.Path(error.filename).name} is missing") from None
    except _DAMAGE as error:
        raise ZooError(f"{run.path}: left out, damaged or of another version ({_line(error)}); train again") from None


def _check(record: dict, test: dict, task: Task) -> None:
    """Raises: ValueError, KeyError, TypeError: something is missing that a row of the table needs."""
    for values, names, kind in ((test, ("n",), int | float), (record, _NUMBERS, int | float), (record, _NAMES, str)):
        for name in names:
            if not isinstance(values[name], kind):
                raise ValueError(f"{name} is {values[name]!r}")
    if not np.isfinite(task.value(test)):
        raise ValueError(f"{task.headline.name} is {task.value(test)}")
    if not isinstance(record.get("flops"), int | None):
        raise ValueError(f"flops is {record['flops']!r}")


def _value_or_none(task: Task, results: dict | None) -> float | None:
    return None if not results else task.value(results)


def _read_parts(run: Run, record: dict, task: Task, test: dict, predictions) -> tuple[dict[str, Any], list[str]]:
    """The parts that a run may lack. A part that cannot be read leaves only its own cells blank."""

    def corrupted() -> float:
        from zoo.evaluation.corruptions import VERSION
        from zoo.run_files import Corruptions

        measured = run.read_json("corruptions.json", Corruptions)
        if measured["version"] != VERSION or measured["data_digest"] != record["data_digest"]:
            raise ValueError(f"of other corruptions or data; run {command('evaluate')} --corruptions again")
        return measured["mean"] if "mean" in measured else measured["mean_accuracy"]

    def speed() -> dict[str, Any]:
        from zoo.run_files import Speed

        measured = run.read_json("speed.json", Speed)
        return {key: measured[key] for key in ("latency_ms", "throughput", "device")}

    def lists() -> dict[str, float]:
        from zoo.run_files import Ranking

        judged = run.read_json("ranking.json", Ranking)
        if (judged["split"], judged["count"], judged["data_digest"]) != ("test", 10, record["data_digest"]):
            raise ValueError(f"no lists of 10 of its test split; run {command('evaluate')} --ranking again")
        of_model = judged["rankings"]["model"]
        return {f"{name}_at_10": of_model[name]["value"] for name in ("ndcg", "hit_rate")}

    notices = []

    def read(file: str, function: Callable) -> Any:
        if not (run.path / file).exists():
            return None
        try:
            return function()
        except (*_DAMAGE, ZooError) as error:
            notices.append(f"{run.path}: {file} left out ({_line(error)})")
            return None

    validation = run.predictions_file("validation").name

    def with_validation() -> dict[str, float | None]:
        held_out = run.read_predictions("validation")
        task.check_predictions(held_out, run.labels)
        return task.table_figures(test, predictions, held_out)

    figures = read(validation, with_validation)
    figures = figures or task.table_figures(test, predictions)
    figures |= {f"corrupted_{task.headline.name}": read("corruptions.json", corrupted)}
    figures |= read("ranking.json", lists) or {}
    return {"figures": figures, "speed": read("speed.json", speed)}, notices


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _test_digest(record: dict, predictions: Predictions, labels: dict[str, Any]) -> str:
    """Eight digits of the task, the test rows and their targets: runs that share them stand in one table."""
    about = f"{record['dataset']} {record['data_digest']} {labels['task']} {labels.get('label_names')}"
    content = hashlib.sha256(about.encode() + np.ascontiguousarray(predictions.ids).tobytes())
    if predictions.targets is not None:
        whole = predictions.targets.dtype.kind in "iu"
        targets = predictions.targets.astype("int64") if whole else predictions.targets
        content.update(np.ascontiguousarray(targets).tobytes())
    return content.hexdigest()[:8]


def recipe_digest(values: dict[str, Any], variant: str = "") -> str:
    """Eight digits of what a config asks for, without what no figure should depend on: seed, claim, data_dir.

    Only values that differ from the defaults count, so that a key that the zoo learns later does not change the digests
    of older runs. A config that this version of the zoo cannot read is taken by its raw values.

    Args:
        values: of config.yaml.
        variant: of the run: the format of an export.

    Raises:
        ValueError: it is no config at all.
    """
    import pydantic

    try:
        values = {key: value for key, value in values.items() if key != "claim"}
        for section, ignored in (("training", "seed"), ("dataset", "data_dir")):
            values[section] = {key: value for key, value in values[section].items() if key != ignored}
    except (AttributeError, KeyError) as error:
        raise ValueError(f"config.yaml: {type(error).__name__}") from None
    with contextlib.suppress(pydantic.ValidationError):
        # Not `config.validate`: a model that the user's own module registers is a model too.
        values = Config.model_validate(values).model_dump(mode="json", exclude_defaults=True)
    content = json.dumps(values, sort_keys=True, default=str) + variant
    return hashlib.sha256(content.encode()).hexdigest()[:8]
