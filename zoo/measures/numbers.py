"""The figures that predicted numbers are judged by."""

from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.measures.statistics import resampled_means

_DRAWS = 2_000


def regression_results(answers: np.ndarray, targets: np.ndarray) -> dict[str, Any]:
    """Judges predicted numbers against the true ones.

    Args:
        answers: float[rows] or float[rows, outputs].
        targets: of the same shape.

    Returns:
        A dict that JSON can hold: rmse, mae and r2, each {"value", "interval": 95 %, of a bootstrap over rows}, and n.
        With several outputs, errors are averaged over them, and R² is of all of them together. R² is None where the
        targets are all the same.

    Raises:
        ZooError: there is no row, or an answer is not finite.
        ValueError: the shapes do not fit each other.
    """
    answers, targets = np.asarray(answers, np.float64), np.asarray(targets, np.float64)
    if not len(targets):
        raise ZooError("there are no examples to evaluate: choose a split or a data set that is not empty")
    if answers.shape != targets.shape:
        raise ValueError(f"{answers.shape=} and {targets.shape=} do not fit each other")
    if not np.isfinite(answers).all():
        rows = int((~np.isfinite(answers)).reshape(len(answers), -1).any(axis=1).sum())
        raise ZooError(
            f"the model's values are not finite for {rows} of {len(answers)} examples: its training diverged, or the "
            "data hold NaN; train again with a lower learning rate"
        )
    errors = (answers - targets).reshape(len(targets), -1)
    deviations = targets.reshape(len(targets), -1) - targets.reshape(len(targets), -1).mean(axis=0)
    # Each resample has its own mean of the targets, so their variance is computed as mean(y²) - mean(y)².
    columns = [(errors**2).mean(axis=1), np.abs(errors).mean(axis=1), (deviations**2).mean(axis=1), *deviations.T]

    def figures(means: np.ndarray) -> dict[str, np.ndarray]:
        """Of means of the columns, float[…, column]."""
        squared, absolute, square, *first = np.moveaxis(means, -1, 0)
        variance = square - np.mean(np.square(first), axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            explained = np.where(variance > 1e-12 * square + 1e-300, 1 - squared / variance, np.nan)
        return {"rmse": np.sqrt(squared), "mae": absolute, "r2": explained}

    table = np.stack(columns)
    values = figures(table.mean(axis=1))
    drawn = figures(np.concatenate(list(resampled_means(table, _DRAWS))))
    return {name: _with_interval(float(values[name]), drawn[name]) for name in values} | {"n": len(targets)}


def _with_interval(value: float, drawn: np.ndarray) -> dict[str, Any]:
    drawn = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or not len(drawn):
        return {"value": None, "interval": None}
    return {"value": value, "interval": [float(end) for end in np.quantile(drawn, (0.025, 0.975))]}
