"""Text models through the whole of training: strings in, names out, the same after a stop and in another process."""

import functools
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_trainings import ready, trainer_of, without_pictures

import zoo
from zoo import datasets
from zoo.datasets.pipeline import BatchPlan, training_calls
from zoo.datasets.texts import as_array
from zoo.training.callbacks import Checkpoints

pytestmark = pytest.mark.slow

WORDS = {"sport": ("goal", "match", "coach", "league"), "film": ("actor", "scene", "cinema", "Oscar")}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """200 sentences, two classes, each with words of its own among words of both."""
    generator = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("texts") / "table.csv"
    lines = ["label,text"]
    for number in range(200):
        name = ("sport", "film")[number % 2]
        words = [*generator.choice(WORDS[name], 3), *generator.choice(["the", "a", "new", "and", "good", "of"], 5)]
        generator.shuffle(words)
        lines.append(f'{name},"{" ".join(words)}, {number}"')
    path.write_text("\n".join(lines) + "\n")
    return path


SMALL = {
    "linear_text": "{vocabulary_size: 200, length: 32}",
    "text_cnn": "{vocabulary_size: 100, length: 16, embedding_size: 8, filters: 8}",
    "text_lstm": "{vocabulary_size: 100, length: 16, embedding_size: 8, units: 8}",
    "bbc_news_bert": "{vocabulary_size: 120, length: 24, num_layers: 1, hidden_size: 16, feed_forward_size: 32}",
}


def train(name, table, runs_dir, *assignments, resume=None):
    config = zoo.load_config(
        name,
        overrides={"dataset.name": "csv", "dataset.data_dir": str(table), "training.epochs": 5},
        assignments=["training.batch_size=16", f"model.options={SMALL[name]}", "training.precision=float32",
                     "training.optimizer={name: adam, learning_rate: 0.02}", *assignments],
    )  # fmt: skip
    with without_pictures():
        return zoo.train(config, runs_dir, resume=resume, show_progress=False)


@pytest.fixture(scope="module")
def run_of(table, tmp_path_factory):
    return functools.cache(lambda name: train(name, table, tmp_path_factory.mktemp(name)))


@pytest.mark.parametrize("name", SMALL)
def test_every_text_model_learns_the_two_classes(name, table, run_of):
    run = run_of(name)
    assert run.results["test"]["accuracy"]["value"] > 0.9
    probabilities = np.load(run.path / "predictions.npz")["answers"]
    test = datasets.load("csv", table).test
    np.testing.assert_allclose(zoo.load_model(run).predict_probabilities(test.features), probabilities, atol=1e-6)


def test_strings_in_probabilities_out_from_both_formats_in_a_fresh_process(run_of, tmp_path):
    run = run_of("bbc_news_bert")
    texts = as_array(["a goal, a match", "", "你好 😀", "the actor " * 500, "league coach"])
    expected = zoo.load_model(run).predict_probabilities(texts)
    zoo.load_model(run).model.export(tmp_path / "saved", verbose=False)
    np.savez(tmp_path / "case.npz", texts=texts.astype(str), expected=expected)
    program = (
        "import sys, numpy as np, tensorflow as tf, tensorflow_text\n"
        "import zoo\n"
        "case = np.load(sys.argv[1])\n"
        "texts = case['texts'].astype(object)\n"
        "loaded = zoo.load_model(sys.argv[2])\n"
        "saved = tf.saved_model.load(sys.argv[3])\n"
        "for got in (loaded.predict_probabilities(texts), saved.serve(tf.constant(list(texts)))):\n"
        "    print(np.abs(got - case['expected']).max())\n"
    )
    arguments = [str(tmp_path / "case.npz"), str(run.model_file), str(tmp_path / "saved")]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert max(map(float, done.stdout.split())) < 1e-6


@pytest.mark.parametrize("buckets", ["[]", "[12, 16]"])
def test_resumed_run_is_bit_identical(table, tmp_path, monkeypatch, buckets):
    """The vocabulary is learned anew by the resuming process."""
    settings = ("training.deterministic=true", "training.steps_per_call=2", f"training.length_buckets={buckets}")
    whole = train("bbc_news_bert", table, tmp_path / "whole", *settings)
    original = Checkpoints._save_if_due

    def stop_here(self, step):
        self.signal_number = 15 if step == 14 else None
        original(self, step)

    monkeypatch.setattr(Checkpoints, "_save_if_due", stop_here)
    with pytest.raises(zoo.errors.Interrupted) as interruption:
        train("bbc_news_bert", table, tmp_path, *settings)
    monkeypatch.undo()
    resumed = train("bbc_news_bert", table, tmp_path, *settings, resume=interruption.value.run)
    models = [zoo.load_model(run).model for run in (whole, resumed)]
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, other)
    assert models[0].get_layer("tokenizer").vocabulary == models[1].get_layer("tokenizer").vocabulary


