"""Two networks, two optimizers: a generator of points on a ring, and a critic that tells them from real ones."""

import dataclasses

import numpy as np
import pytest
from small_trainings import interrupted, weights, without_pictures
from tensorflow.python.framework.config import disable_op_determinism

import zoo
from zoo import datasets
from zoo.comparison import table
from zoo.datasets.splits import Split
from zoo.tasks import Metric, Player, Task
from zoo.tasks.catalog import all_tasks
from zoo.training import checkpoints

NOISE = 4


class Points(Task):
    """Make points like the data's out of noise. Targets are the real points; how far off the ring is an answer?"""

    name = "points"
    headline = Metric("distance", "less", bounds=(0.0, float("inf")))
    reads = ("table",)
    output = trains = "points"
    judged_by = "trainer"

    def prepare(self, training, split, learning):
        noise = np.random.default_rng(0).normal(size=(len(split), NOISE)).astype("float32")
        return dataclasses.replace(split, features=noise, targets=split.features)

    def augmentation(self, training, of_data):
        import tensorflow as tf

        def draw(noise, rows, seed):
            return tf.vectorized_map(lambda row: tf.random.stateless_normal([NOISE], seed + row * 2), rows)

        return draw

    def partners(self, training):
        import keras

        layers = [keras.Input((2,)), keras.layers.Dense(16, "relu"), keras.layers.Dropout(0.1), keras.layers.Dense(1)]
        return {"critic": keras.Sequential(layers)}

    def players(self, training, networks):
        import keras
        import tensorflow as tf

        generator, critic = networks["model"], networks["critic"]

        def says(points, real):
            logits = critic(points, training=True)
            return tf.reduce_mean(keras.losses.binary_crossentropy(real * tf.ones_like(logits), logits, True))

        return [
            Player("generator", generator, lambda noise, real, _: says(generator(noise, training=True), 1.0)),
            Player("critic", critic, lambda noise, real, _: says(real, 1.0) + says(generator(noise), 0.0)),
        ]

    def loss(self, training):
        from keras import ops

        return lambda targets, points: ops.square(ops.norm(points, axis=1) - 1)

    def metrics(self, training):
        import keras

        return [keras.metrics.MeanMetricWrapper(self.loss(training), name="distance")]

    def results(self, answers, targets, labels):
        off = (np.linalg.norm(answers, axis=1) - 1) ** 2
        return {
            "distance": {"value": float(off.mean()), "interval": [float(off.min()), float(off.max())]},
            "n": len(off),
        }


if "points" not in {task.name for task in all_tasks()}:
    zoo.register_task(Points())


@zoo.register_model("ring_generator", reads="table", task="points")
def ring_generator(units=16):
    import keras

    noise = keras.Input((NOISE,))
    hidden = keras.layers.Dropout(0.1)(keras.layers.Dense(units, "relu")(noise))
    return keras.Model(noise, keras.layers.Dense(2, name="points", dtype="float32")(hidden))


@pytest.fixture(scope="module")
def ring():
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, 640)
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype("float32")
    info = dataclasses.replace(datasets.dataset_info("csv"), kind="table", name="ring")
    parts = [Split(points[a:b], None, np.arange(a, b)) for a, b in ((0, 400), (400, 500), (500, 640))]
    return datasets.Dataset(info, *parts, digest="sha256:ring", report={})


def train(dataset, runs_dir, *assignments, resume=None):
    basics = ["dataset.name=csv", "training.epochs=4", "training.batch_size=40", "training.steps_per_call=4"]
    basics += ["training.selection=best"]
    config = zoo.load_config("ring_generator", assignments=[*basics, *assignments])
    try:
        with without_pictures():
            return zoo.train(config, runs_dir, dataset=dataset, resume=resume, show_progress=False)
    finally:
        disable_op_determinism()


EXACT = ("training.deterministic=true", "training.optimizer.learning_rate=0.01", "training.optimizer.ema_momentum=0.9")


@pytest.fixture(scope="module")
def whole(ring, tmp_path_factory):
    return train(ring, tmp_path_factory.mktemp("runs"), *EXACT)


def test_both_networks_learn_and_the_record_says_so(whole, ring, tmp_path):
    history = np.genfromtxt(whole.history_file, delimiter=",", names=True)
    assert {"loss", "generator_loss", "critic_loss", "validation_distance"} <= set(history.dtype.names)
    np.testing.assert_allclose(history["loss"], history["generator_loss"] + history["critic_loss"], rtol=1e-5)
    best = whole.results["best_epoch"]
    assert history["validation_distance"][best - 1] == history["validation_distance"].min()
    # The weights are the averaged ones of that epoch: what validation saw.
    assert whole.results["validation"]["distance"]["value"] == pytest.approx(
        history["validation_distance"][best - 1], rel=1e-5
    )
    assert whole.record["status"] == "finished"
    (result,), refused = table.read_results([whole])
    assert not refused and result.scores is None
    ((row,),) = table.compare([result])
    assert row["distance"] == result.value and row["verdict"] == "not tested: points has no score a row"


@pytest.mark.slow
@pytest.mark.parametrize("stop_at_step", [8, 20])
def test_a_stopped_training_ends_as_one_that_was_not(whole, ring, tmp_path, stop_at_step):
    run = interrupted(stop_at_step, ring, tmp_path, *EXACT, train=train)
    arrays, _ = checkpoints.load_checkpoint(run.checkpoints)
    optimizer = [name for name in arrays if name.startswith("optimizer.")]
    # Of each network the moments and the average of each weight, beside the steps that both optimizers count.
    networks = 2 * 2 + 2 * 2
    assert len(optimizer) == 3 * networks + 2
    finished = train(ring, tmp_path, *EXACT, resume=run)
    np.testing.assert_array_equal(weights(finished), weights(whole))
    assert finished.history_file.read_text().count("\n") == whole.history_file.read_text().count("\n")
    assert finished.results["test"] == whole.results["test"]


def test_a_critic_of_another_size_is_refused(ring, tmp_path, monkeypatch):
    run = interrupted(8, ring, tmp_path, *EXACT, train=train)

    def larger(self, training):
        import keras

        return {"critic": keras.Sequential([keras.Input((2,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])}

    monkeypatch.setattr(Points, "partners", larger)
    with pytest.raises(zoo.ZooError, match="another model or optimizer"):
        train(ring, tmp_path, *EXACT, resume=run)
