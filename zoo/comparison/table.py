"""Results → rows of figures, one a config, in a table for each test set."""

import collections
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.comparison import columns, differences
from zoo.comparison.reading import Result, data_name, find_runs, read_results
from zoo.comparison.rendering import cell, render
from zoo.comparison.selecting import Condition, check_columns, meeting, parse_conditions, sort_rows
from zoo.measures import statistics
from zoo.runs import size_of
from zoo.tasks import Task

__all__ = [
    "Result",
    "best_seeds",
    "cell",
    "check_columns",
    "compare",
    "find_runs",
    "parse_conditions",
    "read_results",
    "render",
]

LEVEL = 0.05


def compare(
    results: Sequence[Result], where: Sequence[Condition] = (), sort_by: str | None = None
) -> list[list[dict[str, Any]]]:
    """Tables, one for each test set, the best row first; each row is tested against every other of its table.

    Args:
        results: of `read_results`.
        where: conditions on rows. Those on the recipe and its cost decide which rows are compared. Those on figures of
          the test rows only decide which are shown: rows picked by a figure would make its tests too sure.
        sort_by: another column to sort by, as `sort_rows` reads it.

    Raises:
        ZooError: a condition does not go with its column, or there is no such column to sort by.
    """
    before = [condition for condition in where if condition.column.source == "recipe"]
    after = [condition for condition in where if condition.column.source != "recipe"]
    tables = collections.defaultdict(lambda: collections.defaultdict(list))
    for result in results:
        tables[result.test_digest][result.config_digest].append(result)
    compared = []
    for groups in tables.values():
        rows = [_row(sorted(group, key=lambda result: result.record["seed"])) for group in groups.values()]
        _tell_apart(rows, list(groups.values()))
        task = next(iter(groups.values()))[0].task
        rows = _compare_rows(meeting(rows, before), task)
        rows = meeting(rows, after)
        if rows:
            compared.append(sort_rows(rows, sort_by) if sort_by else rows)
    return compared


def _tell_apart(rows: list[dict[str, Any]], groups: list[list[Result]]) -> None:
    """Give rows of one model those values of their configs that not all of them have."""
    of_model = collections.defaultdict(list)
    for row, group in zip(rows, groups, strict=True):
        of_model[row["model"]].append((row, group[0]))
    for alike in of_model.values():
        if len(alike) > 1:
            for (row, _), text in zip(alike, differences.settings([first for _, first in alike]), strict=True):
                row["settings"] = text or None


def best_seeds(results: Sequence[Result]) -> tuple[list[Result], list[str]]:
    """Of each config the seed that is best on validation, and a line that says so where there was a choice."""
    groups = collections.defaultdict(list)
    for result in results:
        groups[result.test_digest, result.config_digest].append(result)
    best, notices = [], []
    for group in groups.values():
        group.sort(key=lambda result: result.record["seed"])
        known = [result for result in group if result.validation_value is not None]
        best.append(best_on_validation(known) if known else group[0])
        if len(group) > 1:
            name, seed = best[-1].record["model"], best[-1].record["seed"]
            notices.append(f"{name}: seed {seed}, the best of {len(group)} on validation; a row of one seed")
    return best, notices


def best_on_validation(results: Sequence[Result]) -> Result:
    """The first of those with the best headline on validation; those that did not keep it come last."""

    def goodness(result: Result) -> float:
        value = result.validation_value
        return -np.inf if value is None else result.task.headline.goodness(value)

    return max(results, key=goodness)


