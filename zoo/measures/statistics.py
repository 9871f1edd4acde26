"""Intervals and tests for models that share one test set; SciPy and statsmodels do the mathematics.

docs/comparison.md says what each of them covers.
"""

from collections.abc import Sequence

import numpy as np


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


def mcnemar(only_first, only_second):
    """McNemar's mid-p value: exact binomial, less half the probability of what was seen (Fagerland et al. 2013).

    The exact test alone is conservative where disagreements are few; mid-p holds its level and costs nothing.

    Args:
      only_first: rows that the first model alone gets right; a number, or an array of pairs.
      only_second: rows that the second model alone gets right.
    """
    from scipy import stats

    fewer, disagreements = np.minimum(only_first, only_second), np.add(only_first, only_second)
    p = 2 * stats.binom.cdf(fewer, disagreements, 0.5) - stats.binom.pmf(fewer, disagreements, 0.5)
    return np.where(np.equal(only_first, only_second), 1.0, p)[()]  # where the tails meet, nothing speaks for either


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


def pairwise_p(correct: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """P-values of every pair of models: over test rows, and over seeds.

    Over rows: McNemar's mid-p where both have one seed, else the paired t-test of each row's share of seeds that get it
    right. Unlike a bootstrap's, both are resolved far below the levels that a correction for many pairs asks for. Over
    seeds: Welch's t-test.

    Args:
      correct: bool[seeds, rows] a model; seeds may differ in number, rows may not.

    Returns:
      float64[models, models] over rows, 1 on the diagonal, and the same over seeds, NaN where a model has one seed.

    Raises:
      ValueError: the rows are not as many.
    """
    if len({one.shape[1] for one in correct}) > 1:
        raise ValueError(f"the models have {sorted({one.shape[1] for one in correct})} rows")
    shares = np.stack([one.mean(axis=0) for one in correct])
    seeds = np.array([len(one) for one in correct])
    return _rows_p(shares, seeds), _seeds_p([one.mean(axis=1) for one in correct])


def _rows_p(shares: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    from scipy import stats

    rows = shares.shape[1]
    products, sums = shares @ shares.T, shares.sum(axis=1)
    squares = np.diag(products)
    mean = (sums[:, None] - sums) / rows
    variance = np.maximum((squares[:, None] + squares - 2 * products) / rows - mean**2, 0)
    p = 2 * stats.t.sf(np.abs(mean) / np.maximum(np.sqrt(variance / max(rows - 1, 1)), 1e-12), max(rows - 1, 1))
    single = np.flatnonzero(seeds == 1)
    both_right = np.rint(products[np.ix_(single, single)])
    only_first = np.rint(sums[single])[:, None] - both_right
    p[np.ix_(single, single)] = mcnemar(only_first, only_first.T)
    return p


def _seeds_p(accuracies: list[np.ndarray]) -> np.ndarray:
    from scipy import stats

    mean, counts = np.array([one.mean() for one in accuracies]), np.array([len(one) for one in accuracies])
    deviation = np.array([one.std(ddof=1) if len(one) > 1 else np.nan for one in accuracies])
    mean, deviation, counts = (np.broadcast_arrays(x[:, None], x[None, :]) for x in (mean, deviation, counts))
    with np.errstate(invalid="ignore", divide="ignore"):
        p = stats.ttest_ind_from_stats(
            mean[0], deviation[0], counts[0], mean[1], deviation[1], counts[1], equal_var=False
        ).pvalue
    constant = (deviation[0] < 1e-12) & (deviation[1] < 1e-12)
    return np.where(constant, np.abs(mean[0] - mean[1]) < 1e-12, p).astype(np.float64)


def adjusted_pairwise_p(correct: Sequence[np.ndarray]) -> np.ndarray:
    """The larger of both p-values of `pairwise_p`, after Holm's correction for all pairs: float64[models, models]."""
    rows_p, seeds_p = pairwise_p(correct)
    p = np.fmax(rows_p, seeds_p)
    pairs = np.triu_indices(len(p), 1)
    adjusted = np.ones_like(p)
    adjusted[pairs] = holm(p[pairs])
    return np.minimum(adjusted, adjusted.T)


def rank_ranges(means: Sequence[float], p: np.ndarray, level: float = 0.05) -> list[tuple[int, int]]:
    """The best and the worst rank that each model may have, by the pairs that the tests tell apart.

    With p-values corrected for all pairs, all true ranks lie in their ranges together with a probability of at least
    1 - level (Mogstad, Romano, Shaikh & Wilhelm 2024, "Inference for ranks"; Al Mohamad, Goeman & van Zwet 2022).

    Args:
      means: the figure, the larger the better.
      p: float[models, models], corrected.
    """
    means = np.asarray(means)
    different = p < level
    better = (different & (means > means[:, None])).sum(axis=1)
    worse = (different & (means < means[:, None])).sum(axis=1)
    return [(int(1 + above), int(len(means) - below)) for above, below in zip(better, worse, strict=True)]


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values after Holm's (1979) correction for as many comparisons as there are values.

    Own code: statsmodels' multipletests collects garbage at every call, which takes a hundred times as long.
    """
    p_values = np.asarray(p_values, np.float64)
    order = np.argsort(p_values)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1))
    return np.minimum(adjusted, 1).tolist()


def accuracy_at_coverage(probabilities: np.ndarray, labels: np.ndarray, coverage: float = 0.9) -> float:
    """Accuracy on the share of rows of which the model is most confident.

    Args:
      probabilities: float[rows, num_classes].
      labels: int[rows].
      coverage: in (0, 1].
    """
    kept = np.argsort(-probabilities.max(axis=1), kind="stable")[: max(1, round(coverage * len(labels)))]
    return float((probabilities.argmax(axis=1) == labels)[kept].mean())
