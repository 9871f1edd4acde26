"""The figure that a model is judged by: its name, which way is better, how people read it."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Metric:
    """A figure that a task is judged by.

    Attributes:
        name: in results.json, history.csv and the columns of a comparison.
        better: which way; None of a figure that is neither good nor bad.
        decimals: as people read it.
        unit: what follows the number; "target" stands for the unit of the numbers that are predicted.
        bounds: the least and greatest possible value; intervals are cut there, for their formulas may go beyond.
        shown: whether a comparison shows it unasked.
        title: for people, where the name alone would look strange.
    """

    name: str
    better: Literal["more", "less", None] = "more"
    decimals: int = 4
    unit: str = ""
    bounds: tuple[float, float] = (-math.inf, math.inf)
    shown: bool = True
    title: str = ""

    @property
    def words(self) -> str:
        return self.title or self.name.replace("_", " ")

    def goodness(self, value):
        """The same figure, or an array of them, so that larger is better."""
        return -value if self.better == "less" else value

    def text(self, value: float, unit: str = "") -> str:
        """The figure as people read it; `unit` is that of the target."""
        unit = unit if self.unit == "target" else self.unit
        number = f"{value:.{self.decimals}f}"
        if self.unit == "target":  # the numbers of a user's table may be of any size
            if 0 < abs(value) < 10 ** (2 - self.decimals):
                number = f"{value:.{self.decimals}g}"
            elif abs(value) >= 1000:
                number = f"{value:.{max(0, self.decimals + 1 - math.floor(math.log10(abs(value))))}f}"
        return f"{number} {unit}" if unit else number

    def within(self, interval: Sequence[float]) -> tuple[float, float]:
        """The part of an interval that the figure can take."""
        low, high = (min(max(float(end), self.bounds[0]), self.bounds[1]) for end in interval)
        return low, high

    def interval_text(self, interval: Sequence[float], between: str = " to ") -> str:
        return between.join(map(self.text, interval))
