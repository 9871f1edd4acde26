"""Does the number of replicas change what is learned? The same short training under each set-up, compared."""

import dataclasses
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

from zoo.errors import ZooError
from zoo.shipped import is_installed, shipped
from zoo.text_table import align_columns

REFERENCE, OTHER_ROUNDING = "1 device", "1 device, other rounding"
SETUPS = {
    "2 virtual devices": ["--virtual_devices=2"],
    "4 virtual devices": ["--virtual_devices=4"],
    "2 processes": ["--workers=2"],
    "4 processes": ["--workers=4"],
}
OPTIMIZERS = {
    "sgd": "{name: sgd, learning_rate: 0.01, momentum: 0.9}",
    "clipped sgd": "{name: sgd, learning_rate: 0.01, clip_norm: 0.3}",
    "adam": "{name: adam, learning_rate: 0.001}",
}


@dataclasses.dataclass(frozen=True)
class Trial:
    """The short training of a model: its data, numbers of rows that no batch divides, options for a small model."""

    dataset: str
    steps_per_epoch: int
    validation: int
    test: int
    options: str = "{}"


TRIALS = {
    "mnist_mlp": Trial("mnist", 16, 1003, 1007),
    # In convolutional nets, rounding soon moves a maximum to another pixel, and runs diverge, even on one device.
    "mnist_cnn": Trial("mnist", 1, 1003, 1007),
    "bbc_news_bert": Trial(
        "bbc_news", 4, 211, 421,
        "{num_layers: 1, hidden_size: 32, num_heads: 2, feed_forward_size: 64, length: 32, vocabulary_size: 500}",
    ),
    "japanese_vowels_lstm": Trial("japanese_vowels", 3, 23, 101, "{units: 8}"),
}  # fmt: skip
LIMITS = {"weights": 1e-5, "evaluation": 1e-6, "predictions": 1e-5}


def verify(models: list[str], setups: list[str] | None = None) -> list[dict]:
    """Train each model with each optimizer under each set-up and compare with one device.

    Two epochs of a few batches of 64 digits or texts, in float32 without XLA, with dropout, augmentation and
    synchronized batch normalization as the config has them; the numbers of rows for validation and test are prime.

    Replicas add up in another order, and training may amplify the rounding: Adam makes full steps of gradients that are
    only rounding. The set-up "1 device, other rounding" shows how much: without oneDNN, which adds up differently too.

    Returns:
        One row a comparison: model, optimizer, setup, then the largest absolute difference of weights, evaluation
        (validation loss and headline of each epoch) and predictions (answers to the test rows in order), and
        verdict: ok within `LIMITS`, rounding where it is at most ten times that of one device, else FAILED.

    Raises:
        ZooError: a model is none of `TRIALS`, or a training failed; the text holds the end of its output.
    """
    for model in models:
        if model not in TRIALS:
            raise ZooError(f"--models={model}: the comparison is made for {', '.join(TRIALS)}")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            compared = [OTHER_ROUNDING, *(setups or SETUPS)]
            outcomes = {setup: _outcomes(model, setup, pathlib.Path(folder)) for setup in [REFERENCE, *compared]}
            for optimizer in OPTIMIZERS:
                reference = outcomes[REFERENCE][optimizer]
                rounding = {}
                for setup in compared:
                    outcome = outcomes[setup][optimizer]
                    differences = {kind: float(np.abs(outcome[kind] - reference[kind]).max()) for kind in LIMITS}
                    rounding = rounding or differences
                    row = {"model": model, "optimizer": optimizer, "setup": setup} | differences
                    rows.append(row | {"verdict": _verdict(differences, rounding)})
    print(file=sys.stderr)
    return rows


def format_table(rows: list[dict]) -> str:
    """Aligned columns: the largest differences from one device, and whether each is within its limit."""
    kinds = list(LIMITS)
    cells = [("model", "optimizer", "set-up", *(f"{kind} (≤ {LIMITS[kind]:g})" for kind in kinds), "")]
    for row in rows:
        differences = (f"{row[kind]:.1e}" for kind in kinds)
        cells.append((row["model"], row["optimizer"], row["setup"], *differences, row["verdict"]))
    return align_columns(cells)


def _verdict(differences: dict[str, float], rounding: dict[str, float]) -> str:
    if all(differences[kind] <= limit for kind, limit in LIMITS.items()):
        return "ok"
    small = all(differences[kind] <= max(limit, 10 * rounding[kind]) for kind, limit in LIMITS.items())
    return "rounding" if small else "FAILED"


def _outcomes(model: str, setup: str, folder: pathlib.Path) -> dict[str, dict[str, np.ndarray]]:
    """What each optimizer came to, all in one process, or one set of workers, which starts TensorFlow once."""
    output = folder / f"{model}-{setup.replace(' ', '-')}"
    flags = SETUPS.get(setup, ["--strategy=default"])
    command = [sys.executable, "-P", "-m", "zoo.experiments.verification", model, str(output)]
    if flags[0].startswith("--workers"):
        logs = f"--logs_dir={folder / 'logs'}"
        command = [sys.executable, str(shipped("scripts/launch.py")), flags[0], logs, "--", *command]
    else:
        command += flags
    source = "" if is_installed() else str(shipped(""))
    # An empty entry would be the folder that the user is in.
    path = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
    environment = {"PYTHONPATH": path} | ({"TF_ENABLE_ONEDNN_OPTS": "0"} if setup == OTHER_ROUNDING else {})
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)
    if done.returncode:
        lines = (done.stderr + done.stdout).strip().splitlines()
        raise ZooError(f"{model} on {setup} ended with status {done.returncode}: {lines[-1:]}")
    print(".", end="", flush=True, file=sys.stderr)
    return {optimizer: dict(np.load(f"{output}-{optimizer}.npz")) for optimizer in OPTIMIZERS}


def _train(model: str, optimizer: str, output: str, flags: list[str]) -> None:
    """The training of one set-up with one optimizer."""
    import zoo
    from zoo import datasets
    from zoo.models import catalog
    from zoo.training import fit

    assignments = [
        "training.epochs=2", "training.batch_size=64", "training.precision=float32", "training.xla=off",
        "training.selection=last", "training.steps_per_call=5", "training.schedule={}",
        f"model.options={TRIALS[model].options}",
        f"training.optimizer={OPTIMIZERS[optimizer]}",
    ]  # fmt: skip
    for flag in flags:
        name, value = flag.removeprefix("--").split("=")
        assignments.append(f"training.{name}={value}")
    trial = TRIALS[model]
    whole = datasets.load(trial.dataset)
    sizes = {"train": 64 * trial.steps_per_epoch, "validation": trial.validation, "test": trial.test}
    dataset = dataclasses.replace(whole, **{part: getattr(whole, part).take(range(n)) for part, n in sizes.items()})
    with tempfile.TemporaryDirectory() as folder:
        run = fit.train(zoo.load_config(model, assignments=assignments), folder, dataset=dataset, show_progress=False)
        if run is None:
            return
        weights = np.concatenate([w.ravel() for w in zoo.load_model(run).model.get_weights()])
        headline = catalog.model_info(model).task.headline.name
        evaluation = np.stack([run.history["validation_loss"], run.history[f"validation_{headline}"]])
        predictions = run.read_predictions("test")
        assert np.array_equal(predictions.ids, dataset.test.ids)
        outcome = {"weights": weights, "evaluation": evaluation, "predictions": predictions.answers}
        np.savez(f"{output}-{optimizer}.npz", **outcome)


if __name__ == "__main__":
    for each in OPTIMIZERS:
        _train(sys.argv[1], each, sys.argv[2], sys.argv[3:])
