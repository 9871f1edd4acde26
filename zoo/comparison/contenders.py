"""Rows of a comparison's table with the runs behind them, as the report shows them."""

import collections
import dataclasses
from typing import Any

import numpy as np

from zoo.comparison.table import Result, best_on_validation
from zoo.errors import ZooError
from zoo.runs import Predictions


@dataclasses.dataclass
class Contender:
    """A row of the table and its runs, a seed each; `read` fills histories and predictions."""

    name: str  # with the digest of its config where other rows have the same model
    row: dict[str, Any]
    results: list[Result]
    settings: str = ""  # by which it differs from others of its model
    colour: str | None = None
    histories: list[dict[str, np.ndarray]] = dataclasses.field(default_factory=list)
    predictions: list[Predictions] = dataclasses.field(default_factory=list)

    def read(self) -> list[str]:
        """Read what charts need of all seeds; returns a line for each history that cannot be read."""
        notices = []
        for result in self.results:
            try:
                self.histories.append(result.run.history)
            except ZooError as error:
                notices.append(f"no learning curve: {error}")
            self.predictions.append(result.run.read_predictions("test"))
        return notices

    def best_seed(self) -> tuple[Result, Predictions]:
        """The run that is best on validation; the first where validation was not kept."""
        best = best_on_validation(self.results)
        return best, next(p for result, p in zip(self.results, self.predictions, strict=True) if result is best)


def contenders(rows: list[dict[str, Any]], results: list[Result]) -> list[Contender]:
    """One for each row of a table that `table.compare` made of these results."""
    groups = collections.defaultdict(list)
    for result in results:
        groups[result.config_digest].append(result)
    counts = collections.Counter(row["model"] for row in rows)
    models = []
    for row in rows:
        name = row["model"] if counts[row["model"]] == 1 else f"{row['model']}@{row['config']}"
        seeds = sorted(groups[row["config"]], key=lambda result: result.record["seed"])
        models.append(Contender(name, row, seeds, row["settings"] or ""))
    return models
