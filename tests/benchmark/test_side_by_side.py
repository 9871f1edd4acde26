"""The comparison is fair: same network, same weights, same loss; and each contender trains."""

import importlib.util
import json

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.benchmark.architecture import architecture_of, matrix_products, scaled
from zoo.benchmark.side_by_side import CONTENDERS, compare, just_above_a_step_of_autotune, plain_config

pytestmark = pytest.mark.slow

needs_torch = pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="needs the extra benchmark")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """pictures/{dark,grey,light}/*.png, 180 of 10×10 grey pixels."""
    generator = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("data") / "pictures"
    for name, base in (("dark", 0), ("grey", 60), ("light", 120)):
        (root / name).mkdir(parents=True)
        for number in range(60):
            pixels = (generator.integers(0, 130, (10, 10)) + base).astype("uint8")
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


def settings(pictures, *more):
    return ["dataset={name: image_folder, data_dir: '%s'}" % pictures, "training.batch_size=32", *more]  # noqa: UP031


@needs_torch
@pytest.mark.parametrize(
    ("model", "more", "absent"),
    [
        ("mnist_mlp", [], set()),
        ("mnist_cnn", ["training.precision=mixed_bfloat16", "model.options.stages=[[4], [8]]",
                       "model.options.paddings=[same, valid]"], {"scikit_learn"}),
        ("fashion_mnist_vit", ["training.precision=float32", "model.options={hidden_size: 16, tokenizer_filters: [16], "
                               "num_layers: 1, num_heads: 2, drop_path: 0.0}"], {"scikit_learn"}),
    ],
)  # fmt: skip
def test_all_contenders_start_from_the_same_network_and_train(pictures, model, more, absent):
    config = plain_config(model, settings(pictures, *more))
    result = compare(config, rounds=1)
    rows = result["contenders"]
    assert {name.split()[0] for name in rows} == set(CONTENDERS) - absent
    assert len(rows) == len(CONTENDERS) - len(absent) + 2 * (config.training.precision != "float32")
    for name, row in rows.items():
        assert row["seconds"] > 0 and len(row["each_round"]) == 1
        if name.startswith("arithmetic"):
            continue
        assert row["parameters"] == result["parameters"]
        tolerance = 1e-4 if row["precision"] == "float32" else 3e-2
        assert row["first_loss"] == pytest.approx(rows["zoo float32"]["first_loss"], abs=tolerance), name
        ratio = row["each_round"][0] / rows["zoo float32"]["each_round"][0]
        assert row["divided_by"]["zoo float32"]["median"] == pytest.approx(ratio, rel=1e-2)


def test_script_compares_prints_and_draws(run_script, pictures, tmp_path):
    flags = [f"--set={setting}" for setting in settings(pictures)]
    flags += ["--models=mnist_mlp", "--contenders=keras,scikit_learn,zoo", "--rounds=2", "--output=speed.svg"]
    done = run_script("benchmark", *flags)
    assert done.returncode == 0, done.stderr
    for words in ("zoo, float32", "plain Keras script", "scikit-learn", "batch 32"):
        assert words in done.stdout
    assert "PyTorch" not in done.stdout
    assert (tmp_path / "speed.svg").read_text().count("plain Keras script") == 1


def test_matrix_products_of_a_network_of_known_size():
    architecture = architecture_of(zoo.create_model("simple_cnn", dropout=0.0), "simple_cnn")
    products = matrix_products(architecture, batch_size=1)
    convolutions = 26 * 26 * 32 * 9, 11 * 11 * 64 * 9 * 32
    multiplications = 2 * convolutions[0] + 3 * convolutions[1] + 3 * 1600 * 10
    assert sum(m * k * n for m, k, n in products) == multiplications
    assert scaled(np.full((1, 28, 28, 1), 255, "uint8"), architecture).max() == 1


def residual():
    """Strides under which TensorFlow pads one side more than the other, and a sum of two ways."""
    import keras

    layers = keras.layers
    inputs = keras.Input((14, 10, 3), dtype="uint8")
    x = layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False)(layers.Rescaling(1 / 127, offset=-1)(inputs))
    x = layers.MaxPooling2D(3, strides=2, padding="same")(layers.ReLU()(layers.BatchNormalization()(x)))
    y = layers.Conv2D(8, 3, strides=2, padding="same")(x)
    x = layers.Add()([layers.Conv2D(8, 1, strides=2, padding="same")(x), layers.BatchNormalization()(y)])
    x = layers.GlobalAveragePooling2D()(layers.Activation("relu")(x))
    return keras.Model(inputs, layers.Activation("softmax")(layers.Dense(5, name="logits")(x)))


def attentive():
    """A vision transformer of one block of Keras's own attention."""
    import keras

    layers = keras.layers
    inputs = keras.Input((12, 8, 1), dtype="uint8")
    x = layers.Conv2D(8, 4, strides=4)(layers.Rescaling(1 / 255)(inputs))
    x = layers.Reshape((6, 8))(x)
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 4)(y, y)])
    y = layers.Dense(16, activation="gelu")(layers.LayerNormalization(epsilon=1e-6)(x))
    x = layers.GlobalAveragePooling1D()(layers.Add()([x, layers.Dense(8)(y)]))
    return keras.Model(inputs, layers.Activation("softmax")(layers.Dense(5, name="logits")(x)))


