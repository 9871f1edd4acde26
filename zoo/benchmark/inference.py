"""How long a saved model takes for one example, and how many examples a second for many."""

from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.command_words import command
from zoo.errors import ZooError
from zoo.evaluation.speed import compile_for, latency, rate
from zoo.processor import usable_cores
from zoo.text_table import align_columns

_BATCH_SIZES = (128, 1024, 8192)
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
    from zoo.loading import load_model
    from zoo.runs import open_run

    run = open_run(run_path)
    model = load_model(run).model
    if not hasattr(model, "inputs"):
        raise ZooError(f"{run.path}: an exported file; {command('compare')} --measure_latency measures those")
    features = datasets.load_configured(run.config.dataset).test.features
    if features.dtype == object:
        raise ZooError(f"{run.path}: its model reads texts; --inference measures models of pictures and tables")
    return {
        "model": run.record["model"],
        "parameters": model.count_params(),
        "threads": usable_cores(),
        "latency_ms": {way: latency(_ways(model, 1)[way], features) for way in WAYS},
        "examples_per_second": {
            way: {size: round(rate(_ways(model, size)[way], features, size)) for size in _BATCH_SIZES} for way in WAYS
        },
    }


def _ways(model, batch_size: int) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    return {
        "predict": lambda x: model.predict(x, batch_size=batch_size, verbose=0),
        "call": lambda x: np.asarray(model(x, training=False)),
        "compiled": compile_for(model, batch_size),
    }


def inference_table(result: dict[str, Any]) -> str:
    """Aligned columns, a row for each way to call the model."""
    sizes = list(next(iter(result["examples_per_second"].values())))
    rows = [("", "one: p50, ms", "p99, ms", *(f"batch {size}: examples/s" for size in sizes))]
    for way, words in WAYS.items():
        latency, rates = result["latency_ms"][way], result["examples_per_second"][way]
        rows.append((words, f"{latency['p50']:.3f}", f"{latency['p99']:.3f}", *(f"{rates[s]:,}" for s in sizes)))
    title = f"{result['model']}: {result['parameters']:,} parameters, {result['threads']} threads"
    return f"{title}\n{align_columns(rows)}"
