import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from zoo.errors import ZooError
from zoo.measures.classes import (
    classification_results,
    expected_calibration_error,
    roc_auc,
    wilson_interval,
)


def random_case(seed, examples, classes):
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(classes, 0.5), examples).astype(np.float32)
    return probabilities, generator.integers(0, classes, examples).astype(np.int32)


def names_of(classes):
    return [f"class {index}" for index in range(classes)]


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_agrees_with_scikit_learn(classes):
    probabilities, labels = random_case(1, 400, classes)
    predicted = probabilities.argmax(axis=1)
    results = classification_results(probabilities, labels, names_of(classes))

    report = sklearn_metrics.classification_report(
        labels, predicted, target_names=names_of(classes), output_dict=True, zero_division=0
    )
    assert results["accuracy"]["value"] == pytest.approx(report["accuracy"])
    assert results["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"])
    for name in names_of(classes):
        ours, theirs = results["per_class"][name], report[name]
        assert ours["precision"] == pytest.approx(theirs["precision"])
        assert ours["recall"] == pytest.approx(theirs["recall"])
        assert ours["f1"] == pytest.approx(theirs["f1-score"])
        assert ours["support"] == theirs["support"]
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    area = sklearn_metrics.roc_auc_score(labels, exact[:, 1] if classes == 2 else exact, multi_class="ovr")
    assert results["roc_auc"] == pytest.approx(area, abs=1e-6)
    surprise = -np.log(np.maximum(exact[np.arange(400), labels], np.finfo(float).eps)).mean()
    assert results["negative_log_likelihood"] == pytest.approx(surprise)
    assert results["n"] == 400
    counts = np.array(results["confusion_matrix"])
    assert counts[0, 1] == ((labels == 0) & (predicted == 1)).sum()  # rows are the truth
    assert counts.sum() == 400


def test_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.8, 0.2]], np.float32)
    results = classification_results(probabilities, np.array([0, 0, 1, 1]), ["no", "yes"])
    assert results["accuracy"]["value"] == 0.75
    assert results["confusion_matrix"] == [[2, 0], [1, 1]]
    assert results["per_class"]["yes"] == {"precision": 1, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}
    assert results["roc_auc"] == pytest.approx(0.75)  # three of four pairs in the right order
    assert results["negative_log_likelihood"] == pytest.approx(-math.log(0.9 * 0.6 * 0.7 * 0.2) / 4, rel=1e-6)
    # every example has a bin of its own
    assert results["expected_calibration_error"] == pytest.approx((0.1 + 0.4 + 0.3 + 0.8) / 4, rel=1e-6)


def test_perfect_predictor():
    labels = np.arange(30) % 3
    results = classification_results(np.eye(3, dtype=np.float32)[labels], labels, names_of(3))
    assert results["accuracy"]["value"] == results["macro_f1"] == results["roc_auc"] == 1
    assert results["accuracy"]["interval"][1] == 1
    assert results["accuracy"]["interval"][0] == pytest.approx(30 / (30 + 1.959964**2), abs=1e-6)
    assert results["negative_log_likelihood"] == pytest.approx(0, abs=1e-12)
    assert results["expected_calibration_error"] == 0


def test_constant_predictor():
    labels = np.arange(30) % 3
    results = classification_results(np.tile(np.float32([0.5, 0.25, 0.25]), (30, 1)), labels, names_of(3))
    assert results["accuracy"]["value"] == pytest.approx(1 / 3)
    assert results["roc_auc"] == 0.5
    assert results["macro_f1"] == pytest.approx(0.5 / 3)
    assert results["per_class"]["class 2"] == {"precision": 0, "recall": 0, "f1": 0, "support": 10}
    assert results["expected_calibration_error"] == pytest.approx(0.5 - 1 / 3)


def test_always_wrong_and_sure_has_a_finite_loss():
    results = classification_results(np.float32([[1, 0], [1, 0]]), np.array([1, 1]), ["a", "b"])
    assert 30 < results["negative_log_likelihood"] < 50
    assert results["expected_calibration_error"] == 1


