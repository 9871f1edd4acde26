"""What every registered model keeps."""

import subprocess
import sys

import numpy as np
import pytest

import zoo
from zoo.datasets.texts import as_array
from zoo.loading import save_model
from zoo.training import preprocessing

MODELS = [name for name in zoo.list_models() if zoo.model_info(name).task.endswith("_classification")]


def example_batch(model, size):
    shape = (size, *model.input_shape[1:])
    generator = np.random.default_rng(0)
    if len(shape) == 1:
        words = np.array(["shares", "goal", "film", "vote", "phone", "你好", "the", "of"])
        return as_array(" ".join(generator.choice(words, 12)) for _ in range(size))
    if len(shape) == 4:
        return generator.integers(0, 256, shape, dtype="uint8")
    return generator.normal(size=shape).astype("float32")


def example_labels(model, size):
    return np.arange(size, dtype="int32") % max(model.output_shape[-1], 2)


def create(name):
    """The model of the config, after what it learns from examples before training; of texts, a small one."""
    import keras

    options = zoo.load_config(name).model.options
    if zoo.model_info(name).task == "text_classification":
        small = {"length": 16, "vocabulary_size": 500, "num_layers": 2}
        options |= {key: value for key, value in small.items() if key in zoo.model_info(name).option_names}
    keras.utils.set_random_seed(0)
    model = zoo.create_model(name, **options)
    preprocessing.adapt(model, example_batch(model, 20))
    return model


@pytest.mark.parametrize("name", MODELS)
def test_config_is_valid_and_survives_a_round_trip(name, tmp_path):
    config = zoo.load_config(name)
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    assert zoo.load_config(path=tmp_path / "config.yaml") == config


@pytest.mark.parametrize("name", MODELS)
def test_probabilities_sum_to_one_in_every_row(name):
    model = create(name)
    probabilities = zoo.model_info(name).task.answers(outputs_of(model, example_batch(model, 7), batch_size=3))
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
    features = tf.constant(preprocessing.encode(model, example_batch(model, 8)))
    labels = tf.constant(example_labels(model, 8))
    loss_function, _ = classification_loss(model.output_shape[-1], 0.0)
    import keras

    optimizer = keras.optimizers.Adam(0.003 if zoo.model_info(name).task == "text_classification" else 0.03)
    optimizer.build(trainer.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(loss_function(labels, trainer(features, training=True)))
        gradients = tape.gradient(loss, [variable.value for variable in trainer.trainable_variables])
        assert all(gradient is not None for gradient in gradients)
        optimizer.apply_gradients(zip(gradients, trainer.trainable_variables, strict=True))
        return loss

    losses = [float(step())]
    while len(losses) < 60 and losses[-1] >= 0.9 * losses[0]:
        losses.append(float(step()))
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("name", MODELS)
def test_same_seed_gives_same_weights(name):
    for first, second in zip(create(name).get_weights(), create(name).get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_saved_models_predict_identically_in_a_fresh_process(tmp_path):
    """All models in one process, to pay for one import; plain Keras opens all but the files of text models alone."""
    for name in MODELS:
        model = create(name)
        features = example_batch(model, 5)
        expected = model.predict(features, verbose=0)
        stored = features.astype(str) if features.dtype == object else features
        np.savez(tmp_path / f"{name}.npz", features=stored, expected=expected)
        save_model(model, tmp_path / f"{name}.keras", {"label_names": ["a"]})
    # Texts last: once the package is imported, it could lend its classes to the others.
    files = sorted(
        map(str, tmp_path.glob("*.keras")),
        key=lambda file: (len(np.load(file[:-5] + "npz")["features"].shape) == 1, file),
    )
    program = (
        "import sys, pathlib, keras, numpy as np\n"
        "for path in sys.argv[1:]:\n"
        "    path = pathlib.Path(path)\n"
        "    data = np.load(path.with_suffix('.npz'))\n"
        "    features = data['features']\n"
        "    if features.dtype.kind == 'U':\n"
        "        import zoo.layers\n"
        "        features = features.astype(object)\n"
        "    got = keras.saving.load_model(path).predict(features, verbose=0)\n"
        "    print(path.stem, float(np.abs(got - data['expected']).max()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *files], capture_output=True, text=True, check=True)
    differences = dict(line.split() for line in done.stdout.splitlines())
    assert sorted(differences) == sorted(MODELS)
    assert all(float(difference) == 0 for difference in differences.values())
