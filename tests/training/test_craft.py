"""Drop path, one cycle, and averages of epochs: what they do, and that devices and interruptions change nothing."""

import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from small_trainings import interrupted, train, weights

import zoo
from zoo.keras_hooks import stand_around_updates
from zoo.settings import OptimizerSection, ScheduleSection
from zoo.training.averaging import WeightSum, measure_normalization
from zoo.training.callbacks import Selection
from zoo.training.layerwise import since_unfreezing
from zoo.training.optimizers import OneCycle, build_optimizer, lookahead_step

AVERAGED = (
    "training.average_last_epochs=2",
    "training.deterministic=true",
    "training.steps_per_call=1",
    "training.schedule={name: one_cycle, momentum_at_peak: 0.5}",
    "training.optimizer={name: sgd, momentum: 0.9, learning_rate: 0.1}",
    "model.options={batch_normalization: true, dropout: 0.2}",
)


def layers_of(kind, model):
    return [layer for layer in model.layers if isinstance(layer, kind)]


@pytest.mark.slow
def test_two_devices_learn_what_one_learns(tmp_path):
    script = pathlib.Path(__file__).with_name("one_and_two_devices.py")
    environment = os.environ | {"PYTHONPATH": str(pathlib.Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    differences = json.loads((tmp_path / "differences.json").read_text())
    assert len(differences) > 2 and max(differences.values()) < 1e-5, differences


def test_one_cycle_rises_to_the_peak_and_falls_to_its_end():
    cycle = OneCycle(peak=2.0, peak_step=30, total_steps=100, initial_fraction=0.1, final_fraction=0.01)
    rates = np.array([float(cycle(step)) for step in range(101)])
    assert rates[[0, 15, 30, 65, 100]] == pytest.approx([0.2, 1.1, 2.0, 1.01, 0.02])
    assert (np.diff(rates)[:30] > 0).all() and (np.diff(rates)[30:] < 0).all()


@pytest.mark.parametrize(("steps", "peak_at"), [(1, 0.3), (2, 0.1), (2, 0.9), (10, 0.99)])
def test_one_cycle_of_few_steps_learns_in_each(steps, peak_at):
    schedule = ScheduleSection(name="one_cycle", peak_at=peak_at)
    optimizer, rates = build_optimizer(OptimizerSection(learning_rate=1.0), schedule, steps, 1), []
    for step in range(steps):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    assert min(rates) > 0 and max(rates) <= 1, rates


@pytest.mark.parametrize("nesterov", [False, True])
def test_the_momentum_goes_the_other_way(nesterov):
    """Against the formula, in NumPy, and against Keras where the momentum stays."""
    schedule = ScheduleSection(name="one_cycle", peak_at=0.4, momentum_at_peak=0.5)
    settings = OptimizerSection(name="sgd", momentum=0.9, nesterov=nesterov, learning_rate=0.1)
    cycling = build_optimizer(settings, schedule, steps_per_epoch=10, epochs=1)
    still = build_optimizer(settings, schedule.model_copy(update={"momentum_at_peak": 0.9}), 10, 1)
    keras_own = build_optimizer(settings, schedule.model_copy(update={"momentum_at_peak": None}), 10, 1)
    assert type(keras_own).__mro__[1] is keras.optimizers.SGD
    first, second, third = (keras.Variable(np.array([1.0, -2.0], "float32")) for _ in range(3))
    weight, velocity = np.array([1.0, -2.0]), np.zeros(2)
    for step in range(10):
        gradient = np.array([0.3, 0.1 * step])
        for optimizer, variable in ((cycling, first), (still, second), (keras_own, third)):
            optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")], [variable])
        height = min(step / 4, (10 - step) / 6)
        rate = 0.1 * (0.04 + 0.96 * height) if step < 4 else 0.1 * height
        momentum = 0.9 - 0.4 * height
        velocity = momentum * velocity - rate * gradient
        weight = weight + (momentum * velocity - rate * gradient if nesterov else velocity)
    np.testing.assert_allclose(first.numpy(), weight, rtol=1e-5)
    np.testing.assert_allclose(second.numpy(), third.numpy(), rtol=1e-6)
    assert np.abs(first.numpy() - second.numpy()).max() > 1e-3


def updates(optimizer, variable, steps, gradient=lambda step: [0.3, 0.1 * step]):
    """The values of a variable after so many updates, as the trainer would make them."""
    values = []
    for step in range(steps):
        optimizer.apply([keras.ops.convert_to_tensor(gradient(step), "float32")], [variable])
        values.append(variable.numpy().copy())
    return np.array(values)


def test_lookahead_goes_half_the_way_back():
    settings = OptimizerSection(name="sgd", learning_rate=0.1, lookahead_steps=3)
    optimizer, start = build_optimizer(settings, ScheduleSection(), 10, 1), np.array([1.0, -2.0])
    stand_around_updates(optimizer, [lookahead_step(optimizer, 3)])
    found = updates(optimizer, keras.Variable(start.astype("float32")), 7)
    slow, expected = start, []
    for step in range(7):
        fast = (expected[-1] if expected else start) - 0.1 * np.array([0.3, 0.1 * step])
        if step % 3 == 2:
            slow = fast = (slow + fast) / 2
        expected.append(fast)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_lookahead_of_a_layer_that_joins_later_goes_back_to_where_that_was():
    optimizer = build_optimizer(OptimizerSection(name="sgd", lookahead_steps=2), ScheduleSection(), 10, 1)
    variable = keras.Variable(np.array([1.0, -2.0], "float32"))
    optimizer.build([variable])
    optimizer.iterations.assign(7)
    stand_around_updates(optimizer, [lookahead_step(optimizer, 2)])
    found = updates(optimizer, variable, 1, lambda step: [1.0, 1.0])
    np.testing.assert_allclose(found, [[1 - 0.0005, -2 - 0.0005]], rtol=1e-6)


def test_muon_takes_the_kernels_of_hidden_layers():
    """And makes of each, of convolutions too, a step of equal singular values; Adam has the others."""
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(6, 3, name="conv")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(keras.layers.DepthwiseConv2D(3, name="depthwise")(x))
    x = keras.layers.Dense(5, name="hidden")(keras.layers.Flatten()(x))
    x = keras.layers.Reshape((5, 1))(keras.layers.Dense(4, name="logits")(x)[:, :1] + x)
    model = keras.Model(inputs, keras.layers.Dense(2, name="patch_embedding")(x))
    variables = model.trainable_variables
    optimizer = build_optimizer(OptimizerSection(name="muon", weight_decay=0.1), ScheduleSection(), 10, 1)
    optimizer.build(variables)
    matrices = [variable for index, variable in enumerate(variables) if not optimizer.by_adam(index)]
    assert [variable.path for variable in matrices] == ["conv/kernel", "hidden/kernel"]
    before = [variable.numpy() for variable in variables]
    generator = np.random.default_rng(0)
    gradients = [generator.normal(size=variable.shape).astype("float32") for variable in variables]
    optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in gradients])
    for variable, old in zip(variables, before, strict=True):
        decayed = old * (1 - 1e-4) if variable.name not in ("bias", "gamma", "beta") else old
        change = variable.numpy() - decayed
        if any(variable is matrix for matrix in matrices):
            rows = change.reshape(-1, change.shape[-1])
            singular = np.linalg.svd(rows, compute_uv=False) / (1e-3 * 0.2 * np.sqrt(max(rows.shape)))
            assert 0.6 < singular.min() < singular.max() < 1.3
        else:
            np.testing.assert_allclose(np.abs(change), 1e-3, rtol=1e-2)  # Adam's first step


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
@pytest.mark.parametrize("name", ["sgd", "adam", "lion", "lamb", "muon"])
def test_each_optimizer_resumes_and_keeps_what_is_pruned(digits, tmp_path, name, precision):
    own = {"sgd": "momentum: 0.9, nesterov: true, learning_rate: 0.05", "lion": "learning_rate: 0.0005"}
    settings = (
        f"training.optimizer={{name: {name}, {own.get(name, 'learning_rate: 0.01')}, weight_decay: 0.01, "
        "ema_momentum: 0.9, clip_norm: 1.0, layer_decay: 0.9, lookahead_steps: 3}",
        "training.pruning={final_sparsity: 0.5, steps_between: 2, end_epoch: 2}",
        f"training.precision={precision}",
        "training.steps_per_call=2",
        "training.deterministic=true",
    )
    whole = train(digits, tmp_path, *settings)
    assert whole.record["pruned"]["sparsity"] == pytest.approx(0.5, abs=0.01)
    assert whole.results["validation"]["accuracy"]["value"] > 0.4
    resumed = train(digits, tmp_path, *settings, resume=interrupted(14, digits, tmp_path, *settings))
    np.testing.assert_array_equal(weights(resumed), weights(whole))


