"""From logits to the token that comes next."""

import numpy as np

from zoo.generation.options import Options


def probabilities(logits: np.ndarray, seen: np.ndarray, options: Options) -> np.ndarray:
    """`float32[token]` → `float64[token]`, how probable each is to be chosen.

    Args:
        logits: finite.
        seen: `bool[token]`, which are in the text already.
    """
    logits = logits.astype("float32")
    if options.repetition_penalty != 1:
        penalty = np.float32(options.repetition_penalty)
        logits = np.where(seen, np.where(logits > 0, logits / penalty, logits * penalty), logits)
    if options.temperature == 0:
        return (np.arange(len(logits)) == logits.argmax()).astype("float64")
    with np.errstate(over="ignore"):  # a tiny temperature: all but the best become -inf
        weights = np.exp((logits - logits.max()).astype("float64") / options.temperature)
    weights /= weights.sum()
    if options.top_k or options.top_p < 1:
        order = np.argsort(-weights, kind="stable")[: options.top_k]
        before = np.cumsum(weights[order]) - weights[order]
        order = order[before < options.top_p * weights[order].sum()]
        kept = np.zeros_like(weights)
        kept[order] = weights[order]
        weights = kept / kept.sum()
    return weights


def choose(weights: np.ndarray, seed: int, sample: int, number: int) -> int:
    """A token, drawn with these probabilities by a number that depends on the three numbers alone."""
    uniform = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, sample, number])).random()
    heights = np.cumsum(weights)
    return int(min(np.searchsorted(heights, uniform * heights[-1], side="right"), np.flatnonzero(weights)[-1]))
