"""Results → rows of figures, one a config, in a table for each test set."""

import collections
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.comparison.columns import COLUMNS, DEFAULT_COLUMNS
from zoo.comparison.reading import Result, find_runs, read_results
from zoo.comparison.rendering import cell, render
from zoo.comparison.selecting import Condition, check_columns, meeting, parse_conditions, sort_rows
from zoo.measures import statistics
from zoo.runs import size_of

__all__ = [
    "COLUMNS",
    "DEFAULT_COLUMNS",
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
    """Tables, one for each test set, of rows by falling accuracy; each row is tested against every other of its table.

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
        rows = _compare_rows(meeting(rows, before))
        rows = meeting(rows, after)
        if rows:
            compared.append(sort_rows(rows, sort_by) if sort_by else rows)
    return compared


def best_seeds(results: Sequence[Result]) -> tuple[list[Result], list[str]]:
    """Of each config the seed with the best validation accuracy, and a line that says so where there was a choice."""
    groups = collections.defaultdict(list)
    for result in results:
        groups[result.test_digest, result.config_digest].append(result)
    best, notices = [], []
    for group in groups.values():
        group.sort(key=lambda result: result.record["seed"])
        known = [result for result in group if result.validation_accuracy is not None]
        best.append(max(known or group, key=lambda result: result.validation_accuracy or 0.0))
        if len(group) > 1:
            name, seed = best[-1].record["model"], best[-1].record["seed"]
            notices.append(f"{name}: seed {seed}, the best of {len(group)} on validation; a row of one seed")
    return best, notices


def _compare_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows by falling accuracy, with the columns that say how they stand to each other."""
    rows = sorted(rows, key=lambda row: -row["accuracy"])
    if not rows:
        return []
    correct = [row.pop("_correct") for row in rows]
    p = statistics.adjusted_pairwise_p(correct)
    ranks = statistics.rank_ranges([row["accuracy"] for row in rows], p, LEVEL)
    names = _distinct_names(rows)
    for position, row in enumerate(rows):
        row["rank"] = ranks[position]
        tied = [name for other, name in enumerate(names) if other != position and p[position, other] >= LEVEL]
        row["tied_with"] = " ".join(tied) or None
        row |= _against_best(position, p[position, 0], correct)
    return [{name: row[name] for name in COLUMNS} for row in rows]


def _against_best(position: int, p: float, correct: list[np.ndarray]) -> dict[str, Any]:
    if position == 0:
        return dict.fromkeys(("difference", "difference_interval", "p")) | {"verdict": "best"}
    mine, best = correct[position], correct[0]
    undecided = f"not distinguishable from the best at n = {best.shape[1]:,}"
    return {
        "difference": float(mine.mean() - best.mean()),
        "difference_interval": statistics.paired_bootstrap(mine.mean(axis=0), best.mean(axis=0))[0],
        "p": float(p),
        "verdict": "worse than the best" if p < LEVEL else undecided,
    }


def _distinct_names(rows: list[dict[str, Any]]) -> list[str]:
    counts = collections.Counter(row["model"] for row in rows)
    return [row["model"] if counts[row["model"]] == 1 else f"{row['model']}@{row['config']}" for row in rows]


def _row(group: list[Result]) -> dict[str, Any]:
    from zoo.measures.metrics import wilson_interval

    def mean(values):
        values = list(values)
        return None if None in values else float(np.mean(values))  # of all seeds, or blank

    first, records = group[0], [result.record for result in group]
    correct = np.stack([result.correct for result in group])
    rows = correct.shape[1]
    scaled = [result.scaled or {} for result in group]
    speeds = [result.speed for result in group if result.speed]
    return {
        "_correct": correct,
        "model": first.record["model"],
        "config": first.config_digest,
        "dataset": first.record["dataset"],
        "seeds": len(group),
        "accuracy": float(correct.mean()),
        "interval": statistics.seeds_interval(correct.mean(axis=1)),
        "test_interval": tuple(wilson_interval(round(correct.mean() * rows), rows)),
        "macro_f1": mean(result.figures["macro_f1"] for result in group),
        "nll": mean(result.figures["negative_log_likelihood"] for result in group),
        "ece": mean(result.figures["expected_calibration_error"] for result in group),
        "nll_scaled": mean(figures.get("nll") for figures in scaled),
        "ece_scaled": mean(figures.get("ece") for figures in scaled),
        "temperature": mean(figures.get("temperature") for figures in scaled),
        "coverage_90": mean(result.coverage_90 for result in group),
        "corrupted_accuracy": mean(result.corrupted_accuracy for result in group),
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
