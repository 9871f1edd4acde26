"""Macro F1 of several labels, the score a row that its tests take, and thresholds."""

import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from zoo.errors import ZooError
from zoo.measures.labels import choose_thresholds, macro_f1_scores, multi_label_results

RATES = (
    np.array([7, 46, 25, 5, 7, 6, 22, 18, 32, 28, 39, 16, 15, 3, 19, 9, 2, 4, 10]) / 323
)  # those of birds' test split


def draw(generator, rows=323, rates=RATES):
    """Targets, and probabilities of a model that is right more often than not."""
    targets = generator.random((rows, len(rates))) < rates
    return targets, 1 / (1 + np.exp(3 - 3 * targets + 1.5 * generator.normal(size=targets.shape)))


def test_figures_are_those_of_scikit_learn():
    targets, probabilities = draw(np.random.default_rng(0))
    targets[:, 3], probabilities[:, 3] = False, 0.01  # neither there nor said: left out
    thresholds = np.linspace(0.2, 0.6, 19)
    names = [f"label {number}" for number in range(19)]
    results = multi_label_results(probabilities, targets.astype("int8"), names, thresholds)
    said = probabilities >= thresholds
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = metrics.f1_score(targets, said, average="macro", zero_division=np.nan)
    assert results["macro_f1"]["value"] == pytest.approx(expected)
    low, high = results["macro_f1"]["interval"]
    assert low < expected < high
    assert results["micro_f1"] == pytest.approx(metrics.f1_score(targets, said, average="micro"))
    assert results["ranking_loss"] == pytest.approx(metrics.label_ranking_loss(targets, probabilities))
    assert results["hamming_loss"] == pytest.approx(metrics.hamming_loss(targets, said))
    assert results["per_label"]["label 3"]["support"] == 0
    assert results["per_label"]["label 1"]["recall"] == pytest.approx(metrics.recall_score(targets[:, 1], said[:, 1]))


def test_scores_are_the_jackknifes_about_macro_f1():
    generator = np.random.default_rng(0)
    targets, probabilities = draw(generator, 40, np.full(3, 0.3))
    said = probabilities >= 0.5
    scores = macro_f1_scores(said, targets)
    whole = metrics.f1_score(targets, said, average="macro")
    assert scores.mean() == pytest.approx(whole)
    without = [
        metrics.f1_score(np.delete(targets, row, axis=0), np.delete(said, row, axis=0), average="macro")
        for row in range(40)
    ]
    added = 39 * (whole - np.array(without))
    np.testing.assert_allclose(scores, whole + added - added.mean(), atol=1e-12)


def test_equal_models_are_told_apart_about_as_often_as_the_level_says():
    """Labels as rare as those of birds; scores by derivatives, in place of the jackknife's, would reject 11 %."""
    generator, rejected = np.random.default_rng(0), 0
    for _ in range(300):
        targets, first = draw(generator)
        second = 1 / (1 + np.exp(3 - 3 * targets + 1.5 * generator.normal(size=targets.shape)))
        scores = [macro_f1_scores(one >= 0.4, targets) for one in (first, second)]
        rejected += stats.ttest_rel(*scores).pvalue < 0.05
    assert rejected <= 22  # of 300; 15 are 5 %


def test_a_better_model_is_told_from_a_worse_one():
    targets, probabilities = draw(np.random.default_rng(0))
    guesses = np.random.default_rng(1).random(targets.shape)
    scores = [macro_f1_scores(one, targets) for one in (probabilities >= 0.4, guesses >= 0.9)]
    assert stats.ttest_rel(*scores).pvalue < 1e-6 and scores[0].mean() > scores[1].mean()


def test_thresholds_are_best_on_the_rows_that_chose_them():
    targets, probabilities = draw(np.random.default_rng(0), 200, np.full(4, 0.2))
    for label, threshold in enumerate(choose_thresholds(probabilities, targets)):
        of_each = [metrics.f1_score(targets[:, label], probabilities[:, label] >= t) for t in probabilities[:, label]]
        assert metrics.f1_score(targets[:, label], probabilities[:, label] >= threshold) == pytest.approx(max(of_each))


def test_a_rare_label_takes_the_threshold_of_all_labels_together():
    targets, probabilities = draw(np.random.default_rng(0), 200, np.full(4, 0.2))
    targets[:, 1] = np.arange(200) < 4
    targets[:, 2] = False
    thresholds = choose_thresholds(probabilities, targets)
    shared = choose_thresholds(probabilities.reshape(-1, 1), targets.reshape(-1, 1))[0]
    assert thresholds[1] == thresholds[2] == shared != thresholds[0]
    assert choose_thresholds(np.full((9, 2), 0.3), np.zeros((9, 2)))[0] == 0.5


def test_answers_that_are_not_finite_are_one_line():
    with pytest.raises(ZooError, match="not finite for 1 of 2 examples"):
        multi_label_results(np.array([[0.5], [np.nan]]), np.array([[0], [1]]), ["a"], np.array([0.5]))
    with pytest.raises(ZooError, match="no examples"):
        multi_label_results(np.zeros((0, 1)), np.zeros((0, 1)), ["a"], np.array([0.5]))