@pytest.mark.parametrize("name", ["lion", "lamb", "muon"])
def test_variables_that_join_later_begin_as_at_the_first_step(name):
    """Only Adam's own moments are corrected: the first update after 1,000 steps is that of a new optimizer."""
    settings = OptimizerSection(name=name)

    def first_update(late):
        optimizer = build_optimizer(settings, ScheduleSection(), 10, 1)
        variable = keras.Variable(np.full(4, 0.5, "float32"))
        optimizer.build([variable])
        optimizer.iterations.assign(1000 if late else 0)
        stand_around_updates(optimizer, [since_unfreezing(optimizer, [variable], [variable], 1000 if late else 0)])
        return updates(optimizer, variable, 1, lambda step: [0.1, 0.2, -0.3, 0.4])

    np.testing.assert_allclose(first_update(late=True), first_update(late=False), rtol=1e-3)


@pytest.fixture(scope="module")
def averaged_run(digits, tmp_path_factory):
    return train(digits, tmp_path_factory.mktemp("averaged"), *AVERAGED, "training.selection=last")


@pytest.mark.slow
@pytest.mark.parametrize("stop_at_step", [15, 20, 25, 30])  # inside and at the end of epochs that are averaged
def test_a_resumed_average_is_bit_identical(digits, averaged_run, tmp_path, stop_at_step):
    settings = (*AVERAGED, "training.selection=last")
    run = interrupted(stop_at_step, digits, tmp_path, *settings)
    resumed = train(digits, tmp_path, *settings, resume=run)
    np.testing.assert_array_equal(weights(resumed), weights(averaged_run))
    assert resumed.results == averaged_run.results


