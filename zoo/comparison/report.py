"""The comparison as one HTML file that opens offline."""

import base64
import collections
import dataclasses
import datetime
import hashlib
import json
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zoo.comparison import curves, disagreements, table
from zoo.comparison.table import Result
from zoo.errors import ZooError

MAXIMUM_BYTES = 5_000_000
_DETAILED_MODELS = 6
_DETAILED_CLASSES = 20
_COMPARED_WITH_BEST = 3
_DETAIL_BYTES = 3_000_000  # of charts and pictures; the plotting library takes 0.9 MB, tables get the rest
_COSTS = {
    "parameters": "parameters",
    "flops": "FLOPs an example",
    "size_mib": "size on disk, MiB",
    "latency_ms": "latency, ms",
    "seconds": "seconds of training",
}
_PAGE = pathlib.Path(__file__).parent / "page"
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError)


@dataclasses.dataclass
class _Model:
    """A row of the table with the runs behind it, as the charts show it."""

    name: str
    row: dict[str, Any]
    results: list[Result]
    settings: str = ""  # by which it differs from others of its name
    colour: str | None = None
    histories: list[dict[str, np.ndarray]] = dataclasses.field(default_factory=list)
    predictions: list[disagreements.Predictions] = dataclasses.field(default_factory=list)


def html_page(
    results: Sequence[Result],
    notices: Sequence[str],
    columns: Sequence[str],
    compare: Callable[[Sequence[Result]], list[list[dict[str, Any]]]] = table.compare,
) -> str:
    """The page; says on stderr what takes long.

    Args:
      results: of `table.read_results`.
      notices: lines on what was left out.
      columns: of the table, some of COLUMNS.
      compare: results of one test set → its table, or none.

    Raises:
      ZooError: a package is missing, there is no such column, or no row is left.
    """
    try:
        import jinja2

        from zoo.comparison import charts
    except ModuleNotFoundError as error:
        raise ZooError(f"--format=html needs the package {error.name}: pip install 'keras-model-zoo[report]'") from None
    table.render([], columns, "csv")  # a wrong column is refused here
    of_test = collections.defaultdict(list)
    for result in results:
        of_test[result.test_digest].append(result)
    compared = [(group, rows) for group in of_test.values() for rows in compare(group)]
    if not compared:
        raise ZooError("no row is left to compare; ask for less with --where")
    sections = []
    for number, (group, rows) in enumerate(compared, start=1):
        print(f"report: {group[0].record['dataset']}, {len(group)} runs ({number} of {len(compared)})", file=sys.stderr)
        room = _DETAIL_BYTES - sum(section["bytes"] for section in sections)
        sections.append(_section(f"test-{number}", group, rows, columns, room))
    scripts = [charts.javascript(), (_PAGE / "report.js").read_text(encoding="utf-8")]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    page = environment.get_template("report.html").render(
        sections=sections,
        notices=notices,
        runs=len(results),
        created=datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        scripts=scripts,
        # These two scripts run and no other, whatever a name may hold; nothing is loaded from anywhere.
        script_sources=" ".join(map(_source_of_policy, scripts)),
    )
    size = len(page.encode())
    if size > MAXIMUM_BYTES:
        print(f"notice: the report has {size / 1e6:.1f} MB; fewer --models make it smaller", file=sys.stderr)
    return page


def _section(identity: str, results: list[Result], rows: list[dict], columns: Sequence[str], room: int) -> dict:
    """All that the page says of one test set; charts and pictures take no more than `room` bytes."""
    from zoo.comparison import charts

    models = _models(rows, results)
    detailed = sorted(models, key=lambda model: -model.row["accuracy"])[:_DETAILED_MODELS]
    for model, colour in zip(detailed, charts.COLOURS, strict=False):
        model.colour = colour
    first = results[0]
    section = {
        "id": identity,
        "dataset": first.record["dataset"],
        "data_digest": first.record["data_digest"],
        "rows": first.figures["n"],
        "classes": len(first.run.label_names),
        "columns": [_column(name, rows) for name in columns],
        "models": models,
        "detailed": detailed,
        "costs": _cost_charts(models),
        "notices": [],
    }
    section["table"] = [[_cell(name, model.row[name]) for name in columns] for model in models]
    section["bytes"] = _size(section["costs"])
    details = _details(detailed, first.run.label_names, section["notices"])
    if section["bytes"] + _size(details) > room:
        details = _no_details()
        section["notices"].append("Curves and examples of this test set are left out, to keep the file under 5 MB.")
    section["bytes"] += _size(details)
    return section | details


def _models(rows: list[dict], results: list[Result]) -> list[_Model]:
    groups = collections.defaultdict(list)
    for result in results:
        groups[result.config_digest].append(result)
    counts = collections.Counter(row["model"] for row in rows)
    models = []
    for row in rows:
        name = row["model"] if counts[row["model"]] == 1 else f"{row['model']}@{row['config']}"
        models.append(_Model(name, row, sorted(groups[row["config"]], key=lambda result: result.record["seed"])))
    for name, count in counts.items():
        if count > 1:
            _tell_apart([model for model in models if model.row["model"] == name])
    return models


