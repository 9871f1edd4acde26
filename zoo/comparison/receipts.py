"""Claims and the runs behind them: docs/leaderboard.csv, and whether new runs bear a claim out."""

import collections
import csv
import dataclasses
import io
import math
from collections.abc import Sequence

import numpy as np

from zoo.comparison import statistics
from zoo.comparison.table import Result
from zoo.errors import ZooError

ROUNDING = 0.00005  # claims have four decimals


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether the mean of new runs lies where the claim lets one expect it."""

    passed: bool
    mean: float
    expected: tuple[float, float]


def judge(claim, accuracies: Sequence[float]) -> Verdict:
    """Judges new accuracies by the claim's 95 % prediction interval for the mean of as many seeds.

    Args:
      claim: a config's, with accuracy, interval (of Student's t) and seeds.
      accuracies: one a new seed.
    """
    half = (claim.interval[1] - claim.interval[0]) / 2
    # The claim's half width is t·s/√k; the mean of m new seeds lies within t·s·√(1/k + 1/m) of the old mean.
    reach = half * math.sqrt(1 + claim.seeds / len(accuracies)) + ROUNDING
    mean = float(np.mean(accuracies))
    return Verdict(abs(mean - claim.accuracy) <= reach, mean, (claim.accuracy - reach, claim.accuracy + reach))


def leaderboard(results: Sequence[Result]) -> str:
    """CSV with a row for each model: the config that most seeds were run of, two or more.

    Raises:
      ZooError: no config was run with two seeds.
    """
    groups = collections.defaultdict(list)
    for result in results:
        groups[result.record["model"], result.config_digest, result.test_digest].append(result)
    chosen = {}
    for (model, *_), group in sorted(groups.items()):
        if len(group) > max(1, len(chosen.get(model, []))):
            chosen[model] = group
    if not chosen:
        raise ZooError("the leaderboard needs two seeds or more of a config; train with --seed=0 and --seed=1")
    rows = [_receipt(model, sorted(group, key=lambda r: r.record["seed"])) for model, group in sorted(chosen.items())]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _receipt(model: str, group: list[Result]) -> dict[str, str]:
    accuracies = [float(result.correct.mean()) for result in group]
    interval = statistics.seeds_interval(accuracies) or ("", "")
    records = [result.record for result in group]
    versions = {" ".join(f"{name} {version}" for name, version in r["versions"].items()) for r in records}
    return {
        "model": model,
        "dataset": records[0]["dataset"],
        "config_digest": group[0].config_digest,
        "data_digest": records[0]["data_digest"],
        "command": f"python scripts/train.py --model={model} --seed=SEED",
        "seeds": " ".join(str(r["seed"]) for r in records),
        "git_revisions": " ".join(sorted({str(r.get("git_revision")) for r in records})),
        "versions": "; ".join(sorted(versions)),
        "device": "; ".join(sorted({r["device"] for r in records})),
        "accuracy": f"{np.mean(accuracies):.4f}",
        "low": f"{interval[0]:.4f}" if interval[0] != "" else "",
        "high": f"{interval[1]:.4f}" if interval[1] != "" else "",
        "test_rows": str(len(group[0].correct)),
        "parameters": str(records[0]["parameters"]),
        "seconds": f"{np.median([r['wall_seconds'] for r in records]):.1f}",
        "peak_memory_mib": f"{np.median([r['peak_memory_mib'] for r in records]):.0f}",
    }
