"""Intervals and tests for models that share one test set; SciPy and statsmodels do the mathematics.

A model's scores are `float[seeds, rows]`, one number a row, larger is better. docs/comparison.md says what each test
and interval covers.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from zoo.measures.classes import wilson_interval

_NUMBERS_AT_ONCE = 2**22


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


def ratio_interval(
    numerators: Sequence[float], denominators: Sequence[float], confidence: float = 0.95
) -> tuple[float, float]:
    """Student's t interval of a ratio of sums over independent rows, such as of all bits to all characters.

    The variance is that of the ratio's linear part (Cochran, 1977, Sampling techniques, 6.3). Of fewer than two rows
    nothing is known: the interval has no ends.

    Args:
        numerators: one number a row.
        denominators: one number a row, not negative.
        confidence: in (0, 1).
    """
    from scipy import stats

    numerators, denominators = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    ratio, count = numerators.sum() / denominators.sum(), len(numerators)
    if count < 2:
        return -np.inf, np.inf
    error = (numerators - ratio * denominators).std(ddof=1) / np.sqrt(count) / denominators.mean()
    margin = float(stats.t.ppf((1 + confidence) / 2, count - 1) * error)
    return float(ratio) - margin, float(ratio) + margin


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
    return np.where(np.equal(only_first, only_second), 1.0, p)[()]  # with equal counts nothing speaks for either model


def paired_bootstrap(
    first: np.ndarray, second: np.ndarray, draws: int = 10_000, seed: int = 0, confidence: float = 0.95
) -> tuple[tuple[float, float], float]:
    """Percentile interval and p-value of mean(first - second), test rows drawn with replacement.

    A resample depends only on how often each distinct difference is drawn. So these counts are drawn, from their
    multinomial distribution, not the rows: the same distribution at a hundredth of the cost.

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


def are_right_or_wrong(scores: np.ndarray) -> bool:
    """Whether each score is 0 or 1."""
    return bool(np.isin(scores, (0, 1)).all())


def headline_interval(
    scores: np.ndarray, headline_of: Callable, draws: int = 2_000, seed: int = 0, confidence: float = 0.95
) -> tuple[float, float]:
    """How far other test rows could move a model's headline, mean over seeds.

    Wilson's interval where rows are right or wrong, else the percentiles of a bootstrap over rows, which seeds share.

    Args:
        scores: float[seeds, rows].
        headline_of: the headline of rows whose scores have these means, elementwise and monotone.
        draws: resamples.
        seed: of the resampling.
        confidence: in (0, 1).
    """
    if are_right_or_wrong(scores):
        rows = scores.shape[1]
        ends = headline_of(np.array(wilson_interval(round(scores.mean() * rows), rows, confidence)))
    else:
        values = np.concatenate([headline_of(means).mean(axis=1) for means in resampled_means(scores, draws, seed)])
        ends = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(min(ends)), float(max(ends))