def _tell_apart(models: list[_Model]) -> None:
    """Give each model those values of its config that not all of them have."""
    from ruamel.yaml import YAML

    def leaves(values, prefix=""):
        for key, value in values.items():
            if isinstance(value, dict) and value:
                yield from leaves(value, f"{prefix}{key}.")
            else:
                yield f"{prefix}{key}", value

    configs = []
    for model in models:
        text = (model.results[0].run.path / "config.yaml").read_text(encoding="utf-8")
        configs.append(dict(leaves(YAML(typ="safe", pure=True).load(text) | {"claim": None})))
    keys = dict.fromkeys(key for config in configs for key in config if key != "training.seed")
    differing = [key for key in keys if any(config.get(key) != configs[0].get(key) for config in configs)]
    for model, config in zip(models, configs, strict=True):
        model.settings = ", ".join(f"{key}={config[key]}" for key in differing if key in config)


def _column(name: str, rows: list[dict]) -> dict[str, Any]:
    values = [row[name] for row in rows]
    numeric = any(isinstance(value, int | float | list | tuple) for value in values)
    wordy = any(isinstance(value, str) and " " in value for value in values)
    return {
        "name": name,
        "title": name.replace("_", " "),
        "style": "model" if name == "model" else "number" if numeric else "words" if wordy else "",
        "sorted": "descending" if name == "accuracy" and values == sorted(values, reverse=True) else "none",
    }


def _cell(column: str, value: Any) -> dict[str, Any]:
    """The text of a cell, and what it sorts by."""
    key = value[0] if isinstance(value, list | tuple) else value
    return {"text": table.cell(column, value), "key": "" if key is None else key}


def _cost_charts(models: list[_Model]) -> list[dict]:
    from zoo.comparison import charts

    rows = []
    for model in models:
        low, high = model.row["interval"] or model.row["test_interval"]
        costs = {column: model.row.get(column) for column in _COSTS}
        rows.append({"model": model.name, "accuracy": model.row["accuracy"], "low": low, "high": high} | costs)
    colours = {model.name: model.colour for model in models if model.colour}
    drawn = [(title, charts.cost(rows, column, title, colours)) for column, title in _COSTS.items()]
    return [{"title": f"Accuracy against {title}", "spec": spec} for title, spec in drawn if spec]


def _no_details() -> dict[str, Any]:
    return {"learning": [], "confusion": [], "reliability": [], "roc": [], "shown_classes": [], "pairs": []}


def _details(models: list[_Model], label_names: Sequence[str], notices: list[str]) -> dict[str, Any]:
    """Curves, matrices and disagreements of few models; what cannot be read is said in `notices`."""
    from zoo.comparison import charts

    for model in models:
        _read(model, notices)
    colours = {model.name: model.colour for model in models}
    learned = [{"model": m.name} | row for m in models for row in curves.learning_curves(m.histories)]
    learning = [(metric, charts.learning(learned, metric, colours)) for metric in ("accuracy", "loss")]
    details = _no_details()
    details["learning"] = [{"title": metric.capitalize(), "spec": spec} for metric, spec in learning if spec]
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
        details["confusion"].append({"title": model.name, "spec": charts.confusion(counts, names)})
        details["reliability"].append({"title": model.name, "spec": charts.reliability(bins, model.colour)})
        for number, (area, points) in curves.roc_curves(labels, probabilities, classes).items():
            name = charts.MEAN_OF_CLASSES if number is None else label_names[number]
            roc.append({"model": model.name, "class": name, "area": area, "points": points.tolist()})
    if roc:
        details["shown_classes"] = list(dict.fromkeys(row["class"] for row in reversed(roc)))
        details["shown_classes"].sort(key=lambda name: name != charts.MEAN_OF_CLASSES)
        details["roc"] = [
            {"title": title, "spec": charts.roc(roc, colours, logarithmic)}
            for title, logarithmic in (("ROC", False), ("ROC, few false positives", True))
        ]
    details["pairs"] = _pairs(models, label_names, notices)
    return details


def _read(model: _Model, notices: list[str]) -> None:
    """Histories and predictions of the seeds, where they can be read."""
    from zoo.evaluation.figures import read_history

    for result in model.results:
        path = result.run.path
        try:
            history = read_history(path / "history.csv")
            if not np.isfinite(history["epoch"]).all():
                raise ValueError("an epoch is no number")
            model.histories.append(history)
        except _UNREADABLE as error:
            notices.append(f"{path}: no learning curve, history.csv cannot be read ({type(error).__name__})")
        with np.load(path / "predictions.npz") as stored:
            model.predictions.append(
                disagreements.Predictions(*(stored[name] for name in ("ids", "labels", "probabilities")))
            )


def _hardest_classes(predictions: list[disagreements.Predictions], num_classes: int) -> list[int]:
    """The classes with the most mistakes, in their own order."""
    wrong = [part.labels[part.predicted != part.labels] for part in predictions]
    mistakes = np.bincount(np.concatenate(wrong), minlength=num_classes)
    return sorted(np.argsort(-mistakes, kind="stable")[:_DETAILED_CLASSES].tolist())


def _pairs(models: list[_Model], label_names: Sequence[str], notices: list[str]) -> list[dict]:
    """The best model against the next ones, each by its seed that is best on validation."""
    colours = {model.name: model.colour for model in models}
    chosen = [_best_seed(model) for model in models[: 1 + _COMPARED_WITH_BEST]]
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


def _best_seed(model: _Model) -> tuple[Result, disagreements.Predictions]:
    def validation_accuracy(pair):
        return pair[0].run.results.get("validation", {}).get("accuracy", {}).get("value") or 0.0

    return max(zip(model.results, model.predictions, strict=True), key=validation_accuracy)


def _source_of_policy(script: str) -> str:
    """How a content security policy names an inline script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _size(value: Any) -> int:
    return len(json.dumps(value, default=str))
