"""Groups of rows in a model's card: the figures that `evaluate.py --slice_by` left in the run of seed 0."""

import json
import pathlib

from zoo.drawing.groups import LEVEL, RATES
from zoo.errors import ZooError
from zoo.escaping import markdown_cell
from zoo.evaluation.slices import FEW_ROWS, FILE, caution
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
    path, slices = _path(name, folder), run.read_json(FILE)
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


def _table(column: dict) -> str:
    headline = get_task(column["task"]).headline
    rates = [rate for rate in RATES if any(rate in group for group in column["slices"])]
    selected = f" ({markdown_cell(column['selected'])})" if rates else ""
    header = [markdown_cell(column["by"]), "rows", headline.words, *(f"{RATES[rate]}{selected}" for rate in rates)]
    lines = [header, ["---"] * len(header)]
    for group in column["slices"]:
        figures = [{"value": group[headline.name], **group}, *(group.get(rate) for rate in rates)]
        lines.append([markdown_cell(group["slice"]), f"{group['n']:,}", *map(_cell, figures)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(figure: dict | None) -> str:
    if figure is None:
        return ""
    low, high = figure["interval"]
    return f"{figure['value']:.3f}{'*' if figure['p'] < LEVEL else ''} ({low:.3f}–{high:.3f})".replace("*", "\\*")


def _path(name: str, folder: pathlib.Path) -> pathlib.Path:
    return folder / f"{name}_slices.json"
