"""Layers of a trained model in a new one: what fits is taken, what may be brought into shape is, the rest is said."""

import pathlib
import types

import keras
import numpy as np
import pytest
from small_trainings import interrupted, train, trainer_of, without_pictures

import zoo
from zoo.datasets.splits import Split
from zoo.datasets.texts import as_array
from zoo.errors import ZooError
from zoo.keras_hooks import stand_around_updates
from zoo.loading import outputs_of, save_model
from zoo.training import layerwise, starting

SMALL_CNN = {"stages": ((4,), (8,)), "paddings": ("same", "same"), "input_shape": (8, 8, 1), "num_classes": 4}
WORDS = as_array(["goal match coach", "actor scene film", "goal goal league", "film scene"] * 5)


def data(features, kind="image", labels=("a", "b", "c", "d"), columns=None, target="", targets=None):
    """As much of a dataset as a start reads."""
    task = {"targets": "class" if labels else "number", "label_names": labels, "target_name": target, "unit": ""}
    targets = np.arange(len(features), dtype="int32") % max(len(labels), 1) if targets is None else targets
    split = Split(features, targets, np.arange(len(features)))
    return types.SimpleNamespace(info=types.SimpleNamespace(kind=kind, **task), train=split, feature_names=columns)


def pictures(channels=1, size=8):
    return np.random.default_rng(0).integers(0, 256, (12, size, size, channels), dtype="uint8")


def random_weights(model):
    """Weights that no initializer gives, so that a layer that is not taken is seen."""
    generator = np.random.default_rng(1)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights([generator.uniform(0.1, 1, w.shape).astype(w.dtype) for w in layer.get_weights()])
            if hasattr(layer, "finalize_state"):
                layer.finalize_state()
    return model


def saved(model, path, dataset, task="classification", reads="image"):
    """The model in a file, as a run would leave it."""
    info = dataset.info
    labels = {"label_names": list(info.label_names), "task": task, "reads": reads, "dataset": "own"}
    if task == "regression":
        labels |= {"target_name": info.target_name, "unit": info.unit}
    save_model(model, path, labels | {"feature_names": dataset.feature_names})
    return str(path)


def started(name, init_from, dataset, **options):
    model = zoo.create_model(name, **options)
    return model, starting.start(zoo.model_info(name).task, model, init_from, dataset)


@pytest.fixture(scope="module")
def cnn(tmp_path_factory):
    """A small network of grey pictures and its file."""
    model = random_weights(zoo.create_model("mnist_cnn", **SMALL_CNN))
    return model, saved(model, tmp_path_factory.mktemp("cnn") / "model.keras", data(pictures()))


def test_same_classes_take_all_whatever_keras_called_the_layers(cnn):
    trained, file = cnn
    model, start = started("mnist_cnn", file, data(pictures()), **SMALL_CNN)
    assert [layer.name for layer in model.layers] != [layer.name for layer in trained.layers]
    assert start.taken == ["conv2d", "batch_normalization", "conv2d_1", "batch_normalization_1", "logits"]
    assert not start.new and not start.adapted and not start.left
    np.testing.assert_array_equal(outputs_of(model, pictures()), outputs_of(trained, pictures()))


@pytest.mark.parametrize("names", [("d", "a", "c", "b"), ("c", "a")])
def test_classes_in_another_order_or_fewer_are_found_by_name(cnn, names):
    trained, file = cnn
    options = SMALL_CNN | {"num_classes": len(names)}
    model, start = started("mnist_cnn", file, data(pictures(), labels=names), **options)
    assert start.adapted == {"logits": f"{len(names)} of 4 classes, by name"}
    expected = outputs_of(trained, pictures())[:, ["abcd".index(name) for name in names]]
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(outputs_of(model, pictures()), expected, atol=1e-6)


def test_other_classes_get_a_new_head(cnn):
    trained, file = cnn
    model, start = started("mnist_cnn", file, data(pictures(), labels=("a", "b", "x", "y")), **SMALL_CNN)
    assert start.new == {"logits": "the classes are others"} and start.left == ["logits"]
    assert not np.array_equal(model.get_layer("logits").get_weights()[0], trained.get_layer("logits").get_weights()[0])
    assert "4 layers taken (conv2d, batch_normalization, conv2d_1, batch_normalization_1)" in str(start)
    assert "new, the classes are others: logits" in str(start)


