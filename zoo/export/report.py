"""Exports as a table for the terminal, and their latency as bars."""

import os
from typing import Any

from zoo.errors import ZooError
from zoo.escaping import printable
from zoo.tasks import Metric
from zoo.tasks.catalog import get_task
from zoo.text_table import align_columns


def parity_table(exports: list[dict[str, Any]]) -> str:
    """What `export` returned of one run: Keras's own latency first, then a row a file."""
    if not exports:
        return "nothing was exported"
    keras, headline = exports[0]["keras_latency_ms"], get_task(exports[0]["run"]["task"]).headline
    agreements = _agreements(exports)
    figures = ("max difference", *agreements.values(), headline.words, "change (95 % interval)", "KiB")
    rows = [("format", "verdict", *figures, "p50, ms", "p99, ms", "against predict")]
    for way, words in (("predict", "Keras, model.predict"), ("compiled", "Keras, tf.function")):
        rows.append((words, *[""] * (1 + len(figures)), *_latency_cells(keras[way], keras)))
    for facts in exports:
        cells = _parity_cells(facts, headline, agreements) or [""] * (len(rows[0]) - 2)
        rows.append((facts["name"], "failed" if facts["failed"] else "passed", *cells))
    run, trained = exports[0]["run"], exports[0]["as_trained"]
    notes = [printable(f"{facts['name']}: failed: {reason}") for facts in exports for reason in facts["failed"]]
    if trained["precision"] != "float32":
        shares = "".join(f", and gives {trained[key]:.2%} of rows its label" for key in agreements)
        notes.append(
            f"trained in {trained['precision']}; the float32 that all are compared with is up to "
            f"{trained['max_abs_difference']:.2g} from it{shares}"
        )
    rows_read = max((facts.get("rows", 0) for facts in exports), default=0)
    title = printable(f"{run['model']}, {rows_read:,} test rows of {run['dataset']}")
    return "\n".join([title, align_columns(rows), *notes])


def _agreements(exports: list[dict[str, Any]]) -> dict[str, str]:
    """Which shares of rows with the same answer there are, and their headings."""
    keys = dict.fromkeys(key for facts in exports for key in facts if key.endswith("_agreement"))
    return {key: f"{key.removesuffix('_agreement')}s agree" for key in keys}


def _parity_cells(facts: dict[str, Any], headline: Metric, agreements: dict[str, str]) -> tuple[str, ...] | None:
    if headline.name not in facts:
        return None
    change = facts[f"{headline.name}_change"]
    words = f"{change['value']:+.{headline.decimals}f}"
    if change["interval"]:
        words += " ({} to {})".format(*(f"{end:+.{headline.decimals}f}" for end in change["interval"]))
    return (
        f"{facts['max_abs_difference']:.1e}",
        *(f"{facts[key]:.2%}" for key in agreements),
        headline.text(facts[headline.name]["value"]),
        words,
        f"{facts['size_bytes'] / 1024:,.0f}",
        *_latency_cells(facts["latency_ms"]["predict"], facts["keras_latency_ms"]),
    )


def _latency_cells(latency: dict[str, float], keras: dict[str, Any]) -> tuple[str, str, str]:
    return f"{latency['p50']:.3f}", f"{latency['p99']:.3f}", f"{keras['predict']['p50'] / latency['p50']:.1f} ×"


def save_chart(exports_of_runs: list[list[dict[str, Any]]], path: str | os.PathLike) -> None:
    """Bars of p50 for one example, thin lines to p99, a panel a run, on a logarithmic scale.

    Raises:
        ZooError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    bars = [_bars(exports) for exports in exports_of_runs]
    heights = [len(rows) for rows in bars]
    figure = Figure(figsize=(7.2, 0.3 * sum(heights) + 0.75 * len(bars)), layout="constrained", facecolor="white")
    panels = figure.subplots(len(bars), height_ratios=heights, squeeze=False)[:, 0]
    for axes, rows, exports in zip(panels, bars, exports_of_runs, strict=True):
        _draw(axes, rows, exports[0]["run"]["model"])
    panels[-1].set_xlabel("milliseconds for one example, raw input to answer: p50, line to p99", fontsize=8)
    try:
        figure.savefig(path, dpi=150)
    except ValueError as error:
        raise ZooError(f"--chart={path}: {str(error).splitlines()[0]}; name it .svg or .png") from None
    except OSError as error:
        raise ZooError(f"--chart={path}: cannot be written ({error.strerror}); name another file") from None


def _bars(exports: list[dict[str, Any]]) -> list[tuple[str, dict[str, float], str]]:
    keras = exports[0]["keras_latency_ms"]
    rows = [("Keras, model.predict", keras["predict"], "#E69F00"), ("Keras, tf.function", keras["compiled"], "#E69F00")]
    passed = [facts for facts in exports if not facts["failed"] and facts["format"] != "keras"]
    return rows + [(facts["name"], facts["latency_ms"]["predict"], "#0072B2") for facts in passed]


def _draw(axes, rows: list[tuple[str, dict[str, float], str]], model: str) -> None:
    slowest = rows[0][1]["p50"]
    for position, (_, latency, color) in enumerate(rows):
        spread = [[0], [max(0.0, latency["p99"] - latency["p50"])]]
        axes.barh(position, latency["p50"], xerr=spread, color=color, height=0.7, error_kw={"capsize": 2, "lw": 0.8})
        times = slowest / latency["p50"]
        ratio = f"   {times:{',.0f' if times >= 10 else '.1f'}} × faster" if position else ""
        end = 1.1 * max(latency.values())
        axes.text(end, position, f"{latency['p50']:.3g} ms{ratio}", va="center", fontsize=8)
    values = [value for _, latency, _ in rows for value in latency.values()]
    axes.set(xscale="log", yticks=range(len(rows)), xlim=(min(values) / 2, max(values) * 8))
    axes.set_yticklabels([name for name, _, _ in rows], fontsize=8)
    axes.invert_yaxis()
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(model, fontsize=9, loc="left")
