"""What a run ends with: figures, predictions and pictures of a model that is done learning."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.escaping import tell
from zoo.evaluation.answers_table import FILE, write_answers
from zoo.loading import write_labels
from zoo.runs import Run
from zoo.tasks import Task


def write_outcome(
    run: Run, dataset, task: Task, answer: Callable[[Any], tuple[np.ndarray, Any]], results: dict[str, Any]
) -> Callable[[], None]:
    """Judge a model on validation and test, and write results.json and predictions into its run.

    A dataset without its test split is judged on validation alone.

    Args:
        run: where to write.
        dataset: a `zoo.datasets.Dataset`.
        task: what the model is asked.
        answer: a split → answers to its rows, and the targets to compare them with.
        results: what else results.json holds.

    Returns:
        What draws the run's pictures, to be called once the run is recorded.
    """
    labels = task.labels(dataset.info)
    for split_name in ("validation", "test"):
        split = getattr(dataset, split_name)
        if split is None:
            continue
        answers, targets = answer(split)
        if split_name == "validation" and (learned := task.learned_labels(answers, targets, labels)):
            labels |= learned
            _keep(run, learned)
        results[split_name] = task.results(answers, targets, labels)
        run.write_predictions(split_name, split.ids, targets, answers, task.scores(answers, targets, labels))
    run.write_json("results.json", results | dataset.known)
    if dataset.test is not None and task.judged_by == "model":
        write_answers(run.path / FILE, dataset, dataset.test, answers, targets, task, labels)

    def draw() -> None:
        from zoo.drawing import figures

        if run.history_file.exists():
            figures.save_training_curves(run.history, run.path / "training.png", task.headline)
        if dataset.test is not None:
            task.draw(results["test"], dataset.test, answers, labels, run.path)

    return lambda: drawn(draw, run.path)


def _keep(run: Run, learned: dict[str, Any]) -> None:
    """Write what was learned on validation into the labels of a run, and into those inside its model, if it has one."""
    labels = run.read_json("labels.json") | learned
    run.write_json("labels.json", labels)
    if run.model_file.exists():
        write_labels(run.model_file, labels)


def drawn(draw, where: str | os.PathLike) -> None:
    """Draw pictures. One that fails is a line: it may not cost what was computed before."""
    try:
        draw()
    except Exception as error:  # the drawing library meets names and numbers of the user's
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        tell(f"{where}: not all pictures are drawn ({type(error).__name__}: {reason}); all else is there")
