"""RMSE, MAE and R² beside scikit-learn's, and how often their intervals hold what they are to hold."""

import numpy as np
import pytest
from sklearn import metrics

from zoo.errors import ZooError
from zoo.measures.numbers import regression_results


@pytest.mark.parametrize("shape", [(500,), (500, 3)])
def test_figures_are_those_of_scikit_learn(shape):
    generator = np.random.default_rng(0)
    targets = generator.normal(1e4, 50, shape)
    answers = targets + generator.normal(3, 20, shape)
    results = regression_results(answers, targets)
    assert results["n"] == 500
    assert results["rmse"]["value"] == pytest.approx(metrics.mean_squared_error(targets, answers) ** 0.5)
    assert results["mae"]["value"] == pytest.approx(metrics.mean_absolute_error(targets, answers))
    explained = metrics.r2_score(targets, answers, multioutput="variance_weighted")
    assert results["r2"]["value"] == pytest.approx(explained)
    for name in ("rmse", "mae", "r2"):
        low, high = results[name]["interval"]
        assert low < results[name]["value"] < high


def test_intervals_cover_the_true_figure():
    """Of 200 test sets of one population, whose RMSE is 2, MAE 2 √(2/π) and R² 0.8."""
    truth = {"rmse": 2.0, "mae": 2 * np.sqrt(2 / np.pi), "r2": 0.8}
    held = dict.fromkeys(truth, 0)
    for draw in range(200):
        generator = np.random.default_rng(draw)
        targets = generator.normal(0, np.sqrt(20), 300)
        results = regression_results(targets + generator.normal(0, 2, 300), targets)
        for name, value in truth.items():
            low, high = results[name]["interval"]
            held[name] += low <= value <= high
    assert all(0.90 <= count / 200 <= 0.985 for count in held.values()), held


def test_one_row_and_constant_targets_have_no_r2():
    for targets in ([3.0], [3.0, 3.0, 3.0]):
        results = regression_results(np.array(targets) + 1, np.array(targets))
        assert results["r2"] == {"value": None, "interval": None} and results["rmse"]["value"] == 1


def test_what_is_no_answer_is_refused():
    with pytest.raises(ZooError, match="not finite for 2 of 3"):
        regression_results(np.array([1, np.nan, np.inf]), np.zeros(3))
    with pytest.raises(ZooError, match="no examples"):
        regression_results(np.zeros(0), np.zeros(0))
