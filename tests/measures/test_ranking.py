"""Lists of the best N, against cases by hand and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from zoo.measures.ranking import best, difference, ndcg, ranking_figures


def test_the_best_candidates_come_first_and_equal_ones_in_order():
    preferences, candidates = np.array([1.0, 3.0, 3.0, 2.0, 9.0]), np.array([True, True, True, True, False])
    assert best(preferences, candidates, 3).tolist() == [1, 2, 3]
    assert best(preferences, candidates, 99).tolist() == [1, 2, 3, 0]
    assert best(preferences, np.zeros(5, bool), 3).tolist() == []


def test_ndcg_by_hand():
    # Wanted on the second of three places, of two that are wanted: 1/log2(3) over 1/log2(2) + 1/log2(3).
    assert ndcg([False, True, False], 2, 3) == pytest.approx(0.63093 / 1.63093, abs=1e-5)
    assert ndcg([True, True], 2, 10) == 1  # a short list is ideal where no more are wanted
    assert ndcg([True, True, True], 50, 3) == 1  # no list of three holds more
    assert ndcg([False, False], 1, 10) == 0


def test_ndcg_is_that_of_scikit_learn():
    generator = np.random.default_rng(0)
    for _ in range(50):
        wanted, preferences = generator.random(30) < 0.2, generator.permutation(30).astype(float)
        if wanted.any():
            found = wanted[best(preferences, np.ones(30, bool), 10)]
            expected = ndcg_score([wanted.astype(float)], [preferences], k=10)
            assert ndcg(found, wanted.sum(), 10) == pytest.approx(expected)


def test_intervals_stand_around_the_means():
    generator = np.random.default_rng(0)
    hits, gains = generator.random(400) < 0.3, generator.random(400)
    figures = ranking_figures(hits, gains)
    assert figures["hit_rate"]["value"] == hits.mean() and figures["ndcg"]["value"] == pytest.approx(gains.mean())
    for figure, deviation in ((figures["hit_rate"], hits.std()), (figures["ndcg"], gains.std())):
        low, high = figure["interval"]
        assert low < figure["value"] < high and high - low == pytest.approx(4 * deviation / 20, rel=0.05)
    better = difference(gains + 0.1, gains)
    assert better["value"] == pytest.approx(0.1) and better["p"] < 0.001
    assert difference(gains, gains)["p"] == 1
