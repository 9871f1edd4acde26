"""Temperature scaling: it finds a temperature that was put in, and agrees with a search by the loss itself."""

import numpy as np
import pytest
from scipy import optimize, special
from sklearn import metrics

from zoo.measures.calibration import TEMPERATURES, apply_temperature, fit_temperature, scaled_figures
from zoo.measures.classes import expected_calibration_error


def drawn(temperature, rows=20_000, seed=0):
    """Logits, and labels drawn from softmax(logits / temperature)."""
    generator = np.random.default_rng(seed)
    logits = 3 * generator.normal(size=(rows, 5))
    odds = special.softmax(logits / temperature, axis=1)
    return logits, (odds.cumsum(axis=1) < generator.random((rows, 1))).sum(axis=1)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_that_was_put_in_is_found(temperature):
    logits, labels = drawn(temperature)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(temperature, rel=0.03)
    loss = optimize.minimize_scalar(
        lambda t: metrics.log_loss(labels, special.softmax(logits / t, axis=1)), bounds=(0.1, 10), method="bounded"
    )
    assert found == pytest.approx(loss.x, rel=1e-3)


def test_without_a_mistake_to_learn_from_the_fit_ends_at_its_bound():
    logits = 4 * np.eye(3)
    assert fit_temperature(logits, np.arange(3)) == TEMPERATURES[0]
    assert fit_temperature(logits, (np.arange(3) + 1) % 3) == TEMPERATURES[1]


def test_scaling_mends_an_overconfident_model_and_changes_no_answer():
    validation, test = drawn(2.5, seed=1), drawn(2.5, seed=2)
    probabilities = [special.softmax(logits, axis=1).astype("float32") for logits, _ in (validation, test)]
    figures = scaled_figures(probabilities[0], validation[1], probabilities[1], test[1])
    before = expected_calibration_error(probabilities[1], test[1])
    assert before > 0.1 and figures["ece"] < 0.02
    expected = metrics.log_loss(test[1], special.softmax(test[0] / figures["temperature"], axis=1))
    assert figures["nll"] == pytest.approx(expected, abs=1e-4)
    assert (apply_temperature(test[0], 2.5).argmax(axis=1) == test[0].argmax(axis=1)).all()


def test_probabilities_of_zero_and_one_are_borne():
    hard = np.eye(2, dtype="float32")[[0, 1, 1, 0]]
    figures = scaled_figures(hard, np.array([0, 1, 1, 1]), hard, np.array([0, 1, 1, 1]))
    assert np.isfinite(list(figures.values())).all()
