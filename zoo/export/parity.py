"""Whether an exported model is the same model: its answers to the whole test split beside those of Keras."""

from typing import Any

import numpy as np

from zoo.measures.statistics import paired_headline_interval
from zoo.tasks import Task


def judge(
    task: Task, answers: np.ndarray, reference: np.ndarray, targets, labels: dict[str, Any], quantized: bool
) -> dict[str, Any]:
    """Compare answers to the same rows.

    Args:
        task: what the model is asked.
        answers: of the exported file, in its own runtime.
        reference: of the Keras model.
        targets: what both are held against.
        labels: what names the answers.
        quantized: whether the limits are those of int8 and float16, not of float32.

    Returns:
        What JSON can hold: rows, metric (the headline's name), limits, the figures of `Task.agreement`, the headline
        (`value` and `reference`) and its change, `<headline>_change` (`value` and a 95 % `interval` over rows, paired,
        or None where the task has no score a row), failed (limits that do not hold, in words).
    """
    name = task.headline.name
    change = f"{name}_change"
    before = task.value(task.results(reference, targets, labels))
    facts = {"rows": len(reference), "metric": name, "limits": task.parity_limits(reference, before, quantized)}
    if answers.shape != reference.shape or not np.isfinite(answers).all():
        shape = "not finite" if answers.shape == reference.shape else f"of shape {answers.shape}"
        return facts | {"failed": [f"its answers are {shape}"]}
    value = task.value(task.results(answers, targets, labels))
    scores = [task.scores(of, targets, labels) for of in (answers, reference)]
    interval = None
    if scores[0] is not None:
        interval = list(paired_headline_interval(*(one[None] for one in scores), task.headline_of))
    found = task.agreement(answers, reference) | {change: value - before}
    return (
        facts
        | task.agreement(answers, reference)
        | {
            name: {"value": value, "reference": before},
            change: {"value": found[change], "interval": interval},
            "failed": [
                _words(key, found[key], limit)
                for key, limit in facts["limits"].items()
                if not _holds(key, found, limit)
            ],
        }
    )


def _holds(name: str, found: dict[str, float], limit: float) -> bool:
    return found[name] >= limit if name.endswith("_agreement") else abs(found[name]) <= limit + 1e-12


def _words(name: str, value: float, limit: float) -> str:
    return f"{name.replace('_', ' ')} {value:.4g}, the limit is {limit:.4g}"
