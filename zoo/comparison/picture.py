"""The comparison as one PNG: ranks with their ties, and the headline against each cost with its Pareto front."""

import pathlib
import re
from collections.abc import Sequence
from typing import Any

from zoo.comparison.rendering import task_of
from zoo.comparison.table import Result, cell
from zoo.errors import ZooError
from zoo.tasks import Task

_STYLE = pathlib.Path(__file__).parent / "page" / "report.css"
_COSTS = ("parameters", "latency_ms", "seconds")
_WIDTH, _HEIGHT, _SCALE = 860, 210, 2


def png(results: Sequence[Result], tables: Sequence[Sequence[dict[str, Any]]]) -> bytes:
    """A PNG file of all tables, one below the other.

    Args:
        results: of `table.read_results`.
        tables: what `table.compare` made of them.

    Raises:
        ZooError: a package is missing.
    """
    try:
        import vl_convert

        from zoo.comparison import charts  # noqa: F401
    except ModuleNotFoundError as error:
        raise ZooError(f"--format=png needs the package {error.name}: pip install 'keras-model-zoo[report]'") from None
    sections = [_section(results, rows) for rows in tables]
    # One of the page's charts fades all models but the chosen one; here none is.
    whole = {"vconcat": sections, "params": [{"name": "chosen", "value": ""}], "spacing": 40, "padding": 16}
    return vl_convert.vegalite_to_png(_in_light(whole), scale=_SCALE)


def _section(results: Sequence[Result], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The charts of one test set; a point in them has the number of its row."""
    from zoo.comparison import charts
    from zoo.comparison.contenders import contenders
    from zoo.comparison.details import cost_charts

    task = task_of(rows)
    models = contenders(list(rows), list(results))
    for model, colour in zip(models, charts.COLOURS, strict=False):
        model.colour = colour
    names, drawn = [model.name for model in models], cost_charts(models, task.headline, _COSTS)
    costs = [_numbered(chart["spec"], names, _WIDTH // len(drawn) - 60) for chart in drawn]
    ranks = _inner(charts.ranks(_rank_rows(models, task), task.headline), _WIDTH - 200)
    title = {"text": f"{rows[0]['dataset']}, test {task.headline.words}", "anchor": "start", "fontSize": 15}
    return {"vconcat": [ranks, *([{"hconcat": costs}] if costs else [])], "title": title}


def _rank_rows(models, task: Task) -> list[dict[str, Any]]:
    headline = task.headline
    found = []
    for number, model in enumerate(models, start=1):
        row, value = model.row, model.row[headline.name]
        low, high = row["interval"] or row["test_interval"] or (value, value)
        rank = f", rank {cell('rank', row['rank'], task)}" if row["rank"] else ""
        found.append(
            {"model": f"{number}  {model.name}", "value": value, "low": low, "high": high, "colour": model.colour}
            | {"words": f"{headline.text(value)}{rank}"}
        )
    return found


def _numbered(spec: dict[str, Any], names: list[str], width: int) -> dict[str, Any]:
    """A chart of `charts.cost`, with its rows' numbers beside their points."""
    for row in spec["data"]["values"]:
        row["number"] = str(names.index(row["model"]) + 1)
    place = {axis: spec["layer"][-1]["encoding"][axis] for axis in ("x", "y")}
    spec["layer"].append(
        {
            "mark": {"type": "text", "dx": 9, "dy": -9, "fontSize": 11, "fill": "var(--ink)"},
            "encoding": place | {"text": {"field": "number", "type": "nominal"}},
        }
    )
    return _inner(spec, width) | {"height": _HEIGHT}


def _inner(spec: dict[str, Any], width: int) -> dict[str, Any]:
    """A chart of the page as a part of a larger one, of fixed width."""
    outer = ("$schema", "autosize", "params", "config")
    return {key: value for key, value in spec.items() if key not in outer} | {"width": width}


def _in_light(value: Any) -> Any:
    """A chart with the colours of the page's light style in place of their names."""
    colours = dict(re.findall(r"--([\w-]+): (#\w+)", _STYLE.read_text(encoding="utf-8").partition("}")[0]))

    def coloured(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: coloured(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [coloured(inner) for inner in value]
        return re.sub(r"var\(--([\w-]+)\)", lambda name: colours[name[1]], value) if isinstance(value, str) else value

    from zoo.comparison import charts

    return coloured(value | {"config": charts.CONFIG | {"background": "var(--paper)"}})
