"""The tokenizer inside the model is BERT's: the package `tokenizers` gives the same ids."""

import sys

import numpy as np
import pytest
import tensorflow as tf
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

import zoo
from zoo import datasets
from zoo.datasets.texts import clean
from zoo.errors import ZooError
from zoo.layers.word_piece import SPECIAL_TOKENS, WordPieceTokenizer, read_vocabulary

LENGTH = 512


def reference_of(layer):
    ids = {piece: number for number, piece in enumerate(layer.vocabulary)}
    reference = tokenizers.BertWordPieceTokenizer(ids, lowercase=layer.lower_case)
    reference.enable_truncation(LENGTH)
    reference.enable_padding(length=LENGTH)
    return reference


@pytest.fixture(scope="module")
def articles():
    dataset = datasets.load("bbc_news")
    return np.concatenate([dataset.train.features, dataset.validation.features, dataset.test.features])


@pytest.fixture(scope="module")
def layer(articles):
    layer = WordPieceTokenizer(8000, LENGTH)
    layer.adapt(articles)
    return layer


@pytest.mark.slow
def test_every_article_has_the_ids_of_the_reference(layer, articles):
    expected = [encoding.ids for encoding in reference_of(layer).encode_batch(list(articles))]
    np.testing.assert_array_equal(layer(tf.constant(list(articles))), expected)


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(max_codepoint=0x2FFF, exclude_categories=("Cs", "Cn", "Co")), max_size=40))
def test_any_text_is_a_row_that_begins_and_ends_as_it_should(layer, text):
    (row,) = layer(tf.constant([clean(text)])).numpy()
    count = int((row != 0).sum())
    assert row[0] == 2 and row[count - 1] == 3 and not row[count:].any()


def test_chinese_characters_are_words(layer):
    chinese = WordPieceTokenizer(50, 16)
    chinese.adapt(["很好 的书", "很好", "书很好"])
    pieces = [chinese.vocabulary[i] for i in chinese(tf.constant(["书很好!"])).numpy()[0][:6]]
    assert pieces == ["[CLS]", "书", "很", "好", "[UNK]", "[SEP]"]


@pytest.mark.parametrize("text", [b"", b"\x00\x00", b"\xff\xfe", b"\xed\xa0\x80", "😀\u200d".encode(), b"\x1b[31m"])
def test_hostile_bytes_have_ids(layer, text):
    assert layer(tf.constant([text])).shape == (1, LENGTH)


def test_learning_is_the_same_twice(articles):
    first, second = (WordPieceTokenizer(3000, 64) for _ in range(2))
    for layer in (first, second):
        layer.adapt(articles[:500])
    assert first.vocabulary == second.vocabulary


@pytest.mark.parametrize(
    ("vocabulary", "words"),
    [
        (["[PAD]", "[CLS]", "[SEP]", "a"], r"lacks \[UNK\]"),
        (["a", "b"], r"lacks \[PAD\], \[UNK\], \[CLS\], \[SEP\]"),
        ([*SPECIAL_TOKENS, "a", "a"], "twice"),
        (["a", *SPECIAL_TOKENS], r"begins with 'a'"),
        ([*SPECIAL_TOKENS, *map(str, range(50))], "55 pieces, but the model has 20"),
    ],
)
def test_bad_vocabularies(vocabulary, words):
    with pytest.raises(ZooError, match=words):
        WordPieceTokenizer(20, 8).set_vocabulary(vocabulary, "vocab.txt")


@pytest.mark.parametrize(("module", "package"), [("tensorflow_text", "tensorflow-text"), ("tokenizers", "tokenizers")])
def test_a_missing_package_is_named_with_the_command(monkeypatch, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ZooError, match=rf"needs the package {package}: pip install 'keras-model-zoo\[text\]'"):
        WordPieceTokenizer(200, 8).adapt(["some text"] * 3)


def test_a_saved_model_without_the_package_is_one_line(monkeypatch, tmp_path):
    model = zoo.create_model("bbc_news_bert", vocabulary_size=200, length=8, num_layers=1)
    model.save(tmp_path / "model.keras")
    monkeypatch.setitem(sys.modules, "tensorflow_text", None)
    with pytest.raises(ZooError, match="needs the package tensorflow-text") as refusal:
        zoo.load_model(tmp_path / "model.keras")
    assert "\n" not in str(refusal.value)


def test_a_vocabulary_of_a_file_keeps_odd_lines(tmp_path):
    (tmp_path / "v.txt").write_bytes("[PAD]\r\na\u2028b\n\u0085\n".encode())
    assert read_vocabulary(tmp_path / "v.txt") == ["[PAD]", "a\u2028b", "\u0085"]
