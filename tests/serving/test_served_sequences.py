"""Sequences over HTTP: lists of steps of any length, and what is no such list."""

import json

import numpy as np
import pytest
from loaded import named

import zoo
from zoo.serving.compiled import compiled
from zoo.serving.messages import Refused
from zoo.serving.requests import Signature, read_features


@pytest.fixture(scope="module")
def model():
    return named(zoo.create_model("japanese_vowels_lstm", input_shape=(5, 2), num_classes=3, units=4), "sequence")


def read(model, body):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_features(content, Signature.of(model), ("instances",), 100).features


def test_rows_of_any_length_and_gaps_are_read_and_answered(model):
    rows = [[[1, 2.5], [None, 3], [4, 5]], [[0.5, 0.5]]]
    features = read(model, {"instances": rows})
    wanted = np.full((2, 5, 2), np.nan, "float32")
    wanted[0, :3], wanted[1, :1] = [[1, 2.5], [np.nan, 3], [4, 5]], [[0.5, 0.5]]
    np.testing.assert_array_equal(features, wanted)
    np.testing.assert_array_equal(read(model, {"inputs": {"sequences": rows}}), wanted)
    answer = compiled(model, 4)
    np.testing.assert_allclose(answer(features), model.answers(wanted), atol=1e-6)
    np.testing.assert_array_equal(answer(features)[1], answer(features[1:])[0])


@pytest.mark.parametrize(("body", "words"), [
    ({"instances": [[[1, 2]] * 6]}, "a row has 6 steps; the model reads 5"),
    ({"instances": [[]]}, "no list of steps, or an empty one"),
    ({"instances": [[1, 2]]}, "expected float32[row, 5, 2], finite numbers, null where one is missing"),
    ({"instances": [[[1, 2], [3]]]}, "or the rows differ"),
    ({"instances": [[[1, "2"]]]}, "type str"),
    ({"instances": [[[1, True]]]}, "type bool"),
    ({"instances": [[[1, [2]]]]}, "type list"),
    ({"instances": [[[None, None]]]}, "a row has no value"),
    ({"instances": [[[1, 1e39]]]}, "out of float32's range"),
    ({"instances": [3]}, "no list of steps"),
    ({"instances": [{"b64": "AAAA"}]}, "for pictures and texts"),
    (b'{"instances": [[[NaN, 1]]]}', "NaN"),
])  # fmt: skip
def test_bad_rows_are_refused_in_a_sentence(model, body, words):
    with pytest.raises(Refused) as error:
        read(model, body)
    assert words in str(error.value)
