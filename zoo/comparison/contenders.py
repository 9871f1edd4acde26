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
        models.append(Contender(name, row, sorted(groups[row["config"]], key=lambda result: result.record["seed"])))
    for name, count in counts.items():
        if count > 1:
            _tell_apart([model for model in models if model.row["model"] == name])
    return models


def _tell_apart(models: list[Contender]) -> None:
    """Give each model those values of its config that not all of them have."""

    def leaves(values, prefix=""):
        for key, value in values.items():
            if isinstance(value, dict) and value:
                yield from leaves(value, f"{prefix}{key}.")
            else:
                yield f"{prefix}{key}", value

    configs = []
    for model in models:
        values = model.results[0].run.config_values  # it is a mapping, else there would be no result
        configs.append(dict(leaves(values | {"claim": None})))
    keys = dict.fromkeys(key for config in configs for key in config if key != "training.seed")
    differing = [key for key in keys if any(config.get(key) != configs[0].get(key) for config in configs)]
    for model, config in zip(models, configs, strict=True):
        model.settings = ", ".join(f"{key}={config[key]}" for key in differing if key in config)
