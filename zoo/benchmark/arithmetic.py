"""The time of an epoch's matrix products alone: no training of the network can be faster."""

import time
from collections.abc import Callable

import numpy as np

from zoo.benchmark.architecture import Layer, matrix_products
from zoo.benchmark.data import training_examples
from zoo.benchmark.turns import Turns
from zoo.config import Config
from zoo.quiet import import_tensorflow

_SECONDS_A_PRODUCT = 0.05


def train(turns: Turns, config: Config, architecture: list[Layer], precision: str) -> None:
    """Time each product of a training step at its own size, in the fastest library at hand, and add up an epoch.

    The libraries are NumPy (float32 only), TensorFlow and, where it is installed, PyTorch.
    """
    import_tensorflow()
    batch_size = config.training.batch_size
    steps = len(training_examples(config).train) // batch_size
    products = matrix_products(architecture, batch_size)
    candidates = [_candidates(*product, precision) for product in products]
    turns.ready(gigaflop=steps * sum(2 * m * k * n for m, k, n in products) / 1e9)
    while True:
        turns.begin_epoch()
        turns.end_epoch(steps * sum(min(map(_seconds, functions)) for functions in candidates))


def _candidates(m: int, k: int, n: int, precision: str) -> list[Callable[[], object]]:
    """Functions that multiply `[m, k]` by `[k, n]`, one a library."""
    import tensorflow as tf

    generator = np.random.default_rng(0)
    a, b = (generator.standard_normal(shape, "float32") for shape in ((m, k), (k, n)))
    out = np.empty((m, n), "float32")
    dtype = "float32" if precision == "float32" else "bfloat16"
    left, right = tf.cast(a, dtype), tf.cast(b, dtype)
    functions = [lambda: tf.raw_ops.MatMul(a=left, b=right)]
    if dtype == "float32":
        functions.append(lambda: np.matmul(a, b, out=out))
    try:
        import torch
    except ImportError:
        return functions
    x, y = (torch.from_numpy(array).to(getattr(torch, dtype)) for array in (a, b))
    product = torch.empty(m, n, dtype=x.dtype)
    return [*functions, lambda: torch.mm(x, y, out=product)]


def _seconds(function: Callable[[], object]) -> float:
    """Seconds a call: the median of many, or of three where one takes long."""
    function()
    taken, started = [], time.perf_counter()
    while len(taken) < 3 or time.perf_counter() - started < _SECONDS_A_PRODUCT:
        before = time.perf_counter()
        function()
        taken.append(time.perf_counter() - before)
    return float(np.median(taken))
