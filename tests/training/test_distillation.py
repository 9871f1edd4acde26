"""Distillation: the loss of Hinton et al., a teacher that stays as it is, and teachers that do not fit."""

import dataclasses
import json
import pathlib
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_trainings import interrupted, train, weights

import zoo
from zoo.loading import save_model, with_labels
from zoo.settings import DistillationSection
from zoo.training.distillation import Distillation, load_teacher

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def teacher(digits, tmp_path_factory):
    """A finished run."""
    return train(digits, tmp_path_factory.mktemp("teacher"), "model.options={hidden_units: [32]}", "training.epochs=6")


def taught_by(run, **options):
    values = json.dumps({"teacher": str(getattr(run, "path", run)), **options})
    return f"training.distillation={values}"


@pytest.mark.parametrize("classes", [1, 3])
def test_the_loss_is_that_of_the_paper(classes):
    """Against the formula in NumPy, with weights, a penalty and one sigmoid unit."""
    generator = np.random.default_rng(0)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(classes, name="logits")])
    settings = DistillationSection(teacher="x", temperature=3.0, alpha=0.4)
    distillation = Distillation(settings, with_labels(model, {}, pathlib.Path("x")))
    x, logits = generator.normal(size=(7, 5)).astype("f4"), generator.normal(size=(7, classes)).astype("f4")
    sample_weight = generator.uniform(size=7).astype("f4")
    found = distillation(tf.constant(2.5), [tf.constant(0.5)], x, tf.constant(logits), tf.constant(sample_weight))

    def probabilities(of):
        of = np.concatenate([0 * of, of], axis=1) if classes == 1 else of
        powers = np.exp(of / 3.0)
        return powers / powers.sum(axis=1, keepdims=True)

    p, q = probabilities(np.asarray(model(x))), probabilities(logits)
    divergence = (p * np.log(p / q)).sum(axis=1)
    expected = 0.6 * 2.0 + 0.4 * 9.0 * np.mean(sample_weight * divergence) + 0.5
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("kept", "today"), [("float32", "mixed_bfloat16"), ("mixed_bfloat16", "float32")])
def test_the_teacher_computes_in_the_precision_of_the_training(kept, today):
    """Published teachers are kept for float32, which costs several times as much where there is bfloat16."""
    model = zoo.create_model("mnist_mlp", input_shape=(8, 8, 1), num_classes=4)
    for layer in model.layers:
        if layer.name != "logits":
            layer.dtype_policy = kept
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(today)
        taught = Distillation(DistillationSection(teacher="x"), with_labels(model, {}, pathlib.Path("x"))).logits
    finally:
        keras.config.set_dtype_policy(before)
    policies = {layer.name: layer.dtype_policy.name for layer in taught.layers if layer.weights}
    assert policies.pop("logits") == "float32"
    assert policies and set(policies.values()) == {today}
    pictures = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), "uint8")
    logits = keras.Model(model.inputs, model.get_layer("logits").output)
    np.testing.assert_allclose(taught(pictures), logits(pictures), atol=0.05)


def test_a_student_of_the_teacher_alone_ends_where_the_teacher_is(digits, teacher, tmp_path):
    """With alpha 1 the labels say nothing: wrong ones do no harm."""
    wrong = dataclasses.replace(digits.train, targets=(digits.train.targets + 1) % 4)
    run = train(
        dataclasses.replace(digits, train=wrong), tmp_path, taught_by(teacher, alpha=1.0), "training.epochs=12",
        "training.optimizer.learning_rate=0.01", "training.selection=last",
    )  # fmt: skip
    features = digits.test.features
    answers = [zoo.load_model(of).predict_probabilities(features).argmax(axis=1) for of in (run, teacher)]
    assert (answers[0] == answers[1]).mean() > 0.9
    assert run.record["teacher"]["path"] == str(teacher.model_file)
    assert run.record["teacher"]["digest"].startswith("sha256:")


def test_the_teacher_is_heard_and_left_alone(digits, teacher, tmp_path):
    before = weights(teacher)
    plain, taught = train(digits, tmp_path), train(digits, tmp_path, taught_by(teacher))
    assert np.abs(weights(plain) - weights(taught)).max() > 1e-3
    assert weights(plain).shape == weights(taught).shape, "the student holds its own weights alone"
    np.testing.assert_array_equal(weights(teacher), before)


