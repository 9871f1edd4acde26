"""Which columns a model rests on: how much worse it is when the cells of one are shuffled among the rows.

Breiman (2001), Random forests; Fisher, Rudin & Dominici (2019), All models are wrong, but many are useful. It says what
this model uses, not what causes the target. Of columns that say the same, each may look dispensable.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import ZooError
from zoo.escaping import tell
from zoo.measures.statistics import paired_headline_interval
from zoo.registry import TABLES, plural
from zoo.runs import Run
from zoo.tasks.catalog import get_task
from zoo.text_table import align_columns

if TYPE_CHECKING:
    from zoo.datasets import Split
    from zoo.datasets.on_disk import Features
    from zoo.loading import LoadedModel

FILE = "importance.json"
REPEATS = 5
MOST_ROWS = 5_000
_SHOWN = 30


def permutation_importance(
    loaded_model: "LoadedModel", answers: np.ndarray, split: "Split", repeats: int = REPEATS, seed: int = 0
) -> dict[str, Any]:
    """The headline less the headline with a column shuffled, of each column; of large splits, on 5,000 of their rows.

    Intervals are of a bootstrap over rows, of the mean over `repeats` shufflings: 95 % each, of no family together.

    Args:
        loaded_model: of a table, also an exported one.
        answers: to the rows of the split.
        split: whose features are as the model reads them.
        repeats: shufflings of a column.
        seed: of the shufflings, and of the rows that are taken.

    Returns:
        {"task", "metric", "value", "rows", "repeats", "seed", "columns": [{"column", "drop": how much worse, above 0 is
        worse, "interval"}], the largest first}.

    Raises:
        ZooError: the model reads no table, or its task has no score a row.
    """
    from zoo.evaluation.attribution import column_names

    task, labels = loaded_model.task, loaded_model.labels
    if loaded_model.reads not in TABLES:
        kind = plural(loaded_model.reads)
        raise ZooError(f"--importance: {loaded_model.path} reads {kind}; it shuffles columns of tables")
    generator = np.random.default_rng(seed)
    if len(split) > MOST_ROWS:
        rows = np.sort(generator.choice(len(split), MOST_ROWS, replace=False))
        split, answers = split.take(rows), answers[rows]
    plain = task.scores(answers, split.targets, labels)
    if plain is None:
        raise ZooError(f"--importance: {task.words} has no score a row, which importance is judged by")
    sign, found = 1 if task.headline.better != "less" else -1, []
    for name, place in zip(column_names(loaded_model), _places(split.features), strict=True):
        orders = [generator.permutation(len(split)) for _ in range(repeats)]
        shuffled = np.split(loaded_model.answers(_shuffled(split.features, place, orders)), repeats)
        scores = np.stack([task.scores(each, split.targets, labels) for each in shuffled])
        drop = float(task.headline_of(plain.mean())) - float(np.mean(task.headline_of(scores.mean(axis=1))))
        ends = sorted(sign * end for end in paired_headline_interval(plain[None], scores, task.headline_of))
        found.append({"column": name, "drop": sign * drop, "interval": ends})
    found.sort(key=lambda one: -one["drop"])
    return {
        "task": task.name, "metric": task.headline.name, "value": float(task.headline_of(plain.mean())),
        "rows": len(split), "repeats": repeats, "seed": seed, "columns": found,
    }  # fmt: skip


def _places(features: "Features") -> list[tuple[str | None, int]]:
    """Each column's array and its number there, in the order of `column_names`."""
    from zoo.schema import KEYS

    if not isinstance(features, dict):
        return [(None, column) for column in range(features.shape[1])]
    return [(key, column) for key in KEYS.values() if key in features for column in range(features[key].shape[1])]


def _shuffled(features: "Features", place: tuple[str | None, int], orders: list[np.ndarray]) -> "Features":
    """The rows once for each order, one below the other, with a column in that order."""
    key, column = place

    def of_array(array: np.ndarray, is_meant: bool) -> np.ndarray:
        copies = np.concatenate([np.asarray(array[:])] * len(orders))
        if is_meant:
            copies[:, column] = np.concatenate([array[:][order, column] for order in orders])
        return copies

    if key is None:
        return of_array(features, True)
    return {name: of_array(array, name == key) for name, array in features.items()}


def write_importance(run: Run, importance: dict[str, Any]) -> None:
    """Keep it in the run's folder, with its picture; a line says so where it cannot be written."""
    from zoo.drawing.groups import save_importance

    try:
        run.write_json(FILE, importance)
        save_importance(importance, run.path / "importance.png", get_task(importance["task"]).headline)
    except OSError as error:
        tell(f"{run.path / FILE}: cannot be written ({error.strerror}); give --output=FOLDER to keep it")


def importance_table(importance: dict[str, Any]) -> str:
    """What `permutation_importance` returned, for people."""
    headline = get_task(importance["task"]).headline
    rows = [("column", f"{headline.words} lost", "95 % interval")]
    for one in importance["columns"][:_SHOWN]:
        low, high = one["interval"]
        sure = "" if low > 0 else "  not told from nothing"
        rows.append((one["column"], headline.text(one["drop"]), f"{low:.4f} to {high:.4f}{sure}"))
    left_out = len(importance["columns"]) - _SHOWN
    more = f"\n{left_out:,} columns that matter less are not shown; --json shows all" if left_out > 0 else ""
    return (
        f"when a column is shuffled ({importance['repeats']} times, {importance['rows']:,} rows), of {headline.words} "
        f"{headline.text(importance['value'])}:\n{align_columns(rows)}{more}\n"
        "Of columns that say the same, each may look dispensable. It is what the model uses, not what causes anything."
    )
