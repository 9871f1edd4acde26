"""Training on mixed pictures: what the loss and the accuracy mean, what leaves the weights alone, what is refused."""

import dataclasses
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_trainings import interrupted, train, weights

import zoo
from zoo.datasets.mixing import Mixing
from zoo.tasks import Training
from zoo.tasks.catalog import get_task
from zoo.tasks.classification import cross_entropy
from zoo.training import checks, distillation

MIXED = ("dataset.augmentation={mixup: 0.4, cutmix: 1.0, crop_padding: 1}", "training.class_weights={a: 3.0}")


@pytest.mark.parametrize("logits_of", [1, 2, 3])
def test_the_loss_is_the_mean_of_both_losses(logits_of):
    """Each label's own cross-entropy with label smoothing, by NumPy, times its weight and its part of the picture."""
    generator, classes = np.random.default_rng(0), max(logits_of, 2)
    labels, row_weights = generator.integers(0, classes, 8), generator.uniform(0, 3, 8).astype("f4")
    pictures = np.repeat(255 * np.eye(8, dtype="uint8")[:, None, :, None], 3, axis=1)
    settings = zoo.settings.AugmentationSection(mixup=1.0)
    mixing = Mixing(settings, lambda labels: tf.one_hot(labels, classes))
    batch = (tf.constant(array)[None] for array in (pictures, labels, row_weights, np.arange(8)))
    mixed, soft, sample_weight = (array[0] for array in mixing(*batch, tf.constant([0, 0], tf.int64)))
    logits = generator.normal(size=(7, logits_of)).astype("f4")
    found = np.ravel(cross_entropy(logits_of, 0.1)(soft, tf.constant(logits))) * sample_weight
    logits = np.concatenate([0 * logits, logits], axis=1) if logits_of == 1 else logits
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    smooth = 0.9 * np.eye(classes)[labels] + 0.1 / classes
    own = mixed.numpy()[np.arange(7), 0, np.arange(7), 0] / 255
    of_own, of_other = -(smooth[:-1] * log_probabilities).sum(1), -(smooth[1:] * log_probabilities).sum(1)
    expected = own * row_weights[:-1] * of_own + (1 - own) * row_weights[1:] * of_other
    np.testing.assert_allclose(found, expected, atol=0.02)  # a pixel is rounded to 1/255
    assert own.std() > 0.1


@pytest.mark.parametrize("one_unit", [True, False])
def test_accuracy_is_the_part_of_the_class_that_is_said(one_unit):
    """In training of mixed pictures, and in validation, where labels are plain, what it always was."""
    config = zoo.load_config("mnist_mlp", assignments=["dataset.augmentation.mixup=0.2"])
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1 if one_unit else 2, name="logits")])
    (metric,) = zoo.model_info("mnist_mlp").task.metrics(Training(config, model, {}, None))
    logits = np.array([[2.0], [-1.0], [3.0]] if one_unit else [[0.0, 2.0], [1.0, 0.0], [0.0, 3.0]], "f4")
    metric.update_state(np.array([[0.3, 0.7], [0.6, 0.4], [1.0, 0.0]], "f4"), logits)
    assert float(metric.result()) == pytest.approx((0.7 + 0.6 + 0.0) / 3)
    for labels in (np.array([1, 0, 0], "i4"), np.array([[1], [0], [0]], "f4")):
        metric.reset_state()
        metric.update_state(labels, logits, sample_weight=np.array([1.0, 1.0, 0.0], "f4"))
        assert float(metric.result()) == 1


@pytest.fixture(scope="module")
def mixed_run(digits, tmp_path_factory):
    return train(digits, tmp_path_factory.mktemp("mixed"), *MIXED, "training.deterministic=true")


def test_mixing_changes_the_training_and_validation_is_never_mixed(digits, mixed_run, tmp_path):
    plain = train(digits, tmp_path, *MIXED, "dataset.augmentation={crop_padding: 1}")
    assert np.abs(weights(mixed_run) - weights(plain)).max() > 1e-3
    history = np.genfromtxt(mixed_run.history_file, delimiter=",", names=True)
    assert history["accuracy"][-1] < history["validation_accuracy"][-1], "half of a mixed picture is another class"
    assert mixed_run.results["test"]["accuracy"]["value"] > 0.5


