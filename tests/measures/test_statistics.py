"""Intervals and tests against SciPy, statsmodels, known cases and simulation."""

import numpy as np
import pytest
from scipy import stats

from zoo.measures import classes as metrics
from zoo.measures import statistics


@pytest.mark.parametrize(("first", "second"), [(0, 6), (3, 9), (1, 12), (40, 61)])
def test_mcnemar_is_statsmodels_exact_less_half_of_what_was_seen(first, second):
    from statsmodels.stats.contingency_tables import mcnemar

    exact = mcnemar([[50, first], [second, 50]], exact=True).pvalue
    seen = stats.binom.pmf(first, first + second, 0.5)
    assert statistics.mcnemar(first, second) == pytest.approx(exact - seen)


def test_mcnemar_of_equals_is_one():
    assert statistics.mcnemar(0, 0) == statistics.mcnemar(7, 7) == 1


def test_bootstrap_agrees_with_scipy():
    generator = np.random.default_rng(1)
    first, second = generator.random(800) < 0.9, generator.random(800) < 0.87
    interval, p = statistics.paired_bootstrap(first.astype(float), second.astype(float))
    differences = first.astype(float) - second
    reference = stats.bootstrap((differences,), np.mean, n_resamples=5000, method="percentile", rng=generator)
    assert interval == pytest.approx(reference.confidence_interval, abs=0.002)
    assert p == pytest.approx(stats.ttest_rel(first.astype(float), second).pvalue, abs=0.02)


def test_holm_on_a_case_by_hand():
    assert statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert statistics.holm([]) == []


def test_holm_is_statsmodels():
    from statsmodels.stats.multitest import multipletests

    p_values = np.random.default_rng(0).random(30) ** 4
    assert statistics.holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_seeds_interval_on_a_case_by_hand():
    assert statistics.seeds_interval([1.0, 2.0, 3.0]) == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-3)
    assert statistics.seeds_interval([0.9]) is None
    assert statistics.seeds_interval([0.5, 0.5]) == (0.5, 0.5)


def test_coverage_of_the_intervals():
    generator = np.random.default_rng(0)
    seeds = rows = 0
    for draw in range(1000):
        low, high = statistics.seeds_interval(generator.normal(0.98, 0.001, 5))
        seeds += low <= 0.98 <= high
        both = generator.random((2, 2000)) < [[0.92], [0.90]]
        low, high = statistics.paired_bootstrap(*both.astype(float), draws=1000, seed=draw)[0]
        rows += low <= 0.02 <= high
    assert 930 <= seeds <= 970
    assert 930 <= rows <= 970


@pytest.mark.parametrize("seeds", [1, 5])
def test_false_positives_under_the_null(seeds):
    generator = np.random.default_rng(0)
    found = 0
    for _ in range(1000):
        # The seeds of a model stumble over the same rows, as real ones do; both models are drawn alike.
        hard = generator.random((2, 1, 1000)) < 0.1
        right = ~(hard & (generator.random((2, seeds, 1000)) < 0.8))
        found += statistics.pairwise_p(right)[0][0, 1] < 0.05
    assert 30 <= found <= 70


def test_a_difference_must_outlast_other_seeds_too():
    first, second = np.zeros((2, 1000), bool), np.zeros((2, 1000), bool)
    first[0], second[0, :200], second[1, :200] = True, True, True  # one lucky seed of two
    rows_p, _ = statistics.pairwise_p([first, second])
    assert rows_p[0, 1] < 0.01 and statistics.adjusted_pairwise_p([first, second])[0, 1] > 0.05


def test_accuracy_at_coverage_leaves_out_the_least_sure():
    probabilities = np.array([[0.9, 0.1]] * 9 + [[0.4, 0.6]])
    assert metrics.accuracy_at_coverage(probabilities, np.zeros(10, int)) == 1
    assert metrics.accuracy_at_coverage(probabilities, np.zeros(10, int), 1.0) == 0.9


def test_all_pairs_at_once_are_the_pairs_one_by_one():
    generator = np.random.default_rng(3)
    rates = np.array([0.9, 0.9, 0.88, 0.8])
    correct = [generator.random((seeds, 400)) < rate for seeds, rate in zip((1, 1, 3, 4), rates, strict=True)]
    rows_p, seeds_p = statistics.pairwise_p(correct)
    only = [int((correct[a] & ~correct[b]).sum()) for a, b in ((0, 1), (1, 0))]
    assert rows_p[0, 1] == rows_p[1, 0] == pytest.approx(statistics.mcnemar(*only))
    for a, b in ((0, 2), (2, 3)):
        expected = stats.ttest_rel(correct[a].mean(axis=0), correct[b].mean(axis=0)).pvalue
        assert rows_p[a, b] == pytest.approx(expected, rel=1e-6)
    welch = stats.ttest_ind(correct[2].mean(axis=1), correct[3].mean(axis=1), equal_var=False).pvalue
    assert seeds_p[2, 3] == pytest.approx(welch) and np.isnan(seeds_p[0, 1]) and np.isnan(seeds_p[0, 3])
    assert (np.diag(rows_p) == 1).all()


def test_ranges_of_ranks_on_a_case_by_hand():
    p = np.ones((3, 3))
    p[0, 2] = p[2, 0] = 0.01
    assert statistics.rank_ranges([0.9, 0.8, 0.7], p) == [(1, 2), (1, 3), (2, 3)]
    assert statistics.rank_ranges([0.9, 0.8, 0.7], np.ones((3, 3))) == [(1, 3)] * 3


def test_true_ranks_lie_in_their_ranges_together():
    """Five models, two of them alike: 95 % of tables or more have no range that misses a true rank."""
    generator = np.random.default_rng(5)
    rates = np.array([0.93, 0.91, 0.91, 0.89, 0.85])
    held = 0
    for _ in range(200):
        correct = generator.random((5, 1, 1500)) < rates[:, None, None]
        ranges = statistics.rank_ranges(correct.mean(axis=(1, 2)), statistics.adjusted_pairwise_p(list(correct)))
        held += all(low <= rank <= high for (low, high), rank in zip(ranges, (1, 2, 2, 4, 5), strict=True)) and (
            ranges[1][1] >= 3 and ranges[2][1] >= 3
        )
    assert held >= 0.93 * 200