def test_a_model_of_grey_pictures_sees_the_same_in_colour_and_back(cnn, tmp_path):
    trained, file = cnn
    in_colour = SMALL_CNN | {"input_shape": (8, 8, 3)}
    model, start = started("mnist_cnn", file, data(pictures(3)), **in_colour)
    assert start.adapted == {"conv2d": "colour from grey, a third for each channel"}
    expected = outputs_of(trained, pictures())
    np.testing.assert_allclose(outputs_of(model, np.repeat(pictures(), 3, axis=-1)), expected, atol=1e-5)
    back = saved(model, tmp_path / "colour.keras", data(pictures(3)))
    model, start = started("mnist_cnn", back, data(pictures()), **SMALL_CNN)
    assert start.adapted == {"conv2d": "grey from colour, the sum of the channels"}
    np.testing.assert_allclose(outputs_of(model, pictures()), expected, atol=1e-5)


def test_pictures_of_another_size_cost_the_layer_that_reads_places(tmp_path):
    trained = random_weights(zoo.create_model("cifar10_lenet", num_classes=4))
    file = saved(trained, tmp_path / "lenet.keras", data(pictures(3, 32)))
    _, start = started("cifar10_lenet", file, data(pictures(3, 28)), input_shape=(28, 28, 3), num_classes=4)
    assert start.taken == ["conv2d", "conv2d_1", "dense_1"]
    assert start.new == {"dense": "another shape", "logits": "the layers below are new"}


@pytest.mark.parametrize("size", [12, 6])
def test_words_bring_their_vectors(tmp_path, size):
    small = {"vocabulary_size": 9, "length": 8, "embedding_size": 4, "filters": 2, "num_classes": 2}
    trained = zoo.create_model("text_cnn", **small)
    trained.get_layer("words").adapt(WORDS)
    labels = ("film", "sport")
    file = saved(random_weights(trained), tmp_path / "words.keras", data(WORDS, "text", labels), reads="text")
    others = as_array(["quite other words than those"] * 20)
    new = data(others, "text", ("x", "y"))
    model, start = started("text_cnn", file, new, **small | {"vocabulary_size": size})
    assert start.adapted == {"embedding": f"its first {min(9, size)} words of 9"} and start.new.keys() == {"logits"}
    vectors = [
        keras.Model(each.input, next(x for x in each.layers if type(x).__name__ == "Embedding").output)
        for each in (trained, model)
    ]
    frequent = as_array(["goal scene film"])  # the three most frequent words
    first, second = (outputs_of(each, frequent) for each in vectors)
    np.testing.assert_array_equal(first[0, :3], second[0, :3])
    assert len({tuple(vector) for vector in first[0, :3]}) == 3


def test_words_that_are_cut_otherwise_are_learned_anew(tmp_path):
    small = {"vocabulary_size": 9, "length": 8, "embedding_size": 4, "filters": 2, "num_classes": 2}
    trained = zoo.create_model("text_cnn", **small)
    trained.get_layer("words").adapt(WORDS)
    file = saved(trained, tmp_path / "words.keras", data(WORDS, "text", ("film", "sport")), reads="text")
    model, start = started("text_cnn", file, data(WORDS, "text", ("film", "sport")), **small, split="character")
    assert start.new == {"embedding": "the vocabulary is another", "logits": "the layers below are new"}
    assert "g" in model.get_layer("words").get_vocabulary()


@pytest.mark.parametrize("name", ["diabetes_mlp", "california_housing_mlp"])
def test_a_table_keeps_the_scale_of_its_columns_and_of_its_target(tmp_path, name):
    generator = np.random.default_rng(0)
    small = {"input_shape": (3,), "hidden_units": (4,)}
    rows, prices = generator.normal(5, 3, (40, 3)).astype("float32"), generator.normal(100, 9, 40).astype("float32")
    before = data(rows, "table", (), ["x", "y", "z"], "price", prices)
    trained = zoo.create_model(name, **small)
    starting._adapt(zoo.model_info(name).task, trained, before)
    file = saved(trained, tmp_path / "table.keras", before, "regression", "table")
    few = data(rows[:4] * 7, "table", (), ["x", "y", "z"], "price", prices[:4] * 7)
    model, start = started(name, file, few, **small)
    assert not start.new and {"standardized", "values"} <= set(start.taken)
    np.testing.assert_array_equal(outputs_of(model, rows), outputs_of(trained, rows))
    few.info.target_name = "rent"
    _, start = started(name, file, few, **small)
    assert start.new == dict.fromkeys(("standardized", "values"), "the target is another")
    few.feature_names = ["x", "z", "y"]
    with pytest.raises(ZooError, match=r"no layer of it fits table_regressor: .*\(the columns are others\)"):
        started(name, file, few, **small)
    _, start = started(name, saved_deeper(name, before, tmp_path), few, **small | {"hidden_units": (4, 5)})
    assert start.taken == ["dense_1"] and set(start.new.values()) == {"the columns are others", "the target is another"}


def saved_deeper(name, dataset, folder):
    model = zoo.create_model(name, input_shape=(3,), hidden_units=(4, 5))
    return saved(model, folder / "deeper.keras", dataset, "regression", "table")


