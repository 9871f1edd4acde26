"""How much of its accuracy a model keeps on corrupted test rows."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from zoo.datasets import stored
from zoo.errors import ZooError
from zoo.escaping import printable, tell
from zoo.evaluation import corruptions
from zoo.text_table import align_columns

if TYPE_CHECKING:
    from zoo.datasets import Split

FILE = "corruptions.json"


def evaluate_corruptions(run_path: str | os.PathLike, data_dir: str | None = None, seed: int = 0) -> dict:
    """Judges the model of a run on its test split in every corruption and severity, and writes corruptions.json there.

    Args:
      run_path: a run's folder.
      data_dir: where the data are, if not where the run says.
      seed: of the corruptions.

    Returns:
      {"run", "model", "dataset", "data_digest", "version", "seed", "n", "clean_accuracy", "mean_accuracy": over all
      corruptions and severities, "accuracy": {corruption: [a severity each]}}.

    Raises:
      ZooError: there is no such run, model or data, the model reads tables, or the file cannot be written.
    """
    from zoo.evaluation.evaluate import fitting_split, load_dataset
    from zoo.evaluation.predict import open_model
    from zoo.runs import open_run

    run = open_run(run_path)
    loaded_model = open_model(run.path, None)
    kinds = {"image_classification": corruptions.IMAGE_CORRUPTIONS, "text_classification": corruptions.TEXT_CORRUPTIONS}
    if loaded_model.task not in kinds:
        raise ZooError(f"{run.path}: a model of {loaded_model.task}; corruptions are of pictures and texts")
    dataset = load_dataset(run.path, loaded_model, None, data_dir)
    split = fitting_split(loaded_model, dataset, "test")
    name = run.record["model"]
    clean, *_ = measured = [accuracy_under(loaded_model.predict_probabilities, split, None, 0, seed)]
    table = {}
    for corruption in kinds[loaded_model.task]:
        table[corruption] = [
            accuracy_under(loaded_model.predict_probabilities, split, corruption, severity, seed)
            for severity in corruptions.SEVERITIES
        ]
        measured += table[corruption]
        tell(f"{name}: {corruption}  {'  '.join(f'{value:.4f}' for value in table[corruption])}")
    outcome = {
        "model": name,
        "dataset": dataset.info.name,
        "data_digest": dataset.digest,
        "version": corruptions.VERSION,
        "seed": seed,
        "n": len(split),
        "clean_accuracy": clean,
        "mean_accuracy": float(np.mean(measured[1:])),
        "accuracy": table,
    }
    try:
        run.write_json(FILE, outcome)
    except OSError as error:
        where = run.path / FILE
        raise ZooError(f"{where}: cannot be written ({error.strerror}); copy the run to a folder of yours") from None
    return {"run": str(run.path)} | outcome


def accuracy_under(predict: Callable, split: "Split", corruption: str | None, severity: int, seed: int) -> float:
    """The accuracy on a split, in a corruption or, where that is None, as it is; a block of rows is held at a time."""
    right, start = 0, 0
    for number, block in enumerate(stored.blocks(split.features)):
        if corruption is not None:
            block = corruptions.corrupt(block, corruption, severity, [seed, number])
        labels = split.labels[start : start + len(block)]
        right += int((predict(block).argmax(axis=1) == labels).sum())
        start += len(block)
    return right / len(split)


def corruptions_table(outcome: dict) -> str:
    """What `evaluate_corruptions` returned, for people."""
    rows = [("", *(f"severity {severity}" for severity in corruptions.SEVERITIES), "mean")]
    for name, values in outcome["accuracy"].items():
        rows.append((name, *(f"{value:.4f}" for value in values), f"{np.mean(values):.4f}"))
    return (
        f"{printable(outcome['run'])} on {outcome['dataset']}, accuracy on {outcome['n']:,} test rows, corrupted (seed "
        f"{outcome['seed']})\n\n{align_columns(rows)}\n\nmean {outcome['mean_accuracy']:.4f}, as they are "
        f"{outcome['clean_accuracy']:.4f}"
    )
