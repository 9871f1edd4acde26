"""Wall time of whole runs of train.py, from the start of the process, that reach an accuracy on the test split."""

import dataclasses
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from zoo.errors import ZooError, nearest
from zoo.runs import Run
from zoo.text_table import align_columns


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Overrides that shorten a model's training and are to come to `accuracy`; the measurement says if they do."""

    accuracy: float
    overrides: tuple[str, ...]


# Chosen by the validation accuracy of seeds 5 and 6: 0.9835 and 0.9912 on average.
RECIPES = {
    "mnist_mlp": Recipe(
        0.98,
        (
            "training.epochs=10",
            "training.schedule.warmup_epochs=0.5",
            "training.optimizer.ema_momentum=0.99",
            "dataset.augmentation={shift_pixels: 1}",
        ),
    ),
    "mnist_cnn": Recipe(
        0.99,
        (
            "training.epochs=2",
            "training.schedule.warmup_epochs=0.3",
            "training.optimizer.ema_momentum=null",
            "dataset.augmentation={}",
        ),
    ),
}


def measure_time_to_accuracy(
    train_script: pathlib.Path,
    models: Sequence[str] | None = None,
    seeds: int = 5,
    assignments: Sequence[str] = (),
) -> dict[str, Any]:
    """Train each model's recipe with seeds 0 to `seeds` - 1, a process each, to its end: test figures and pictures.

    The test split is read once a run, after the last epoch, so the time is that of the whole run.

    Returns:
        {model: {"accuracy_to_reach", "overrides", "each_seed": [{"seed", "seconds", "accuracy", "reached"}], "seconds"
        (median; None unless all seeds reach the accuracy)}}.

    Raises:
        ZooError: there is no recipe for a model, or train.py refuses; the text is its last line.
    """
    if seeds < 1:
        raise ZooError(f"--rounds={seeds}: at least 1 seed is needed")
    results = {}
    for model in RECIPES if models is None else models:
        if model not in RECIPES:
            raise ZooError(f"--models={model}: no recipe for --time_to_accuracy; {nearest(model, RECIPES)}")
        recipe = RECIPES[model]
        rows = [_run_seed(train_script, model, seed, [*recipe.overrides, *assignments]) for seed in range(seeds)]
        for row in rows:
            row["reached"] = row["accuracy"] >= recipe.accuracy
        reached = all(row["reached"] for row in rows)
        results[model] = {
            "accuracy_to_reach": recipe.accuracy,
            "overrides": [*recipe.overrides, *assignments],
            "each_seed": rows,
            "seconds": statistics.median(row["seconds"] for row in rows) if reached else None,
        }
    return results


def _run_seed(train_script: pathlib.Path, model: str, seed: int, overrides: list[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as runs_dir:
        command = [sys.executable, str(train_script), f"--model={model}", f"--seed={seed}", f"--runs_dir={runs_dir}"]
        command += [f"--set={override}" for override in overrides]
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True)
        seconds = time.perf_counter() - started
        if done.returncode:
            last_line = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise ZooError(f"{model}, seed {seed}: the training ended with {last_line.removeprefix('error: ')}")
        results = Run(next(pathlib.Path(runs_dir).glob("*/*"))).results
    accuracy, validation = (results[split]["accuracy"]["value"] for split in ("test", "validation"))
    print(f"{model}: seed {seed}: test {accuracy:.4f}, {seconds:.1f} s", file=sys.stderr, flush=True)
    return {"seed": seed, "seconds": seconds, "accuracy": accuracy, "validation_accuracy": validation}


def time_table(results: dict[str, Any]) -> str:
    """Each seed's test accuracy and seconds, then the median or what it lacks."""
    blocks = []
    for model, result in results.items():
        rows = [("seed", "test accuracy", "seconds")]
        rows += [(str(r["seed"]), f"{r['accuracy']:.4f}", f"{r['seconds']:.1f}") for r in result["each_seed"]]
        missed = [str(row["seed"]) for row in result["each_seed"] if not row["reached"]]
        target = f"{result['accuracy_to_reach']:.0%} on test"
        last = (
            f"seed {', '.join(missed)} did not come to {target}"
            if missed
            else f"{target}: {result['seconds']:.1f} s, median of {len(rows) - 1} runs, start and end included"
        )
        blocks.append(f"{model} with {' '.join(result['overrides'])}\n{align_columns(rows)}\n{last}")
    return "\n\n".join(blocks)
