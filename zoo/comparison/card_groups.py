"""Groups of rows in a model's card: the figures that `evaluate.py --slice_by` left in the run of seed 0."""

import json
import pathlib

from zoo.drawing.groups import LEVEL, RATES
from zoo.errors import ZooError
from zoo.escaping import markdown_cell
from zoo.evaluation.slices import FEW_ROWS, FILE, caution
from zoo.run_files import Slices
from zoo.runs import Run, write_atomically
from zoo.safe_reading import read_mapping
from zoo.tasks.catalog import get_task


def keep(run: Run, name: str, folder: pathlib.Path) -> list[pathlib.Path]:
    """Copy the slices of a run's test split beside the cards; a run without them leaves what is there.

    Raises:
        ZooError: the file of the run is damaged, or the copy cannot be written.
    """
    if not (run.path / FILE).exists():
        return []
    path, slices = _path(name, folder), run.read_json(FILE, Slices)
    try:
        write_atomically(path, (json.dumps(slices, indent=1, ensure_ascii=False) + "\n").encode())
    except OSError as error:
        raise ZooError(f"{path}: cannot be written ({error.strerror})") from None
    return [path]


def section(name: str, folder: pathlib.Path) -> str:
    """The part of the card, or nothing.

    Raises:
        ZooError: the file beside the cards is damaged.
    """
    path = _path(name, folder)
    if not path.exists():
        return ""
    kept = read_mapping(path, "write it again, with evaluate.py --slice_by and write_model_cards.py")
    parts = [
        "## Groups of rows, seed 0, test split",
        "Each figure with its 95 % interval; \\* is told from that of all other rows at 5 %, after Holm's correction "
        f"for all {kept['columns'][0]['tests']} tests. Groups of fewer than {FEW_ROWS} rows say little. What is true of"
        " the rows may differ between groups, and a figure does not say why it differs; equal figures would not make"
        " the model fair.",
    ]
    for column in kept["columns"]:
        parts.append(_table(column))
        if column["selected"]:
            parts.append(markdown_cell(caution(column)))
    return "\n\n".join(parts)


def figures_of(column: dict) -> list[list[str]]:
    """A heading, and a line for each group of a column: rows, the headline, and rates of what is selected.

    Each figure has its 95 % interval, and a star where the test tells it from that of all other rows.
    """
    headline = get_task(column["task"]).headline
    rates = [rate for rate in RATES if any(rate in group for group in column["slices"])]
    selected = f" ({column['selected']})" if rates else ""
    lines = [[column["by"], "rows", headline.words, *(f"{RATES[rate]}{selected}" for rate in rates)]]
    for group in column["slices"]:
        figures = [{**group, "value": group[headline.name]}, *(group.get(rate) for rate in rates)]
        lines.append([group["slice"], f"{group['n']:,}", *map(_cell, figures)])
    return lines


def _table(column: dict) -> str:
    header, *lines = figures_of(column)
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(map(markdown_cell, row))} |" for row in rows)


def _cell(figure: dict | None) -> str:
    if figure is None:
        return ""
    low, high = figure["interval"]
    return f"{figure['value']:.3f}{'*' if figure['p'] < LEVEL else ''} ({low:.3f}–{high:.3f})"


def _path(name: str, folder: pathlib.Path) -> pathlib.Path:
    return folder / f"{name}_slices.json"
