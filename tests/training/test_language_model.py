"""Models that write, trained: what they are judged by counts each token once, from as much as it may see."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import zoo
from zoo import datasets
from zoo.datasets import catalog
from zoo.datasets.texts import as_array
from zoo.errors import ZooError
from zoo.layers.front import part_behind
from zoo.layers.next_tokens import MovedWindows, pairs_of_windows, windows_of
from zoo.measures.statistics import ratio_interval
from zoo.training.fit import train

SETTINGS = [
    "dataset.name=tiny_texts",
    "training.epochs=6",
    "training.optimizer.learning_rate=0.01",
    "training.batch_size=4",
    "training.precision=float32",
    "model.options.num_layers=1",
    "model.options.hidden_size=16",
    "model.options.num_heads=2",
    "model.options.context_length=16",
]


def _texts(count, seed):
    words, generator = ["the cat", "a dog", "sat", "on", "the mat.", "né 你"], np.random.default_rng(seed)
    return as_array(" ".join(generator.choice(words, 20)) for _ in range(count))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    parts = [datasets.Split(_texts(count, count), None, np.arange(count)) for count in (30, 5, 7)]
    info = datasets.DatasetInfo("tiny_texts", "text", "a few texts", targets=None, documents=True, feature_shape=())
    datasets.register_dataset(info, lambda: tuple(parts))
    yield train(_config(), tmp_path_factory.mktemp("runs"), show_progress=False)
    del catalog._known["tiny_texts"], datasets._generated["tiny_texts"]


def _config(*more):
    return zoo.load_config("char_gpt", assignments=[*SETTINGS, *more])


tokens = st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=70), min_size=1, max_size=4)


@given(tokens, st.integers(2, 12))
def test_windows_foretell_each_token_once_from_at_least_half_a_window(texts, length):
    windows, rows = windows_of([np.array(text, "int32") for text in texts], length, 0)
    found = [[] for _ in texts]
    for (seen, targets), row in zip(windows, rows, strict=True):
        counted = np.flatnonzero(targets >= 0)
        for place in counted:
            before = [0, *texts[row]][: len(found[row]) + 1]  # all that comes before this token
            context = seen[: place + 1].tolist()
            assert context == before[-len(context) :]
            assert len(context) >= min(len(before), length // 2)
            found[row].append(int(targets[place]))
    assert found == texts


@settings(deadline=None)
@given(tokens, st.integers(2, 6), st.integers(0, 5))
def test_training_windows_move_and_show_what_comes_next(texts, length, epoch):
    pairs = pairs_of_windows([np.array(text, "int32") for text in texts], length, 0)
    if not len(pairs):
        return
    moved = MovedWindows(length)(tf.constant(pairs), tf.range(len(pairs)), tf.constant([3, epoch], tf.int64)).numpy()
    stream = [token for text in texts for token in (0, *text)][: len(pairs) * length]
    seen = moved[:, 0].ravel().tolist()
    start = next(at for at in range(length) if stream[at:] + stream[:at] == seen)
    assert moved[:, 1].ravel().tolist() == (stream[start + 1 :] + stream[: start + 1])


def test_answers_are_the_bits_of_each_text(run):
    loaded, test = zoo.load_model(run), datasets.load("tiny_texts").test
    answers, tokenizer = loaded.answers(test.features), loaded.model.get_layer("tokenizer")
    states = part_behind(loaded.model, loaded.model.get_layer("final_norm").output)
    embedding = loaded.model.get_layer("token_embedding")
    ids = tokenizer.encode([test.features[0][:14]])[0][:15]  # all of it in one window
    logits = embedding(states(tf.constant([[tokenizer.end, *ids[:-1]] + [0] * (16 - len(ids))])), reverse=True)[0]
    expected = -sum(float(tf.nn.log_softmax(logits[at])[token]) for at, token in enumerate(ids))
    one = loaded.answers(as_array([tokenizer.decode(ids)]))[0]
    assert one[0] == pytest.approx(expected, rel=1e-4) and one[1] == len(ids)
    assert [len(text) for text in test.features] == answers[:, 2].tolist()
    results = loaded.task.results(answers, None, {})
    kept = run.read_json("results.json")["test"]
    assert results["bits_per_character"]["value"] == pytest.approx(kept["bits_per_character"]["value"], rel=1e-5)
    bits = answers[:, 0].sum() / math.log(2) / answers[:, 2].sum()
    assert results["bits_per_character"]["value"] == pytest.approx(bits, rel=1e-5)
    assert loaded.task.headline_of(loaded.task.scores(answers, None, {}).mean()) == pytest.approx(bits, rel=1e-5)
    assert bits < 5  # a byte at random costs 8


def test_probabilities_are_of_the_token_after_the_text(run):
    model, text = zoo.load_model(run).model, "the cat sat"
    tokenizer = model.get_layer("tokenizer")
    states = part_behind(model, model.get_layer("final_norm").output)
    ids = [tokenizer.end, *tokenizer.encode([text])[0]]
    logits = model.get_layer("token_embedding")(states(tf.constant([ids + [0] * (16 - len(ids))])), reverse=True)
    expected = tf.nn.softmax(logits[0, len(ids) - 1])
    np.testing.assert_allclose(model.predict(tf.constant([text]), verbose=0)[0], expected, atol=1e-6)


def test_validation_in_training_is_that_of_the_saved_model(run):
    history = run.history["validation_bits_per_character"]
    value = run.read_json("results.json")["validation"]["bits_per_character"]["value"]
    assert min(history) == pytest.approx(value, rel=1e-4)


def test_a_run_is_a_start_for_another_with_its_tokens(run, tmp_path):
    config = _config(f"model.init_from={run.path}", "training.epochs=1", "training.optimizer.learning_rate=1e-12")
    again, first = zoo.load_model(train(config, tmp_path, show_progress=False)).model, zoo.load_model(run).model
    assert again.get_layer("tokenizer").tokens == first.get_layer("tokenizer").tokens
    for ours, theirs in zip(again.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("training.batch_size=4000", "windows of 16, and a batch has 4000"),
        (
            "model.options.context_length=20000",
            "0 windows of 20000.*; bring more text, or lower --set model.options.context_length",
        ),
        ("model.options.num_heads=3", "3 heads do not divide the hidden size 16"),
        ("model.options.vocabulary_size=100", "vocabulary_size is 100, but dataset 'tiny_texts' needs 260"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_line(run, tmp_path, more, said):
    with pytest.raises((ZooError, ValueError), match=said):
        train(_config(more), tmp_path, show_progress=False)


def test_the_interval_of_a_ratio_covers_it():
    """Rows of very unlike length, whose bits follow it: of 400 samples about 95 % cover the truth."""
    generator, covered = np.random.default_rng(0), 0
    for _ in range(400):
        characters = generator.integers(10, 1000, 40)
        bits = characters * (2 + 0.3 * generator.normal(size=40))
        low, high = ratio_interval(bits, characters)
        covered += low <= 2 <= high
    assert 0.91 <= covered / 400 <= 0.98
    assert ratio_interval([1.0], [1.0]) == (-np.inf, np.inf)


def test_a_classifier_is_refused_on_texts_without_classes(run, tmp_path):
    config = zoo.load_config("linear_text", assignments=["dataset.name=tiny_texts"])
    with pytest.raises(ZooError, match="has none, only texts"):
        train(config, tmp_path, show_progress=False)
