"""Claims and the runs behind them: docs/leaderboard.csv, and whether new runs bear a claim out."""

import collections
import csv
import dataclasses
import io
import math
import os
import pathlib
import re
import shlex
from collections.abc import Sequence

import numpy as np

from zoo.command_words import name_and_flags, script
from zoo.comparison.table import Result
from zoo.config import load_config, recipe
from zoo.errors import ZooError, shortened
from zoo.escaping import spreadsheet_cell
from zoo.measures import statistics
from zoo.models.catalog import list_models
from zoo.runs import write_atomically
from zoo.safe_reading import read_text
from zoo.tasks import Metric

COLUMNS = [
    "model",
    "dataset",
    "config_digest",
    "data_digest",
    "command",
    "seeds",
    "git_revisions",
    "versions",
    "device",
    "metric",
    "value",
    "low",
    "high",
    "test_rows",
    "parameters",
    "seconds",
    "peak_memory_mib",
]


MOST_BYTES = 4 << 20
_FORMER_COLUMNS = [column.replace("value", "accuracy") for column in COLUMNS if column != "metric"]
_WHOLE, _DECIMAL = r"\d{1,15}", r"\d{1,15}\.\d{1,15}"
_FIGURE = r"-?\d{1,15}(\.\d{1,15})?(e-?\d{1,3})?"
_NUMBERS = {
    "value": _FIGURE, "low": f"({_FIGURE})?", "high": f"({_FIGURE})?", "test_rows": _WHOLE, "parameters": _WHOLE,
    "seconds": _DECIMAL, "peak_memory_mib": _WHOLE,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether the mean of new runs lies within the range that the claim leads one to expect."""

    passed: bool
    mean: float
    expected: tuple[float, float]


def judge(claim, headline: Metric, values: Sequence[float]) -> Verdict:
    """Judges new figures by the claim's 95 % prediction interval for the mean of as many seeds.

    Args:
        claim: a config's, with value, interval (of Student's t) and seeds.
        headline: of the model's task.
        values: one a new seed.
    """
    low, high = claim.interval
    half = (high - low) / 2
    if low <= headline.bounds[0] or high >= headline.bounds[1]:  # an end may have been cut off at the bounds
        half = max(high - claim.value, claim.value - low)
    # The claim's half width is t·s/√k; the mean of m new seeds lies within t·s·√(1/k + 1/m) of the old mean.
    reach = half * math.sqrt(1 + claim.seeds / len(values)) + 0.5 * 10**-headline.decimals  # claims are rounded
    mean = float(np.mean(values))
    return Verdict(abs(mean - claim.value) <= reach, mean, headline.within((claim.value - reach, claim.value + reach)))


def write_leaderboard(path: str | os.PathLike, results: Sequence[Result]) -> str:
    """Put the receipts of runs into a CSV file, beside those that it holds of other models, and say what changed.

    Raises:
        ZooError: as `leaderboard`; or the file cannot be written, or is no leaderboard.
    """
    path = pathlib.Path(path)
    before = read_leaderboard(path) if path.exists() else []
    rows = leaderboard(results, before)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({column: spreadsheet_cell(text) for column, text in row.items()} for row in rows)
    try:
        write_atomically(path, stream.getvalue().encode())
    except OSError as error:
        raise ZooError(f"{path}: {error.strerror}; name another file") from None
    kept = sum(row in before for row in rows)
    return f"{path}: {len(rows) - len(before)} rows new, {len(before) - kept} replaced, {kept} as they were"


def read_leaderboard(path: str | os.PathLike) -> list[dict[str, str]]:
    """The rows of a leaderboard.

    Raises:
        ZooError: it cannot be read, or has other columns.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(path, MOST_BYTES), newline="")))
    except csv.Error as error:
        raise ZooError(f"{path}: {error}; it is no leaderboard") from None
    rows = [_in_the_words_of_this_version(row) for row in rows]
    if any(list(row) != COLUMNS or None in row.values() for row in rows):
        raise ZooError(f"{path}: it is no leaderboard, whose columns are {', '.join(COLUMNS)}")
    for row in rows:
        for column, pattern in _NUMBERS.items():
            if not re.fullmatch(pattern, row[column]):
                raise ZooError(f"{path}: {row['model']}: {column} is {shortened(repr(row[column]))}; mend it")
    return rows


