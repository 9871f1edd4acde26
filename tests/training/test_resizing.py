"""Progressive resizing: the first epochs see smaller pictures, the others whole ones, and what is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_trainings import interrupted, weights, without_pictures
from tensorflow.python.framework.config import disable_op_determinism

import zoo
from zoo.models.head import classification_head
from zoo.tasks.catalog import get_task
from zoo.training import checks, resizing
from zoo.training import trainer as trainers

NAME = "cnn_of_any_size"


@zoo.register_model(NAME, reads="image", task="classification")
def cnn_of_any_size(input_shape=(8, 8, 1), num_classes=4, dropout=0.2):
    pictures = keras.Input(input_shape, dtype="uint8")
    x = keras.layers.Conv2D(8, 3, padding="same", use_bias=False)(keras.layers.Rescaling(1 / 255)(pictures))
    x = keras.layers.Activation("relu")(keras.layers.BatchNormalization(synchronized=True)(x))
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    x = keras.layers.Dropout(dropout)(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(pictures, classification_head(x, num_classes))


def train(dataset, runs_dir, *assignments, resume=None, name=NAME, callbacks=()):
    basics = [
        "dataset={name: image_folder, augmentation: {mixup: 0.2, crop_padding: 1}}", "training.epochs=4",
        "training.batch_size=40", "training.steps_per_call=4", "training.optimizer.learning_rate=0.02",
        "training.schedule={}",
    ]  # fmt: skip
    config = zoo.load_config(name, assignments=[*basics, *assignments])
    try:
        with without_pictures():
            return zoo.train(config, runs_dir, dataset=dataset, resume=resume, show_progress=False, callbacks=callbacks)
    finally:
        disable_op_determinism()


HALF = ("training.progressive_resizing={}", "training.deterministic=true", "training.optimizer.ema_momentum=0.9")


@pytest.fixture(scope="module")
def seen():
    """Heights of the pictures in each traced step of `half`."""
    return []


@pytest.fixture(scope="module")
def half(digits, tmp_path_factory, seen):
    original = trainers.Trainer.network_of

    def watch(self, x):
        seen.append((tuple(x.shape[1:]), original(self, x).input_shape[1:]))
        return original(self, x)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainers.Trainer, "network_of", watch)
        return train(digits, tmp_path_factory.mktemp("half"), *HALF)


def test_small_pictures_then_whole_ones(half, seen):
    assert list(dict.fromkeys(seen)) == [((4, 4, 1), (4, 4, 1)), ((8, 8, 1), (8, 8, 1))]
    history = np.genfromtxt(half.history_file, delimiter=",", names=True)
    assert len(history) == 4 and half.results["test"]["n"] == 140
    assert zoo.load_model(half).model.input_shape == (None, 8, 8, 1)


@pytest.mark.slow
@pytest.mark.parametrize("stop_at_step", [14, 20, 24])
def test_a_resumed_run_is_bit_identical(digits, half, tmp_path, stop_at_step):
    """Within the small epochs, between both, and within the whole ones."""
    run = interrupted(stop_at_step, digits, tmp_path, *HALF, train=train)
    np.testing.assert_array_equal(weights(train(digits, tmp_path, *HALF, resume=run)), weights(half))


@pytest.mark.slow
def test_steps_a_call_leave_the_weights(digits, half, tmp_path):
    cut = train(digits, tmp_path, *HALF, "training.steps_per_call=1")
    np.testing.assert_allclose(weights(cut), weights(half), atol=1e-5)


def test_a_smaller_pixel_is_the_mean_of_those_that_it_covers():
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 12, 3), "uint8")
    smaller = resizing.Smaller(lambda images, rows, seed: images + 1, (4, 6))
    found = smaller(tf.constant(images // 2), tf.range(50, dtype=tf.int64), tf.zeros(2, tf.int64)).numpy()
    expected = (images // 2 + 1).reshape(50, 4, 2, 6, 2, 3).mean(axis=(2, 4))
    assert found.dtype == "uint8" and np.abs(found - expected).max() <= 0.5


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("mnist_mlp", [], "mnist_mlp reads pictures of 8×8 alone, not of 4×4; models of convolutions and global"),
        (NAME, ["training.progressive_resizing.size_fraction=0.99"], "makes pictures of 8×8 no smaller"),
    ],
)
def test_what_cannot_be_smaller_is_refused_before_a_run_is_made(digits, tmp_path, name, settings, words):
    with pytest.raises(zoo.ZooError, match=words):
        train(digits, tmp_path, "training.progressive_resizing={}", *settings, name=name)
    assert not list(tmp_path.iterdir())


def test_texts_and_teachers_are_refused():
    config = zoo.load_config("text_cnn", assignments=["training.progressive_resizing={}"])
    with pytest.raises(zoo.ZooError, match="progressive_resizing is for images"):
        checks.refuse_unfitting(config, zoo.datasets.dataset_info("bbc_news"))
    config = zoo.load_config("bert_mlm", assignments=["training.progressive_resizing={}"])
    with pytest.raises(zoo.ZooError, match="it is for classification and regression"):
        checks.refuse_unfitting(config, zoo.datasets.dataset_info("bbc_news"))
    with pytest.raises(zoo.ZooError, match="does not go with distillation"):
        zoo.load_config(
            "mnist_cnn", assignments=["training.progressive_resizing={}", "training.distillation.teacher=x"]
        )
    assert "progressive_resizing" in get_task("regression").settings


@pytest.mark.parametrize(("epochs", "fraction", "small"), [(1, 0.9, 0), (10, 0.5, 5), (3, 0.5, 1), (36, 0.75, 27)])
def test_whole_epochs_are_counted(epochs, fraction, small):
    settings = zoo.settings.TrainingSection(
        epochs=epochs, progressive_resizing=zoo.settings.ProgressiveResizingSection(epoch_fraction=fraction)
    )
    assert resizing.small_epochs(settings) == small
