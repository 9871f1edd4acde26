"""Runs as training writes them, of models that guess: python tests/comparison/synthetic_runs.py FOLDER [RUNS [ROWS]]

Makes 200 runs of 10,000 rows unless told otherwise, five seeds a config, with a validation split half as large.
"""

import pathlib
import sys

import numpy as np

from zoo.config import Config
from zoo.runs import Run


def write_run(folder, model, seed, test, validation=None, digest="sha256:1", config=None, **record) -> Run:
    """A finished run in `folder/model`; splits are (labels `int[rows]`, probabilities `float[rows, num_classes]`)."""
    from zoo.measures.classes import classification_results

    run = Run(pathlib.Path(folder) / model / f"20260101-0000{seed:02}-abcdef")
    run.path.mkdir(parents=True)
    names = [f"class {number}" for number in range(test[1].shape[1])]
    record = {"status": "finished", "model": model, "dataset": "points", "seed": seed, "data_digest": digest,
              "parameters": 1234, "wall_seconds": 2.0, "peak_memory_mib": 100, "device": "CPU"} | record  # fmt: skip
    run.write_json("run.json", record)
    run.write_json("labels.json", {"label_names": names, "task": "table_classification"})
    results = {}
    for split, file, part in (
        ("validation", "validation_predictions.npz", validation),
        ("test", "predictions.npz", test),
    ):
        if part is not None:
            labels, probabilities = part
            results[split] = classification_results(probabilities, labels, names)
            np.savez_compressed(run.path / file, ids=np.arange(len(labels)), labels=labels, probabilities=probabilities)
    run.write_json("results.json", results)
    values = {"model": {"name": model}, "dataset": {"name": "points"}, "training": {"seed": seed}}
    run.write_text("config.yaml", Config.model_validate(config or values).to_yaml())
    return run


def guess(labels, num_classes, skill, generator):
    """Probabilities `float32[rows, num_classes]` that are right about the share `skill` of the rows."""
    logits = generator.normal(size=(len(labels), num_classes))
    right = generator.random(len(labels)) < skill
    logits[np.arange(len(labels)), np.where(right, labels, (labels + 1) % num_classes)] += 8
    odds = np.exp(logits)
    return (odds / odds.sum(axis=1, keepdims=True)).astype("float32")


def main(folder: str, runs: str = "200", rows: str = "10000") -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, int(rows))
    held_out = generator.integers(0, 10, int(rows) // 2)
    for number in range(int(runs)):
        skill = 0.9 + 0.002 * (number // 5)
        parts = [(of, guess(of, 10, min(skill, 0.999), generator)) for of in (labels, held_out)]
        write_run(folder, f"model_{number // 5:02}", number % 5, *parts)


if __name__ == "__main__":
    main(*sys.argv[1:])
