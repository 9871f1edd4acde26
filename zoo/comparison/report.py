"""The comparison as one HTML file that opens offline."""

import base64
import collections
import datetime
import hashlib
import json
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

from zoo.command_words import command
from zoo.comparison import table
from zoo.comparison.reading import data_name
from zoo.comparison.rendering import shown_columns
from zoo.comparison.table import Result
from zoo.errors import ZooError
from zoo.escaping import printable, tell
from zoo.tasks import Metric, Task

MAXIMUM_BYTES = 5_000_000
_DETAILED_MODELS = 6
_DETAIL_BYTES = 3_000_000  # bytes of charts and pictures; the plotting library takes 0.9 MB, the tables the rest
_PAGE = pathlib.Path(__file__).parent / "page"


def html_page(
    results: Sequence[Result],
    notices: Sequence[str],
    columns: Sequence[str] | None,
    compare: Callable[[Sequence[Result]], list[list[dict[str, Any]]]] = table.compare,
) -> str:
    """The page. While it is made, lines on stderr say what takes long.

    Args:
        results: of `table.read_results`.
        notices: lines on what was left out.
        columns: of the tables; None: those that are shown unasked. One that is blank in all rows is left out.
        compare: results of one test set → its table, or none.

    Raises:
        ZooError: a package is missing, there is no such column, or no row is left.
    """
    try:
        import jinja2

        from zoo.comparison import charts
    except ModuleNotFoundError as error:
        raise ZooError(f"--format=html needs the package {error.name}: pip install 'keras-model-zoo[report]'") from None
    if columns is not None:
        table.check_columns(columns)
    of_test = collections.defaultdict(list)
    for result in results:
        of_test[result.test_digest].append(result)
    compared = [(group, rows) for group in of_test.values() for rows in compare(group)]
    if not compared:
        raise ZooError("no row is left to compare; ask for less with --where")
    sections = []
    for number, (group, rows) in enumerate(compared, start=1):
        tell(f"report: {data_name(group[0].record)}, {len(group)} runs ({number} of {len(compared)})")
        room = _DETAIL_BYTES - sum(section["bytes"] for section in sections)
        sections.append(_section(f"test-{number}", group, rows, columns, room))
    scripts = [charts.javascript(), (_PAGE / "report.js").read_text(encoding="utf-8")]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: printable(value) if type(value) is str else value,  # and not Markup, which is ours
    )
    page = environment.get_template("report.html").render(
        sections=sections,
        notices=notices,
        runs=len(results),
        command=command("compare"),
        created=datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        scripts=scripts,
        # Only these two scripts run, whatever text a name holds, and the page loads nothing.
        script_sources=" ".join(map(_source_of_policy, scripts)),
    )
    size = len(page.encode())
    if size > MAXIMUM_BYTES:
        print(f"notice: the report has {size / 1e6:.1f} MB; fewer --models make it smaller", file=sys.stderr)
    return page


def _section(identity: str, results: list[Result], rows: list[dict], columns: Sequence[str] | None, room: int) -> dict:
    """All that the page says of one test set; charts and pictures take no more than `room` bytes."""
    from zoo.comparison import charts
    from zoo.comparison.contenders import contenders
    from zoo.comparison.details import cost_charts, details, no_details

    columns = [name for name in columns or shown_columns([rows]) if any(row[name] is not None for row in rows)]
    models, task = contenders(rows, results), results[0].task
    headline = task.headline
    detailed = sorted(models, key=lambda model: -headline.goodness(model.row[headline.name]))[:_DETAILED_MODELS]
    for model, colour in zip(detailed, charts.COLOURS, strict=False):
        model.colour = colour
    first, classes = results[0], len(results[0].labels.get("label_names") or ())
    section = {
        "id": identity,
        "dataset": data_name(first.record),
        "data_digest": first.record["data_digest"],
        "rows": first.rows,
        "task": task.words,
        "headline": headline,
        "classes": classes,
        "columns": [_column(name, rows, headline) for name in columns],
        "models": models,
        "detailed": detailed,
        "costs": cost_charts(models, headline),
        "notices": [],
    }
    section["table"] = [[_cell(name, model.row[name], task) for name in columns] for model in models]
    section["bytes"] = _size(section["costs"])
    room -= section["bytes"]
    drawn = details(detailed, task, first.labels, section["notices"]) if room > 0 else no_details()
    if _size(drawn) > room:
        drawn = no_details()
        section["notices"].append("Curves and examples of this test set are left out, to keep the file under 5 MB.")
    section["bytes"] += _size(drawn)
    return section | drawn


def _column(name: str, rows: list[dict], headline: Metric) -> dict[str, Any]:
    values = [row[name] for row in rows]
    numeric = any(isinstance(value, int | float | list | tuple) for value in values)
    wordy = any(isinstance(value, str) and " " in value for value in values)
    return {
        "name": name,
        "title": name.replace("_", " "),
        "style": "model" if name == "model" else "number" if numeric else "words" if wordy else "",
        "sorted": _sorted(values, headline) if name == headline.name else "none",
    }


def _sorted(values: list, headline: Metric) -> str:
    """How the browser is told that the best comes first, where it does."""
    in_order = values == sorted(values, key=headline.goodness, reverse=True)
    return ("ascending" if headline.better == "less" else "descending") if in_order else "none"


def _cell(column: str, value: Any, task: Task) -> dict[str, Any]:
    """The text of a cell, and what it sorts by."""
    key = value[0] if isinstance(value, list | tuple) else value
    return {"text": table.cell(column, value, task), "key": "" if key is None else key}


def _source_of_policy(script: str) -> str:
    """How a content security policy names an inline script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _size(value: Any) -> int:
    return len(json.dumps(value, default=str))
