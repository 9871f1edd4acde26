"""What the report draws and shows of a test set beside its table: learning curves, and the views of the task.

A view is a group of charts {"view", "title", "note", "charts"}; `Task.views` names those that go with a task.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zoo.comparison import charts, curves, disagreements
from zoo.comparison.contenders import Contender
from zoo.comparison.table_runs import looked_into
from zoo.errors import ZooError
from zoo.escaping import tell
from zoo.tasks import Metric, Task

_CLASSES = 20
_COMPARED_WITH_BEST = 3
_COSTS = {
    "parameters": "parameters",
    "flops": "FLOPs an example",
    "size_mib": "size on disk, MiB",
    "latency_ms": "latency, ms",
    "seconds": "seconds of training",
}


def cost_charts(models: list[Contender], headline: Metric, columns: Sequence[str] = tuple(_COSTS)) -> list[dict]:
    """Charts {"title", "spec"} of the headline against each of these costs that two or more models have."""
    rows = []
    for model in models:
        value = model.row[headline.name]
        low, high = model.row["interval"] or model.row["test_interval"] or (value, value)
        costs = {column: model.row.get(column) for column in _COSTS}
        rows.append({"model": model.name, "value": value, "low": low, "high": high} | costs)
    colours = {model.name: model.colour for model in models if model.colour}
    drawn = [(_COSTS[column], charts.cost(rows, headline, column, _COSTS[column], colours)) for column in columns]
    name = headline.words[:1].upper() + headline.words[1:]
    return [{"title": f"{name} against {title}", "spec": spec} for title, spec in drawn if spec]


def no_details() -> dict[str, Any]:
    """What `details` gives where there is nothing to draw."""
    parts = ("learning", "residuals", "confusion", "reliability", "roc", "shown_classes", "pairs", "importance",
             "groups")  # fmt: skip
    return {part: [] for part in parts}


def details(models: list[Contender], task: Task, labels: dict[str, Any], notices: list[str]) -> dict[str, Any]:
    """Learning curves of a few models and the views of their task. What cannot be read gets a line in `notices`."""
    for model in models:
        notices += model.read()
    colours, headline = {model.name: model.colour for model in models}, task.headline
    metrics = {headline.name: (headline.words, headline.better), "loss": ("loss", "less")}
    learned = [{"model": m.name} | row for m in models for row in curves.learning_curves(m.histories, list(metrics))]
    drawn = no_details()
    for metric, (words, better) in metrics.items():
        if spec := charts.learning(learned, metric, better, colours):
            drawn["learning"].append({"title": words[:1].upper() + words[1:], "spec": spec})
    for view in task.views:
        drawn |= VIEWS[view](models, labels, notices)
    return drawn | looked_into(models, task, notices)


def _classes(models: list[Contender], labels: dict[str, Any], notices: list[str] | None = None) -> list[int]:
    """The classes in which the first model makes most mistakes, in the order of their numbers."""
    names, predictions = labels["label_names"], models[0].predictions
    wrong = [part.targets[part.answers.argmax(axis=1) != part.targets] for part in predictions]
    mistakes = np.bincount(np.concatenate(wrong), minlength=len(names))
    classes = sorted(np.argsort(-mistakes, kind="stable")[:_CLASSES].tolist())
    if notices is not None and len(classes) < len(names):
        notices.append(
            f"Of {len(names)} classes, the {len(classes)} with the most mistakes of {models[0].name} are drawn."
        )
    return classes


def _confusion(models: list[Contender], labels: dict[str, Any], notices: list[str]) -> dict[str, Any]:
    classes = _classes(models, labels, notices)
    names = [labels["label_names"][number] for number in classes]
    counts = [curves.confusion(m.predictions[0].targets, _answers(m), classes) for m in models]
    return {"confusion": _charts(models, [charts.confusion(each, names) for each in counts])}


def _reliability(models: list[Contender], labels: dict[str, Any], notices: list[str]) -> dict[str, Any]:
    bins = [curves.reliability(model.predictions[0].targets, _answers(model)) for model in models]
    specs = [charts.reliability(each, model.colour) for each, model in zip(bins, models, strict=True)]
    return {"reliability": _charts(models, specs)}


def _roc(models: list[Contender], labels: dict[str, Any], notices: list[str]) -> dict[str, Any]:
    classes, label_names = _classes(models, labels), labels["label_names"]
    rows = []
    for model in models:
        targets = model.predictions[0].targets
        for number, (area, points) in curves.roc_curves(targets, _answers(model), classes).items():
            name = charts.MEAN_OF_CLASSES if number is None else label_names[number]
            rows.append({"model": model.name, "class": name, "area": area, "points": points.tolist()})
    if not rows:
        return {}
    colours, with_curve = {model.name: model.colour for model in models}, {row["class"] for row in rows}
    names = (charts.MEAN_OF_CLASSES, *(label_names[number] for number in classes))
    return {
        "shown_classes": [name for name in names if name in with_curve],
        "roc": [
            {"title": title, "spec": charts.roc(rows, colours, logarithmic)}
            for title, logarithmic in (("ROC", False), ("ROC, few false positives", True))
        ],
    }


def _residuals(models: list[Contender], labels: dict[str, Any], notices: list[str]) -> dict[str, Any]:
    """Of each model's seed that is best on validation."""
    specs = [charts.residuals(curves.residuals(m.best_seed()[1]), m.colour, labels.get("unit") or "") for m in models]
    return {"residuals": _charts(models, specs)}


def _disagreements(models: list[Contender], labels: dict[str, Any], notices: list[str]) -> dict[str, Any]:
    return {"pairs": _pairs(models, labels["label_names"], notices)}


VIEWS: dict[str, Callable[[list[Contender], dict[str, Any], list[str]], dict[str, Any]]] = {
    "roc": _roc,
    "reliability": _reliability,
    "confusion": _confusion,
    "disagreements": _disagreements,
    "residuals": _residuals,
}


def _answers(model: Contender) -> list[np.ndarray]:
    return [part.answers for part in model.predictions]


def _charts(models: list[Contender], specs: list[dict]) -> list[dict]:
    return [{"title": model.name, "spec": spec} for model, spec in zip(models, specs, strict=True)]


def _pairs(models: list[Contender], label_names: Sequence[str], notices: list[str]) -> list[dict]:
    """The best model against the next ones, each by its seed that is best on validation."""
    colours = {model.name: model.colour for model in models}
    chosen = [model.best_seed() for model in models[: 1 + _COMPARED_WITH_BEST]]
    pairs = [
        disagreements.between((models[0].name, model.name), chosen[0][1], predictions, label_names)
        for model, (_, predictions) in zip(models[1:], chosen[1:], strict=False)
    ]
    for pair, (result, _) in zip(pairs, chosen[1:], strict=True):
        pair["seeds"] = (chosen[0][0].record["seed"], result.record["seed"])
    examples = [example for pair in pairs for group in pair["groups"] for example in group["examples"]]
    shown = {}
    if examples:
        result, predictions = chosen[0]
        tell(f"report: rows on which models disagree, of {result.record['dataset']}")
        try:
            rows = sorted({example["row"] for example in examples})
            shown = disagreements.read_examples(result.run, predictions.ids, rows)
        except ZooError as error:
            notices.append(f"The rows themselves are not shown: {error}")
    for example in examples:
        example["shown"] = shown.get(example["row"], {})
        for answer in example["answers"]:
            answer["colour"] = colours[answer["model"]]
    return pairs