@needs_torch
@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("mnist_mlp", {"batch_normalization": True}),
        ("mnist_cnn", {}),
        ("simple_cnn", {}),
        ("cifar10_lenet", {}),
        (residual, {}),
        (attentive, {}),
        ("fashion_mnist_resnet", {}),
        ("fashion_mnist_resnet", {"block": "bottleneck", "stem": "large", "pre_activation": False}),
        ("fashion_mnist_inception", {}),
        ("fashion_mnist_vit", {"drop_path": 0.0}),
        ("fashion_mnist_vit", {"drop_path": 0.0, "tokenizer_filters": (), "pooling": "class_token"}),
    ],
)
def test_other_libraries_compute_the_same_logits(model, options):
    import keras
    import torch

    from zoo.benchmark import plain_keras, pytorch

    keras.utils.set_random_seed(1)
    built = zoo.create_model(model, dropout=0.0, **options) if isinstance(model, str) else model()
    for layer in built.layers:  # a fresh bias is 0 and would hide a mistake
        layer.set_weights([w + np.random.uniform(0, 0.1, w.shape).astype("float32") for w in layer.get_weights()])
    x = np.random.default_rng(0).integers(0, 256, (8, *built.input_shape[1:]), dtype="uint8")
    part = keras.Model(built.inputs, built.get_layer("logits").output)
    logits = np.asarray(part(x, training=True))
    architecture = architecture_of(built, "model")
    inputs = scaled(x, architecture)
    again = plain_keras.build_model(architecture)
    np.testing.assert_allclose(again(inputs, training=True), logits, atol=1e-3, rtol=1e-5)  # sums of positive weights
    with torch.no_grad():
        network = pytorch.build_model(architecture).train()
        output = network(torch.from_numpy(pytorch.channels_first(inputs)))
    np.testing.assert_allclose(output.numpy(), logits, atol=1e-3, rtol=1e-5)  # sums of positive weights
    parameters = sum(variable.shape.num_elements() for variable in part.trainable_variables)
    assert parameters == sum(parameter.numel() for parameter in network.parameters())


def test_matrix_products_of_attention():
    """Of 3 pictures with 6 tokens of width 8, by the multiplications of each layer, three times but for the first."""
    products = matrix_products(architecture_of(attentive(), "attentive"), batch_size=3)
    patches, dense, logits = 18 * 16 * 8, 18 * 8 * 16, 3 * 8 * 5
    attention = 4 * 18 * 8 * 8 + 2 * 18 * 6 * 8
    assert sum(m * k * n for m, k, n in products) == 2 * patches + 3 * (attention + 2 * dense + logits)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--models=mnist_mpl"], ["mnist_mlp"]),
        (["--models=mnist_mlp", "--contenders=keras,tortch"], ["--contenders=tortch", "pytorch"]),
        (["--models=mnist_mlp", "--rounds=0"], ["--rounds=0"]),
        (["--models=simple_cnn", "--contenders=scikit_learn"], ["dense layers only"]),
        (["--models=mnist_mlp", "--set=training.batchsize=3"], ["training.batchsize"]),
        (["--models=mnist_mlp", "--set=model.options.dropout=0.5"], ["no counterpart"]),
        (["--models=xor_mlp"], ["--models=xor_mlp"]),
        (["--models=diabetes_mlp"], ["--models=diabetes_mlp", "classifiers"]),
        (["--inference"], ["--run="]),
        (["--inference", "--run=nowhere"], ["nowhere: no such run"]),
        (["--time_to_accuracy", "--models=xor_mlp"], ["no recipe", "mnist_mlp"]),
        (["--time_to_accuracy", "--rounds=0"], ["--rounds=0"]),
    ],
)
def test_mistakes_end_with_one_line(run_script, pictures, flags, words):
    own = [f"--set={setting}" for setting in settings(pictures)] if "--time_to_accuracy" not in flags else []
    done = run_script("benchmark", *own, *flags)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


def test_a_missing_extra_is_named(monkeypatch, pictures):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "torch" else find(name, *more))
    with pytest.raises(zoo.ZooError, match=r"torch is not installed; pip install 'keras-model-zoo\[benchmark\]'"):
        compare(plain_config("mnist_mlp", settings(pictures)), contenders=["pytorch"])


@pytest.mark.parametrize(("seconds", "waited"), [(0.312, True), (10.24, True), (0.30, False), (0.33, False)])
def test_epochs_that_waited_for_autotune(seconds, waited):
    assert just_above_a_step_of_autotune(seconds) is waited


def test_inference_of_a_saved_run(run_script, pictures):
    trained = run_script("train", "--model=mnist_mlp", *(f"--set={s}" for s in settings(pictures, "training.epochs=1")))
    assert trained.returncode == 0, trained.stderr
    run = trained.stdout.splitlines()[0].split("run ")[-1]
    done = run_script("benchmark", "--inference", f"--run={run}", "--json")
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    for way in ("predict", "call", "compiled"):
        latency = measured["latency_ms"][way]
        assert 0 < latency["p50"] <= latency["p99"]
        rates = measured["examples_per_second"][way]
        assert rates["8192"] > 1000 / latency["p50"], "a batch of thousands is faster than one example at a time"
    assert "p99, ms" in run_script("benchmark", "--inference", f"--run={run}").stdout


def test_time_to_accuracy_says_which_seed_missed_it(run_script, pictures):
    flags = [f"--set={setting}" for setting in settings(pictures, "training.epochs=2")]
    done = run_script("benchmark", "--time_to_accuracy", "--models=mnist_mlp", "--rounds=1", "--json", *flags)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)["mnist_mlp"]
    (row,) = result["each_seed"]
    assert row["reached"] == (row["accuracy"] >= 0.98)
    assert result["seconds"] == (row["seconds"] if row["reached"] else None)