def test_the_average_is_that_of_the_ends_of_the_last_epochs(digits, averaged_run, tmp_path):
    class Ends(keras.callbacks.Callback):
        weights = []

        def on_epoch_end(self, epoch, logs=None):
            self.weights.append(self.model.get_weights())

    ends = Ends()
    train(digits, tmp_path, *AVERAGED[1:], "training.selection=last", callbacks=[ends])
    model = zoo.load_model(averaged_run).model
    expected = [np.mean(pair, axis=0) for pair in zip(*ends.weights[1:], strict=True)]
    assert len(ends.weights) == 3
    kernels = [array for array in expected if array.ndim == 2]
    for layer, kernel in zip(layers_of(keras.layers.Dense, model), kernels, strict=True):
        np.testing.assert_allclose(layer.kernel.numpy(), kernel, atol=1e-6)
    (first, *_) = layers_of(keras.layers.BatchNormalization, model)
    seen = keras.Model(model.input, first.input).predict(digits.train.features, verbose=0)
    np.testing.assert_allclose(first.moving_mean.numpy(), seen.mean(0), atol=1e-5)
    np.testing.assert_allclose(first.moving_variance.numpy(), seen.var(0), rtol=1e-4)
    assert averaged_run.record["average"] == {"epochs": 2, "kept": True} | {
        "validation": averaged_run.results["validation"]["accuracy"]["value"]
    }


@pytest.mark.parametrize("kept", [True, False])
def test_with_selection_best_the_average_is_one_more_to_choose_from(digits, tmp_path, monkeypatch, kept):
    """The average's validation value is made the best of all, or the worst."""
    original, calls = Selection.on_test_end, []

    def with_values(self, logs=None):
        calls.append(len(calls))
        original(self, {"accuracy": 0.5 if len(calls) < 4 else 0.9 if kept else 0.1, "loss": 1.0 - len(calls) / 10})

    monkeypatch.setattr(Selection, "on_test_end", with_values)
    ends = []
    watcher = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(selected()))
    selected = lambda: watcher.model.get_weights()  # noqa: E731
    run = train(digits, tmp_path, *AVERAGED, "training.selection=best", callbacks=[watcher])
    assert calls == [0, 1, 2, 3] and run.record["average"]["kept"] is kept and run.results["best_epoch"] == 3
    last_kernel = next(array for array in ends[-1] if array.ndim == 2)
    kernel = layers_of(keras.layers.Dense, zoo.load_model(run).model)[0].kernel.numpy()
    assert np.array_equal(kernel, last_kernel) is not kept


