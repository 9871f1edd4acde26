"""What a table of runs may show. No NumPy here: the flags of compare.py are made of it."""

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Column:
    """A figure of a row: which way it is better, whether it comes unasked, what it depends on, and its decimals.

    A `recipe` column is known before the test rows are read; `test` columns come from them, `comparison` columns from
    other rows of the table too.
    """

    name: str
    source: Literal["recipe", "test", "comparison"]
    better: Literal["more", "less", None] = None
    shown: bool = True
    decimals: int = 4


ALL = (
    Column("rank", "comparison", "less"),
    Column("model", "recipe"),
    Column("config", "recipe", shown=False),
    Column("dataset", "recipe", shown=False),
    Column("seeds", "recipe", "more"),
    Column("accuracy", "test", "more"),
    Column("interval", "test"),
    Column("test_interval", "test"),
    Column("macro_f1", "test", "more"),
    Column("nll", "test", "less"),
    Column("ece", "test", "less"),
    Column("nll_scaled", "test", "less", shown=False),
    Column("ece_scaled", "test", "less", shown=False),
    Column("temperature", "test", shown=False, decimals=3),
    Column("coverage_90", "test", "more", shown=False),
    Column("corrupted_accuracy", "test", "more", shown=False),
    Column("parameters", "recipe", "less"),
    Column("flops", "recipe", "less", shown=False),
    Column("size_mib", "recipe", "less", shown=False, decimals=1),
    Column("seconds", "recipe", "less", decimals=1),
    Column("peak_memory_mib", "recipe", "less", shown=False),
    Column("device", "recipe", shown=False),
    Column("latency_ms", "recipe", "less", shown=False, decimals=3),
    Column("throughput", "recipe", "more", shown=False, decimals=0),
    Column("latency_device", "recipe", shown=False),
    Column("difference", "comparison", "more", shown=False),
    Column("difference_interval", "comparison", shown=False),
    Column("p", "comparison"),
    Column("verdict", "comparison"),
    Column("tied_with", "comparison", shown=False),
)
COLUMNS = [column.name for column in ALL]
DEFAULT_COLUMNS = [column.name for column in ALL if column.shown]
BY_NAME = {column.name: column for column in ALL}
