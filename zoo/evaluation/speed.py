"""How long a model takes for one example, and how many examples a second for many."""

import datetime
import functools
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.datasets import on_disk
from zoo.processor import usable_cores

if TYPE_CHECKING:
    from zoo.runs import Run

FILE = "speed.json"
_CALLS, _WARM_UP_CALLS = 300, 20
_SECONDS = 3.0
_BATCH_SIZE, _TEXTS = 1024, 64


def measure_run(run: "Run") -> dict[str, Any]:
    """Times the saved model of a run, compiled for its size of batch, on examples of its test split.

    Returns:
        As `measure_speed`.

    Raises:
        ZooError: there is no model, or its data cannot be had.
    """
    import tensorflow as tf

    from zoo import datasets
    from zoo.loading import load_model

    loaded = load_model(run)
    model, section = loaded.model, run.config.dataset
    features = datasets.load_configured(section, task=loaded.task).test.features
    if not hasattr(model, "inputs"):  # an exported file is compiled already
        return measure_speed(lambda batch: model.predict(batch, batch_size=on_disk.count(batch)), features)
    compiled = functools.cache(functools.partial(compile_for, model))
    gpus = tf.config.list_physical_devices("GPU")
    device = tf.config.experimental.get_device_details(gpus[0]).get("device_name") if gpus else None
    return measure_speed(lambda batch: compiled(on_disk.count(batch))(batch), features, device)


def measure_speed(
    function: Callable[[on_disk.Features], np.ndarray], features: on_disk.Features, device: str | None = None
) -> dict[str, Any]:
    """Times a function from a batch of raw input to answers.

    Returns:
        {"latency_ms": the median for one example, "latency_ms_p99", "throughput": examples a second in batches of
        "batch_size", "device": which processor and how many threads, "measured": the day}.
    """
    batch_size = _TEXTS if on_disk.are_texts(features) else _BATCH_SIZE
    one = latency(function, features)
    return {
        "latency_ms": one["p50"],
        "latency_ms_p99": one["p99"],
        "throughput": round(rate(function, features, batch_size), 1),
        "batch_size": batch_size,
        "device": device or processor(),
        "measured": datetime.date.today().isoformat(),
    }


def compile_for(model, batch_size: int) -> Callable[[on_disk.Features], np.ndarray]:
    """A tf.function of the model, for batches of one size."""
    import tensorflow as tf

    from zoo.layers.front import inputs_of

    def specification(tensor):
        return tf.TensorSpec((batch_size, *tensor.shape[1:]), tensor.dtype)

    inputs = on_disk.each(specification, inputs_of(model))
    compiled = tf.function(functools.partial(model, training=False), input_signature=[inputs], autograph=False)
    return lambda batch: compiled(on_disk.each(tf.constant, batch)).numpy()


def latency(function: Callable[[on_disk.Features], np.ndarray], features: on_disk.Features) -> dict[str, float]:
    """Milliseconds for one example, each time another: the median, `p50`, and `p99` of 300 calls, or of 5 seconds'."""
    taken = []
    begun = time.perf_counter()
    for number in range(_WARM_UP_CALLS + _CALLS):
        example = on_disk.take(features, np.array([number % on_disk.count(features)]))
        started = time.perf_counter()
        function(example)
        taken.append(1000 * (time.perf_counter() - started))
        if number > 2 * _WARM_UP_CALLS and time.perf_counter() - begun > 5:
            break
    p50, p99 = np.percentile(taken[_WARM_UP_CALLS:], [50, 99])
    return {"p50": round(float(p50), 4), "p99": round(float(p99), 4)}


def rate(function: Callable[[on_disk.Features], np.ndarray], features: on_disk.Features, batch_size: int) -> float:
    """Examples a second, the median of the batches of three seconds, three or more."""
    batch = on_disk.take(features, np.arange(batch_size) % on_disk.count(features))
    function(batch)
    taken, started = [], time.perf_counter()
    while len(taken) < 3 or time.perf_counter() - started < _SECONDS:
        before = time.perf_counter()
        function(batch)
        taken.append(time.perf_counter() - before)
    return batch_size / float(np.median(taken))


def processor() -> str:
    """What computes here, such as `AMD EPYC 9R14, 2 threads`."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):  # no Linux, or no x86
        name = platform.processor() or platform.machine()
    return f"{name}, {usable_cores()} threads"