def test_statistics_are_those_of_the_rows_in_any_place():
    """On an inner axis, in a nested model, in float16, behind dropout, and twice in one model; a frozen one stays."""
    inputs = keras.Input((3, 6), dtype="uint8")
    scaled = keras.layers.Rescaling(1 / 255)(inputs)
    first, frozen, inner = (
        keras.layers.BatchNormalization(axis=1),
        keras.layers.BatchNormalization(trainable=False),
        keras.layers.BatchNormalization(dtype="mixed_float16", center=False),
    )
    nested = keras.Sequential([keras.Input((3, 6)), keras.layers.Dropout(0.5), inner])
    model = keras.Model(inputs, frozen(nested(first(scaled))))
    rows = np.random.default_rng(0).integers(0, 255, (40, 3, 6)).astype("uint8")
    measure_normalization(model, rows, batch_size=20, seed=0)
    np.testing.assert_allclose(first.moving_mean.numpy(), (rows / 255).mean((0, 2)), rtol=1e-5)
    np.testing.assert_allclose(first.moving_variance.numpy(), (rows / 255).var((0, 2)), rtol=1e-5)
    np.testing.assert_allclose(inner.moving_variance.numpy(), np.ones(6), rtol=0.2)
    np.testing.assert_array_equal(frozen.moving_variance.numpy(), np.ones(6))
    again = keras.layers.BatchNormalization()
    twice = keras.Model(inputs, again(scaled) + again(scaled * 3))
    measure_normalization(twice, rows, batch_size=20, seed=0)
    both = np.concatenate([rows / 255, rows / 85]).reshape(-1, 6)
    np.testing.assert_allclose(again.moving_mean.numpy(), both.mean(0), rtol=1e-5)
    np.testing.assert_allclose(again.moving_variance.numpy(), both.var(0), rtol=1e-5)


def test_a_sum_of_weights_keeps_whole_numbers_and_small_differences():
    weight_sum = WeightSum()
    for number in range(3):
        weight_sum.add([np.full(2, 1e4 + number * 1e-3, "float32"), np.array(number)])
    floats, counter = weight_sum.mean()
    expected = np.mean([np.float32(1e4 + number * 1e-3).astype("float64") for number in range(3)])
    assert floats[0] == expected and counter == 2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["training.average_last_epochs=9"], "average_last_epochs=9 is more than the 3 epochs"),
        (["training.average_last_epochs=1"], "greater than or equal to 2"),
        (["training.average_last_epochs=2", "training.optimizer.ema_momentum=0.9"], "choose one"),
        (["training.average_last_epochs=2", "training.early_stopping={patience: 1}"], "early_stopping"),
        (["training.average_last_epochs=2", "training.pruning={}"], "by epoch 2; set training.pruning.end_epoch"),
        (["training.schedule={name: one_cycle, warmup_epochs: 1}"], "leave warmup_epochs out, and set peak_at"),
        (["training.optimizer.nesterov=true"], "nesterov belongs to sgd with momentum"),
        (["training.optimizer.lookahead_steps=1"], "greater than or equal to 2"),
        (["training.optimizer={name: muon, momentum: 0.5}"], "momentum belongs to sgd, not to muon"),
        (["training.schedule={name: cosine, peak_at: 0.5}"], "peak_at belongs to one_cycle, not to cosine"),
        (["training.schedule={name: one_cycle, momentum_at_peak: 0.5}"], "is for sgd with optimizer.momentum"),
    ],
)
def test_what_does_not_go_together_is_refused(settings, words):
    plain = ["training.epochs=3", "training.optimizer={}", "training.schedule={}"]
    with pytest.raises(zoo.ZooError, match=words.replace(".", r"\.")):
        zoo.load_config("mnist_mlp", assignments=[*plain, *settings])
