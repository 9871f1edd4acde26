"""Damaged copies of files that runs and data are made of: an answer or one line, and nothing is written.

`HOSTILE_MUTATIONS=2000` feeds each parser 2,000 of them.
"""

import contextlib
import hashlib
import pathlib
import shutil
from itertools import islice

import numpy as np
import pytest
import record_files
from mutate import how_many, mutations, zip_mutations

from zoo import encoders, safe_reading
from zoo.comparison import columns, receipts, table
from zoo.config import load_config, validate
from zoo.datasets import own_data, own_tables, own_texts
from zoo.errors import ZooError
from zoo.experiments.search_space import read_space
from zoo.inputs.images import read as read_images
from zoo.run_files import read_history
from zoo.runs import Run
from zoo.tasks.catalog import get_task
from zoo.training.checkpoints import load_checkpoint, save_checkpoint

pytestmark = pytest.mark.slow

GOLDEN = pathlib.Path(__file__).parents[1] / "training/bert_golden"
FEW = 60
READING = own_data.Reading(get_task("classification"))


class _AnyPicture:
    """What the reader of pictures asks of a loaded model."""

    def __init__(self):
        self.model, self.input_shape = self, (None, 28, 28, 1)


def read_run(run: pathlib.Path):
    """As compare.py does, to its last column."""
    results, left_out = table.read_results([Run(run)])
    assert len(results) + len(left_out) >= 1 and not any("\n" in line for line in left_out)
    for form in ("terminal", "csv", "json", "markdown"):
        text = table.render(table.compare(results), columns.names(), form) if results else ""
        assert all(character.isprintable() or character == "\n" for character in text)
    if results:
        results[0].record.get("process", {}).get("id")
        with contextlib.suppress(ZooError):
            receipts.leaderboard(results * 2)


def read_config(run: pathlib.Path):
    config = load_config(path=run / "config.yaml")
    again = validate(safe_reading.parse_yaml(config.to_yaml(), "again"), "again")
    assert again == config


def read_weights(run: pathlib.Path):
    checkpoint = encoders.read_directory(run, 32)
    assert all(np.ndim(weights) in (1, 2) for layer in checkpoint.weights.values() for weights in layer)


def read_space_of(run: pathlib.Path):
    read_space(run / "space.yaml", load_config("xor_mlp"))


def read_checkpoint(run: pathlib.Path):
    """With a right digest, as one who means harm would give it."""
    (path,) = (run / "checkpoints").iterdir()
    content = path.read_bytes()[32:]
    path.write_bytes(hashlib.sha256(content).digest() + content)
    arrays, state = load_checkpoint(run / "checkpoints")
    state["step"], state["selection"]["best_loss"], state["history"]
    assert all(array.dtype.kind in "biufUS" for array in arrays.values())


TARGETS = {
    "run.json": ("run.json", read_run),
    "labels.json": ("labels.json", read_run),
    "results.json": ("results.json", read_run),
    "config.yaml of a run": ("config.yaml", read_run),
    "npz": ("predictions.npz", read_run),
    "npz of a part": ("validation_predictions.npz", read_run),
    "config.yaml": ("config.yaml", read_config),
    "safetensors": ("model.safetensors", read_weights),
    "config.json": ("config.json", read_weights),
    "vocab.txt": ("vocab.txt", read_weights),
    "space.yaml": ("space.yaml", read_space_of),
    "history.csv": ("history.csv", lambda run: read_history(run / "history.csv")),
    "a checkpoint": ("checkpoints/step-000000000003.npz", read_checkpoint),
    "a table": ("table.csv", lambda run: own_tables.read_csv(run / "table.csv", READING)),
    "a table of texts": ("texts.csv", lambda run: own_texts.read_text_csv(run / "texts.csv", READING)),
    "a picture": ("picture.png", lambda run: read_images([run / "picture.png"], _AnyPicture())),
    "npy": ("pictures.npy", lambda run: read_images([run / "pictures.npy"], _AnyPicture())),
    "the leaderboard": ("leaderboard.csv", lambda run: receipts.read_leaderboard(run / "leaderboard.csv")),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A good run, with a checkpoint of BERT, a training's checkpoint and data beside its own files."""
    from PIL import Image

    run = record_files.good_run(tmp_path_factory.mktemp("whole"), "xor_mlp")
    for file in GOLDEN.iterdir():
        shutil.copy(file, run.path)
    selection = {"best_accuracy": 0.5, "best_loss": 1.0, "best_epoch": 1, "accuracy_to_beat": -float("inf"),
                 "epochs_without_improvement": 0}  # fmt: skip
    state = {"step": 3, "selection": selection, "history": [{"epoch": 1, "loss": 0.5}]}
    run.checkpoints.mkdir()
    save_checkpoint(run.checkpoints, 3, {"model.0": np.arange(6.0)}, state)
    run.write_text("table.csv", "a,b,label\n1,2.5,x\n-3,4e5,y\n5,6,x\n")
    run.write_text("texts.csv", 'text,label\n"one, two",x\nthree,y\n"four\nfive",x\n')
    run.write_text("space.yaml", "training.optimizer.learning_rate: {low: 1e-3, high: 2e-2, log: true}\n")
    Image.fromarray(np.arange(768, dtype="uint8").reshape(16, 16, 3)).save(run.path / "picture.png")
    np.save(run.path / "pictures.npy", np.arange(128, dtype="uint8").reshape(2, 8, 8))
    results, _ = table.read_results([run])
    for seed, result in enumerate(results * 2):
        result.record["seed"] = seed
    receipts.write_leaderboard(run.path / "leaderboard.csv", results * 2)
    return run.path


@pytest.mark.parametrize(("file", "read"), TARGETS.values(), ids=TARGETS)
def test_no_traceback_no_write_within_the_bounds(bounded, whole, tmp_path, monkeypatch, file, read):
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "xor_mlp" / whole.name
    shutil.copytree(whole, run)
    read(run)  # or every copy would be refused for a fault of ours
    content = (whole / file).read_bytes()
    copies = (zip_mutations if content[:2] == b"PK" else mutations)(content)
    if file.startswith("checkpoints/"):
        copies = (bytes(32) + copy for copy in zip_mutations(content[32:]))
    refused, files = 0, sorted(tmp_path.rglob("*"))
    for copy in islice(copies, how_many(FEW)):
        (run / file).write_bytes(copy)
        with bounded():
            try:
                read(run)
            except ZooError as error:
                refused += 1
                assert "\n" not in str(error) and len(str(error)) < 1000
        assert sorted(tmp_path.rglob("*")) == files
    print(f"{file}: {refused} of {how_many(FEW)} refused")
