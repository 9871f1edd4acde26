"""How good a model still is on corrupted test rows."""

import os
from typing import TYPE_CHECKING

import numpy as np

from zoo.datasets import on_disk
from zoo.errors import ZooError
from zoo.escaping import printable, tell
from zoo.evaluation import corruptions
from zoo.registry import plural
from zoo.tasks.catalog import get_task
from zoo.text_table import align_columns

if TYPE_CHECKING:
    from zoo.datasets import Split
    from zoo.loading import LoadedModel

FILE = "corruptions.json"


def evaluate_corruptions(run_path: str | os.PathLike, data_dir: str | None = None, seed: int = 0) -> dict:
    """Judges the model of a run on its test split in every corruption and severity, and writes corruptions.json there.

    Args:
        run_path: a run's folder.
        data_dir: where the data are, if not where the run says.
        seed: of the corruptions.

    Returns:
        {"run", "model", "dataset", "data_digest", "version", "seed", "n", "task", "metric": the headline of the task,
        "clean": its value as the rows are, "mean": over all corruptions and severities, "values": {corruption: [one a
        severity]}}.

    Raises:
        ZooError: there is no such run, model or data, the model reads tables, or the file cannot be written.
    """
    from zoo.evaluation.evaluate import fitting_split, load_dataset
    from zoo.evaluation.predict import open_model
    from zoo.runs import open_run

    run = open_run(run_path)
    loaded_model = open_model(run.path, None)
    kinds = {"image": corruptions.IMAGE_CORRUPTIONS, "text": corruptions.TEXT_CORRUPTIONS}
    if loaded_model.reads not in kinds:
        raise ZooError(f"{run.path}: a model of {plural(loaded_model.reads)}; corruptions are of pictures and texts")
    task = loaded_model.task
    dataset = load_dataset(run.path, loaded_model, None, data_dir)
    split = fitting_split(loaded_model, dataset, "test")
    name = run.record["model"]
    clean, *_ = measured = [headline_under(loaded_model, split, None, 0, seed)]
    table = {}
    for corruption in kinds[loaded_model.reads]:
        table[corruption] = [
            headline_under(loaded_model, split, corruption, severity, seed) for severity in corruptions.SEVERITIES
        ]
        measured += table[corruption]
        tell(f"{name}: {corruption}  {'  '.join(map(task.headline.text, table[corruption]))}")
    outcome = {
        "model": name,
        "dataset": dataset.info.name,
        "data_digest": dataset.digest,
        "version": corruptions.VERSION,
        "seed": seed,
        "n": len(split),
        "task": task.name,
        "metric": task.headline.name,
        "clean": clean,
        "mean": float(np.mean(measured[1:])),
        "values": table,
    }
    run.write_figures(FILE, outcome)
    return {"run": str(run.path)} | outcome


def headline_under(
    loaded_model: "LoadedModel", split: "Split", corruption: str | None, severity: int, seed: int
) -> float:
    """The headline on a split with a corruption, or without if that is None; one block of rows is in memory at a time.

    Raises:
        ZooError: the model's task has no score a row to make it of.
    """
    task, answers = loaded_model.task, []
    for number, block in enumerate(on_disk.blocks(split.features)):
        if corruption is not None:
            block = corruptions.corrupt(block, corruption, severity, [seed, number])
        answers.append(loaded_model.answers(block))
    scores = task.scores(np.concatenate(answers), split.targets, loaded_model.labels)
    if scores is None:
        raise ZooError(f"{loaded_model.path}: {task.words} has no score a row, which corruptions are judged by")
    return float(task.headline_of(scores.mean()))


def corruptions_table(outcome: dict) -> str:
    """What `evaluate_corruptions` returned, for people."""
    headline = get_task(outcome["task"]).headline
    rows = [("", *(f"severity {severity}" for severity in corruptions.SEVERITIES), "mean")]
    for name, values in outcome["values"].items():
        rows.append((name, *map(headline.text, values), headline.text(np.mean(values))))
    title = f"{printable(outcome['run'])} on {outcome['dataset']}"
    mean, clean = headline.text(outcome["mean"]), headline.text(outcome["clean"])
    return (
        f"{title}, {headline.words} on {outcome['n']:,} test rows, corrupted (seed {outcome['seed']})\n\n"
        f"{align_columns(rows)}\n\nmean {mean}, as they are {clean}"
    )
