"""Grad-CAM and attention rollout find a planted object by what was learned, and say where they do not apply."""

import dataclasses

import numpy as np
import pytest
from loaded import named

import zoo
from zoo.errors import ZooError
from zoo.evaluation.explain import check_explains, explain_images
from zoo.evaluation.heat_maps import rollout


def pictures(count, seed):
    """Noise with a bright square of 8 pixels in one of 16 places: full (label 0) or striped (1). Also where it is."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 90, (count, 32, 32, 1)).astype("uint8")
    labels, places = generator.integers(0, 2, count), generator.integers(0, 4, (count, 2)) * 8
    inside = np.zeros((count, 32, 32), bool)
    for number, (down, right) in enumerate(places):
        square = images[number, down : down + 8, right : right + 8]
        square[:] = 230
        square[:: 2 if labels[number] else 8] = 0
        inside[number, down : down + 8, right : right + 8] = True
    return images, labels, inside


def trained(model, epochs):
    import keras

    images, labels, _ = pictures(1500, 0)
    model.compile(keras.optimizers.Adam(4e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, labels, batch_size=50, epochs=epochs, verbose=0)
    assert model.evaluate(*pictures(200, 1)[:2], verbose=0)[1] > 0.9
    return named(model, "image", ["full", "striped"], "model.keras")


def convolutional():
    """What it knows of places is in its last maps, of 8×8, alone."""
    import keras

    from zoo.models.head import classification_head

    inputs = keras.Input((32, 32, 1), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for filters in (8, 16):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(inputs, classification_head(keras.layers.GlobalAveragePooling2D()(x), 2))


def transformer(class_token=True, units=24):
    """Patches of 8×8 as tokens, with a token for the class in front or without."""
    import keras

    from zoo.models.head import classification_head

    inputs = keras.Input((32, 32, 1), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(units, 8, strides=8)(x)
    x = keras.layers.Reshape((16, units))(x)
    if class_token:
        ones = x[:, :1, :1] * 0 + 1
        x = keras.layers.Concatenate(axis=1)([keras.layers.Dense(units, use_bias=False)(ones), x])
    for _ in range(2):
        y = keras.layers.LayerNormalization()(x)
        x = keras.layers.Add()([x, keras.layers.MultiHeadAttention(2, units // 2)(y, y)])
        y = keras.layers.Dense(2 * units, activation="relu")(keras.layers.LayerNormalization()(x))
        x = keras.layers.Add()([x, keras.layers.Dense(units)(y)])
    x = keras.layers.LayerNormalization()(x)
    x = x[:, 0] if class_token else keras.layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, classification_head(x, 2))


def random_as(loaded_model):
    """The same network with random weights."""
    import keras

    keras.utils.set_random_seed(3)
    return dataclasses.replace(loaded_model, model=keras.models.clone_model(loaded_model.model))


def shares_inside(maps, inside):
    """The part of what each map has above 0 that lies in the square, which is a sixteenth of the picture."""
    maps = np.maximum(maps, 0)
    return (maps * inside).sum(axis=(1, 2)) / np.maximum(maps.sum(axis=(1, 2)), 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "epochs", "method", "least"),
    [
        (convolutional, 3, "grad_cam", 0.3),
        (transformer, 4, "attention_rollout", 0.4),
    ],
)
def test_a_planted_object_is_found_by_what_was_learned(build, epochs, method, least):
    """Random weights, as in Adebayo et al. (2018), find it no better than chance does."""
    import keras

    keras.utils.set_random_seed(0)
    model, (images, _, inside) = trained(build(), epochs), pictures(100, 2)
    maps = explain_images(model, images, method)
    assert maps.shape == (100, 32, 32) and maps.dtype == np.float32 and np.ptp(maps) > 0
    found = np.median(shares_inside(maps, inside))
    by_chance = np.median(shares_inside(explain_images(random_as(model), images, method), inside))
    assert found > least > 2 * by_chance, (found, by_chance)
    np.testing.assert_allclose(explain_images(model, images[:3], method), maps[:3], atol=1e-4)


def test_grad_cam_of_a_mean_over_places_is_the_class_activation_map():
    """Zhou et al. (2016): there, the gradient is the kernel of the logits, the same in each place."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model, (images, *_) = convolutional(), pictures(40, 3)
    both = keras.Model(model.inputs[0], [model.layers[3].output, model.get_layer("logits").output])
    maps, logits = both.predict(images, verbose=0)
    kernel = model.get_layer("logits").get_weights()[0][:, logits.argmax(axis=1)].T
    expected = np.maximum((maps * kernel[:, None, None]).sum(axis=-1, keepdims=True), 0) / 64
    found = explain_images(named(model, "image"), images, "grad_cam")
    np.testing.assert_allclose(found, tf.image.resize(expected, (32, 32))[..., 0], atol=1e-5)
    assert found.max() > 0


