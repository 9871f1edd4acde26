"""What every registered model keeps, whatever it is asked."""

import collections
import json
import subprocess
import sys
import types

import numpy as np
import pytest
from loaded import named

import zoo
from zoo.datasets import Split, on_disk
from zoo.datasets.texts import as_array
from zoo.evaluation.explain import explain_images
from zoo.evaluation.heat_maps import _is_attention
from zoo.loading import outputs_of, save_model
from zoo.tasks import Training
from zoo.training import building, preprocessing

MODELS = zoo.list_models()
COUNTS = {"classification": 31, "regression": 10, "multi_label": 1, "masked_language_model": 1, "language_model": 4}
SMALL = {"length": 16, "context_length": 16, "vocabulary_size": 500, "num_layers": 2}  # of texts
SMALL_PICTURES = {"input_shape": (64, 64, 3), "image_size": 64}  # of models that choose their size


def test_no_model_is_left_out():
    """A model more, or one that its task hides from the tests below, changes a number here."""
    assert collections.Counter(zoo.model_info(name).task.name for name in MODELS) == COUNTS


def example_columns(model, size):
    generator = np.random.default_rng(0)
    batch = {}
    for name, tensor in model.input.items():
        shape = (size, *tensor.shape[1:])
        if tensor.dtype == "string":
            batch[name] = generator.choice(np.array(["red", "blue", "", "green"], object), shape)
        elif tensor.dtype == "int64":
            batch[name] = generator.integers(-(2**31), 2**32, shape)
        else:
            batch[name] = np.where(generator.random(shape) < 0.1, np.nan, generator.normal(size=shape)).astype(
                "float32"
            )
    return batch


def example_batch(model, size):
    if isinstance(model.input, dict):
        return example_columns(model, size)
    shape = (size, *model.input_shape[1:])
    generator = np.random.default_rng(0)
    if len(shape) == 1:
        words = np.array(["shares", "goal", "film", "vote", "phone", "你好", "the", "of"])
        return as_array(" ".join(generator.choice(words, 12)) for _ in range(size))
    if len(shape) == 4:
        return generator.integers(0, 256, shape, dtype="uint8")
    return generator.normal(size=shape).astype("float32")


def example_targets(name, model, size):
    kind = zoo.model_info(name).task.targets
    if kind == "class":
        return np.arange(size, dtype="int32") % max(model.output_shape[-1], 2)
    if kind == "number":
        return (1000 + 50 * np.random.default_rng(1).normal(size=size)).astype("float32")
    if kind == "labels":
        return (np.arange(size)[:, None] % np.arange(2, 2 + model.output_shape[-1]) == 0).astype("int8")
    return None


def create(name):
    """What a training of the config starts from, after what the model learns from examples; of texts, a small one."""
    import keras

    config, info = (
        zoo.load_config(name, assignments=["training.label_smoothing=0", "training.batch_size=2"]),
        zoo.model_info(name),
    )
    options = config.model.options
    if info.reads == "text":
        options |= {key: value for key, value in SMALL.items() if key in info.option_names}
    if "image_size" in info.option_names:
        options |= SMALL_PICTURES
    keras.utils.set_random_seed(0)
    model = zoo.create_model(name, **options)
    preprocessing.adapt(model, example_batch(model, 20))
    info.task.adapt(model, example_targets(name, model, 20))
    names = tuple(f"class {number}" for number in range(max(model.output_shape[-1], 2)))
    about = types.SimpleNamespace(label_names=names, target_name="height", unit="cm")
    return info.task, Training(config, model, options, about)


@pytest.mark.parametrize("name", MODELS)
def test_config_is_valid_and_survives_a_round_trip(name, tmp_path):
    config = zoo.load_config(name)
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    assert zoo.load_config(path=tmp_path / "config.yaml") == config


@pytest.mark.parametrize("name", MODELS)
def test_it_answers_as_its_task_says(name):
    task, training = create(name)
    model = training.model
    assert model.layers[-1].name == task.output
    outputs = outputs_of(model, example_batch(model, 7), batch_size=3)
    assert outputs.dtype == np.float32 and np.isfinite(outputs).all() and len(outputs) == 7
    if task.judged_by != "model":
        return
    assert task.wrong_output(tuple(model.output_shape)) is None
    features = model.get_layer("features").output
    head = model.layers[model.layers.index(model.get_layer("features")) + 1]
    assert len(features.shape) == 2 and (head.weights or task.tokenizes)  # or those of the embedding
    if task.output == "probabilities":
        np.testing.assert_allclose(task.answers(outputs).sum(axis=1), 1, atol=1e-5)
    targets, labels = example_targets(name, model, 7), task.labels(training.info)
    answers = task.read_through(model, example_batch(model, 7))
    answers = task.answers(outputs) if answers is None else answers
    described = [{"name": "row"} | task.describe(answer, labels) for answer in answers]
    assert len(task.table_of(described, 2)) == len(task.csv_of(described)) == 8
    json.dumps([described, task.serve(answers, labels)], allow_nan=False)
    results = task.results(answers, targets, labels)
    value, (low, high) = task.value(results), results[task.headline.name]["interval"]
    assert task.headline.bounds[0] <= low <= value <= high <= task.headline.bounds[1]
    assert f"{task.headline.text(value)}" in " ".join(task.results_lines(results, labels))
    scores = task.scores(answers, targets, labels)
    assert scores.shape == (7,) and float(task.headline_of(scores.mean())) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("name", [name for name in MODELS if zoo.model_info(name).reads == "image"])
