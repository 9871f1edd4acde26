"""Texts as data: made clean, compared by what they say, kept in files that need no pickle."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

import numpy as np

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

    return np.array([hash_of(text) for text in texts], "S32")


def pack(texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`object[…]` → their UTF-8 bytes in a row, `uint8[byte]`, and where each ends, `int64[…]`."""
    encoded = [text.encode() for text in texts.ravel()]
    ends = np.cumsum([len(text) for text in encoded], dtype="int64").reshape(texts.shape)
    return np.frombuffer(b"".join(encoded), "uint8"), ends


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
