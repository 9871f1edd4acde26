"""Figures of published weights, measured here: what compare.py shows of them."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator, Sequence

from zoo.errors import ZooError
from zoo.escaping import tell
from zoo.locks import FileLock
from zoo.published import PublishedRun, published_runs
from zoo.runs import Run
from zoo.tasks.catalog import get_task


def measured_runs(patterns: Sequence[str]) -> list[PublishedRun]:
    """The published weights whose name fits one of the patterns, judged; those that cannot be are told of.

    Raises:
        ZooError: none fits.
    """
    measured = []
    for run in published_runs(patterns):
        try:
            measure(run)
            measured.append(run)
        except ZooError as error:
            tell(f"{run.name}: left out: {error}")
    return measured


def measure(run: PublishedRun) -> None:
    """Judge published weights on validation and test, and keep figures and answers in the cache; once a file.

    Figures that are not those of the record are told of: another processor rounds otherwise.

    Raises:
        ZooError: the weights or the data cannot be had, or the cache cannot be written.
    """
    with _writing(run):
        run.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(run.path.parent / ".lock")
    with lock:
        lock.acquire(wait=True)  # another process may be at it
        if not _is_judged(run):
            _judge(run)
    value = get_task(run.labels["task"]).value(run.results["test"])
    if value != run.entry.value:
        tell(f"notice: {run}: {run.entry.metric} {value} here, {run.entry.value} in the record")


@contextlib.contextmanager
def _writing(run: PublishedRun) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ZooError(f"{run.path}: cannot be written ({error.strerror}); set ZOO_CACHE to another folder") from None


def _is_judged(run: PublishedRun) -> bool:
    try:
        return bool(run.results["test"]) and len(run.read_predictions("test").ids) > 0
    except ZooError:  # not there, or damaged
        return False


def _judge(run: PublishedRun) -> None:
    from zoo.evaluation.evaluate import load_dataset, refuse_other_data
    from zoo.evaluation.outcome import write_outcome
    from zoo.loading import load_model

    tell(f"{run}: judged on its test split, once")
    loaded = load_model(run)
    dataset = load_dataset(run, loaded, None, None)
    refuse_other_data(run, dataset)
    with _writing(run), tempfile.TemporaryDirectory(dir=run.path.parent, ignore_cleanup_errors=True) as folder:
        new = Run(pathlib.Path(folder) / "run")
        new.path.mkdir()
        write_outcome(new, dataset, loaded.task, lambda split: (loaded.answers(split.features), split.targets), {})
        if run.path.exists():
            os.replace(run.path, pathlib.Path(folder) / "damaged")
        os.replace(new.path, run.path)