def test_what_cannot_start_a_training_is_said_in_a_line(cnn, tmp_path):
    _, file = cnn
    rows = np.ones((8, 3), "float32")
    with pytest.raises(ZooError, match=r"reads images, and this model tables"):
        started("binary_mlp", file, data(rows, "table", ("0", "1")), input_shape=(3,))
    numbers = data(rows, "table", (), None, "price", np.arange(8.0))
    regressor = zoo.create_model("diabetes_mlp", input_shape=(3,))
    table = saved(regressor, tmp_path / "table.keras", numbers, "regression", "table")
    with pytest.raises(ZooError, match=r"is a model of regression, not of classification"):
        started("binary_mlp", table, data(rows, "table", ("0", "1")), input_shape=(3,))
    with pytest.raises(ZooError, match=r"no layer of it fits image_mlp: dense \(nothing at their place there\)"):
        started("mnist_mlp", file, data(pictures()), input_shape=(8, 8, 1), num_classes=4)
    with pytest.raises(ZooError, match=r"has nothing for convolutional_network's conv2d; it goes with efficientnet_"):
        task = zoo.model_info("mnist_cnn").task
        starting._take_named(task, zoo.create_model("mnist_cnn"), {"stem_conv": []}, "efficientnet_lite0_imagenet")
    with pytest.raises(ZooError, match="no such model"):
        started("mnist_cnn", str(tmp_path / "nothing"), data(pictures()), **SMALL_CNN)
    (tmp_path / "damaged.keras").write_bytes(pathlib.Path(file).read_bytes()[:3000])
    with pytest.raises(ZooError, match="damaged"):
        started("mnist_cnn", str(tmp_path / "damaged.keras"), data(pictures()), **SMALL_CNN)


# ---- frozen layers, and layers that join later

NORMALIZED = "model.options={hidden_units: [12, 6], batch_normalization: true}"
FROZEN = "training.frozen_layers=['dense', 'batch_normalization']"


def frozen_weights(run):
    layers = layerwise.layers_by_name(zoo.load_model(run).model)
    return [*layers["dense"].get_weights(), *layers["batch_normalization"].get_weights()]


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    return train(digits, tmp_path_factory.mktemp("trained"), NORMALIZED)


@pytest.mark.slow
def test_frozen_layers_keep_their_statistics_bit_for_bit(digits, trained, tmp_path):
    run = train(digits, tmp_path, NORMALIZED, FROZEN, f"model.init_from={trained.path}")
    for before, after in zip(frozen_weights(trained), frozen_weights(run), strict=True):
        np.testing.assert_array_equal(before, after)
    others = [zoo.load_model(each).model for each in (trained, run)]
    moved = [layerwise.layers_by_name(model)["batch_normalization_1"].get_weights() for model in others]
    assert all(not np.array_equal(*pair) for pair in zip(*moved, strict=True))
    said = run.record["init_from"]
    assert len(said["taken"]) == 5 and not said["new"] and said["source"] == str(trained.model_file)