def _compare_rows(rows: list[dict[str, Any]], task: Task) -> list[dict[str, Any]]:
    """Rows from the best headline to the worst, with the columns that compare them with each other."""
    headline = task.headline
    rows = sorted(rows, key=lambda row: -headline.goodness(row[headline.name]))
    if not rows:
        return []
    scores, values = ([row.pop(name) for row in rows] for name in ("_scores", "_values"))
    if any(one is None for one in scores):
        stands = [dict.fromkeys(("rank", "tied_with", "difference", "difference_interval", "p")) for _ in rows]
        for stand in stands:
            stand["verdict"] = f"not tested: {task.words} has no score a row"
    else:
        stands = _stands(rows, scores, values, task)
    known = columns.all_columns()
    return [{name: (row | stand).get(name) for name in known} for row, stand in zip(rows, stands, strict=True)]


def _stands(rows: list[dict], scores: list[np.ndarray], values: list[np.ndarray], task: Task) -> list[dict[str, Any]]:
    """For each row: its rank, its ties, and its difference from the first, by tests over test rows and over seeds."""
    p = statistics.adjusted_pairwise_p(scores, values)
    goodness = [task.headline.goodness(row[task.headline.name]) for row in rows]
    ranks, names, stands = statistics.rank_ranges(goodness, p, LEVEL), _distinct_names(rows), []
    for position, rank in enumerate(ranks):
        tied = [name for other, name in enumerate(names) if other != position and p[position, other] >= LEVEL]
        stand = {"rank": rank, "tied_with": " ".join(tied) or None}
        stands.append(stand | _against_best(position, p[position, 0], scores, values, task))
    return stands


def _against_best(
    position: int, p: float, scores: list[np.ndarray], values: list[np.ndarray], task: Task
) -> dict[str, Any]:
    if position == 0:
        return dict.fromkeys(("difference", "difference_interval", "p")) | {"verdict": "best"}
    undecided = f"not distinguishable from the best at n = {scores[0].shape[1]:,}"
    return {
        "difference": float(values[position].mean() - values[0].mean()),
        "difference_interval": statistics.paired_headline_interval(scores[position], scores[0], task.headline_of),
        "p": float(p),
        "verdict": "worse than the best" if p < LEVEL else undecided,
    }


def _distinct_names(rows: list[dict[str, Any]]) -> list[str]:
    counts = collections.Counter(row["model"] for row in rows)
    return [row["model"] if counts[row["model"]] == 1 else f"{row['model']}@{row['config']}" for row in rows]


def _row(group: list[Result]) -> dict[str, Any]:
    def mean(values):
        values = list(values)
        return None if None in values else float(np.mean(values))  # of all seeds, or blank

    first, records, task = group[0], [result.record for result in group], group[0].task
    values = np.array([result.value for result in group])
    scores = None if any(r.scores is None for r in group) else np.stack([result.scores for result in group])
    over_seeds = statistics.seeds_interval(values)
    over_rows = None if scores is None else statistics.headline_interval(scores, task.headline_of)
    speeds = [result.speed for result in group if result.speed]
    within = task.headline.within
    return {
        "_scores": scores,
        "_values": values,
        "model": first.record["model"],
        "config": first.config_digest,
        "settings": None,
        "dataset": data_name(first.record),
        "task": task.name,
        "seeds": len(group),
        task.headline.name: float(values.mean()),
        "interval": over_seeds and within(over_seeds),
        "test_interval": over_rows and within(over_rows),
        **{name: mean(result.figures.get(name) for result in group) for name in first.figures},
        "parameters": first.record["parameters"],
        "flops": next((record["flops"] for record in records if record.get("flops")), None),
        "size_mib": next((size_of(r.run.model_file) / 2**20 for r in group if r.run.model_file.exists()), None),
        "seconds": float(np.median([record["wall_seconds"] for record in records])),
        "peak_memory_mib": max(record["peak_memory_mib"] for record in records),
        "device": "; ".join(sorted({record["device"] for record in records})),
        "latency_ms": float(np.median([speed["latency_ms"] for speed in speeds])) if speeds else None,
        "throughput": float(np.median([speed["throughput"] for speed in speeds])) if speeds else None,
        "latency_device": "; ".join(sorted({speed["device"] for speed in speeds})) or None,
    }
