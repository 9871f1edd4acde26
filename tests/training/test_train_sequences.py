"""Training on sequences of numbers: their values alone decide, and an interruption changes nothing."""

import dataclasses

import numpy as np
import pytest
from small_trainings import interrupted, weights, without_pictures
from tensorflow.python.framework.config import disable_op_determinism

import zoo
from zoo import datasets
from zoo.datasets.splits import Split

EVERYTHING_RANDOM = (
    "training.deterministic=true",
    "training.steps_per_call=1",
    "model.options={units: 6, input_dropout: 0.2, dropout: 0.3}",
)


@pytest.fixture(scope="module")
def waves():
    """120 noisy waves of 5 to 12 steps and 2 channels, whose class is their direction; some with gaps."""
    generator = np.random.default_rng(0)
    labels = (np.arange(120) % 3).astype("int32")
    features = np.full((120, 12, 2), np.nan, "float32")
    for row, label in enumerate(labels):
        length = generator.integers(5, 13)
        features[row, :length] = 100 + (label - 1) * np.arange(length)[:, None] + generator.normal(size=(length, 2))
    features[::7, 2, 0] = np.nan
    info = dataclasses.replace(datasets.dataset_info("sequence_folder"), label_names=("down", "level", "up"))
    parts = [Split(features[a:b], labels[a:b], np.arange(a, b)) for a, b in ((0, 80), (80, 100), (100, 120))]
    counts = {name: {"rows": len(part)} for name, part in zip(("train", "validation", "test"), parts, strict=True)}
    return datasets.Dataset(info, *parts, digest="sha256:test", report={"counts": counts})


def train(dataset, runs_dir, *assignments, resume=None):
    basics = ["dataset.name=sequence_folder", "training.epochs=3", "training.batch_size=20", "training.schedule={}"]
    config = zoo.load_config("japanese_vowels_lstm", assignments=[*basics, *assignments])
    try:
        with without_pictures():
            return zoo.train(config, runs_dir, dataset=dataset, resume=resume, show_progress=False)
    finally:
        disable_op_determinism()


@pytest.mark.slow
@pytest.mark.parametrize("stop_at_step", [5])
def test_a_resumed_run_is_bit_identical(waves, tmp_path, stop_at_step):
    whole = train(waves, tmp_path / "whole", *EVERYTHING_RANDOM)
    run = interrupted(stop_at_step, waves, tmp_path / "cut", *EVERYTHING_RANDOM, train=train)
    resumed = train(waves, tmp_path / "cut", *EVERYTHING_RANDOM, resume=run)
    np.testing.assert_array_equal(weights(resumed), weights(whole))


@pytest.mark.slow
def test_it_learns_and_what_is_padding_does_not_matter(waves, tmp_path):
    settings = ("training.epochs=12", "training.xla=off", "model.options={units: 8}")
    run = train(waves, tmp_path, *settings)
    assert run.results["test"]["accuracy"]["value"] > 0.9

    def longer(part):
        behind = np.full((len(part), 9, 2), np.nan, "float32")
        return dataclasses.replace(part, features=np.concatenate([part.features, behind], axis=1))

    parts = {name: longer(getattr(waves, name)) for name in ("train", "validation", "test")}
    padded = train(dataclasses.replace(waves, **parts), tmp_path, *settings)
    np.testing.assert_allclose(weights(run), weights(padded), atol=1e-4)
