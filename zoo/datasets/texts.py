"""Texts as data: made clean, compared by what they say, kept in files that need no pickle."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator

import numpy as np

_TEXTS_A_PIECE = 100_000
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """A text as `without_controls`, and without white space around it."""
    return without_controls(text).strip()


def without_controls(text: str) -> str:
    """A text that UTF-8 can hold: half a surrogate pair becomes U+FFFD, control characters become spaces.

    Prediction and training share it, so that a NUL in a file means the same to both. Line breaks and tabs stay.
    """
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _CONTROL_CHARACTERS.sub(" ", text)


def as_array(texts: Iterable[str]) -> np.ndarray:
    """`object[examples]` of str: NumPy's own strings would be as wide as the longest, and drop NULs at the end."""
    texts = list(texts)
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


def content_hashes(texts: np.ndarray) -> np.ndarray:
    """`S32[examples]` SHA-256 of each text in its normal form: case, width and white space make no difference."""
    known: dict[str, str] = {}  # of a table's categories few are different

    def hash_of(text: str) -> str:
        if text not in known:
            normal = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
            known[text] = hashlib.sha256(normal.encode()).hexdigest()[:32]
        return known[text]

    return np.fromiter(map(hash_of, texts), "S32", len(texts))


def pack(texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`object[…]` → their UTF-8 bytes in a row, `uint8[byte]`, and where each ends, `int64[…]`."""
    *content, ends = pieces(texts)
    return np.frombuffer(b"".join(content), "uint8"), ends


def pieces(texts: np.ndarray) -> Iterator[bytes | np.ndarray]:
    """What `pack` gives, the bytes in pieces: those of millions of cells are not all in memory, one by one, at once."""
    flat, lengths = texts.ravel(), np.empty(texts.size, "int64")
    for start in range(0, len(flat), _TEXTS_A_PIECE):
        encoded = [text.encode() for text in flat[start : start + _TEXTS_A_PIECE]]
        lengths[start : start + len(encoded)] = list(map(len, encoded))
        yield b"".join(encoded)
    yield np.cumsum(lengths).reshape(texts.shape)


def unpack(content: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """What `pack` took."""
    content, flat = content.tobytes(), ends.ravel().tolist()
    texts = as_array(content[start:end].decode() for start, end in zip([0, *flat[:-1]], flat, strict=True))
    return texts.reshape(ends.shape)


def lengths(texts: np.ndarray) -> dict[str, int]:
    """How many characters the texts have: median, 95th percentile, longest."""
    counts = [len(text) for text in texts]
    return {
        "median": int(np.median(counts)),
        "95 % below": int(np.percentile(counts, 95)),
        "longest": max(counts),
    }
