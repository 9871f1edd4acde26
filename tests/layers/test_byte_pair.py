"""Tokens of GPT-2: TensorFlow's graph makes those that the package tokenizers does, and nothing is lost."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.errors import ZooError
from zoo.layers.byte_pair import END, BytePairTokenizer, printable_bytes

TEXTS = [
    "the cat sat on the mat, and the other cat sat there",
    "don't say they've gone: it's 12345 — né à Zürich, 你好",
] * 3
# What the pattern of words treats apart: kinds of white space, apostrophes, numbers, letters of several bytes.
ODD = "ab the  \n\n\t'sdt’éü你好🙂\u00a0\u2003\x85\x0b\x1c\x00٣½²ǅ_-.,!1234\u200b\ufeff\U0010ffff"


@pytest.fixture(scope="module", params=["bpe", "characters"])
def tokenizer(request):
    layer = BytePairTokenizer(16, 300 if request.param == "bpe" else None, request.param == "characters")
    layer.adapt(TEXTS)
    return layer


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(st.sampled_from(ODD) | st.characters(exclude_categories=("Cs",)), max_size=40), min_size=50))
def test_graph_and_package_make_the_same_tokens_and_lose_nothing(tokenizer, texts):
    found = tokenizer.encode(texts)
    assert tokenizer._encode(tf.constant(texts)).to_list() == [each.tolist() for each in found]
    for text, ids in zip(texts, found, strict=True):
        assert tokenizer.decode(ids) == text.replace("\U0010ffff", "\ufffd")
        assert tokenizer.characters_of(len(tokenizer.tokens))[ids].sum() == len(text)


def test_same_texts_give_the_same_tokens_whatever_their_ties():
    def learned():
        layer = BytePairTokenizer(8, 280)
        layer.adapt(["ab cd ef gh ij"] * 2)
        return layer.tokens

    assert learned() == learned()


def test_a_row_keeps_the_end_of_a_long_text(tokenizer):
    ids = np.asarray(tokenizer(tf.constant(["", "cat", "the cat " * 30])))
    assert ids.shape == (3, 16) and ids.dtype == np.int32
    assert (ids[0] == tokenizer.end).all() and ids[1, 0] == tokenizer.end
    assert tokenizer.decode(ids[1]) == "cat"
    assert ids[2].tolist() == tokenizer.encode(["the cat " * 30])[0][-16:].tolist()


def test_characters_cost_one_token_each():
    layer = BytePairTokenizer(8, characters=True)
    layer.adapt(["né à Zürich, 你好"])
    assert [len(ids) for ids in layer.encode(["à 你", "ß"])] == [3, 2]  # what was never seen is bytes


def test_vocabulary_travels_with_the_saved_model(tokenizer, tmp_path):
    inputs = keras.Input((), dtype="string")
    keras.Model(inputs, tokenizer(inputs)).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").layers[-1]
    assert (loaded.tokens, loaded.merges) == (tokenizer.tokens, tokenizer.merges)
    assert loaded.encode(TEXTS)[1].tolist() == tokenizer.encode(TEXTS)[1].tolist()


@pytest.mark.parametrize(
    ("tokens", "merges", "said"),
    [
        ([END, *printable_bytes()[1:]], [], "bytes"),
        ([END, END, *printable_bytes()], [], "twice"),
        ([END, *printable_bytes()], [("a", "b")], "'a' 'b' makes no token"),
        ([END, *printable_bytes(), *map(str, range(100, 200))], [], "vocabulary_size=357"),
    ],
)
def test_a_damaged_vocabulary_is_refused(tokens, merges, said):
    with pytest.raises(ZooError, match=said):
        BytePairTokenizer(8, 300).set_vocabulary(tokens, merges, "a file")
