"""Temperature scaling: one number, fitted on validation, that makes a model less or more sure of itself."""

import numpy as np

from zoo.measures.classes import expected_calibration_error

TEMPERATURES = (0.05, 20.0)  # the fit is searched between these
_LEAST_PROBABILITY = float(np.finfo(np.float64).eps)  # scikit-learn's log_loss clips there too


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature T that makes softmax(logits / T) most likely on held-out rows.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2. The loss is convex in 1/T, so the
    answer is the root of its slope. A validation split without a mistake has no root, and gives an end of TEMPERATURES.

    Args:
        logits: float[examples, num_classes]; log-probabilities are as good.
        labels: int[examples].
    """
    from scipy import optimize

    logits = logits - logits.max(axis=1, keepdims=True)
    of_truth = float(logits[np.arange(len(labels)), labels].sum())

    def slope(log_temperature: float) -> float:
        """Of the loss by 1/T: the sum of expected logits less that of the true classes' logits."""
        weights = np.exp(logits * np.exp(-log_temperature))
        return float(((weights * logits).sum(axis=1) / weights.sum(axis=1)).sum()) - of_truth

    low, high = np.log(TEMPERATURES)
    if slope(low) <= 0:
        return TEMPERATURES[0]
    if slope(high) >= 0:
        return TEMPERATURES[1]
    return float(np.exp(optimize.brentq(slope, low, high, xtol=1e-4)))


def apply_temperature(logits: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(logits / temperature), float64[examples, num_classes]."""
    from scipy import special

    return special.softmax(np.asarray(logits, np.float64) / temperature, axis=1)


def scaled_figures(
    validation: np.ndarray, validation_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray
) -> dict[str, float]:
    """Calibration on test after a temperature that was fitted on validation.

    Args:
        validation: float[examples, num_classes] probabilities.
        validation_labels: int[examples].
        test: float[other examples, num_classes] probabilities.
        test_labels: int[other examples].

    Returns:
        {"temperature", "nll", "ece"}.
    """
    temperature = fit_temperature(_log(validation), validation_labels)
    scaled = apply_temperature(_log(test), temperature)
    of_truth = scaled[np.arange(len(test_labels)), test_labels]
    return {
        "temperature": temperature,
        "nll": float(-np.log(np.maximum(of_truth, _LEAST_PROBABILITY)).mean()),
        "ece": expected_calibration_error(scaled, test_labels),
    }


def _log(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(np.asarray(probabilities, np.float64), _LEAST_PROBABILITY))