@pytest.mark.slow
def test_settings_of_cost_alone_leave_the_weights(digits, mixed_run, tmp_path):
    for setting in ("training.steps_per_call=1", "training.optimizer.gradient_accumulation_steps=4"):
        np.testing.assert_allclose(weights(train(digits, tmp_path, *MIXED, setting)), weights(mixed_run), atol=1e-5)


@pytest.mark.slow
def test_a_resumed_run_is_bit_identical(digits, mixed_run, tmp_path):
    settings = (*MIXED, "training.deterministic=true")
    run = interrupted(14, digits, tmp_path, *settings)
    np.testing.assert_array_equal(weights(train(digits, tmp_path, *settings, resume=run)), weights(mixed_run))


@pytest.mark.slow
def test_the_teacher_sees_the_mixed_pictures(digits, mixed_run, tmp_path, monkeypatch):
    """With all the loss from a teacher, labels are nothing: student and teacher agree on pictures of their own kind."""
    seen = []
    original = distillation.Distillation.__call__

    def watch(self, loss, penalties, x, logits, sample_weight):
        seen.append((x.shape, sample_weight.shape))
        return original(self, loss, penalties, x, logits, sample_weight)

    monkeypatch.setattr(distillation.Distillation, "__call__", watch)
    taught = f"training.distillation={{teacher: {mixed_run.path}, alpha: 1.0}}"
    wrong = dataclasses.replace(digits.train, targets=(digits.train.targets + 1) % 4)
    run = train(
        dataclasses.replace(digits, train=wrong), tmp_path, MIXED[0], taught, "training.epochs=12",
        "training.optimizer.learning_rate=0.01", "training.selection=last",
    )  # fmt: skip
    answers = [zoo.load_model(of).predict_probabilities(digits.test.features).argmax(axis=1) for of in (run, mixed_run)]
    assert (answers[0] == answers[1]).mean() > 0.9
    assert set(seen) == {((40, 8, 8, 1), (40,))}


@pytest.mark.parametrize(
    ("model", "settings", "words"),
    [
        ("california_housing_mlp", ["dataset.augmentation.mixup=0.2"], "dataset.augmentation is for images"),
        ("bbc_news_bert", ["dataset.augmentation.cutmix=1"], "dataset.augmentation is for images"),
        ("mnist_mlp", ["dataset.augmentation.mixup=0.2", "training.batch_size=1"], "--batch_size=2 or more"),
        ("mnist_mlp", ["dataset.augmentation.mix_probability=0.5"], "neither is given"),
        ("mnist_mlp", ["dataset.augmentation.mixup=-1"], "dataset.augmentation.mixup"),
        ("mnist_mlp", ["dataset.augmentation.cutmix=.nan"], "dataset.augmentation.cutmix"),
        ("mnist_mlp", ["dataset.augmentation.crop_padding=1.5"], "dataset.augmentation.crop_padding"),
    ],
)
def test_what_cannot_be_mixed_is_refused_before_any_data_are_read(model, settings, words, tmp_path, monkeypatch):
    monkeypatch.setattr(zoo.datasets, "load_configured", lambda *_, **__: pytest.fail("read data"))
    with pytest.raises(zoo.ZooError, match=words) as refusal:
        zoo.train(zoo.load_config(model, assignments=settings), tmp_path, show_progress=False)
    assert "\n" not in str(refusal.value)
    assert not list(pathlib.Path(tmp_path).iterdir())


def test_numbers_are_no_classes_to_mix():
    config = zoo.load_config("mnist_mlp", assignments=["dataset.augmentation.cutmix=1"])
    with pytest.raises(zoo.ZooError, match="cutmix does not go with regression: it is for classification"):
        checks._refuse_changed_pictures(config, get_task("regression"), zoo.datasets.dataset_info("image_folder"))


def test_a_crop_larger_than_the_pictures_is_refused(digits, tmp_path):
    with pytest.raises(zoo.ZooError, match="of 8×8; use 7 or less"):
        train(digits, tmp_path, "dataset.augmentation.crop_padding=8")