def paired_headline_interval(
    first: np.ndarray, second: np.ndarray, headline_of: Callable, draws: int = 2_000, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of first less second, headlines that are means over seeds, test rows drawn for both together.

    Args:
        first: float[seeds, rows].
        second: float[seeds, rows] of another model on the same rows.
        headline_of: as in `headline_interval`.
        draws: resamples, of scores that are not 0 or 1.
        seed: of the resampling.
    """
    at_ends = [float(headline_of(np.array(mean))) for mean in (0.0, 0.5, 1.0)]
    straight = abs(at_ends[0] + at_ends[2] - 2 * at_ends[1]) < 1e-12
    if straight and are_right_or_wrong(first) and are_right_or_wrong(second):
        (low, high), _ = paired_bootstrap(first.mean(axis=0), second.mean(axis=0))
        ends = (at_ends[2] - at_ends[0]) * np.array([low, high])
    else:
        both, seeds = np.concatenate([first, second]), len(first)
        values = []
        for means in resampled_means(both, draws, seed):
            headlines = headline_of(means)
            values.append(headlines[:, :seeds].mean(axis=1) - headlines[:, seeds:].mean(axis=1))
        ends = np.quantile(np.concatenate(values), [0.025, 0.975])
    return float(min(ends)), float(max(ends))


def resampled_means(scores: np.ndarray, draws: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Means of `float[seeds, rows]` over rows drawn with replacement, float[some draws, seeds] at a time."""
    generator, rows = np.random.default_rng(seed), scores.shape[1]
    at_once = max(1, _NUMBERS_AT_ONCE // rows)
    for start in range(0, draws, at_once):
        size = min(at_once, draws - start)
        drawn = generator.integers(rows, size=(size, rows)) + rows * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows) @ scores.T / rows


def pairwise_p(
    scores: Sequence[np.ndarray], values: Sequence[np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """P-values of every pair of models: over test rows, and over seeds.

    Over rows: McNemar's mid-p where both have one seed and each row is right or wrong, else the paired t-test of each
    row's mean score over seeds. Unlike those of a bootstrap, these p-values can be as small as a correction for many
    pairs needs. Over seeds: Welch's t-test.

    Args:
        scores: float[seeds, rows] a model; seeds may differ in number, rows may not.
        values: float[seeds] a model, the headline of each seed; by default its mean score.

    Returns:
        float64[models, models] over rows, 1 on the diagonal, and the same over seeds, NaN where a model has one seed.

    Raises:
        ValueError: the rows are not as many.
    """
    if len({one.shape[1] for one in scores}) > 1:
        raise ValueError(f"the models have {sorted({one.shape[1] for one in scores})} rows")
    shares = np.stack([one.mean(axis=0) for one in scores])
    exact = np.array([len(one) == 1 and are_right_or_wrong(one) for one in scores])
    return _rows_p(shares, exact), _seeds_p([one.mean(axis=1) for one in scores] if values is None else values)


def _rows_p(shares: np.ndarray, exact: np.ndarray) -> np.ndarray:
    from scipy import stats

    rows = shares.shape[1]
    # Only differences count. Subtracting what all models share, and the unit, keeps digits.
    centered = shares - shares.mean(axis=0)
    centered /= np.abs(centered).max() or 1.0
    products, sums = centered @ centered.T, centered.sum(axis=1)
    squares = np.diag(products)
    mean = (sums[:, None] - sums) / rows
    variance = np.maximum((squares[:, None] + squares - 2 * products) / rows - mean**2, 0)
    p = 2 * stats.t.sf(np.abs(mean) / np.maximum(np.sqrt(variance / max(rows - 1, 1)), 1e-12), max(rows - 1, 1))
    single = np.flatnonzero(exact)
    right = np.rint(shares[single])
    only_first = right @ (1 - right).T
    p[np.ix_(single, single)] = mcnemar(only_first, only_first.T)
    return p


def _seeds_p(values: Sequence[np.ndarray]) -> np.ndarray:
    from scipy import stats

    mean, counts = np.array([np.mean(one) for one in values]), np.array([len(one) for one in values])
    deviation = np.array([np.std(one, ddof=1) if len(one) > 1 else np.nan for one in values])
    mean, deviation, counts = (np.broadcast_arrays(x[:, None], x[None, :]) for x in (mean, deviation, counts))
    with np.errstate(invalid="ignore", divide="ignore"):
        p = stats.ttest_ind_from_stats(
            mean[0], deviation[0], counts[0], mean[1], deviation[1], counts[1], equal_var=False
        ).pvalue
    nothing = 1e-12 * max(1e-12, np.abs(mean).max())
    constant = (deviation[0] < nothing) & (deviation[1] < nothing)
    return np.where(constant, np.abs(mean[0] - mean[1]) < nothing, p).astype(np.float64)


def adjusted_pairwise_p(scores: Sequence[np.ndarray], values: Sequence[np.ndarray] | None = None) -> np.ndarray:
    """The larger of both p-values of `pairwise_p`, after Holm's correction for all pairs: float64[models, models]."""
    rows_p, seeds_p = pairwise_p(scores, values)
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
