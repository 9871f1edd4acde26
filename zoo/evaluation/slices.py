"""The figures group by group: for which rows a model is worse, and whom it selects.

Groups are the values of a column. What differs between them is a fact about these rows and this model; a test says
whether chance could have made it. Neither says why, and equal figures do not make a model fair.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.datasets.sequences import lengths
from zoo.drawing.groups import LEVEL, RATES, save_groups
from zoo.errors import ZooError, nearest
from zoo.escaping import printable, tell
from zoo.measures.classes import wilson_interval
from zoo.measures.statistics import are_right_or_wrong, headline_interval, holm
from zoo.runs import Run
from zoo.tasks import Task
from zoo.tasks.catalog import get_task
from zoo.text_table import align_columns, p_text

if TYPE_CHECKING:
    from zoo.datasets import Dataset, Split

FILE = "slices.json"
MOST_SLICES = 50
FEW_ROWS = 30
PERMUTATIONS = 999
_VALUES = 10  # a column of more different numbers is cut at its quartiles


def evaluate_slices(
    task: Task,
    answers: np.ndarray,
    split: "Split",
    dataset: "Dataset",
    labels: dict[str, Any],
    columns: Sequence[str],
) -> list[dict]:
    """The headline in each group of rows, and of two classes whom the model selects, with intervals and tests.

    Each figure of each group is tested against that of all other rows: shares by Fisher's exact test, mid-p
    (Lydersen, Fagerland & Laake 2009), scores that are not 0 or 1 by Welch's t-test, a headline that is no mean over
    rows by a permutation test. Holm's correction is for all these tests together, of all columns and figures; what two
    groups have against each other is one test.

    Args:
        task: what the model is asked.
        answers: to the rows of the split.
        split: of the dataset.
        dataset: what the split is of; its columns are in the order of the split's features.
        labels: those of the model.
        columns: each label; length, of texts in characters, of sequences in steps; or a column of the data, of the
            user's table a feature or not. Columns of more than ten different numbers, and lengths, are cut at their
            quartiles.

    Returns:
        For each column {"task", "by", "n", "selected": the class that counts as selected, or None, "tests": of the
        correction, "slices", "worst", "worse"}. A slice has {"slice", "n", "few": under `FEW_ROWS` rows, the headline,
        "interval", "p"}, and of two classes, where there are rows to count, `RATES`, each {"value", "interval":
        Wilson's, "n", "p"}. "worse" is whether the test tells the worst slice from the rest.

    Raises:
        ZooError: there is nothing of that name to slice by, it has too many values, or the task has no score a row.
    """
    scores, headline = task.scores(answers, split.targets, labels), task.headline
    if scores is None:
        raise ZooError(f"--slice_by={columns[0]}: {task.words} has no score a row, which slices are judged by")
    found = [_column_slices(task, answers, split, dataset, labels, column) for column in columns]
    tests = [test for one in found for test in one.pop("_tests")]
    for test, p in zip(tests, holm([test["p"] for test in tests]), strict=True):
        test["p"] = p
    whole = headline.goodness(float(task.headline_of(scores.mean())))
    for one in found:
        one["tests"] = len(tests)
        for group in one["slices"]:
            group["p"] = group["p"]["p"]
            for rate in RATES:
                if rate in group:
                    group[rate]["p"] = group[rate]["p"]["p"]
        worst = min(one["slices"], key=lambda group: headline.goodness(group[headline.name]))
        one["worst"] = worst["slice"]
        one["worse"] = bool(worst["p"] < LEVEL and headline.goodness(worst[headline.name]) < whole)
    return found


def _column_slices(
    task: Task, answers, split: "Split", dataset: "Dataset", labels: dict, column: str
) -> dict[str, Any]:
    """Of one column; each "p" is still a dict that the correction changes, and `_tests` has all of them."""
    names, slice_of_row = _assign(split, dataset, column)
    numbers = np.unique(slice_of_row)
    chosen = None if column == "label" else task.selection(answers, split.targets, labels)
    slices, tests = [], []

    def tested(key: str, p: float | None) -> dict[str, float]:
        """Of two groups the second's test is the first's."""
        first = slices[0] if len(numbers) == 2 and slices else None
        known = first and (first["p"] if key == "p" else first.get(key, {}).get("p"))
        if known:
            return known
        tests.append({"p": p})
        return tests[-1]

    for number in numbers:
        inside = slice_of_row == number
        scores = task.scores(answers[inside], split.targets[inside], labels)
        interval = headline_interval(scores[None], task.headline_of)
        group = {"slice": names[number], "n": int(inside.sum()), "few": bool(inside.sum() < FEW_ROWS)}
        group |= {
            task.headline.name: float(task.headline_of(scores.mean())),
            "interval": list(task.headline.within(interval)),
            "p": tested("p", _headline_p(task, answers, split.targets, labels, inside)),
        }
        if chosen:
            for rate, (selected, among) in _rates(*chosen[:2]).items():
                of_group, of_rest = (
                    (int((selected & part).sum()), int((among & part).sum())) for part in (inside, ~inside)
                )
                if of_group[1]:
                    value, interval = of_group[0] / of_group[1], wilson_interval(*of_group)
                    p = tested(rate, _shares_p(*of_group, *of_rest))
                    group[rate] = {"value": value, "interval": interval, "n": of_group[1], "p": p}
        slices.append(group)
    selected = chosen[2] if chosen else None
    return {
        "task": task.name, "by": column, "n": len(split), "selected": selected, "slices": slices, "_tests": tests,
    }  # fmt: skip


def _rates(selected: np.ndarray, true: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Of each rate, which rows count, and among which."""
    return {
        "selection_rate": (selected, np.ones_like(selected)),
        "true_positive_rate": (selected & true, true),
        "false_positive_rate": (selected & ~true, ~true),
    }


def _headline_p(task: Task, answers: np.ndarray, targets: np.ndarray, labels: dict, inside: np.ndarray) -> float:
    """Whether a group has another headline than the rest; 1 where there is no rest.

    Where the headline is no mean over rows, in a small group little is known of its spread. There the group is compared
    with random groups of its size (a permutation test).
    """
    if inside.all():
        return 1.0

    def scores(rows: np.ndarray) -> np.ndarray:
        return task.scores(answers[rows], targets[rows], labels)

    if task.scores_by_row:
        return _scores_p(scores(inside), scores(~inside))
    generator = np.random.default_rng(0)

    def distance(rows: np.ndarray) -> float:
        return abs(float(task.headline_of(scores(rows).mean())) - float(task.headline_of(scores(~rows).mean())))

    found = distance(inside) - 1e-12
    as_far = sum(distance(generator.permutation(inside)) >= found for _ in range(PERMUTATIONS))
    return (1 + as_far) / (1 + PERMUTATIONS)


def _scores_p(inside: np.ndarray, rest: np.ndarray) -> float:
    """Whether rows of a group have other scores than the rest; 1 where either is one row alone."""
    from scipy import stats

    if are_right_or_wrong(inside) and are_right_or_wrong(rest):
        return _shares_p(int(inside.sum()), len(inside), int(rest.sum()), len(rest))
    if min(len(inside), len(rest)) < 2:
        return 1.0
    return float(np.nan_to_num(stats.ttest_ind(inside, rest, equal_var=False).pvalue, nan=1.0))


def _shares_p(count: int, rows: int, other_count: int, other_rows: int) -> float:
    """Fisher's exact test of two shares, two-sided, mid-p."""
    from scipy import stats

    draws = stats.hypergeom(rows + other_rows, count + other_count, rows)
    smaller_tail = min(draws.cdf(count), draws.sf(count - 1))
    return float(min(2 * smaller_tail - draws.pmf(count), 1))


def _assign(split: "Split", dataset: "Dataset", slice_by: str) -> tuple[list[str], np.ndarray]:
    """Names of the slices and int[examples], the slice of each row."""
    info, one_target = dataset.info, split.targets is not None and split.targets.ndim == 1
    if slice_by == "label" and info.label_names and one_target:
        return list(info.label_names), split.targets
    if slice_by in ("label", "target") and one_target and not info.label_names:
        return _quartiles(split.targets.astype(float), info.unit or info.target_name)
    if slice_by == "length" and info.kind == "text":
        return _quartiles(np.array([len(text) for text in split.features], float), "characters")
    if dataset.schema and slice_by in dataset.schema.names:
        return _by_value(dataset.schema.written(split.features, slice_by), slice_by)
    if info.name == "csv" and Path(dataset.report["origin"]).is_file():
        return _by_value(_cells_of_file(Path(dataset.report["origin"]), split.ids, slice_by), slice_by)
    if slice_by == "length" and info.kind == "sequence":
        return _quartiles(lengths(split.features).astype(float), "steps")
    known = [*(["label"] if one_target else []), *(["length"] if info.kind in ("text", "sequence") else [])]
    of_rows = () if info.kind == "sequence" else dataset.feature_names or ()  # a channel has many values a row
    names = list(dataset.schema.names if dataset.schema else of_rows)
    if slice_by not in names:
        if names:
            raise ZooError(
                f"--slice_by={slice_by}: {info.name} has no such column; {nearest(slice_by, [*known, *names])}"
            )
        raise ZooError(
            f"--slice_by={slice_by}: {info.name} can be sliced by {' or '.join(known)}; csv data by any column"
        )
    return _by_value([f"{value:g}" for value in split.features[:, names.index(slice_by)]], slice_by)


def _cells_of_file(file: Path, ids: np.ndarray, name: str) -> list[str]:
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
    filled = np.array([bool(cell) for cell in cells])
    try:
        numbers = np.array([float(cell) for cell in cells if cell])
    except ValueError:
        numbers = None
    if numbers is not None and len(numbers) and np.isfinite(numbers).all():
        if len(values) > _VALUES:
            named, of_filled = _quartiles(numbers, name)
            slice_of_row = np.full(len(cells), len(named))
            slice_of_row[filled] = of_filled
            return [*named, "(empty)"], slice_of_row
        values.sort(key=lambda value: float(value or "-inf"))
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


def write_slices(run: Run, slices: list[dict], split_name: str, data_digest: str) -> None:
    """Keep slices of a split in the run's folder, with their picture; a line says so where it cannot be written."""
    try:
        run.write_json(FILE, {"split": split_name, "data_digest": data_digest, "columns": slices})
        save_groups(slices, run.path / "slices.png", get_task(slices[0]["task"]).headline)
    except OSError as error:
        tell(f"{run.path / FILE}: cannot be written ({error.strerror}); give --output=FOLDER to keep the slices")


def slices_table(slices: dict) -> str:
    """What `evaluate_slices` returned of a column, for people, with what may be said of the worst slice."""
    headline, groups = get_task(slices["task"]).headline, slices["slices"]
    rates = [rate for rate in RATES if any(rate in group for group in groups)]
    rows = [("slice", "rows", headline.words, "95 % interval", "p against the rest")]
    for one in groups:
        value, interval = headline.text(one[headline.name]), headline.interval_text(one["interval"])
        rows.append((one["slice"], f"{one['n']:,}", value, interval, p_text(one["p"])))
    lines = [f"by {printable(slices['by'])}:", align_columns(rows)]
    if rates:
        lines += ["", f"selected is {printable(slices['selected'])}:"]
        rows = [("slice", *(cell for rate in rates for cell in (RATES[rate], "95 % interval", "of", "p")))]
        rows += [(one["slice"], *(cell for rate in rates for cell in _rate_cells(one.get(rate)))) for one in groups]
        lines.append(align_columns(rows))
    worst = next(one for one in groups if one["slice"] == slices["worst"])
    tests = f"Holm's correction for {slices['tests']} tests"
    if slices["worse"]:
        verdict = f"worse than the rest (p = {worst['p']:.2g} after {tests})"
    else:
        verdict = f"not distinguishable from the rest after {tests}: of so many, one is always worst by chance"
    lines += ["", f"worst slice: {printable(worst['slice'])}, {verdict}"]
    if few := [printable(one["slice"]) for one in groups if one["few"]]:
        lines.append(f"fewer than {FEW_ROWS} rows, of which little can be said: {', '.join(few)}")
    counted = [
        f"{RATES[rate]} of {printable(one['slice'])}"
        for one in groups
        for rate in rates
        if not one["few"] and one.get(rate, {"n": 0})["n"] < FEW_ROWS
    ]
    if counted:
        lines.append(f"counted among fewer than {FEW_ROWS} rows: {', '.join(counted)}")
    if rates:
        lines.append(caution(slices))
    return "\n".join(lines)


def caution(slices: dict) -> str:
    """What rates of groups say, and what they do not."""
    differing = [
        f"{RATES[rate]} of {printable(one['slice'])}"
        for one in slices["slices"]
        for rate in RATES
        if rate in one and one[rate]["p"] < LEVEL
    ]
    found = f"told from the rest: {', '.join(differing)}" if differing else "no rate is told from the rest"
    return f"{found}. A difference does not say why, and equal rates would not make the model fair."


def _rate_cells(rate: dict | None) -> tuple[str, str, str, str]:
    if rate is None:
        return "", "", "0", ""
    low, high = rate["interval"]
    return f"{rate['value']:.4f}", f"{low:.4f} to {high:.4f}", f"{rate['n']:,}", p_text(rate["p"])
