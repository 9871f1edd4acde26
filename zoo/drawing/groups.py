"""Figures of groups of rows, each with its interval."""

from pathlib import Path

from zoo.drawing.figures import BLUE, GREY, ORANGE, picture, shortened
from zoo.measures.metric import Metric

LEVEL = 0.05  # of tests
RATES = {
    "selection_rate": "selection rate",
    "true_positive_rate": "true positives",
    "false_positive_rate": "false positives",
}


def save_groups(columns: list[dict], path: str | Path, headline: Metric) -> None:
    """Draws each figure of each group with its 95 % interval, a row of pictures a column; orange differs from the rest.

    Args:
        columns: as `zoo.evaluation.slices.evaluate_slices` gives them.
        path: the PNG to write.
        headline: of the task.
    """
    rates = [rate for rate in RATES if any(rate in group for column in columns for group in column["slices"])]
    heights = [0.28 * len(column["slices"]) + 0.9 for column in columns]
    with picture(path, figsize=(3.4 + 2.4 * (1 + len(rates)), sum(heights))) as figure:
        grid = figure.subplots(len(columns), 1 + len(rates), squeeze=False, height_ratios=heights)
        for row, column in zip(grid, columns, strict=True):
            for place, (axes, name) in enumerate(zip(row, ["headline", *rates], strict=True)):
                groups = column["slices"][::-1]
                for height, group in enumerate(groups):
                    figures = {**group, "value": group[headline.name]} if name == "headline" else group.get(name)
                    if figures is None:
                        continue
                    colour = ORANGE if figures["p"] < LEVEL else BLUE
                    axes.plot(figures["interval"], [height, height], color=colour, linewidth=1.6)
                    axes.plot(figures["value"], height, marker="o", markersize=4, color=colour)
                words = [f"{shortened(group['slice'], 24)} ({group['n']:,})" for group in groups]
                axes.set_yticks(range(len(groups)), words if place == 0 else [""] * len(groups), fontsize=8)
                axes.set_ylim(-0.6, len(groups) - 0.4)
                axes.grid(axis="x", color="#E5E5E5", linewidth=0.8)
                axes.tick_params(axis="x", labelsize=8)
                axes.set_title(headline.words if name == "headline" else name.replace("_", " "), fontsize=9)
            figure.supxlabel("orange: told from all other rows at 5 %, after Holm's correction", fontsize=8, color=GREY)
            row[0].set_ylabel(shortened(column["by"], 24), fontsize=9, color=GREY)


def save_importance(importance: dict, path: str | Path, headline: Metric) -> None:
    """Draws what shuffling each column costs, the 30 largest, with 95 % intervals.

    Args:
        importance: as `zoo.evaluation.importance.permutation_importance` gives it.
        path: the PNG to write.
        headline: of the task.
    """
    columns = importance["columns"][:30][::-1]
    with picture(path, figsize=(7, 0.26 * len(columns) + 1.2)) as figure:
        axes = figure.add_subplot()
        axes.axvline(0, color=GREY, linestyle=":")
        for height, one in enumerate(columns):
            colour = BLUE if one["interval"][0] > 0 else GREY
            axes.plot(one["interval"], [height, height], color=colour, linewidth=1.6)
            axes.plot(one["drop"], height, marker="o", markersize=4, color=colour)
        axes.set_yticks(range(len(columns)), [shortened(one["column"], 28) for one in columns], fontsize=8)
        axes.set(xlabel=f"{headline.words} lost when the column is shuffled")
        axes.grid(axis="x", color="#E5E5E5", linewidth=0.8)
