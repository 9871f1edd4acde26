"""How the next token is chosen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zoo.errors import ZooError
from zoo.generation.options import Options, options_of
from zoo.generation.sampling import choose, probabilities

LOGITS = arrays("float32", st.integers(2, 40), elements=st.floats(-50, 50, width=32))
NONE = np.zeros(4, bool)


def softmax(logits):
    weights = np.exp(logits.astype("float64") - logits.max())
    return weights / weights.sum()


@given(LOGITS, st.floats(0.01, 1), st.integers(1, 50))
def test_the_fewest_most_probable_tokens_that_have_the_mass_are_kept(logits, top_p, top_k):
    seen = np.zeros(len(logits), bool)
    full = probabilities(logits, seen, Options(temperature=1.0))
    np.testing.assert_allclose(full, softmax(logits), atol=1e-6)
    found = probabilities(logits, seen, Options(temperature=1.0, top_p=top_p))
    kept = np.flatnonzero(found)
    assert full[kept].sum() >= top_p - 1e-9 and found.sum() == pytest.approx(1)
    assert full[kept].sum() - full[kept].min() < top_p + 1e-9  # without the least of them it would not be enough
    assert full[kept].min() >= np.delete(full, kept).max(initial=0)
    np.testing.assert_allclose(found[kept] * full[kept].sum(), full[kept], atol=1e-9)
    best = np.flatnonzero(probabilities(logits, seen, Options(temperature=1.0, top_k=top_k)))
    assert len(best) <= top_k and full[best].min() >= np.delete(full, best).max(initial=0)


@pytest.mark.parametrize(("temperature", "expected"), [(0, [0, 1, 0, 0]), (1e9, [0.25] * 4), (1e-300, [0, 1, 0, 0])])
def test_extreme_temperatures(temperature, expected):
    logits = np.array([1, 3, 2, -80], "float32")
    np.testing.assert_allclose(probabilities(logits, NONE, Options(temperature=temperature)), expected, atol=1e-6)


def test_repetition_is_made_less_probable_whatever_the_sign():
    logits, seen = np.array([2, 2, -2, -2], "float32"), np.array([True, False, True, False])
    found = probabilities(logits, seen, Options(temperature=1.0, repetition_penalty=2.0))
    np.testing.assert_allclose(found, softmax(np.array([1, 2, -4, -2])), atol=1e-7)
    assert (logits == [2, 2, -2, -2]).all()


def test_tokens_are_drawn_as_often_as_they_are_probable_and_from_the_seed_alone():
    weights = np.array([0.0, 0.5, 0.2, 0.3, 0.0])
    drawn = [choose(weights, 1, 0, number) for number in range(4000)]
    assert drawn == [choose(weights, 1, 0, number) for number in range(4000)]
    np.testing.assert_allclose(np.bincount(drawn, minlength=5) / 4000, weights, atol=0.025)  # three deviations
    assert drawn != [choose(weights, 2, 0, number) for number in range(4000)]
    assert drawn != [choose(weights, 1, 1, number) for number in range(4000)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temperature": -1}, "temperature=-1: a number from 0 on"),
        ({"temperature": float("nan")}, "temperature=nan"),
        ({"temperature": float("inf")}, "temperature=inf"),
        ({"temperature": "hot"}, "temperature='hot'"),
        ({"top_k": 0}, "top_k=0: a whole number from 1 on"),
        ({"top_p": 0}, "top_p=0: a number above 0, up to 1"),
        ({"top_p": 1.01}, "top_p=1.01"),
        ({"repetition_penalty": 0}, "repetition_penalty=0"),
        ({"max_tokens": 0}, "max_tokens=0: a whole number from 1 to 1,000,000"),
        ({"max_tokens": -5}, "max_tokens=-5"),
        ({"max_tokens": 10**12}, "max_tokens=1000000000000"),
        ({"max_tokens": True}, "max_tokens=True"),
        ({"num_samples": 0}, "num_samples=0"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 1.5}, "seed=1.5"),
        ({"stop": ""}, "an empty one would stop at once"),
        ({"stop": ["a", ""]}, "an empty one would stop at once"),
        ({"stop": 7}, "stop=7: a text or a list of texts"),
        ({"max_seconds": 0}, "max_seconds=0"),
        ({"top_q": 1}, "top_q: no such option; did you mean top_"),
    ],
)
def test_wrong_options_are_told_in_one_line(options, words):
    with pytest.raises(ZooError) as raised:
        options_of(options)
    assert words in str(raised.value) and "\n" not in str(raised.value)
