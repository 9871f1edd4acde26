"""How good lists of the best N are: whether they hold what is wanted, and how far up."""

from collections.abc import Sequence

import numpy as np

from zoo.measures.classes import wilson_interval
from zoo.measures.statistics import paired_bootstrap, seeds_interval


def best(preferences: np.ndarray, candidates: np.ndarray, count: int) -> np.ndarray:
    """The numbers of the best candidates, the best first; among equal ones the first in order.

    Args:
        preferences: float[items], larger is better.
        candidates: bool[items].
        count: how many, or as many as there are candidates.
    """
    order = np.argsort(-np.where(candidates, preferences, -np.inf), kind="stable")
    return order[: min(count, int(candidates.sum()))]


def ndcg(found: Sequence[bool], wanted: int, count: int) -> float:
    """Normalized discounted cumulative gain of a list (Järvelin & Kekäläinen, 2002), each wanted item a gain of 1.

    Args:
        found: which places of the list, the first first, hold a wanted item.
        wanted: how many wanted items there are, at least one, in the list or not.
        count: how long the list may be; an ideal one has wanted items on its first places.
    """
    discounts = 1 / np.log2(np.arange(2, count + 2))
    return float(discounts[: len(found)] @ np.asarray(found, float)) / float(discounts[: min(wanted, count)].sum())


def ranking_figures(hits: np.ndarray, gains: np.ndarray) -> dict:
    """Means over users with their 95 % intervals: Wilson's for hits, Student's t for gains.

    Args:
        hits: bool[users], whether a list holds a wanted item.
        gains: float[users], NDCG.
    """
    return {
        "hit_rate": {"value": float(hits.mean()), "interval": wilson_interval(int(hits.sum()), len(hits))},
        "ndcg": {"value": float(gains.mean()), "interval": list(seeds_interval(gains) or (0.0, 1.0))},
    }


def difference(gains: np.ndarray, others: np.ndarray) -> dict:
    """Mean difference of two rankings' `float[users]` with its 95 % interval and p, users drawn with replacement."""
    interval, p = paired_bootstrap(gains, others)
    return {"value": float((gains - others).mean()), "interval": list(interval), "p": p}