def test_grad_cam_takes_the_maps_before_the_last_pooling_and_of_one_logit_both_sides():
    from zoo.evaluation.heat_maps import _around_last_maps

    body, head = _around_last_maps(zoo.create_model("simple_cnn"), "m.keras")
    assert body.output_shape == (None, 11, 11, 64) and head.output_shape == (None, 10)
    model, (images, *_) = zoo.create_model("simple_cnn", num_classes=1, input_shape=(32, 32, 1)), pictures(8, 4)
    one_logit, two = model.get_layer("logits"), zoo.create_model("simple_cnn", num_classes=2, input_shape=(32, 32, 1))
    kernel, bias = one_logit.get_weights()
    two.set_weights(
        [*model.get_weights()[:-2], np.concatenate([-kernel, kernel], 1) / 2, np.concatenate([-bias, bias])]
    )
    found = [explain_images(named(one, "image"), images, "grad_cam") for one in (model, two)]
    np.testing.assert_allclose(*found, atol=1e-5)


def test_rollout_multiplies_what_the_layers_attend_to():
    """By hand: half of each layer's rows is what it hands on, and the later layer stands on the left."""
    first, second = np.array([[[0.0, 1.0], [0.5, 0.5]]], "float32"), np.array([[[1.0, 0.0], [1.0, 0.0]]], "float32")
    np.testing.assert_allclose(rollout([first, second]), [[[0.5, 0.5], [0.375, 0.625]]])


@pytest.mark.parametrize("class_token", [True, False])
def test_rollout_takes_the_scores_of_the_layers_and_leaves_the_model_as_it_was(class_token):
    import keras
    import tensorflow as tf

    model, (images, *_) = transformer(class_token), pictures(5, 5)
    written = model.to_json()
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.MultiHeadAttention)]
    inputs = keras.Model(model.inputs[0], [keras.tree.flatten(layer.input)[0] for layer in layers]).predict(
        images, verbose=0
    )
    scores = [
        np.asarray(layer(x, x, return_attention_scores=True)[1]).mean(axis=1)
        for layer, x in zip(layers, inputs, strict=True)
    ]
    whole = rollout(scores)
    to_patches = (whole[:, 0, 1:] if class_token else whole.mean(axis=1)).reshape(-1, 4, 4, 1)
    expected = tf.image.resize(to_patches / to_patches.mean(axis=(1, 2), keepdims=True) - 1, (32, 32))[..., 0]
    found = explain_images(named(model, "image"), images, "attention_rollout")
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert model.to_json() == written


def flat():
    """Attention over tokens that are no grid."""
    import keras

    from zoo.models.head import classification_head

    inputs = keras.Input((32, 32, 1), dtype="uint8")
    x = keras.layers.Reshape((30, 32))(keras.layers.Cropping2D(((1, 1), (0, 0)))(inputs))
    x = keras.layers.Dense(8)(keras.layers.Rescaling(1 / 255)(x))
    x = keras.layers.GlobalAveragePooling1D()(keras.layers.MultiHeadAttention(1, 8)(x, x))
    return keras.Model(inputs, classification_head(x, 2))


