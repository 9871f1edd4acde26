"""The headline slice by slice: for which part of the rows a model is worse."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.errors import ZooError, nearest
from zoo.escaping import printable
from zoo.measures import statistics
from zoo.measures.statistics import headline_interval, holm
from zoo.tasks import Task
from zoo.tasks.catalog import get_task
from zoo.text_table import align_columns, p_text

if TYPE_CHECKING:
    from zoo.datasets import Dataset, Split

MOST_SLICES = 50
_VALUES = 10  # a column of more different numbers is cut at its quartiles
LEVEL = 0.05


def evaluate_slices(task: Task, answers: np.ndarray, split: "Split", dataset: "Dataset", slice_by: str) -> dict:
    """The headline in each slice of a split, and whether the worst one is worse than the other rows.

    Each slice is tested against all other rows, with Holm's correction for as many slices as there are: where a row's
    score is 0 or 1 by Fisher's exact test, mid-p (Lydersen, Fagerland & Laake 2009), else by Welch's t-test of scores.

    Args:
        task: what the model is asked.
        answers: to the rows of the split.
        split: of the dataset.
        dataset: what the split is of.
        slice_by: label; length, of texts in characters; or a column of the user's table, a feature or not. Columns of
          more than ten different numbers, and lengths, are cut at their quartiles.

    Returns:
        {"task", "by", "n", "slices": [{"slice", "n", the headline, "interval" over rows, "p"}], "worst", "worse"};
        "worse" is whether the test tells the worst slice from the rest.

    Raises:
        ZooError: there is nothing of that name to slice by, it has too many values, or the task has no score a row.
    """
    scores, headline = task.scores(answers, split.targets), task.headline
    if scores is None:
        raise ZooError(f"--slice_by={slice_by}: {task.words} has no score a row, which slices are judged by")
    names, slice_of_row = _assign(split, dataset, slice_by)
    totals = np.bincount(slice_of_row, minlength=len(names))
    right_or_wrong = statistics.are_right_or_wrong(scores)
    test = _fisher if right_or_wrong else _welch
    slices = []
    for number, p in zip(np.flatnonzero(totals), holm(test(scores, slice_of_row, totals)), strict=True):
        inside = scores[slice_of_row == number]
        interval = headline_interval(inside[None], task.headline_of)
        value = {headline.name: float(task.headline_of(inside.mean())), "interval": list(headline.within(interval))}
        slices.append({"slice": names[number], "n": len(inside)} | value | {"p": p})
    worst = min(slices, key=lambda one: headline.goodness(one[headline.name]))
    whole = headline.goodness(float(task.headline_of(scores.mean())))
    worse = worst["p"] < LEVEL and headline.goodness(worst[headline.name]) < whole
    return {
        "task": task.name, "by": slice_by, "n": len(scores), "slices": slices, "worst": worst["slice"],
        "worse": bool(worse),
    }  # fmt: skip


def _fisher(scores: np.ndarray, slice_of_row: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """P-values of the slices that have rows, whose scores are 0 or 1."""
    from scipy import stats

    right = np.bincount(slice_of_row, weights=scores, minlength=len(totals)).astype(int)
    tested = np.flatnonzero(totals)
    draws = stats.hypergeom(totals.sum(), right.sum(), totals[tested])  # right rows in a random slice
    found = right[tested]
    smaller_tail = np.minimum(draws.cdf(found), draws.sf(found - 1))
    return np.minimum(2 * smaller_tail - draws.pmf(found), 1)


def _welch(scores: np.ndarray, slice_of_row: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """P-values of the slices that have rows; 1 where a slice, or what is beside it, has one row alone."""
    from scipy import stats

    def of_slice(number: int) -> float:
        inside = slice_of_row == number
        if min(inside.sum(), (~inside).sum()) < 2:
            return 1.0
        return float(np.nan_to_num(stats.ttest_ind(scores[inside], scores[~inside], equal_var=False).pvalue, nan=1.0))

    return np.array([of_slice(number) for number in np.flatnonzero(totals)])


def _assign(split: "Split", dataset: "Dataset", slice_by: str) -> tuple[list[str], np.ndarray]:
    """Names of the slices and int[examples], the slice of each row."""
    if slice_by == "label" and dataset.info.label_names and split.targets.ndim == 1:
        return list(dataset.info.label_names), split.targets
    if slice_by in ("label", "target") and split.targets is not None and split.targets.ndim == 1:
        return _quartiles(split.targets.astype(float), dataset.info.unit or dataset.info.target_name)
    if slice_by == "length" and dataset.info.kind == "text":
        return _quartiles(np.array([len(text) for text in split.features], float), "characters")
    if dataset.info.name == "csv":
        return _by_value(_column(Path(dataset.report["origin"]), split.ids, slice_by), slice_by)
    known = ["label", *(["length"] if dataset.info.kind == "text" else [])]
    raise ZooError(
        f"--slice_by={slice_by}: {dataset.info.name} can be sliced by {' or '.join(known)}; csv data by any column"
    )


def _column(file: Path, ids: np.ndarray, name: str) -> list[str]:
    """The cells of a column of the user's table, in the rows that `ids` names."""
    from zoo.datasets.own_tables import open_table

    with open_table(file) as table:
        if name not in table.header:
            raise ZooError(f"--slice_by={name}: {file} has no such column; {nearest(name, {'label', *table.header})}")
        column = table.header.index(name)
        cells = [row[column].strip() for _, row in table.rows]
    return [cells[int(row)] for row in ids]


