"""What stands beside a model of language: n-grams, and programs that compress, as what they need for a text."""

import bz2
import lzma
import math
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from zoo.errors import ZooError
from zoo.experiments.baseline_models import Baseline, Candidate, Data

_BETWEEN = b"\n\n"  # texts, for a compressor


class _Stream(NamedTuple):
    """A compressor at work: both functions give the bytes that are written so far."""

    add: Callable[[bytes], bytes]
    end: Callable[[], bytes]


def _kneser_ney(settings: dict[str, Any], data: Data, seed: int) -> Candidate:
    from zoo.measures.ngram import KneserNey

    started = time.time()
    model = KneserNey(list(data.rows), settings["order"])

    def predict(texts: Sequence[str]) -> np.ndarray:
        lengths = [len(text) for text in texts]
        return np.stack([model.nats(list(texts)), lengths, lengths], axis=1).astype("float32")

    return _candidate(predict, settings, data, started, model.parameters)


def _compressor(start: Callable[..., _Stream], reads_training: bool) -> Callable:
    def fit(settings: dict[str, Any], data: Data, seed: int) -> Candidate:
        started = time.time()
        before = b"".join(text.encode() + _BETWEEN for text in data.rows) if reads_training else b""
        stream = _started(start, settings, before)

        def size_of(text: bytes) -> int:
            if not reads_training:
                return _size_of_rest(start(**settings), text)
            return _in_a_copy(stream, lambda: _started(start, settings, before), text)

        nothing = size_of(b"") if reads_training else 0

        def predict(texts: Sequence[str]) -> np.ndarray:
            encoded = [text.encode() for text in texts]
            nats = [(size_of(text) - nothing) * 8 * math.log(2) for text in encoded]
            columns = nats, [len(text) for text in encoded], [len(text) for text in texts]
            return np.array(columns, "float32").T

        return _candidate(predict, settings, data, started, 0)

    return fit


def _candidate(predict: Callable, settings: dict[str, Any], data: Data, started: float, parameters: int) -> Candidate:
    from zoo.tasks.catalog import get_task

    task = get_task("language_model")
    figure = task.value(task.results(predict(data.validation), None, {}))
    found = {f"validation_{task.headline.name}": figure, "seconds": round(time.time() - started, 2)}
    return Candidate(predict, settings | found, (-figure,), parameters)


def _started(start: Callable[..., _Stream], settings: dict[str, Any], before: bytes) -> _Stream:
    stream = start(**settings)
    stream.add(before)
    return stream


def _size_of_rest(stream: _Stream, text: bytes) -> int:
    return len(stream.add(text)) + len(stream.end())


def _in_a_copy(stream: _Stream, again: Callable[[], _Stream], text: bytes) -> int:
    """How many more bytes are written for a text. The stream stays as it was: a copy of the process compresses.

    Compressors cannot copy themselves. Where the system cannot copy a process either, `again` starts a new stream.
    """
    if not hasattr(os, "fork"):
        return _size_of_rest(again(), text)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, b"%d" % _size_of_rest(stream, text))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        size = pipe.read()
    os.waitpid(child, 0)
    if not size:
        raise ZooError("a compressor was killed, for want of memory or by hand")
    return int(size)


def _xz(**settings) -> _Stream:
    compressor = lzma.LZMACompressor(check=lzma.CHECK_NONE, preset=settings["level"] | lzma.PRESET_EXTREME)
    return _Stream(compressor.compress, compressor.flush)


def _bz2(**settings) -> _Stream:
    compressor = bz2.BZ2Compressor(settings["level"])
    return _Stream(compressor.compress, compressor.flush)


def _zstd(**settings) -> _Stream:
    import zstandard

    parameters = zstandard.ZstdCompressionParameters.from_level(
        settings["level"], window_log=27, write_checksum=False, write_content_size=False
    )
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return _Stream(compressor.compress, compressor.flush)


def _ppmd(**settings) -> _Stream:
    import pyppmd

    encoder = pyppmd.Ppmd7Encoder(settings["order"], 1 << 28)
    return _Stream(encoder.encode, encoder.flush)


# What is tried of each, and the package and extra that it needs beyond Python's own.
_COMPRESSORS: dict[str, tuple[Callable[..., _Stream], list[dict[str, Any]], tuple[str, str] | None]] = {
    "xz": (_xz, [{"level": 9}], None),
    "bz2": (_bz2, [{"level": 9}], None),
    "zstd": (_zstd, [{"level": 19}], ("zstandard", "compression")),
    "ppmd": (_ppmd, [{"order": order} for order in (4, 5, 6, 8, 12)], ("pyppmd", "compression")),
}
_ORDERS = {"kneser_ney": (5,), "kneser_ney_long": (6, 7, 8, 10)}

TEXT_BASELINES = {
    name: Baseline({"text": [{"order": order} for order in orders]}, _kneser_ney, as_it_is=True)
    for name, orders in _ORDERS.items()
} | {
    f"{name}{ending}": Baseline({"text": grid}, _compressor(start, not ending), needs=needs, as_it_is=True)
    for ending in ("", "_alone")
    for name, (start, grid, needs) in _COMPRESSORS.items()
}