@pytest.mark.parametrize(
    ("build", "reads", "method", "words"),
    [
        (lambda: zoo.create_model("mnist_mlp"), "image", "grad_cam", "has no convolutions"),
        (lambda: zoo.create_model("mnist_cnn"), "image", "attention_rollout", "no layers of attention"),
        (transformer, "image", "grad_cam", "take --explain=attention_rollout"),
        (flat, "image", "attention_rollout", "not the patches of a picture"),
        (lambda: zoo.create_model("xor_mlp"), "table", "grad_cam", "of pictures alone"),
    ],
)
def test_what_does_not_apply_is_told(build, reads, method, words):
    with pytest.raises(ZooError, match=f"^--explain={method}: .*{words}"):
        check_explains(named(build(), reads), method)


def test_predict_tells_it_before_any_work_and_draws_it_else(run_script, tmp_path):
    from zoo.loading import save_model

    labels = {"label_names": ["0", "1"], "task": "classification", "reads": "image"}
    save_model(convolutional(), tmp_path / "model.keras", labels)
    np.save(tmp_path / "batch.npy", pictures(3, 0)[0])
    given = ("--model_file=model.keras", "batch.npy")
    refused = run_script("predict", *given, "--explain=attention_rollout", "--output=answers.csv")
    assert refused.returncode == 2 and refused.stderr.startswith("error: --explain=attention_rollout"), refused.stderr
    assert refused.stderr.count("\n") == 1 and not (tmp_path / "answers.csv").exists()
    unknown = run_script("predict", *given, "--explain=gradcam")
    assert unknown.returncode == 2 and "grad_cam" in unknown.stderr
    done = run_script("predict", *given, "--explain=grad_cam", "--explain_html=page.html")
    assert done.returncode == 0 and (tmp_path / "explained.png").exists(), done.stderr
    assert "Grad-CAM" in (tmp_path / "page.html").read_text()


def test_the_attention_of_a_model_from_a_file_is_shown(tmp_path):
    """Names that Keras makes up begin anew in each process, and may be those of the file."""
    import keras

    from zoo.loading import load_model, save_model

    keras.utils.clear_session()
    labels = {"label_names": list("0123456789"), "task": "classification", "reads": "image"}
    save_model(zoo.create_model("fashion_mnist_vit", num_layers=1), tmp_path / "model.keras", labels)
    keras.utils.clear_session()
    model = load_model(tmp_path / "model.keras")
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1)).astype("uint8")
    assert np.isfinite(explain_images(model, images, "attention_rollout")).all()


@pytest.mark.parametrize("options", [{}, {"tokenizer_filters": (), "pooling": "class_token"}])
def test_the_vision_transformer_of_the_zoo_shows_its_attention(options):
    """It attends by matrix products, whose weights are the output of layers `Softmax`."""
    import keras

    keras.utils.set_random_seed(0)
    model = zoo.create_model("fashion_mnist_vit", num_layers=2, **options)
    if not options:  # a fresh kernel would weight all tokens alike
        layer = model.get_layer("sequence_weights")
        layer.set_weights([5 * weight for weight in layer.get_weights()])
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1)).astype("uint8")
    layers = [model.get_layer(f"block_{number}_weights") for number in range(2)]
    weights = keras.Model(model.inputs[0], [layer.output for layer in layers]).predict(images, verbose=0)
    first, second = (np.asarray(each, "float32").mean(axis=1) for each in weights)
    unchanged = np.eye(first.shape[-1])
    whole = (second + unchanged) / 2 @ (first + unchanged) / 2
    if options:
        shares = whole[:, 0, 1:]
    else:
        reads = keras.Model(model.inputs[0], model.get_layer("sequence_weights").output).predict(images, verbose=0)
        reads = np.exp(reads) / np.exp(reads).sum(axis=1, keepdims=True)
        shares = (reads * whole).sum(axis=1)
    side = int(shares.shape[1] ** 0.5)
    shares = (shares / shares.mean(axis=1, keepdims=True) - 1).reshape(3, side, side, 1).astype("float32")
    expected = keras.ops.image.resize(shares, (28, 28))[..., 0]
    found = explain_images(named(model, "image"), images, "attention_rollout")
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(ZooError, match="attention_rollout"):
        explain_images(named(model, "image"), images, "grad_cam")
