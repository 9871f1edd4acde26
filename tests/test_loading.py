"""Loading a file never runs its code, and a damaged file is one line."""

import json
import zipfile

import numpy as np
import pytest

import zoo
from zoo.loading import save_model


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model.keras"
    save_model(zoo.create_model("xor_mlp"), path, {"label_names": ["no", "yes"], "task": "table_classification"})
    return path


def test_labels_travel_in_the_file(model_file):
    loaded = zoo.load_model(model_file)
    assert (loaded.label_names, loaded.task.name, loaded.reads) == (["no", "yes"], "classification", "table")
    assert loaded.predict_probabilities(np.array([[0.0, 1.0]])).shape == (1, 2)


@pytest.mark.parametrize(
    "damage", [lambda content: content[: len(content) // 2], lambda content: b"no zip", lambda c: b""]
)
def test_damaged_files_are_refused(model_file, tmp_path, damage):
    path = tmp_path / "damaged.keras"
    path.write_bytes(damage(model_file.read_bytes()))
    with pytest.raises(zoo.ZooError, match="damaged.keras: not a .keras file"):
        zoo.load_model(path)


def test_a_flipped_byte_is_found(model_file, tmp_path):
    content = bytearray(model_file.read_bytes())
    content[content.index(b"model.weights.h5") + 600] ^= 0xFF
    path = tmp_path / "flipped.keras"
    path.write_bytes(content)
    with pytest.raises(zoo.ZooError, match="flipped.keras"):
        zoo.load_model(path)


def test_a_lambda_is_refused_and_not_run(tmp_path):
    import keras

    path, witness = tmp_path / "lambda.keras", tmp_path / "ran"
    inputs = keras.Input((2,))
    code = f"lambda x: (open({str(witness)!r}, 'w').close(), x)[1]"
    model = keras.Model(inputs, keras.layers.Lambda(eval(code), output_shape=(2,))(inputs))
    model.save(path)
    witness.unlink(missing_ok=True)
    with pytest.raises(zoo.ZooError, match="Lambda"):
        zoo.load_model(path)
    assert not witness.exists()


def test_a_saved_model_normalizes_without_other_replicas_and_training_still_with_them(tmp_path):
    """Keras on JAX and PyTorch refuses synchronized batch normalization; .ci/matrix opens the files there."""
    model = zoo.create_model("mnist_cnn", **zoo.load_config("mnist_cnn").model.options)
    save_model(model, tmp_path / "model.keras", {"label_names": [], "task": "classification"})
    written = json.loads(zipfile.ZipFile(tmp_path / "model.keras").read("config.json"))
    layers = [layer["config"] for layer in written["config"]["layers"] if layer["class_name"] == "BatchNormalization"]
    assert layers and not any(layer["synchronized"] for layer in layers)
    assert all(layer.synchronized for layer in model.layers if hasattr(layer, "synchronized"))
