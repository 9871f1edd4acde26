"""How long a saved model takes for one example, and how many examples a second for many."""

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.benchmark.turns import usable_cores
from zoo.errors import ZooError
from zoo.text_table import align_columns

_CALLS, _LEAST_CALLS, _WARM_UP_CALLS = 300, 100, 20
_SECONDS_OF_CALLS = 5.0
_BATCH_SIZES = (128, 1024, 8192)
_SECONDS_A_BATCH_SIZE = 3.0
WAYS = {"predict": "model.predict(x)", "call": "model(x)", "compiled": "tf.function of the model"}


def measure_inference(run_path: str | None) -> dict[str, Any]:
    """Time the model of a run on examples of its test split, raw input to probabilities.

    Returns:
        {"model", "parameters", "threads", "latency_ms": {way: {"p50", "p99"}} of one example, "examples_per_second":
        {way: {batch size: rate}}}; the ways are `predict`, as users call it, a direct `call`, and a `tf.function`
        that was `compiled` for the size of the batch.

    Raises:
        ZooError: there is no such run, it has not finished, or its data cannot be had.
    """
    if run_path is None:
        raise ZooError("--inference measures the model of a run; say which: --run=runs/mnist_mlp/…")
    from zoo import datasets
    from zoo.config import load_config
    from zoo.loading import load_model
    from zoo.runs import open_run

    run = open_run(run_path)
    model = load_model(run).model
    features = datasets.load_configured(load_config(path=run.path / "config.yaml").dataset).test.features
    if features.dtype == object:
        raise ZooError(f"{run.path}: its model reads texts; --inference measures models of pictures and tables")
    return {
        "model": run.record["model"],
        "parameters": model.count_params(),
        "threads": usable_cores(),
        "latency_ms": {way: latency(ways(model, 1)[way], features) for way in WAYS},
        "examples_per_second": {
            way: {size: round(_rate(ways(model, size)[way], features, size)) for size in _BATCH_SIZES} for way in WAYS
        },
    }


def ways(model, batch_size: int) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """The `WAYS` to call a Keras model on batches of one size."""
    import tensorflow as tf

    specification = tf.TensorSpec((batch_size, *model.input_shape[1:]), model.inputs[0].dtype)
    compiled = tf.function(functools.partial(model, training=False), input_signature=[specification], autograph=False)
    return {
        "predict": lambda x: model.predict(x, batch_size=batch_size, verbose=0),
        "call": lambda x: np.asarray(model(x, training=False)),
        "compiled": lambda x: compiled(tf.constant(x)).numpy(),
    }


def latency(function: Callable[[np.ndarray], np.ndarray], features: np.ndarray) -> dict[str, float]:
    """Milliseconds for one example, each time another; fewer calls where they take long."""
    taken, began = [], time.perf_counter()
    for number in range(_WARM_UP_CALLS + _CALLS):
        if number > _WARM_UP_CALLS + _LEAST_CALLS and time.perf_counter() - began > _SECONDS_OF_CALLS:
            break
        row = number % len(features)
        example = features[row : row + 1]
        started = time.perf_counter()
        function(example)
        taken.append(1000 * (time.perf_counter() - started))
    p50, p99 = np.percentile(taken[_WARM_UP_CALLS:], [50, 99])
    return {"p50": round(float(p50), 4), "p99": round(float(p99), 4)}


def _rate(function: Callable[[np.ndarray], np.ndarray], features: np.ndarray, batch_size: int) -> float:
    """Examples a second, the median of batches."""
    batch = np.resize(features, (batch_size, *features.shape[1:]))
    function(batch)
    taken, started = [], time.perf_counter()
    while len(taken) < 3 or time.perf_counter() - started < _SECONDS_A_BATCH_SIZE:
        before = time.perf_counter()
        function(batch)
        taken.append(time.perf_counter() - before)
    return batch_size / float(np.median(taken))


def inference_table(result: dict[str, Any]) -> str:
    """Aligned columns, a row for each way to call the model."""
    sizes = list(next(iter(result["examples_per_second"].values())))
    rows = [("", "one: p50, ms", "p99, ms", *(f"batch {size}: examples/s" for size in sizes))]
    for way, words in WAYS.items():
        latency, rates = result["latency_ms"][way], result["examples_per_second"][way]
        rows.append((words, f"{latency['p50']:.3f}", f"{latency['p99']:.3f}", *(f"{rates[s]:,}" for s in sizes)))
    title = f"{result['model']}: {result['parameters']:,} parameters, {result['threads']} threads"
    return f"{title}\n{align_columns(rows)}"
