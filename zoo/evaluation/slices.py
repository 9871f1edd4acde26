"""Accuracy slice by slice: for which part of the rows a model is worse."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.comparison.statistics import holm
from zoo.errors import ZooError, nearest
from zoo.escaping import printable
from zoo.evaluation.metrics import wilson_interval
from zoo.text_table import align_columns

if TYPE_CHECKING:
    from zoo.datasets import Dataset, Split

MOST_SLICES = 50
_VALUES = 10  # a column of more different numbers is cut at its quartiles
LEVEL = 0.05


def evaluate_slices(probabilities: np.ndarray, split: "Split", dataset: "Dataset", slice_by: str) -> dict:
    """Accuracy in each slice of a split, and whether the worst one is worse than the other rows.

    Each slice is tested against all other rows by Fisher's exact test, mid-p (Lydersen, Fagerland & Laake 2009), with
    Holm's correction for as many slices as there are.

    Args:
      probabilities: float32[examples, num_classes], predicted for the split.
      split: of the dataset.
      dataset: what the split is of.
      slice_by: label; length, of texts in characters; or a column of the user's table, a feature or not. Columns of
        more than ten different numbers, and lengths, are cut at their quartiles.

    Returns:
      {"by", "n", "slices": [{"slice", "n", "accuracy", "interval" of Wilson, "p"}], "worst", "worse": whether the test
      tells the worst slice from the rest}.

    Raises:
      ZooError: there is nothing of that name to slice by, or it has too many values.
    """
    names, slice_of_row = _assign(split, dataset, slice_by)
    correct = probabilities.argmax(axis=1) == split.labels
    totals = np.bincount(slice_of_row, minlength=len(names))
    right = np.bincount(slice_of_row, weights=correct, minlength=len(names)).astype(int)
    p_values = _against_the_rest(right, totals)
    slices = [
        {"slice": name, "n": int(n), "accuracy": int(k) / int(n), "interval": wilson_interval(int(k), int(n)), "p": p}
        for name, n, k, p in zip(names, totals, right, p_values, strict=True)
        if n
    ]
    worst = min(slices, key=lambda one: one["accuracy"])
    worse = worst["p"] < LEVEL and worst["accuracy"] < correct.mean()
    return {"by": slice_by, "n": len(correct), "slices": slices, "worst": worst["slice"], "worse": bool(worse)}


def _against_the_rest(right: np.ndarray, totals: np.ndarray) -> list[float]:
    """Holm-corrected p-values, one a slice; an empty slice is not tested."""
    from scipy import stats

    p_values = np.ones(len(totals))
    tested = np.flatnonzero(totals)
    draws = stats.hypergeom(totals.sum(), right.sum(), totals[tested])  # of right rows in a slice cut by lot
    found = right[tested]
    smaller_tail = np.minimum(draws.cdf(found), draws.sf(found - 1))
    p_values[tested] = holm(np.minimum(2 * smaller_tail - draws.pmf(found), 1))
    return p_values.tolist()


def _assign(split: "Split", dataset: "Dataset", slice_by: str) -> tuple[list[str], np.ndarray]:
    """Names of the slices and int[examples], the slice of each row."""
    if slice_by == "label":
        return list(dataset.info.label_names), split.labels
    if slice_by == "length" and dataset.info.kind == "text":
        return _quartiles(np.array([len(text) for text in split.features], float), "characters")
    if dataset.info.name == "csv":
        return _by_value(_column(Path(dataset.report["origin"]), split.ids, slice_by), slice_by)
    known = ["label", *(["length"] if dataset.info.kind == "text" else [])]
    raise ZooError(
        f"--slice_by={slice_by}: {dataset.info.name} can be sliced by {' or '.join(known)}; csv data by any column"
    )


def _column(file: Path, ids: np.ndarray, name: str) -> list[str]:
    """The cells of a column of the user's table, in the lines that `ids` names."""
    from zoo.datasets.own_texts import read_rows

    rows = dict(read_rows(file))
    header = [cell.strip() for cell in next(iter(rows.values()))]
    if name not in header:
        raise ZooError(f"--slice_by={name}: {file} has no such column; {nearest(name, {'label', *header})}")
    column = header.index(name)
    return [rows[int(line)][column].strip() for line in ids]


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
    rows = [("slice", "rows", "accuracy", "95 % interval", "p against the rest")]
    for one in slices["slices"]:
        low, high = one["interval"]
        p = "< 0.001" if one["p"] < 0.001 else f"{one['p']:.3f}"
        rows.append((one["slice"], f"{one['n']:,}", f"{one['accuracy']:.4f}", f"{low:.4f} to {high:.4f}", p))
    count = len(slices["slices"])
    worst = next(one for one in slices["slices"] if one["slice"] == slices["worst"])
    if slices["worse"]:
        verdict = f"worse than the rest (p = {worst['p']:.2g} after Holm's correction for {count} slices)"
    else:
        verdict = (
            f"not distinguishable from the rest after Holm's correction for {count} slices: of so many, one is always "
            "lowest by chance"
        )
    by, lowest = printable(slices["by"]), printable(worst["slice"])
    return f"by {by}:\n{align_columns(rows)}\n\nworst slice: {lowest}, {verdict}"
