"""What the report draws and shows of a test set beside its table."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.comparison import charts, curves, disagreements
from zoo.comparison.contenders import Contender
from zoo.errors import ZooError
from zoo.escaping import tell

_CLASSES = 20
_COMPARED_WITH_BEST = 3
_COSTS = {
    "parameters": "parameters",
    "flops": "FLOPs an example",
    "size_mib": "size on disk, MiB",
    "latency_ms": "latency, ms",
    "seconds": "seconds of training",
}


def cost_charts(models: list[Contender]) -> list[dict]:
    """Charts {"title", "spec"} of accuracy against each cost that two or more models have."""
    rows = []
    for model in models:
        low, high = model.row["interval"] or model.row["test_interval"]
        costs = {column: model.row.get(column) for column in _COSTS}
        interval = {"low": max(low, 0.0), "high": min(high, 1.0)}  # Student's t of few seeds knows no bounds
        rows.append({"model": model.name, "accuracy": model.row["accuracy"]} | interval | costs)
    colours = {model.name: model.colour for model in models if model.colour}
    drawn = [(title, charts.cost(rows, column, title, colours)) for column, title in _COSTS.items()]
    return [{"title": f"Accuracy against {title}", "spec": spec} for title, spec in drawn if spec]


def no_details() -> dict[str, Any]:
    """What `details` gives where there is nothing to draw."""
    return {"learning": [], "confusion": [], "reliability": [], "roc": [], "shown_classes": [], "pairs": []}


def details(models: list[Contender], label_names: Sequence[str], notices: list[str]) -> dict[str, Any]:
    """Curves, matrices and disagreements of few models; what cannot be read is said in `notices`."""
    for model in models:
        notices += model.read()
    colours = {model.name: model.colour for model in models}
    learned = [{"model": m.name} | row for m in models for row in curves.learning_curves(m.histories)]
    learning = [(metric, charts.learning(learned, metric, colours)) for metric in ("accuracy", "loss")]
    drawn = no_details()
    drawn["learning"] = [{"title": metric.capitalize(), "spec": spec} for metric, spec in learning if spec]
    labels = models[0].predictions[0].labels
    classes = _hardest_classes(models[0].predictions, len(label_names))
    if len(classes) < len(label_names):
        notices.append(
            f"Of {len(label_names)} classes, the {len(classes)} with the most mistakes of {models[0].name} are drawn."
        )
    names = [label_names[number] for number in classes]
    roc = []
    for model in models:
        probabilities = [part.probabilities for part in model.predictions]
        counts = curves.confusion(labels, probabilities, classes)
        bins = curves.reliability(labels, probabilities)
        drawn["confusion"].append({"title": model.name, "spec": charts.confusion(counts, names)})
        drawn["reliability"].append({"title": model.name, "spec": charts.reliability(bins, model.colour)})
        for number, (area, points) in curves.roc_curves(labels, probabilities, classes).items():
            name = charts.MEAN_OF_CLASSES if number is None else label_names[number]
            roc.append({"model": model.name, "class": name, "area": area, "points": points.tolist()})
    if roc:
        with_curve = {row["class"] for row in roc}
        drawn["shown_classes"] = [name for name in (charts.MEAN_OF_CLASSES, *names) if name in with_curve]
        drawn["roc"] = [
            {"title": title, "spec": charts.roc(roc, colours, logarithmic)}
            for title, logarithmic in (("ROC", False), ("ROC, few false positives", True))
        ]
    drawn["pairs"] = _pairs(models, label_names, notices)
    return drawn


def _hardest_classes(predictions: list[disagreements.Predictions], num_classes: int) -> list[int]:
    """The classes with the most mistakes, in their own order."""
    wrong = [part.labels[part.predicted != part.labels] for part in predictions]
    mistakes = np.bincount(np.concatenate(wrong), minlength=num_classes)
    return sorted(np.argsort(-mistakes, kind="stable")[:_CLASSES].tolist())


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
