"""What a table of runs may show. No NumPy here: the flags of compare.py are made of it."""

import dataclasses
from collections.abc import Sequence
from typing import Literal

from zoo.tasks import Metric, Task
from zoo.tasks.catalog import all_tasks


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of figures: which way is better, whether it is shown by default, what it depends on, and its decimals.

    A `recipe` column is known before the test rows are read. A `test` column comes from the test rows, a `comparison`
    column also from the other rows of the table. A column may be better in the same way as the headline.
    """

    name: str
    source: Literal["recipe", "test", "comparison"]
    better: Literal["more", "less", "headline", None] = None
    shown: bool = True
    decimals: int | None = 4  # None: as many as the headline has


_FIRST = (
    Column("rank", "comparison", "less"),
    Column("model", "recipe"),
    Column("config", "recipe", shown=False),
    Column("dataset", "recipe", shown=False),
    Column("task", "recipe", shown=False),
    Column("seeds", "recipe", "more"),
)
_OF_HEADLINE = (
    Column("interval", "test", decimals=None),
    Column("test_interval", "test", decimals=None),
)
_OF_LISTS = (
    Column("ndcg_at_10", "test", "more", shown=False),
    Column("hit_rate_at_10", "test", "more", shown=False),
)
_LAST = (
    Column("parameters", "recipe", "less"),
    Column("flops", "recipe", "less", shown=False),
    Column("size_mib", "recipe", "less", shown=False, decimals=1),
    Column("seconds", "recipe", "less", decimals=1),
    Column("peak_memory_mib", "recipe", "less", shown=False),
    Column("device", "recipe", shown=False),
    Column("latency_ms", "recipe", "less", shown=False, decimals=3),
    Column("throughput", "recipe", "more", shown=False, decimals=0),
    Column("latency_device", "recipe", shown=False),
    Column("difference", "comparison", "headline", shown=False, decimals=None),
    Column("difference_interval", "comparison", shown=False, decimals=None),
    Column("p", "comparison"),
    Column("verdict", "comparison"),
    Column("tied_with", "comparison", shown=False),
    Column("settings", "recipe", shown=False),  # unless rows of one model have some
)


def columns_of(tasks: Sequence[Task]) -> list[Column]:
    """The columns of a table of runs of these tasks, in their order."""
    headlines = [_of_metric(task.headline) for task in tasks]
    figures = [_of_metric(metric) for task in tasks for metric in task.figures]
    columns = {}
    for column in (*_FIRST, *headlines, *_OF_HEADLINE, *figures, *_OF_LISTS, *_LAST):
        columns.setdefault(column.name, column)  # one task's headline may be another's figure
    return list(columns.values())


def all_columns() -> dict[str, Column]:
    """Those of every task, by name."""
    return {column.name: column for column in columns_of(all_tasks())}


def names() -> list[str]:
    return list(all_columns())


def _of_metric(metric: Metric) -> Column:
    return Column(metric.name, "test", metric.better, metric.shown, metric.decimals)
