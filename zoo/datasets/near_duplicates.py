"""How much of one split's text is in another, word for word: what equal rows do not show."""

from collections.abc import Sequence

import numpy as np

LENGTH = 50  # characters
_MOST = 1 << 18  # runs of the training split that are kept, or up to twice as many
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it has an inverse modulo 2**64
_INVERSE = np.uint64(pow(int(_BASE), -1, 1 << 64))


class Runs:
    """The runs of `LENGTH` characters of some texts, of which others are asked how many they share.

    Case and white space make no difference. A text that is shorter than a run counts whole. Of long texts those runs
    stand for all whose hashes are divisible by a power of two, the same ones in whatever text.
    """

    def __init__(self, texts: Sequence[str]):
        self._divisor = np.uint64(1 << (sum(map(len, texts)) // _MOST).bit_length() >> 1 or 1)
        self.known = np.sort(np.concatenate([self._hashes(text) for text in texts]))

    def shares(self, texts: Sequence[str]) -> tuple[float, np.ndarray]:
        """Of the runs in `texts`, the share that is known; and that of each text, `float64[texts]`."""
        runs = [self._hashes(text) for text in texts]
        found = np.zeros(len(texts))
        for row, of_text in enumerate(runs if len(self.known) else ()):
            places = np.searchsorted(self.known, of_text)
            found[row] = (self.known[np.minimum(places, len(self.known) - 1)] == of_text).sum()
        counts = np.array([len(of_text) for of_text in runs])
        return float(found.sum() / max(counts.sum(), 1)), found / np.maximum(counts, 1)

    def _hashes(self, text: str) -> np.ndarray:
        """`uint64[runs]` of the runs that are chosen.

        The hash of a run is the sum of value(character) · BASE^place, modulo 2**64, moved to the text's beginning: a
        difference of two sums, and a product.
        """
        text = " ".join(text.casefold().split())
        codes = np.frombuffer(text.encode("utf-32-le"), "uint32")
        if not len(codes):
            return np.zeros(0, "uint64")
        values = _mixed(np.arange(codes.max() + 1, dtype="uint64"))[codes]
        powers = np.cumprod(np.full(len(codes), _BASE))
        sums = np.concatenate([np.zeros(1, "uint64"), np.cumsum(values * powers)])
        length = min(LENGTH, len(codes))
        back = np.cumprod(np.full(len(codes) - length + 1, _INVERSE))
        hashes = _mixed((sums[length:] - sums[:-length]) * back)
        return hashes[hashes & (self._divisor - np.uint64(1)) == 0]


def notes(train: np.ndarray, held_out: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[str]:
    """A line a split: of its texts and their names, `object[rows]` and `str[rows]`, how much is in train."""
    runs, lines = Runs(train), []
    for split, (texts, names) in held_out.items():
        share, of_texts = runs.shares(texts)
        line = f"near-duplicates: {share:.2%} of the runs of {LENGTH} characters in {split} are in train too"
        copies = np.flatnonzero(of_texts > 0.5)
        if len(copies):
            first = names[copies[np.argsort(-of_texts[copies], kind="stable")][:5]]
            line += f"; over half of them in {len(copies):,} texts, such as {', '.join(map(str, first))}"
        lines.append(line)
    return lines


def _mixed(values: np.ndarray) -> np.ndarray:
    """`uint64` numbers, all bits of which depend on all bits of the given ones (the end of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
