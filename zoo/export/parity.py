"""Whether an exported model is the same model: its answers to the whole test split beside those of Keras."""

from typing import Any

import numpy as np

from zoo.measures.statistics import paired_bootstrap

LIMITS = {
    "float": {"max_abs_difference": 1e-4},
    "quantized": {"label_agreement": 0.995, "accuracy_change": 0.003},
}


def judge(probabilities: np.ndarray, reference: np.ndarray, labels: np.ndarray, quantized: bool) -> dict[str, Any]:
    """Compare predictions of the same rows.

    Args:
        probabilities: float32[rows, num_classes] of the exported file, in its own runtime.
        reference: float32[rows, num_classes] of the Keras model.
        labels: int[rows].
        quantized: whether the limits are those of int8 and float16, not of float32.

    Returns:
        What JSON can hold: rows, limits, max_abs_difference, label_agreement, accuracy (`value` and `reference`),
        accuracy_change (`value` and a 95 % `interval` over rows, paired), failed (limits that do not hold, in words).
    """
    limits = LIMITS["quantized" if quantized else "float"]
    if probabilities.shape != reference.shape or not np.isfinite(probabilities).all():
        shape = "not finite" if probabilities.shape == reference.shape else f"of shape {probabilities.shape}"
        return {"rows": len(labels), "limits": limits, "failed": [f"its answers are {shape}"]}
    right, right_before = (answers.argmax(axis=1) == labels for answers in (probabilities, reference))
    interval, _ = paired_bootstrap(right.astype(float), right_before.astype(float))
    found = {
        "max_abs_difference": float(np.abs(probabilities - reference).max()),
        "label_agreement": float((probabilities.argmax(axis=1) == reference.argmax(axis=1)).mean()),
        "accuracy_change": float(right.mean() - right_before.mean()),
    }
    return {
        "rows": len(labels),
        "limits": limits,
        "max_abs_difference": found["max_abs_difference"],
        "label_agreement": found["label_agreement"],
        "accuracy": {"value": float(right.mean()), "reference": float(right_before.mean())},
        "accuracy_change": {"value": found["accuracy_change"], "interval": list(interval)},
        "failed": [
            _words(name, found[name], limit) for name, limit in limits.items() if not _holds(name, found, limit)
        ],
    }


def _holds(name: str, found: dict[str, float], limit: float) -> bool:
    return found[name] >= limit if name == "label_agreement" else abs(found[name]) <= limit + 1e-12


def _words(name: str, value: float, limit: float) -> str:
    return f"{name.replace('_', ' ')} {value:.4g}, the limit is {limit:g}"
