"""Interpolated modified Kneser-Ney smoothing of characters (Chen & Goodman, 1999): the n-gram model to beat."""

import dataclasses
from collections.abc import Sequence

import numpy as np

_CODE_POINTS = 0x110000 - 0x800  # of Unicode, without halves of surrogate pairs
_START = 0  # the symbol that stands before a text


@dataclasses.dataclass(frozen=True)
class _Order:
    """The n-grams of one length, in the order of their keys.

    An n-gram's key is the place of its first n - 1 symbols among the shorter ones, times the number of symbols, plus
    its last symbol.

    keys: `int64[grams]`, sorted.
    shares: `float64[grams]`, what is left of the count, by the context's total.
    left: `float64[contexts]`, what was taken from a context's counts, by its total: it goes to the shorter n-grams.
    """

    keys: np.ndarray
    shares: np.ndarray
    left: np.ndarray


class KneserNey:
    """A model of the next character from the `order` - 1 before it; a text begins with nothing before it.

    A character that training lacks costs an escape, which is as likely as one character more in the uniform
    distribution at the end of the chain, and one of all other code points, so that the probabilities of all code points
    sum to one.

    Attributes:
        parameters: how many n-grams it keeps, of all lengths.
    """

    def __init__(self, texts: Sequence[str], order: int = 5):
        self.order = order
        self._alphabet = np.unique(np.concatenate([_codes(text) for text in texts]))
        self._symbols = len(self._alphabet) + 2  # and the start and the escape
        symbols, _ = self._in_a_row(texts)
        places, grams = np.zeros(len(symbols), np.int64), []
        for _ in range(order):
            keys, first, places, counts = np.unique(
                np.concatenate([[0], places[:-1]]) * self._symbols + symbols,
                return_index=True, return_inverse=True, return_counts=True,
            )  # fmt: skip
            grams.append((keys, first, places, counts))
        self._orders = []
        for n, (keys, _, places, counts) in enumerate(grams):
            if n + 1 < order:  # how many different symbols stand before it counts, not how often it is there
                counts = np.bincount(places[grams[n + 1][1]], minlength=len(keys))
            counts = np.where(keys % self._symbols == _START, 0, counts)
            self._orders.append(self._smoothed(keys, counts, len(grams[n - 1][0]) if n else 1))
        self.parameters = sum(len(of_order.keys) for of_order in self._orders)

    def nats(self, texts: Sequence[str]) -> np.ndarray:
        """What each text costs, `float64[texts]`: minus the logarithm of its probability given its length."""
        symbols, text_of = self._in_a_row(texts)
        known, unknown = 1 / (self._symbols - 1), _CODE_POINTS - len(self._alphabet)
        likely = np.where(symbols == self._symbols - 1, known / max(unknown, 1), known)
        places = np.zeros(len(symbols), np.int64)
        for grams in self._orders:
            contexts = np.concatenate([[0], places[:-1]])
            keys = np.where(contexts < 0, -1, contexts * self._symbols + symbols)
            places = np.minimum(np.searchsorted(grams.keys, keys), len(grams.keys) - 1)
            places = np.where(grams.keys[places] == keys, places, -1)
            likely = likely * np.where(contexts < 0, 1, grams.left[contexts])
            likely = likely + np.where(places < 0, 0, grams.shares[places])
        costs = np.where(symbols == _START, 0, -np.log(likely))
        return np.bincount(text_of, costs, minlength=len(texts))

    def _in_a_row(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The symbols of all texts, `int64[symbols]`, each after starts, and the text of each."""
        pieces = []
        for text in texts:
            codes = _codes(text)
            places = np.minimum(np.searchsorted(self._alphabet, codes), len(self._alphabet) - 1)
            symbols = np.where(self._alphabet[places] == codes, places + 1, self._symbols - 1)
            pieces.append(np.concatenate([np.full(max(self.order - 1, 1), _START), symbols]))
        return np.concatenate(pieces), np.repeat(np.arange(len(texts)), [len(piece) for piece in pieces])

    def _smoothed(self, keys: np.ndarray, counts: np.ndarray, contexts: int) -> _Order:
        discounts = _discounts(counts)[np.minimum(counts, 3)]
        of_context = keys // self._symbols
        totals = np.bincount(of_context, counts, minlength=contexts)
        taken = np.bincount(of_context, discounts, minlength=contexts)
        left = np.where(totals > 0, taken / np.maximum(totals, 1), 1)
        return _Order(keys, (counts - discounts) / np.maximum(totals, 1)[of_context], left)


def _codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)


def _discounts(counts: np.ndarray) -> np.ndarray:
    """What is taken from counts of 0, 1, 2 and more, from how many n-grams are there once to four times.

    Where these numbers give none, as of a few characters, each of which is frequent: a half of what could be taken.
    """
    once, twice, thrice, four_times = (float((counts == number).sum()) for number in (1, 2, 3, 4))
    if not (once and twice and thrice and four_times):
        return np.array([0, 0.5, 1, 1.5])
    share = once / (once + 2 * twice)
    found = (1 - 2 * share * twice / once, 2 - 3 * share * thrice / twice, 3 - 4 * share * four_times / thrice)
    if any(not 0 < each <= most for most, each in enumerate(found, start=1)):
        return np.array([0, 0.5, 1, 1.5])
    return np.array([0, *found])
