"""The plain tokenizers give the ids of the layers inside the models, for any text."""

import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

import zoo
from zoo.datasets.texts import clean
from zoo.layers.columns import CategoryIds, TextIds
from zoo.layers.front import text_layer
from zoo.layers.word_piece import SPECIAL_TOKENS, WordPieceTokenizer
from zoo.tokens import describe_encoder, describe_tokenizer, make_encoder, make_tokenizer

TEXTS = ["The cat, the CAT; a dog!", "Müller's dog — ÄÖÜ straße", "one two  three\tfour", "书很好 书", "x_y `z` {w}"]
ODD = "\u0890\u0891\u08e2\u115f\u1160\u1734"  # signs and fillers of which the two libraries have other tables
any_text = st.text(
    st.characters(max_codepoint=0x2FFF, exclude_categories=("Cs", "Cn", "Co"), exclude_characters=ODD), max_size=60
)
made_of_known = st.lists(st.sampled_from([*" ".join(TEXTS).split(), ",", "\n", "\u00a0", "Dog"]), max_size=12).map(
    " ".join
)


def words_layer(**options):
    front = text_layer(zoo.create_model("linear_text", vocabulary_size=60, length=12, **options))
    front.adapt(TEXTS)
    return front


def word_piece_layer(lower_case=True):
    layer = WordPieceTokenizer(300, 12, lower_case)
    layer.adapt(TEXTS * 2)
    return layer


LAYERS = {
    "words": lambda: words_layer(ngrams=1),
    "pairs": lambda: words_layer(ngrams=2),
    "characters": lambda: words_layer(ngrams=2, split="character"),
    "word_piece": word_piece_layer,
    "word_piece_cased": lambda: word_piece_layer(lower_case=False),
}


def test_the_ids_of_a_table_are_those_of_its_layers():
    categories = np.array([["a", ""], ["b", "a"], ["a", "İ x"], ["rare", "a\0b"]], object)
    layer = CategoryIds([2, 5])  # of the first column one has no row; of the second, rows have no category
    layer.adapt(categories)
    encode = make_encoder(json.loads(json.dumps(describe_encoder(layer))))
    given = np.concatenate([categories, [["rare", "b"], ["", "unseen"], ["A", "i̇ x"]]]).astype(object)
    np.testing.assert_array_equal(encode(given), np.asarray(layer(tf.constant(given))))
    assert encode(given).dtype == "int32" and encode(given[:0]).shape == (0, 2)

    texts = np.array([["the cat, THE dog", ""], ["a cat", "a dog\na cat"]], object)
    words = TextIds(20, 9)
    words.build(texts.shape)
    words.adapt(texts)
    encode = make_encoder(json.loads(json.dumps(describe_encoder(words))))
    np.testing.assert_array_equal(encode(texts), np.asarray(words(tf.constant(texts))))


@pytest.mark.parametrize("name", LAYERS)
def test_the_ids_are_those_of_the_layer(name):
    layer = LAYERS[name]()
    tokenize = make_tokenizer(describe_tokenizer(layer))

    @settings(deadline=None, max_examples=40)
    @given(st.lists(any_text | made_of_known, min_size=1, max_size=4))
    @example(TEXTS)
    @example(["\u1abf", "a\u08d5b", "İstanbul ǅ ﬁ", " ", f"a {' '.join(SPECIAL_TOKENS)} b", "word " * 40])
    def check(texts):
        texts = [clean(text) for text in texts]
        np.testing.assert_array_equal(tokenize(texts), np.asarray(layer(tf.constant(texts))))

    check()


def test_a_setting_without_a_plain_tokenizer_is_refused():
    import keras

    layer = keras.layers.TextVectorization(standardize=None)
    with pytest.raises(zoo.ZooError, match="export to saved_model or keras"):
        describe_tokenizer(layer)