def _noted(traced, network_of, x):
    traced.append(x.shape)
    return network_of(x)


def test_texts_cut_to_their_bucket_train_as_the_padded_ones_do_and_no_length_is_traced_twice():
    lengths = np.random.default_rng(0).integers(1, 25, 64)
    ids = np.where(np.arange(24) < lengths[:, None], np.random.default_rng(1).integers(5, 100, (64, 24)), 0)
    plan, options = BatchPlan(64, 4, 2, epochs=2), dict(num_layers=1, hidden_size=16, dropout=0.0, vocabulary_size=100)
    cut = list(training_calls(ids, np.arange(64) % 5, plan, seed=0, length_buckets=(8, 16)))
    padded = [(tf.pad(block[0], [(0, 0), (0, 0), (0, 24 - block[0].shape[-1])]), *block[1:]) for block in cut]
    assert {block[0].shape[-1] for block in cut} == {8, 16, 24}
    weights = []
    for calls, shorter in ((cut, (8, 16)), (padded, ())):
        keras.utils.set_random_seed(0)
        model = zoo.create_model("bbc_news_bert", length=24, **options)
        others = [zoo.create_model("bbc_news_bert", length=length, **options) for length in shorter]
        parts = trainer_of(model, "bbc_news_bert", "training.label_smoothing=0", shorter=others)
        trainer = ready(*parts, keras.optimizers.SGD(0.1), np.arange(64) % 5, 4)
        run_call, traced = trainer.make_train_function(), []
        trainer.network_of = functools.partial(_noted, traced, trainer.network_of)
        for block in calls:
            run_call(iter([block]))
        assert len(traced) == 2 * len({block[0].shape for block in calls})  # the first step, and the loop's body
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_clipping_sees_a_piece_that_occurs_often_as_one_gradient():
    model = zoo.create_model("text_cnn", vocabulary_size=10, length=16, embedding_size=8, filters=8, dropout=0.0)
    optimizer = keras.optimizers.SGD(1.0, global_clipnorm=1e-3)
    trainer = ready(*trainer_of(model, "text_cnn"), optimizer, np.arange(4), 4)
    before = [weights.copy() for weights in trainer.get_weights()]
    ids, labels = np.full((4, 16), 3), np.arange(4)
    trainer.make_train_function()(iter(training_calls(ids, labels, BatchPlan(4, 4, 1, epochs=1), seed=0)))
    changes = [one - other for one, other in zip(before, trainer.get_weights(), strict=True)]
    assert np.sqrt(sum(np.sum(change**2) for change in changes)) == pytest.approx(1e-3, rel=1e-3)


def test_a_table_of_numbers_for_a_text_model_is_refused(run_script, tmp_path):
    (tmp_path / "table.csv").write_text("x,y,label\n" + "".join(f"{n},2,{'ab'[n % 2]}\n" for n in range(30)))
    done = run_script("train", "--model=linear_text", "--dataset=csv", "--data_dir=table.csv")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "reads texts, but dataset 'csv' holds tables (a text table has the columns text and label;" in done.stderr


def test_prediction_by_the_scripts(run_script, run_of, tmp_path):
    run = run_of("linear_text")
    (tmp_path / "new.csv").write_text('text\n"the league, the match"\nactor\n')
    texts = ["--text=a new goal", "--text=", "--text=\udced\udca0 cinema \x07 😀"]
    spoken = json.loads(run_script("predict", f"--run={run.path}", "--json", *texts).stdout)
    assert [row["label"] for row in spoken[::2]] == ["sport", "film"]
    done = run_script("predict", f"--run={run.path}", "--json", "--text_file=new.csv")
    assert [(row["name"], row["label"]) for row in json.loads(done.stdout)] == [
        ("new.csv:2", "sport"),
        ("new.csv:3", "film"),
    ]
    (tmp_path / "bad.txt").write_bytes(b"fine\nnot \xff")
    done = run_script("predict", f"--run={run.path}", "bad.txt")
    assert (done.returncode, done.stderr) == (2, "error: bad.txt:2: byte 0xff is not UTF-8; save the file as UTF-8\n")
