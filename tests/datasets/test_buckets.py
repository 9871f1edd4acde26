"""Batches of texts of similar length: every row as before, nothing lost but padding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.datasets.buckets import LengthBuckets
from zoo.datasets.pipeline import BatchPlan, training_calls


def texts_of(lengths, width):
    ids = np.zeros((len(lengths), width), "int32")
    for row, length in enumerate(lengths):
        ids[row, :length] = row + 1
    return ids


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=4, max_size=90), st.integers(1, 4), st.integers(1, 5), st.integers(0, 9))
def test_an_epoch_has_each_row_once_whatever_the_lengths(lengths, batch_size, steps_per_call, epoch):
    plan = BatchPlan(len(lengths), batch_size, steps_per_call, epochs=10)
    buckets = LengthBuckets(texts_of(lengths, 20), (4, 10), plan, seed=3)
    order = buckets.order(epoch)
    assert len(order) == plan.steps_per_epoch * batch_size
    assert len(set(order.tolist())) == len(order)
    assert (order == buckets.order(epoch)).all()
    of_calls = [buckets.lengths[order[i : i + steps_per_call * batch_size]] for i in
                range(0, len(order), steps_per_call * batch_size)]  # fmt: skip
    mixed = sum(len(set(call.tolist())) > 1 for call in of_calls)
    assert mixed <= 2  # a bucket's end may lie inside of a call, and there are three buckets


def test_calls_are_cut_to_their_longest_text_and_no_further():
    lengths = np.random.default_rng(0).integers(0, 33, 203)
    plan = BatchPlan(len(lengths), 8, 4, epochs=2)
    widths, seen = set(), []
    for features, labels, _, count in training_calls(
        texts_of(lengths, 32), np.arange(203), plan, seed=1, length_buckets=(8, 16)
    ):
        features, rows = features.numpy()[: int(count)], labels.numpy()[: int(count)]
        assert (np.count_nonzero(features, axis=-1) == lengths[rows]).all()
        widths.add(features.shape[-1])
        seen += rows.ravel().tolist()
    assert widths == {8, 16, 32}
    assert len(set(seen[:200])) == 200 and seen[:200] != seen[200:]


@pytest.mark.parametrize(
    ("model", "lengths", "words"),
    [
        ("linear_text", "[8]", "linear_text cannot do with shorter texts"),
        ("bert_mlm", "[8]", "does not go with masked language model: it is for classification"),
        ("bbc_news_bert", "[16, 8]", "rising lengths below the model's, 256"),
        ("bbc_news_bert", "[256]", "rising lengths below the model's, 256"),
        ("mnist_mlp", "[8]", "mnist_mlp cannot do with shorter texts"),
    ],
)
def test_what_cannot_be_cut_is_refused_in_one_line(run_script, tmp_path, model, lengths, words):
    rows = "".join(f"{'good' if i % 2 else 'bad'},word{i} and more\n" for i in range(60))
    (tmp_path / "table.csv").write_text("label,text\n" + rows)
    data = [] if model == "mnist_mlp" else ["--dataset=csv", "--data_dir=table.csv", "--batch_size=8"]
    done = run_script("train", f"--model={model}", f"--set=training.length_buckets={lengths}", *data)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert words in done.stderr