class Watch(keras.callbacks.Callback):
    """The weights of a frozen dense layer and of its normalization after each epoch."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        named = layerwise.layers_by_name(self.model)
        weights = [*named["dense"].get_weights(), *named["batch_normalization"].get_weights()]
        self.seen.append(np.concatenate([weight.ravel() for weight in weights]))


LATE = (
    NORMALIZED, FROZEN, "training.unfreeze_epoch=2", "training.epochs=4", "training.selection=last",
    "training.deterministic=true", "training.optimizer={name: adamw, weight_decay: 0.1}",
)  # fmt: skip


@pytest.mark.slow
def test_layers_join_at_their_epoch_whatever_the_calls_and_interruptions(digits, trained, tmp_path):
    start = f"model.init_from={trained.path}"
    watch = Watch()
    whole = watched(digits, tmp_path / "whole", start, watch)
    np.testing.assert_array_equal(watch.seen[0], watch.seen[1])
    np.testing.assert_array_equal(watch.seen[0], np.concatenate([w.ravel() for w in frozen_weights(trained)]))
    assert (watch.seen[1] != watch.seen[2]).mean() > 0.9 and (watch.seen[2] != watch.seen[3]).mean() > 0.9
    for number, step in enumerate((6, 20, 26)):  # in the frozen part, at its end, behind it: 10 steps an epoch
        folder = tmp_path / f"resumed {number}"
        run = interrupted(step, digits, folder, *LATE, start, "training.steps_per_call=2")
        assert_same(train(digits, folder, *LATE, start, "training.steps_per_call=2", resume=run), whole)


def watched(dataset, folder, start, watch):
    settings = ["dataset.augmentation={}", "training.schedule={}", "dataset.name=image_folder",
                "training.batch_size=40", *LATE, start, "training.steps_per_call=5"]  # fmt: skip
    config = zoo.load_config("mnist_mlp", assignments=settings)
    with without_pictures():
        return zoo.train(config, folder, dataset=dataset, show_progress=False, callbacks=[watch])


def assert_same(one, other):
    for a, b in zip(*(zoo.load_model(run).model.get_weights() for run in (one, other)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_adam_counts_from_the_step_at_which_a_layer_joins():
    """Its first step is then as long as the learning rate, as at the start of a training."""
    early, late = keras.Variable(np.zeros(3)), keras.Variable(np.zeros(3))
    optimizer = keras.optimizers.Adam(0.01, epsilon=1e-12)
    optimizer.build([early, late])
    stand_around_updates(optimizer, [layerwise.since_unfreezing(optimizer, [early, late], [late], 50)])
    for _ in range(50):
        optimizer.apply([keras.ops.ones(3)], [early])
    optimizer.apply([keras.ops.ones(3)] * 2, [early, late])
    np.testing.assert_allclose(np.asarray(late), -0.01, rtol=1e-4)
    alone, again = keras.Variable(np.zeros(3)), keras.optimizers.Adam(0.01, epsilon=1e-12)
    gradients = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    for gradient in gradients:
        again.apply([gradient], [alone])
    late.assign(np.zeros(3))
    for variable in (optimizer._momentums[1], optimizer._velocities[1]):
        variable.assign(np.zeros(3))
    optimizer.iterations.assign(50)
    for gradient in gradients:
        optimizer.apply([gradient], [late])
    np.testing.assert_allclose(np.asarray(late), np.asarray(alone), rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("mnist_mlp", {"batch_normalization": True}, {"dense": 0.25, "batch_normalization": 0.25, "dense_1": 0.5}),
        ("text_cnn", {"vocabulary_size": 9}, {"embedding": 0.25, "conv1d": 0.5, "conv1d_2": 0.5}),
        ("efficientnet_lite0", {"input_shape": (64, 64, 3), "image_size": 64},
         {"stem_conv": 2**-17, "block_0_depthwise": 2**-16, "block_15_project": 0.5, "top_norm": 1}),
    ],
)  # fmt: skip
def test_lower_layers_of_every_family_learn_more_slowly(name, options, expected):
    model = zoo.create_model(name, **options)
    trainer, _, _ = trainer_of(model, name)
    variables = trainer.trainable_variables
    slower = layerwise.slower_below(variables, trainer, 0.5)
    rates = {}
    for index, variable in enumerate(variables):
        slower(lambda rate, v=variable: rates.update({id(v): rate}), index, variable, 1.0)
    named = layerwise.layers_by_name(model)
    for layer, rate in (expected | {"logits": 1}).items():
        assert {rates[id(variable)] for variable in named[layer].trainable_variables} == {rate}, layer


def test_patterns_of_frozen_layers_are_the_same_in_every_process():
    for _ in range(2):  # Keras numbers the layers of the second model on
        model = zoo.create_model("mnist_mlp")
        frozen = layerwise.freeze(model, ["dense_1"])
        assert [layer.units for layer in frozen] == [64] and layerwise.layers_by_name(model)["dense_1"] in frozen
    with pytest.raises(ZooError, match=r"'dense_7' matches no layer; there are dense, dense_1, logits"):
        layerwise.freeze(model, ["dense_7"])
    with pytest.raises(ZooError, match="no kernel is left to learn, not even that of the head, 'logits'"):
        layerwise.freeze(model, ["*"])
    for wrong in (["training.unfreeze_epoch=2"], ["training.unfreeze_epoch=2", FROZEN, "training.pruning={}"]):
        with pytest.raises(ZooError, match="unfreeze_epoch"):
            zoo.load_config("mnist_mlp", assignments=wrong)


def test_a_claim_is_of_the_recipe_s_own_start():
    assert zoo.load_config("mnist_cnn").claim and zoo.load_config("bbc_news_minilm").claim
    for key in ("model.init_from=mnist_cnn", "dataset.train_fraction=0.5"):
        assert zoo.load_config("mnist_cnn", assignments=[key]).claim is None
    assert zoo.load_config("bbc_news_minilm", overrides={"model.init_from": "minilm"}).claim


def test_a_start_that_knows_the_rows_to_be_held_out_is_refused_for_cross_validation():
    starting.refuse_learned("mnist_mlp", "fashion_mnist")
    starting.refuse_learned("minilm", "bbc_news")
    with pytest.raises(ZooError, match="has learned mnist, held-out rows too"):
        starting.refuse_learned("mnist_mlp", "mnist")
