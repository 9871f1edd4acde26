"""What every registered model keeps."""

import subprocess
import sys

import numpy as np
import pytest

import zoo
from zoo.loading import predict_probabilities, save_model

MODELS = zoo.list_models()


def example_batch(model, size):
    shape = (size, *model.input_shape[1:])
    generator = np.random.default_rng(0)
    if len(shape) == 4:
        return generator.integers(0, 256, shape, dtype="uint8")
    return generator.normal(size=shape).astype("float32")


def example_labels(model, size):
    return np.arange(size, dtype="int32") % max(model.output_shape[-1], 2)


def create(name):
    import keras

    keras.utils.set_random_seed(0)
    return zoo.create_model(name, **zoo.load_config(name).model.options)


@pytest.mark.parametrize("name", MODELS)
def test_config_is_valid_and_survives_a_round_trip(name, tmp_path):
    config = zoo.load_config(name)
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    assert zoo.load_config(path=tmp_path / "config.yaml") == config


@pytest.mark.parametrize("name", MODELS)
def test_probabilities_sum_to_one_in_every_row(name):
    model = create(name)
    probabilities = predict_probabilities(model, example_batch(model, 7), batch_size=3)
    assert probabilities.shape == (7, max(model.output_shape[-1], 2))
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_gradient_reaches_every_weight_and_the_loss_falls(name):
    import tensorflow as tf

    from zoo.training.losses import classification_loss
    from zoo.training.trainer import build_trainer

    model = create(name)
    trainer = build_trainer(model)
    features, labels = tf.constant(example_batch(model, 8)), tf.constant(example_labels(model, 8))
    loss_function, _ = classification_loss(model.output_shape[-1], 0.0)
    import keras

    optimizer = keras.optimizers.Adam(0.03)
    optimizer.build(trainer.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(loss_function(labels, trainer(features, training=True)))
        gradients = tape.gradient(loss, [variable.value for variable in trainer.trainable_variables])
        assert all(gradient is not None for gradient in gradients)
        optimizer.apply_gradients(zip(gradients, trainer.trainable_variables, strict=True))
        return loss

    losses = [float(step()) for _ in range(60)]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("name", MODELS)
def test_same_seed_gives_same_weights(name):
    for first, second in zip(create(name).get_weights(), create(name).get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_saved_models_predict_identically_in_a_fresh_process(tmp_path):
    """All models in one process, to pay for one import; plain Keras opens the files, without this package."""
    for name in MODELS:
        model = create(name)
        features = example_batch(model, 5)
        np.savez(tmp_path / f"{name}.npz", features=features, expected=model.predict(features, verbose=0))
        save_model(model, tmp_path / f"{name}.keras", {"label_names": ["a"]})
    program = (
        "import sys, pathlib, keras, numpy as np\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).glob('*.keras')):\n"
        "    data = np.load(path.with_suffix('.npz'))\n"
        "    got = keras.saving.load_model(path).predict(data['features'], verbose=0)\n"
        "    print(path.stem, float(np.abs(got - data['expected']).max()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    differences = dict(line.split() for line in done.stdout.splitlines())
    assert sorted(differences) == sorted(MODELS)
    assert all(float(difference) == 0 for difference in differences.values())
