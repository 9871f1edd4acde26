"""The numbers behind the report's charts, against scikit-learn and against what evaluation reports."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from zoo.comparison import curves
from zoo.measures.classes import classification_results, expected_calibration_error

METRICS = ("accuracy", "loss")


@pytest.fixture(scope="module")
def guesses():
    """labels int[600] of four classes, the last without a row, and two seeds of probabilities."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 600)
    logits = generator.normal(size=(2, 600, 4)) + 1.5 * np.eye(4)[labels]
    odds = np.exp(logits)
    return labels, list(odds / odds.sum(axis=2, keepdims=True))


def test_one_seed_gives_the_confusion_matrix_of_its_results(guesses):
    labels, seeds = guesses
    expected = classification_results(seeds[0], labels, "abcd")["confusion_matrix"]
    assert curves.confusion(labels, seeds[:1], range(4)).tolist() == expected
    assert curves.confusion(labels, seeds[:1], [2, 0]).tolist() == [
        [expected[2][2], expected[2][0]],
        [expected[0][2], expected[0][0]],
    ]
    assert curves.confusion(labels, seeds, range(4)).sum() == 600


def test_the_gaps_of_the_reliability_diagram_are_the_calibration_error(guesses):
    labels, seeds = guesses
    bins = curves.reliability(labels, seeds[:1])
    gap = sum(row["share"] * abs(row["confidence"] - row["accuracy"]) for row in bins)
    assert gap == pytest.approx(expected_calibration_error(seeds[0], labels), abs=1e-4)
    assert sum(row["share"] for row in bins) == pytest.approx(1, abs=1e-3)
    assert all(row["low"] <= row["accuracy"] <= row["high"] for row in bins)


def test_seeds_share_their_rows_so_that_copies_of_one_narrow_no_interval(guesses):
    labels, seeds = guesses
    assert curves.reliability(labels, seeds[:1]) == curves.reliability(labels, [seeds[0]] * 5)


def test_roc_curves_pass_through_the_points_of_scikit_learn(guesses):
    labels, seeds = guesses
    found = curves.roc_curves(labels, seeds[:1], range(4))
    assert 3 not in found  # it has no row
    for number in range(3):
        area, points = found[number]
        truth, scores = labels == number, seeds[0][:, number]
        assert area == pytest.approx(metrics.roc_auc_score(truth, scores))
        false_rate, true_rate = points.T
        for rate, height in points:  # the share of positives above the highest threshold that lets as many through
            allowed = np.floor(rate * (~truth).sum() + 1e-3)  # points are rounded
            threshold = np.append(-np.sort(-scores[~truth]), -1)[int(allowed)]
            if abs(allowed - rate * (~truth).sum()) < 1e-3:
                assert height == pytest.approx((scores[truth] > threshold).mean(), abs=1e-4)
        assert (np.diff(true_rate) >= 0).all() and (false_rate[-1], true_rate[-1]) == (1, 1)
        # 82 rates cannot resolve each step, but nearly all of the area.
        assert np.trapezoid(true_rate, false_rate) == pytest.approx(area, abs=0.01)
    assert found[None][0] == pytest.approx(np.mean([found[number][0] for number in range(3)]))


def test_seeds_that_stop_early_leave_the_mean_to_the_others():
    histories = [
        {"epoch": np.arange(1.0, 4.0), "accuracy": np.array([0.1, 0.2, 0.3])},
        {"epoch": np.arange(1.0, 3.0), "accuracy": np.array([0.3, np.nan])},
        {"epoch": np.zeros(0)},
    ]
    rows = curves.learning_curves(histories, METRICS)
    assert [(row["epoch"], row["low"], row["mean"], row["high"]) for row in rows] == [
        (1, 0.1, 0.2, 0.3),
        (2, 0.2, 0.2, 0.2),
        (3, 0.3, 0.3, 0.3),
    ]
    assert {(row["metric"], row["part"]) for row in rows} == {("accuracy", "training")}
    assert curves.learning_curves([], METRICS) == []


def test_long_trainings_are_thinned_and_keep_their_ends():
    epochs = np.arange(1.0, 2001.0)
    rows = curves.learning_curves([{"epoch": epochs, "validation_loss": 1 / epochs}], METRICS)
    assert len(rows) == curves.CURVE_POINTS
    assert (rows[0]["epoch"], rows[-1]["epoch"]) == (1, 2000)


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), min_size=1, max_size=12))
def test_the_pareto_front_beats_the_rest_and_nothing_beats_it(points):
    costs, values = zip(*points, strict=True)
    front = curves.on_pareto_front(costs, values)
    least = min(range(len(points)), key=lambda i: (costs[i], -values[i]))
    most = max(range(len(points)), key=lambda i: (values[i], -costs[i]))
    assert front[least] and front[most]
    kept = sorted({point for point, on_front in zip(points, front, strict=True) if on_front})
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in zip(kept, kept[1:], strict=False))  # dearer is better
    for point, on_front in zip(points, front, strict=True):
        assert on_front == (point in kept)
        assert any(cost <= point[0] and value >= point[1] for cost, value in kept)
