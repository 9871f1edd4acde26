"""Intervals and tests for models that share one test set; SciPy and statsmodels do the mathematics.

docs/comparison.md says what each of them covers.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Difference:
    """Model A against model B on the same test rows: A's accuracy minus B's, 95 % interval over rows, and p-values."""

    value: float
    interval: tuple[float, float]
    rows_p: float
    seeds_p: float | None  # None: one of the two has a single seed

    @property
    def p(self) -> float:
        """The larger of both: a difference must outlast other test rows and other seeds."""
        return max(self.rows_p, self.seeds_p or 0.0)


def seeds_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Student's t interval of the mean over seeds; None with fewer than two.

    Args:
      values: one figure a seed.
      confidence: in (0, 1).
    """
    from scipy import stats

    values = np.asarray(values, np.float64)
    if len(values) < 2:
        return None
    error = stats.sem(values)
    if error == 0:
        return (float(values[0]), float(values[0]))
    low, high = stats.t.interval(confidence, len(values) - 1, loc=values.mean(), scale=error)
    return float(low), float(high)


def mcnemar(only_first: int, only_second: int) -> float:
    """McNemar's mid-p value: exact binomial, less half the probability of what was seen (Fagerland et al. 2013).

    The exact test alone is conservative where disagreements are few; mid-p holds its level and costs nothing.

    Args:
      only_first: rows that the first model alone gets right.
      only_second: rows that the second model alone gets right.
    """
    from scipy import stats

    disagreements = only_first + only_second
    if only_first == only_second:  # the two tails meet: nothing speaks for either
        return 1.0
    exact = stats.binomtest(only_first, disagreements, 0.5).pvalue
    return float(exact - stats.binom.pmf(only_first, disagreements, 0.5))


def paired_bootstrap(
    first: np.ndarray, second: np.ndarray, draws: int = 10_000, seed: int = 0, confidence: float = 0.95
) -> tuple[tuple[float, float], float]:
    """Percentile interval and p-value of mean(first - second), test rows drawn with replacement.

    A resample depends only on how often each distinct difference was drawn, so that the counts are drawn, from their
    multinomial distribution, in place of the rows: the same distribution at a hundredth of the cost.

    Args:
      first: float[rows], correctness of each row, averaged over seeds.
      second: float[rows], of the other model on the same rows.
      draws: resamples.
      seed: of the resampling.
      confidence: in (0, 1).
    """
    differences, counts = np.unique(np.round(first - second, 9), return_counts=True)
    rows = int(counts.sum())
    drawn = np.random.default_rng(seed).multinomial(rows, counts / rows, size=draws)
    means = drawn @ differences / rows
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    # Half of the resamples at exactly zero count for either side, as in mid-p.
    below, at_zero = (means < -1e-12).mean(), (np.abs(means) <= 1e-12).mean()
    tail = min(below, 1 - below - at_zero) + at_zero / 2
    return (float(low), float(high)), float(np.clip(2 * tail, 1 / draws, 1.0))


def seeds_difference_p(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Welch's t-test of two models' accuracies over seeds; None where either has fewer than two."""
    from scipy import stats

    if min(len(first), len(second)) < 2:
        return None
    if np.ptp(first) == 0 and np.ptp(second) == 0:
        return 1.0 if first[0] == second[0] else 0.0
    return float(stats.ttest_ind(first, second, equal_var=False).pvalue)


def compare_correctness(first: np.ndarray, second: np.ndarray) -> Difference:
    """Two models on the same rows.

    Args:
      first: bool[seeds, rows], whether each seed's model is right.
      second: bool[other seeds, the same rows].

    Raises:
      ValueError: the rows are not as many.
    """
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"{first.shape[1]} rows against {second.shape[1]}")
    interval, rows_p = paired_bootstrap(first.mean(axis=0), second.mean(axis=0))
    if len(first) == len(second) == 1:
        rows_p = mcnemar(int((first & ~second).sum()), int((second & ~first).sum()))
    seeds_p = seeds_difference_p(first.mean(axis=1), second.mean(axis=1))
    return Difference(float(first.mean() - second.mean()), interval, rows_p, seeds_p)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values after Holm's (1979) correction for as many comparisons as there are values."""
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method="holm")[1]] if len(p_values) else []


def accuracy_at_coverage(probabilities: np.ndarray, labels: np.ndarray, coverage: float = 0.9) -> float:
    """Accuracy on the share of rows of which the model is most confident.

    Args:
      probabilities: float[rows, num_classes].
      labels: int[rows].
      coverage: in (0, 1].
    """
    kept = np.argsort(-probabilities.max(axis=1), kind="stable")[: max(1, round(coverage * len(labels)))]
    return float((probabilities.argmax(axis=1) == labels)[kept].mean())