def _by_value(cells: Sequence[str], name: str) -> tuple[list[str], np.ndarray]:
    values = sorted(set(cells))
    try:
        numbers = np.array([float(cell) for cell in cells])
    except ValueError:
        numbers = None
    if numbers is not None and np.isfinite(numbers).all():
        if len(values) > _VALUES:
            return _quartiles(numbers, name)
        values.sort(key=float)
    if len(values) > MOST_SLICES:
        raise ZooError(
            f"--slice_by={name}: {len(values):,} different values among {len(cells):,} rows; take a column of at most "
            f"{MOST_SLICES}, or of numbers"
        )
    positions = {value: position for position, value in enumerate(values)}
    return [value or "(empty)" for value in values], np.array([positions[cell] for cell in cells])


def _quartiles(values: np.ndarray, unit: str) -> tuple[list[str], np.ndarray]:
    edges = np.unique(np.quantile(values, [0.25, 0.5, 0.75]))
    slice_of_row = np.searchsorted(edges, values)  # values at an edge belong to the slice below it
    numbers = np.unique(slice_of_row)
    inside = [values[slice_of_row == number] for number in numbers]
    names = [f"{part.min():g} to {part.max():g} {unit}" for part in inside]
    return names, np.searchsorted(numbers, slice_of_row)


def slices_table(slices: dict) -> str:
    """What `evaluate_slices` returned, for people, with what may be said of the worst slice."""
    headline = get_task(slices["task"]).headline
    rows = [("slice", "rows", headline.words, "95 % interval", "p against the rest")]
    for one in slices["slices"]:
        value, interval = headline.text(one[headline.name]), headline.interval_text(one["interval"])
        rows.append((one["slice"], f"{one['n']:,}", value, interval, p_text(one["p"])))
    count = len(slices["slices"])
    worst = next(one for one in slices["slices"] if one["slice"] == slices["worst"])
    if slices["worse"]:
        verdict = f"worse than the rest (p = {worst['p']:.2g} after Holm's correction for {count} slices)"
    else:
        verdict = (
            f"not distinguishable from the rest after Holm's correction for {count} slices: of so many, one is always "
            "worst by chance"
        )
    by, lowest = printable(slices["by"]), printable(worst["slice"])
    return f"by {by}:\n{align_columns(rows)}\n\nworst slice: {lowest}, {verdict}"
