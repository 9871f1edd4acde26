"""Figures of published weights, measured here: what compare.py shows of them."""

import os
import pathlib
import tempfile

from zoo.errors import ZooError
from zoo.escaping import tell
from zoo.published import PublishedRun
from zoo.runs import Run
from zoo.tasks.catalog import get_task


def measure(run: PublishedRun) -> None:
    """Judge published weights on validation and test, and keep figures and answers in the cache; once a file.

    Figures that are not those of the record are told of: another processor rounds otherwise.

    Raises:
        ZooError: the weights or the data cannot be had, or the cache cannot be written.
    """
    if not (run.path / "results.json").exists():
        _judge(run)
    value = get_task(run.labels["task"]).value(run.results["test"])
    if value != run.entry.value:
        tell(f"notice: {run}: {run.entry.metric} {value} here, {run.entry.value} in the record")


def _judge(run: PublishedRun) -> None:
    from zoo.evaluation.evaluate import load_dataset, refuse_other_data
    from zoo.evaluation.outcome import write_outcome
    from zoo.loading import load_model

    tell(f"{run}: judged on its test split, once")
    loaded = load_model(run)
    dataset = load_dataset(run, loaded, None, None)
    refuse_other_data(run, dataset)
    try:
        run.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=run.path.parent, ignore_cleanup_errors=True) as folder:
            new = Run(pathlib.Path(folder) / "run")
            new.path.mkdir()
            write_outcome(new, dataset, loaded.task, lambda split: (loaded.answers(split.features), split.targets), {})
            if not (run.path / "results.json").exists():  # another process may have been quicker
                os.replace(new.path, run.path)
    except OSError as error:
        raise ZooError(f"{run.path}: cannot be written ({error.strerror}); set ZOO_CACHE to another folder") from None
