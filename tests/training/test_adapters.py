"""Low-rank adapters: the base stays as it was, what users get is plain, and the learned part alone makes it again."""

import json
import zipfile

import keras
import numpy as np
import pytest
from small_trainings import interrupted, train, weights

import zoo
from zoo.errors import ZooError
from zoo.keras_hooks import with_adapters
from zoo.training import adapters

pytestmark = pytest.mark.slow

NETWORK = "model.options={hidden_units: [32, 24], batch_normalization: true, dropout: 0.2}"
RANK = "training.lora_rank=2"


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_base_and_what_was_learned_make_the_model_that_users_get(digits, tmp_path, precision):
    run = train(digits, tmp_path, NETWORK, RANK, f"training.precision={precision}", "training.seed=0")
    model = keras.saving.load_model(run.model_file)  # plain Keras
    with zipfile.ZipFile(run.model_file) as archive:
        assert "lora_rank" not in archive.read("config.json").decode()
    assert run.record["parameters"] == model.count_params()
    with np.load(run.path / "adapters.npz") as learned:
        assert sum(name.endswith("/a") for name in learned) == 2, "both hidden layers, and not the head"
        for layer in model.layers:
            for number, weight in enumerate(layer.get_weights()):
                name = f"{layer.name}/{number}"
                if name in learned:
                    np.testing.assert_array_equal(weight, learned[name])
                    continue
                a, b = learned[f"{name}/a"], learned[f"{name}/b"]
                assert a.shape[1] == b.shape[0] == 2 and b.any()
                base = weight - a @ b
                np.testing.assert_allclose(with_adapters(base, a, b), weight, atol=1e-6)
    history = run.history["validation_accuracy"]
    assert run.results["validation"]["accuracy"]["value"] == pytest.approx(history.max(), abs=0.011)


def test_kernels_stay_as_they_were(digits, tmp_path):
    model = zoo.create_model("mnist_mlp", input_shape=(8, 8, 1), num_classes=4, hidden_units=[32])
    before = [np.array(weight) for weight in model.get_weights()]
    words = adapters.add_adapters(model, 2)
    assert words.startswith("adapters of rank 2 in 1 layers; 356 numbers learn, 2,048 are frozen"), words
    assert adapters.count_parameters(model) == sum(weight.size for weight in before)
    adapters.merge_adapters(model)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert len(model.trainable_variables) == 4 and "lora_rank" not in json.dumps(model.get_config())


def test_layers_that_are_frozen_get_none(digits, tmp_path):
    keras.utils.clear_session()  # the names of layers are numbered in the order of a process
    run = train(digits, tmp_path, NETWORK, RANK, "training.frozen_layers=[dense]")
    with np.load(run.path / "adapters.npz") as learned:
        assert not any(name.startswith("dense/") for name in learned)
        assert any(name.startswith("dense_1/") and name.endswith("/b") for name in learned)


def test_an_interrupted_run_ends_as_an_uninterrupted_one(digits, tmp_path):
    settings = [NETWORK, RANK, "training.deterministic=true", "training.optimizer={name: adamw, ema_momentum: 0.9}"]
    whole = train(digits, tmp_path / "whole", *settings)
    stopped = interrupted(14, digits, tmp_path / "stopped", *settings)
    resumed = train(digits, tmp_path / "stopped", *settings, resume=stopped)
    np.testing.assert_array_equal(weights(resumed), weights(whole))
    for ours, theirs in zip(*(np.load(run.path / "adapters.npz").values() for run in (whole, resumed)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_network_without_large_kernels_and_pruning_are_refused(digits, tmp_path):
    with pytest.raises(ZooError, match="lora_rank=40: image_mlp has no dense .* larger than its adapters"):
        train(digits, tmp_path, "model.options={hidden_units: [8]}", "training.lora_rank=40")
    with pytest.raises(ZooError, match="does not go with pruning"):
        train(digits, tmp_path, RANK, "training.pruning={}")