def test_absent_class_has_no_area_and_does_not_lower_macro_f1():
    labels = np.array([0, 1, 0, 1])
    results = classification_results(np.eye(3, dtype=np.float32)[labels], labels, names_of(3))
    assert results["roc_auc"] is None
    assert results["macro_f1"] == 1
    assert results["per_class"]["class 2"]["support"] == 0
    assert np.array(results["confusion_matrix"]).shape == (3, 3)


def test_half_precision_is_accepted():
    probabilities = np.float32([[0.334, 0.334, 0.334], [0.2, 0.2, 0.602]])
    assert classification_results(probabilities, np.array([0, 2]), names_of(3))["n"] == 2


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 10, 0.0, 0.2775), (8, 10, 0.4902, 0.9433), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_interval_against_known_numbers(successes, trials, low, high):
    """81 of 263 is the example of Newcombe 1998, table I, method 3."""
    assert wilson_interval(successes, trials) == pytest.approx([low, high], abs=1e-4)


@given(st.integers(1, 5000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_wilson_interval_contains_the_value(case):
    successes, trials = case
    low, high = wilson_interval(successes, trials)
    assert 0 <= low <= successes / trials <= high <= 1
    assert low < high


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(2, 6))
def test_calibration_error_is_a_share_and_the_weighted_mean_of_gaps(seed, examples, classes):
    probabilities, labels = random_case(seed, examples, classes)
    error = expected_calibration_error(probabilities, labels)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    naive = 0.0
    for index in range(15):
        inside = (confidence > np.float32(index / 15)) & (confidence <= np.float32((index + 1) / 15))
        if inside.any():
            naive += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    assert 0 <= error <= 1
    assert error == pytest.approx(naive, abs=1e-5)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(2, 5))
def test_results_are_sound_for_any_probabilities(seed, examples, classes):
    probabilities, labels = random_case(seed, examples, classes)
    results = classification_results(probabilities, labels, names_of(classes))
    low, high = results["accuracy"]["interval"]
    assert low <= results["accuracy"]["value"] <= high
    assert results["negative_log_likelihood"] >= 0
    assert 0 <= results["macro_f1"] <= 1
    assert (results["roc_auc"] is None) == (len(set(labels)) < classes)
    assert sum(values["support"] for values in results["per_class"].values()) == examples
    assert json.loads(json.dumps(results, allow_nan=False)) == results


@given(st.integers(0, 2**32))
def test_area_is_unchanged_by_the_scale_of_the_scores(seed):
    probabilities, labels = random_case(seed, 40, 2)
    labels[:2] = 0, 1
    assert roc_auc(probabilities.astype(float) ** 3, labels) == pytest.approx(roc_auc(probabilities, labels), abs=0.01)


def test_no_examples_and_diverged_models_are_the_users():
    with pytest.raises(ZooError, match="no examples"):
        classification_results(np.zeros((0, 2)), np.zeros(0, int), ["a", "b"])
    with pytest.raises(ZooError, match="not finite for 1 of 2 examples.*diverged"):
        classification_results(np.array([[np.nan, 1], [0.5, 0.5]]), np.array([0, 1]), ["a", "b"])


@pytest.mark.parametrize(
    ("probabilities", "labels", "names"),
    [
        ([[0.5, 0.5]], [0], ["a", "b", "c"]),
        ([[0.5, 0.5]], [0, 1], ["a", "b"]),
        ([[0.5, 0.5]], [2], ["a", "b"]),
        ([[0.5, 0.5]], [-1], ["a", "b"]),
        ([[0.5, 0.5]], [0], ["a", "a"]),
        ([[3.0, -2.0]], [0], ["a", "b"]),
        ([[3.0, 2.0]], [0], ["a", "b"]),
        ([[1.0]], [0], ["a"]),
    ],
)
def test_what_does_not_fit_is_a_bug(probabilities, labels, names):
    with pytest.raises(ValueError):
        classification_results(np.array(probabilities), np.array(labels), names)
