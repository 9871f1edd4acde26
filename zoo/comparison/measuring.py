"""Latency and throughput of the models in a comparison, here and now."""

import collections
import dataclasses
from collections.abc import Sequence

from zoo.comparison.reading import Result
from zoo.errors import ZooError
from zoo.escaping import tell
from zoo.evaluation.speed import FILE, measure_run


def measure_latencies(results: Sequence[Result]) -> list[Result]:
    """Times one model of each config, all others waiting, and writes what it finds into that run.

    If a run has no model file (a baseline), or its data are not here, the recorded values stay.
    """
    groups = collections.defaultdict(list)
    for result in results:
        groups[result.test_digest, result.config_digest].append(result)
    return [measured for group in groups.values() for measured in _measure(group)]


def _measure(group: list[Result]) -> list[Result]:
    name = group[0].record["model"]
    chosen = next((result for result in group if result.run.model_file.exists()), None)
    if chosen is None:
        tell(f"{name}: no model.keras to measure")
        return group
    try:
        speed = measure_run(chosen.run)
    except ZooError as error:
        tell(f"{name}: not measured ({error})")
        return group
    tell(f"{name}: {speed['latency_ms']:.3f} ms, {speed['throughput']:,.0f} examples/s, {speed['device']}")
    try:
        chosen.run.write_json(FILE, speed)
    except OSError as error:
        tell(f"{chosen.run.path / FILE}: not written ({error.strerror})")
    return [dataclasses.replace(result, speed=speed) for result in group]
