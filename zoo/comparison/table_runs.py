"""What the report shows of runs of tables that were looked into: columns that models use, and groups of rows.

It comes from the files that `evaluate.py --importance` and `--slice_by` left in a run's folder.
"""

from typing import Any

from zoo.comparison import card_groups, charts
from zoo.comparison.contenders import Contender
from zoo.errors import ZooError
from zoo.evaluation import importance, slices
from zoo.run_files import Importance, Slices
from zoo.tasks import Task

_MOST_COLUMNS = 20  # in a chart


def looked_into(models: list[Contender], task: Task, notices: list[str]) -> dict[str, Any]:
    """Of each model's seed that is best on validation, or else of the first seed that has the file.

    Returns:
        {"importance": charts {"title", "colour", "note", "spec"}, "groups": tables {"model", "colour", "seed", "split",
        "by", "header", "rows", "says"}}. What cannot be read gets a line in `notices`.
    """
    found = {"importance": [], "groups": []}
    for model in models:
        for run, seed, record in _files(model, importance.FILE, Importance, notices):
            if record["metric"] != task.headline.name:
                notices.append(f"{run.path / importance.FILE}: left out, it is of {record['metric']}")
                continue
            found["importance"].append(_importance(model, seed, record, task))
        for run, seed, record in _files(model, slices.FILE, Slices, notices):
            try:
                found["groups"] += [_groups(model, seed, record["split"], column) for column in record["columns"]]
            except (ZooError, KeyError, TypeError, ValueError) as error:
                notices.append(f"{run.path / slices.FILE}: left out, damaged ({error}); evaluate it again")
    return found


def _files(model: Contender, name: str, kind: type, notices: list[str]):
    """The file of one seed: a list of none or one (run, seed, content)."""
    best = model.best_seed()[0]
    having = [result for result in [best, *model.results] if (result.run.path / name).exists()]
    try:
        return [(each.run, each.record["seed"], each.run.read_json(name, kind)) for each in having[:1]]
    except ZooError as error:
        notices.append(f"left out: {error}")
        return []


def _importance(model: Contender, seed: int, record: dict[str, Any], task: Task) -> dict[str, Any]:
    rows = [
        {"column": one["column"], "drop": one["drop"], "low": one["interval"][0], "high": one["interval"][1]}
        for one in record["columns"][:_MOST_COLUMNS]
    ]
    more = len(record["columns"]) - len(rows)
    note = f"seed {seed}, {record['rows']:,} rows, {record['repeats']} times" + (
        f"; {more:,} columns that matter less are not drawn" if more > 0 else ""
    )
    spec = charts.importance(rows, task.headline, model.colour)
    return {"title": model.name, "colour": model.colour, "note": note, "spec": spec}


def _groups(model: Contender, seed: int, split: str, column: dict[str, Any]) -> dict[str, Any]:
    header, *rows = card_groups.figures_of(column)
    return {
        "model": model.name, "colour": model.colour, "seed": seed, "split": split, "by": column["by"],
        "tests": column["tests"], "header": header, "rows": rows,
        "says": slices.caution(column) if column["selected"] else "",
    }  # fmt: skip