def _in_the_words_of_this_version(row: dict) -> dict:
    """Older leaderboards held only accuracies, in a column of that name."""
    if list(row) != _FORMER_COLUMNS:
        return row
    return {key: row.get(key, "accuracy" if key == "metric" else row["accuracy"]) for key in COLUMNS}


def leaderboard(results: Sequence[Result], before: Sequence[dict[str, str]] = ()) -> list[dict[str, str]]:
    """A row for each model and dataset: the config that most seeds were run of, two or more.

    Of a baseline, which is no registered model, one is enough. A row of `before` stays where it has more seeds, or the
    runs have none of its model and dataset.

    Raises:
        ZooError: no config was run with two seeds.
    """
    groups = collections.defaultdict(list)
    for result in results:
        if result.run.variant:  # an export; the run that it was made from has the receipt
            continue
        model, dataset = result.record["model"], result.record["dataset"]
        groups[model, dataset, result.config_digest, result.test_digest].append(result)
    chosen, registered = {}, set(list_models())
    for (model, dataset, *_), group in sorted(groups.items()):
        fewest = 2 if model in registered else 1
        if len(group) >= max(fewest, len(chosen.get((model, dataset), [])) + 1):
            chosen[model, dataset] = group
    if not chosen:
        raise ZooError("the leaderboard needs two seeds or more of a config; train with --num_seeds=5")
    rows = {(row["model"], row["dataset"]): row for row in before}
    for key, group in chosen.items():
        if key in rows and len(rows[key]["seeds"].split()) > len(group):
            continue
        rows[key] = _receipt(key[0], sorted(group, key=lambda result: result.record["seed"]))
    return [rows[key] for key in sorted(rows)]


def _command(model: str, group: list[Result]) -> str:
    """What a reader types to train the same seeds."""
    seeds = [result.record["seed"] for result in group]
    which = [f"--num_seeds={len(seeds)}"] + ([f"--seed={seeds[0]}"] if seeds[0] else [])
    if seeds != list(range(seeds[0], seeds[0] + len(seeds))):
        which = ["--seed=SEED"]
    try:
        own = recipe(load_config(model)) == recipe(group[0].run.config)
    except ZooError:
        own = False
    if own:
        return " ".join([script("train"), f"--model={model}", *which])
    try:
        trained_by, flags = name_and_flags(group[0].record.get("command", ""))
    except ValueError:
        trained_by, flags = "train", []
    kept, words = [], iter(flags)
    for word in words:
        name, separator, _ = word.lstrip("-").partition("=")
        if name not in ("seed", "num_seeds", "runs_dir", "resume") or (name == "seed" and trained_by == "baseline"):
            kept.append(word)
        elif not separator and (name != "resume" or trained_by == "train"):  # that of reproduce has no value
            next(words, None)
    return shlex.join(["python", f"scripts/{trained_by}.py", *kept, *(which if trained_by == "train" else [])])


def _receipt(model: str, group: list[Result]) -> dict[str, str]:
    values, headline = [result.value for result in group], group[0].task.headline
    interval = statistics.seeds_interval(values)
    low, high = map(headline.text, headline.within(interval)) if interval else ("", "")
    records = [result.record for result in group]
    versions = {" ".join(f"{name} {version}" for name, version in r.get("versions", {}).items()) for r in records}
    return {
        "model": model,
        "dataset": records[0]["dataset"],
        "config_digest": group[0].config_digest,
        "data_digest": records[0]["data_digest"],
        "command": _command(model, group),
        "seeds": " ".join(str(r["seed"]) for r in records),
        "git_revisions": " ".join(
            sorted({str(r.get("git_revision") or r.get("versions", {}).get("zoo")) for r in records})
        ),
        "versions": "; ".join(sorted(versions)),
        "device": "; ".join(sorted({r["device"] for r in records})),
        "metric": headline.name,
        "value": headline.text(np.mean(values)),
        "low": low,
        "high": high,
        "test_rows": str(group[0].rows),
        "parameters": str(records[0]["parameters"]),
        "seconds": f"{np.median([r['wall_seconds'] for r in records]):.1f}",
        "peak_memory_mib": f"{np.median([r['peak_memory_mib'] for r in records]):.0f}",
    }
