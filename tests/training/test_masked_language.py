"""Pre-training: what is hidden, what that costs, and that it is learned."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf
from small_trainings import trainer_of

import zoo
from zoo.layers.masking import NOT_HIDDEN, Masking
from zoo.layers.word_piece import SPECIAL_TOKENS
from zoo.settings import MaskingSection
from zoo.training.trainer import outputs_of

VOCABULARY = [*SPECIAL_TOKENS, *(f"word{n}" for n in range(50)), *(f"##end{n}" for n in range(50)), "[unused-0]"]
START, END = 2, 3


@pytest.fixture(scope="module")
def ids():
    """2,000 texts of 20 words of two pieces each, a beginning and an end, and padding."""
    generator = np.random.default_rng(0)
    words = np.stack([generator.integers(5, 55, (2000, 20)), generator.integers(55, 105, (2000, 20))], axis=2)
    edge = np.ones((2000, 1), int)
    return np.concatenate([edge * START, words.reshape(2000, 40), edge * END, edge * 0], axis=1).astype("int32")


def masked(ids, epoch=0, rows=None, **settings):
    rows = np.arange(len(ids)) if rows is None else rows
    masking = Masking(MaskingSection(**settings), VOCABULARY)
    return np.asarray(masking(tf.constant(ids), tf.constant(rows), tf.constant([0, epoch], tf.int64)))


def test_fractions_are_those_of_the_paper(ids):
    seen, targets = np.moveaxis(masked(ids), 1, 0)
    hidden = targets != NOT_HIDDEN
    assert hidden[:, 1:-2].mean() == pytest.approx(0.15, abs=0.005)
    np.testing.assert_array_equal(targets[hidden], ids[hidden])
    np.testing.assert_array_equal(seen[~hidden], ids[~hidden])
    assert (seen[hidden] == VOCABULARY.index("[MASK]")).mean() == pytest.approx(0.8, abs=0.02)
    assert (seen[hidden] == ids[hidden]).mean() == pytest.approx(0.1 + 0.1 / 100, abs=0.02)
    assert not hidden[:, [0, -2, -1]].any()
    assert set(np.unique(seen[hidden])) <= {4, *range(5, 105)}


def test_masks_follow_from_epoch_and_row_alone(ids):
    first = masked(ids)
    np.testing.assert_array_equal(masked(ids[500:700], rows=np.arange(500, 700)), first[500:700])
    assert (masked(ids, epoch=1) != first).any(axis=(1, 2)).mean() > 0.9


def test_whole_words_are_hidden_together(ids):
    hidden = masked(ids, whole_words=True)[:, 1, 1:-2] != NOT_HIDDEN
    np.testing.assert_array_equal(hidden[:, ::2], hidden[:, 1::2])
    assert hidden.mean() == pytest.approx(0.15, abs=0.01)


@pytest.mark.slow
def test_perplexity_is_that_of_the_models_own_probabilities():
    model = zoo.create_model("bert_mlm", vocabulary_size=120, length=24, num_layers=1, hidden_size=16)
    front = model.get_layer("tokenizer")
    ids = np.asarray(front(tf.constant(["a b c d e f g h i j k", "xyz uvw, and more"] * 20)))
    hidden = np.asarray(Masking(MaskingSection(), front.vocabulary)(ids, np.arange(40), np.zeros(2, "int64")))
    trainer, task, _ = trainer_of(model, "bert_mlm")
    results = task.results(outputs_of(trainer, hidden), None, {})
    import keras

    probabilities = keras.Model(front.output, model.output).predict(hidden[:, 0], verbose=0)
    targets = hidden[:, 1]
    rows, places = np.nonzero(targets != NOT_HIDDEN)
    right = probabilities[rows, places, targets[rows, places]]
    assert results["n"] == len(rows)
    assert results["perplexity"] == pytest.approx(math.exp(-np.log(right).mean()), rel=1e-4)
    accuracy = (probabilities[rows, places].argmax(1) == targets[rows, places]).mean()
    assert results["accuracy"]["value"] == pytest.approx(accuracy)


@pytest.mark.slow
def test_the_script_pretrains_and_a_classifier_starts_from_the_run(run_script, tmp_path):
    lines = [
        f'{"ab"[n % 2]},"{"one two three four five six " if n % 2 else "six five four three two one "}{n}"'
        for n in range(160)
    ]
    (tmp_path / "t.csv").write_text("\n".join(["label,text", *lines]) + "\n")
    options = "model.options={vocabulary_size: 100, length: 16, num_layers: 1, hidden_size: 16, feed_forward_size: 32}"
    data = ["--dataset=csv", "--data_dir=t.csv", "--set", options, "--set", "training.batch_size=16"]
    faster = ["--set", "training.optimizer.learning_rate=0.02"]
    done = run_script("pretrain", *data, *faster, "--epochs=15")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("masked pieces of test: perplexity")
    run = next((tmp_path / "runs/bert_mlm").iterdir())
    results = json.loads((run / "results.json").read_text())["test"]
    assert results["perplexity"] < 20 and results["accuracy"]["value"] > 0.4  # 100 and 0.01 by chance
    done = run_script("train", "--model=bbc_news_bert", f"--init_from={run}", *data, "--epochs=1")
    assert done.returncode == 0, done.stderr
    assert "not used: masked_transform, masked_norm" in done.stderr
    refused = run_script("pretrain", "--model=xor_mlp")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