def test_settings_of_cost_alone_leave_the_weights(digits, teacher, tmp_path):
    settings = ("training.steps_per_call=4", "training.steps_per_call=1", "training.xla=off")
    ends = [weights(train(digits, tmp_path, taught_by(teacher), setting)) for setting in settings]
    np.testing.assert_allclose(ends[1:], [ends[0]] * 2, atol=1e-5)


def test_a_penalty_on_kernels_keeps_its_weight(digits, teacher, tmp_path):
    """At alpha 1, what is left of the labels' loss is the penalty: it must still shrink the kernels."""
    sums = [
        np.square(weights(train(digits, tmp_path, taught_by(teacher, alpha=1.0), f"training.optimizer.l2={l2}"))).sum()
        for l2 in (0.0, 0.1)
    ]
    assert sums[1] < 0.8 * sums[0]


def test_a_resumed_student_has_the_same_teacher(digits, teacher, tmp_path):
    path = tmp_path / "teacher.keras"
    path.write_bytes(teacher.model_file.read_bytes())
    everything = (taught_by(path), "training.deterministic=true", "training.steps_per_call=1")
    whole = train(digits, tmp_path, *everything)
    run = interrupted(13, digits, tmp_path, *everything)
    save_model(
        zoo.create_model("mnist_mlp", input_shape=(8, 8, 1), num_classes=4), path,
        {"label_names": list("abcd"), "task": "image_classification"},
    )  # fmt: skip
    with pytest.raises(zoo.ZooError, match="has changed since .* began"):
        train(digits, tmp_path, *everything, resume=run)
    path.write_bytes(teacher.model_file.read_bytes())
    np.testing.assert_array_equal(weights(train(digits, tmp_path, *everything, resume=run)), weights(whole))


def test_teachers_that_do_not_fit_are_one_line(digits, teacher, tmp_path):
    def refused(match, of=teacher, dataset=digits):
        with pytest.raises(zoo.ZooError, match=match) as error:
            train(dataset, tmp_path, taught_by(of))
        assert "\n" not in str(error.value)

    refused("teacher=.*nowhere: no such model file", tmp_path / "nowhere")
    refused("is not a run", tmp_path)
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    (unfinished / "run.json").write_text("{}")
    refused("it did not finish", unfinished)
    (tmp_path / "damaged.keras").write_bytes(teacher.model_file.read_bytes()[:3000])
    refused("not a .keras file, or cut short", tmp_path / "damaged.keras")
    renamed = dataclasses.replace(digits, info=dataclasses.replace(digits.info, label_names=("b", "a", "c", "d")))
    refused("it knows the classes a, b, c, d, the data have b, a, c, d", dataset=renamed)
    smaller = [dataclasses.replace(part, features=part.features[:, :6]) for part in (digits.train, digits.validation)]
    cut = dataclasses.replace(digits, train=smaller[0], validation=smaller[1])
    refused(r"it reads \(8, 8, 1\), the student \(6, 8, 1\)", dataset=cut)


def test_texts_need_the_same_vocabulary(tmp_path):
    from zoo.datasets.texts import as_array
    from zoo.training import preprocessing

    def text_model(*texts):
        model = zoo.create_model("text_cnn", num_classes=2, vocabulary_size=30, length=8, filters=4)
        preprocessing.adapt(model, as_array(texts))
        return model

    save_model(text_model("good book", "bad film"), tmp_path / "teacher.keras", {"label_names": ["no", "yes"]})
    settings = SimpleNamespace(
        distillation=DistillationSection(teacher=str(tmp_path / "teacher.keras")), length_buckets=[]
    )
    student = text_model("good book", "bad film")
    answers = SimpleNamespace(info=SimpleNamespace(label_names=["no", "yes"]), feature_names=None)
    distillation = load_teacher(settings, student, answers)
    ids = student.layers[1](tf.constant(["good film"]))
    assert distillation.logits(ids).shape == (1, 2)
    with pytest.raises(zoo.ZooError, match="its tokenizer is another than the student's"):
        load_teacher(settings, text_model("other words"), answers)
