"""Training: each setting changes what it says, and an interrupted run ends where the uninterrupted one does."""

import numpy as np
import pytest
from small_trainings import interrupted, train, weights

import zoo


@pytest.fixture(scope="module")
def plain_weights(digits, tmp_path_factory):
    return weights(train(digits, tmp_path_factory.mktemp("plain")))


def test_same_seed_gives_the_same_weights_and_a_run_holds_its_record(digits, plain_weights, tmp_path):
    run = train(digits, tmp_path, draw=True)
    np.testing.assert_array_equal(weights(run), plain_weights)
    assert run.record["status"] == "finished"
    assert run.results["test"]["n"] == 140
    assert run.results["test"]["accuracy"]["value"] > 0.5
    predictions = np.load(run.path / "predictions.npz")
    assert predictions["answers"].shape == (140, 4)
    accuracy = (predictions["answers"].argmax(1) == predictions["targets"]).mean()
    assert accuracy == pytest.approx(run.results["test"]["accuracy"]["value"])
    for name in ("training.png", "confusion_matrix.png", "mistakes.png", "labels.json", "config.yaml"):
        assert (run.path / name).stat().st_size > 0
    assert any((run.path / "tensorboard").rglob("events.*"))
    assert len(run.history_file.read_text().splitlines()) == 4
    assert zoo.load_model(run).label_names == ["a", "b", "c", "d"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("equal", "difference"),
    [
        ("training.optimizer.gradient_accumulation_steps=4", 1e-5),
        ("training.steps_per_call=1", 1e-5),
        ("training.xla=off", 1e-5),
    ],
)
def test_settings_of_cost_alone_leave_the_weights(digits, plain_weights, tmp_path, equal, difference):
    np.testing.assert_allclose(weights(train(digits, tmp_path, equal)), plain_weights, atol=difference)


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting",
    [
        "training.seed=1",
        "training.label_smoothing=0.1",
        "training.class_weights={a: 3.0}",
        "training.schedule.name=cosine",
        "training.schedule.warmup_epochs=1",
        "training.optimizer.name=sgd",
        "training.optimizer.l2=0.01",
        "training.optimizer.clip_norm=0.1",
        "training.optimizer.ema_momentum=0.9",
        "training.optimizer={name: adamw, weight_decay: 0.1}",
        "training.precision=mixed_bfloat16",
        "training.precision=mixed_float16",
        "model.options={dropout: 0.3}",
        "model.options={batch_normalization: true}",
        "dataset.augmentation.shift_pixels=2",
        "dataset.augmentation.rotation_degrees=20",
        "dataset.augmentation.horizontal_flip=true",
        "dataset.augmentation.random_erasing=0.5",
        "dataset.augmentation.crop_padding=1",
        "dataset.augmentation.randaugment={}",
    ],
)
def test_every_setting_changes_the_model(digits, plain_weights, tmp_path, setting):
    changed = weights(train(digits, tmp_path, setting))
    assert plain_weights.shape != changed.shape or np.abs(plain_weights - changed).max() > 1e-4


@pytest.mark.slow
def test_early_stopping_ends_before_the_last_epoch(digits, tmp_path):
    run = train(digits, tmp_path, "training.epochs=40", "training.early_stopping={patience: 2}")
    assert any((run.path / "tensorboard").rglob("events.*"))
    assert len(run.history_file.read_text().splitlines()) < 41


EVERYTHING_RANDOM = (
    "training.deterministic=true",
    "training.steps_per_call=1",
    "training.schedule.name=cosine",
    "training.optimizer={name: adamw, weight_decay: 0.01, ema_momentum: 0.9}",
    "model.options={dropout: 0.3}",
    "dataset.augmentation.shift_pixels=1",
)


@pytest.fixture(scope="module")
def uninterrupted_run(digits, tmp_path_factory):
    return train(digits, tmp_path_factory.mktemp("uninterrupted"), *EVERYTHING_RANDOM)


@pytest.mark.slow
@pytest.mark.parametrize("stop_at_step", [4, 10, 13])
def test_resumed_run_is_bit_identical(digits, uninterrupted_run, tmp_path, stop_at_step):
    run = interrupted(stop_at_step, digits, tmp_path, *EVERYTHING_RANDOM)
    resumed = train(digits, tmp_path, *EVERYTHING_RANDOM, resume=run)
    np.testing.assert_array_equal(weights(resumed), weights(uninterrupted_run))
    columns = [line.split(",")[3:] for line in resumed.history_file.read_text().splitlines()]
    assert columns == [line.split(",")[3:] for line in uninterrupted_run.history_file.read_text().splitlines()]


def test_loss_that_is_not_finite_names_epoch_and_step(digits, tmp_path):
    with pytest.raises(zoo.ZooError, match=r"the loss is nan in epoch \d+, step \d+"):
        train(digits, tmp_path, "training.optimizer={name: sgd, learning_rate: 1.0e+30}", "training.epochs=4")
