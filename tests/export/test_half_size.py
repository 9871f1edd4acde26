"""Kernels stored in half precision: a file of half the size that opens as any other."""

import keras
import numpy as np

import zoo
from zoo.export.formats import half_size_file
from zoo.loading import deflate, save_model


def test_a_file_of_half_the_size_opens_anywhere_and_answers_nearly_the_same(tmp_path):
    keras.utils.set_random_seed(0)
    model = zoo.create_model("fashion_mnist_vgg")
    save_model(model, tmp_path / "model.keras", {"task": "classification", "label_names": list("abcdefghij")})
    half_size_file(tmp_path / "model.keras", tmp_path / "half.keras")
    assert (tmp_path / "half.keras").stat().st_size < 0.53 * (tmp_path / "model.keras").stat().st_size
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1)).astype("uint8")
    expected = model.predict(images, verbose=0)
    plain = keras.saving.load_model(tmp_path / "half.keras")
    assert {variable.dtype for variable in plain.weights} == {"float32"}
    difference = np.abs(plain.predict(images, verbose=0) - expected).max()
    assert 0 < difference < 2e-3
    ours = zoo.load_model(tmp_path / "half.keras")
    np.testing.assert_allclose(ours.answers(images), expected, atol=2e-3)
    assert list(ours.label_names) == list("abcdefghij")


def test_what_float16_cannot_hold_stays_and_the_same_file_comes_twice(tmp_path):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(2, name="large")(keras.layers.Dense(2, name="small")(inputs)))
    model.get_layer("large").set_weights([np.full((2, 2), 1e5, "float32"), np.full(2, 1 / 3, "float32")])
    save_model(model, tmp_path / "model.keras", {})
    for name in ("first", "second"):
        half_size_file(tmp_path / "model.keras", tmp_path / "half.keras")
        deflate(tmp_path / "half.keras", tmp_path / f"{name}.keras")
    assert (tmp_path / "first.keras").read_bytes() == (tmp_path / "second.keras").read_bytes()
    opened = keras.saving.load_model(tmp_path / "first.keras")
    for before, after in zip(model.get_layer("large").weights, opened.get_layer("large").weights, strict=True):
        np.testing.assert_array_equal(before, after)