def test_a_map_shows_where_a_network_of_pictures_looks(name):
    import keras

    model = create(name)[1].model
    attends = any(map(_is_attention, model.layers))
    convolves = any(isinstance(layer, keras.layers.Conv2D) for layer in model.layers)
    method = "attention_rollout" if attends else "grad_cam" if convolves else "integrated_gradients"
    images = example_batch(model, 2)
    maps = explain_images(named(model, "image"), images, method)
    assert maps.shape == images.shape[:3] and np.isfinite(maps).all()


@pytest.mark.parametrize("name", MODELS)
def test_gradient_reaches_every_weight_and_the_loss_falls(name):
    import keras
    import tensorflow as tf

    from zoo.training.trainer import build_trainer

    task, training = create(name)
    model = training.model
    trainer = build_trainer(task, training)
    rows = Split(example_batch(model, 8), example_targets(name, model, 8), np.arange(8))
    prepared = building.prepare_split(task, training, rows, learning=True)
    features = on_disk.each(tf.constant, prepared.take(np.arange(8) % len(prepared)).features)
    if augment := task.augmentation(training, None):
        features = augment(features, tf.range(8, dtype=tf.int64), tf.zeros(2, tf.int64))
    targets = example_targets(name, model, 8)
    targets = tf.zeros(8) if targets is None else tf.constant(targets)
    loss_function = task.loss(training)
    optimizer = keras.optimizers.Adam(0.003 if zoo.model_info(name).reads == "text" else 0.03)
    optimizer.build(trainer.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(loss_function(targets, trainer(features, training=True)))
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
    weights = [create(name)[1].model.get_weights() for _ in range(2)]
    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.slow
def test_saved_models_predict_identically_in_a_fresh_process(tmp_path):
    """All models in one process, to pay for one import; plain Keras opens all files but those with layers of ours."""
    files = []
    for name in MODELS:
        task, training = create(name)
        model = training.model
        features = example_batch(model, 5)
        expected = model.predict(on_disk.as_tensors(features), verbose=0)
        parts = {f"features_{key}": array for key, array in features.items()} if isinstance(features, dict) else {
            "features": features}  # fmt: skip
        stored = {key: array.astype(str) if array.dtype == object else array for key, array in parts.items()}
        np.savez(tmp_path / f"{name}.npz", **stored, expected=expected)
        save_model(model, tmp_path / f"{name}.keras", {"label_names": [], "task": task.name})
        has_texts = any(array.dtype == object for array in parts.values())
        plain = all(type(layer).__module__.startswith("keras.") for layer in model.layers) and not has_texts
        files.append((not plain, str(tmp_path / f"{name}.keras")))
    program = (
        "import sys, pathlib, keras, numpy as np\n"
        "for path in sys.argv[1:]:\n"
        "    if path == '--zoo':\n"
        "        import zoo.layers\n"
        "        continue\n"
        "    path = pathlib.Path(path)\n"
        "    data = np.load(path.with_suffix('.npz'))\n"
        "    parts = {key.removeprefix('features').removeprefix('_'): data[key] for key in data if key != 'expected'}\n"
        "    parts = {key: keras.ops.convert_to_tensor(value.astype(object)) if value.dtype.kind == 'U' else value\n"
        "             for key, value in parts.items()}\n"
        "    features = parts.get('', parts)\n"
        "    got = keras.saving.load_model(path).predict(features, verbose=0)\n"
        "    print(path.stem, float(np.abs(got - data['expected']).max()))\n"
    )
    # Those with our layers last: once the package is imported, it could lend its classes to the others.
    plain, others = ([file for special, file in files if special == which] for which in (False, True))
    command = [sys.executable, "-c", program, *plain, "--zoo", *others]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    differences = dict(line.split() for line in done.stdout.splitlines())
    assert sorted(differences) == sorted(MODELS)
    assert all(float(difference) == 0 for difference in differences.values())
