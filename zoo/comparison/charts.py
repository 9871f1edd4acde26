"""Charts of the HTML report as Vega-Lite; colours are CSS variables, so that the page alone decides on dark and light.

Each chart has the parameter `chosen`: the name of the model that stands out, or "" for none.
"""

import collections
import functools
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import vl_convert

from zoo.comparison import curves
from zoo.tasks import Metric

COLOURS = [f"var(--model-{number})" for number in range(1, 7)]
MEAN_OF_CLASSES = "mean of the classes"
_INK, _MUTED, _GRID, _PAPER = "var(--ink)", "var(--muted)", "var(--grid)", "var(--paper)"
_REST = "var(--rest)"  # of models beyond the number of colours
_FONT = "system-ui, sans-serif"
CONFIG = {
    "background": "transparent",
    "font": _FONT,
    "view": {"stroke": "transparent"},
    "axis": {
        "labelColor": _MUTED, "titleColor": _MUTED, "gridColor": _GRID, "domainColor": _GRID, "tickColor": _GRID,
        "labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal", "titlePadding": 8,
    },
}  # fmt: skip
_OTHERS_FADE = "chosen && datum.model !== chosen"


def cost(rows: Sequence[dict], headline: Metric, column: str, title: str, colours: dict[str, str]) -> dict | None:
    """The headline against a cost, with the Pareto front; None where fewer than two models have that cost.

    Args:
        rows: {"model", "value": the headline, "low", "high", column: positive number or None}.
        headline: of the models' task.
        column: which cost.
        title: of its axis.
        colours: model → colour, for those that have one.
    """
    rows = [row for row in rows if row.get(column)]
    if len(rows) < 2:
        return None
    front = curves.on_pareto_front([row[column] for row in rows], [headline.goodness(row["value"]) for row in rows])
    rows = [
        {key: row[key] for key in ("model", "value", "low", "high")}
        | {"cost": row[column], "front": on_front, "colour": (colour := colours.get(row["model"], _REST))}
        | {"fill": colour if on_front else _PAPER}
        for row, on_front in zip(rows, front, strict=True)
    ]
    x = alt.X("cost:Q", title=title, scale=alt.Scale(type="log", nice=False, padding=14))
    x = x.axis(
        format="~s" if column in ("parameters", "flops") else ",.4~r", tickCount=5, labelOverlap=True, grid=False
    )
    scale = alt.Scale(zero=False, nice=True)
    y = alt.Y("value:Q", title=f"test {headline.words}", scale=scale)
    figures = f".{headline.decimals}f"
    base = alt.Chart().encode(x=x, y=y, opacity=_faded(0.15))
    tooltip = [
        alt.Tooltip("model:N"), alt.Tooltip("value:Q", format=figures, title=headline.words),
        alt.Tooltip("low:Q", format=figures), alt.Tooltip("high:Q", format=figures),
        alt.Tooltip("cost:Q", format=",.6~g", title=title),
        alt.Tooltip("front:N", title="on the Pareto front"),
    ]  # fmt: skip
    steps = alt.Chart().transform_filter("datum.front").mark_line(
        interpolate="step-after", stroke=_MUTED, strokeDash=[4, 4], strokeWidth=1.5
    )  # fmt: skip
    own_colour = alt.Stroke("colour:N", scale=None)
    layers = alt.layer(
        steps.encode(x=x, y=y),
        base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q", stroke=own_colour),
        base.mark_point(size=90, strokeWidth=2, filled=True, fillOpacity=1, strokeOpacity=1).encode(
            fill=alt.Fill("fill:N", scale=None), stroke=own_colour, tooltip=tooltip
        ),
        data=alt.Data(values=rows),
    )  # fmt: skip
    return _spec(layers, f"{headline.words} against {title}", height=260)


def ranks(rows: Sequence[dict], headline: Metric) -> dict:
    """Models from the best to the worst, with interval and rank.

    Args:
        rows: {"model", "value": the headline, "low", "high", "colour": or None, "words": at the end of the line}.
        headline: of the models' task.
    """
    rows = [row | {"colour": row["colour"] or _REST} for row in rows]
    y = alt.Y("model:N", title=None, sort=None).axis(labelLimit=260, labelFontSize=12, labelColor=_INK, ticks=False)
    scale = alt.Scale(zero=False, nice=True, padding=8)
    x = alt.X("value:Q", title=f"test {headline.words}", scale=scale)
    base = alt.Chart().encode(x=x, y=y)
    own_colour = alt.Stroke("colour:N", scale=None)
    end = alt.X("high:Q", scale=scale)
    layers = alt.layer(
        base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", scale=scale), x2="high:Q", stroke=own_colour),
        base.mark_point(size=70, filled=True, fillOpacity=1).encode(fill=alt.Fill("colour:N", scale=None)),
        base.mark_text(align="left", dx=10, fontSize=11, fill=_MUTED).encode(x=end, text="words:N"),
        data=alt.Data(values=rows),
    )
    return _spec(layers, f"models by {headline.words}", height=24 * len(rows))


def importance(rows: Sequence[dict], headline: Metric, colour: str | None) -> dict:
    """What of the headline is lost when a column is shuffled, the first at the top, with 95 % intervals.

    Args:
        rows: {"column", "drop", "low", "high"}.
        headline: of the model's task.
        colour: of the model; columns whose interval holds 0 are grey.
    """
    rows = [row | {"colour": (colour or _INK) if row["low"] > 0 else _REST} for row in rows]
    y = alt.Y("column:N", title=None, sort=None).axis(labelLimit=180, labelColor=_INK, ticks=False)
    scale = alt.Scale(zero=True, nice=True)
    x = alt.X("drop:Q", title=f"{headline.words} lost", scale=scale)
    figures = f".{headline.decimals}f"
    tooltip = [
        alt.Tooltip("column:N"), alt.Tooltip("drop:Q", format=figures, title="lost"),
        alt.Tooltip("low:Q", format=figures, title="from"), alt.Tooltip("high:Q", format=figures, title="to"),
    ]  # fmt: skip
    base = alt.Chart().encode(x=x, y=y)
    layers = alt.layer(
        base.mark_rule(strokeWidth=2).encode(
            x=alt.X("low:Q", scale=scale), x2="high:Q", stroke=alt.Stroke("colour:N", scale=None)
        ),
        base.mark_point(size=50, filled=True, fillOpacity=1).encode(
            fill=alt.Fill("colour:N", scale=None), tooltip=tooltip
        ),
        data=alt.Data(values=rows),
    )
    return _spec(layers, f"{headline.words} lost when a column is shuffled", height=20 * len(rows) + 10)


def learning(rows: Sequence[dict], metric: str, better: str, colours: dict[str, str]) -> dict | None:
    """The headline or the loss over the epochs; None without a curve.

    Args:
        rows: of `curves.learning_curves`, with "model".
        metric: which of its metrics.
        better: more or less.
        colours: model → colour.
    """
    rows = [row for row in rows if row["metric"] == metric]
    if not rows:
        return None
    lengths = collections.Counter((row["model"], row["part"]) for row in rows)
    # Markers: a line of one point is invisible, and a line of few points should show that they are few.
    rows = [row | {"marked": row["part"] == "validation" and lengths[row["model"], row["part"]] < 12} for row in rows]
    scale = alt.Scale(domain=[1, max(2, *(row["epoch"] for row in rows))], nice=False)
    x = alt.X("epoch:Q", title="epoch", scale=scale).axis(format="d", tickMinStep=1, grid=False)
    scale = alt.Scale(domain=_without_first_epochs(rows, better), zero=False, nice=True)
    y = alt.Y("mean:Q", title=metric, scale=scale)
    colour = _model_colour(colours)
    base = alt.Chart().encode(x=x, y=y, color=colour, opacity=_faded(0.08))
    tooltip = [
        alt.Tooltip("model:N"), alt.Tooltip("part:N"), alt.Tooltip("epoch:Q"), alt.Tooltip("mean:Q", format=".4f"),
        alt.Tooltip("low:Q", format=".4f"), alt.Tooltip("high:Q", format=".4f"),
    ]  # fmt: skip
    validation = "datum.part === 'validation'"
    layers = alt.layer(
        alt.Chart().transform_filter(validation).mark_area(clip=True).encode(
            x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q", fill=colour, fillOpacity=_faded(0.02, 0.15)
        ),
        base.transform_filter("datum.part === 'training'").mark_line(strokeWidth=1.2, strokeDash=[3, 3], clip=True),
        base.transform_filter(validation).mark_line(strokeWidth=2, clip=True),
        base.mark_circle(clip=True).encode(size=alt.when("datum.marked").then(alt.value(36)).otherwise(alt.value(0))),
        base.mark_point(size=60, clip=True).encode(opacity=alt.value(0), tooltip=tooltip),
        data=alt.Data(values=rows),
    )  # fmt: skip
    return _spec(layers, f"{metric} of training and validation over the epochs", height=260)


def confusion(counts: np.ndarray, names: Sequence[str]) -> dict:
    """True classes in rows, predictions in columns. The depth of a mistake's colour is relative to the worst mistake.

    Args:
        counts: float[classes, classes], mean over seeds.
        names: of the classes.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-9)
    mistakes = shares * (1 - np.eye(len(names)))
    depth = np.where(np.eye(len(names), dtype=bool), 0.85 * shares, 0.9 * np.sqrt(mistakes / max(mistakes.max(), 1e-9)))
    rows = [
        {"true": names[i], "predicted": names[j], "count": round(float(counts[i, j]), 1),
         "share": round(float(shares[i, j]), 5), "depth": round(float(depth[i, j]), 3), "right": i == j}
        for i in range(len(names)) for j in range(len(names)) if counts[i, j]
    ]  # fmt: skip
    axis = {"labelLimit": 80, "labelOverlap": True, "domain": False, "ticks": False}
    x = alt.X("predicted:N", sort=list(names), title="predicted", scale=alt.Scale(domain=list(names)))
    x = x.axis(labelAngle=-90 if max(map(len, names)) > 3 else 0, **axis)
    y = alt.Y("true:N", sort=list(names), title="true", scale=alt.Scale(domain=list(names))).axis(**axis)
    base = alt.Chart().encode(x=x, y=y)
    tooltip = [
        alt.Tooltip("true:N"), alt.Tooltip("predicted:N"), alt.Tooltip("count:Q"),
        alt.Tooltip("share:Q", format=".2%", title="share of the true class"),
    ]  # fmt: skip
    cells = base.mark_rect(stroke=_GRID, strokeWidth=0.5).encode(
        fill=alt.when("datum.right").then(alt.value("var(--right)")).otherwise(alt.value("var(--wrong)")),
        fillOpacity=alt.Opacity("depth:Q", scale=None),
        tooltip=tooltip,
    )
    layers = [cells]
    if len(names) <= 12:
        text = "datum.count >= 100 ? format(datum.count, ',.0f') : format(datum.count, '.2~f')"
        layers.append(
            base.transform_calculate(text=text)
            .mark_text(fontSize=10 if len(names) > 5 else 13, font=_FONT, fill=_INK, tooltip=False)
            .encode(text="text:N")
        )
    return _spec(alt.layer(*layers, data=alt.Data(values=rows)), "Confusion matrix", height=300)


def reliability(rows: Sequence[dict], colour: str) -> dict:
    """Accuracy over confidence, a point a bin; a model whose confidence is right lies on the diagonal.

    Args:
        rows: of `curves.reliability`.
        colour: of the model.
    """
    scale = alt.Scale(domain=[0, 1])
    x = alt.X("confidence:Q", title="confidence", scale=scale).axis(format=".0%", tickCount=5)
    y = alt.Y("accuracy:Q", title="accuracy", scale=scale).axis(format=".0%", tickCount=5)
    base = alt.Chart(alt.Data(values=list(rows))).encode(x=x, y=y)
    tooltip = [
        alt.Tooltip("confidence:Q", format=".1%"), alt.Tooltip("accuracy:Q", format=".1%"),
        alt.Tooltip("low:Q", format=".1%"), alt.Tooltip("high:Q", format=".1%"),
        alt.Tooltip("share:Q", format=".2%", title="share of the rows"),
    ]  # fmt: skip
    diagonal = alt.Chart(alt.Data(values=[{"confidence": 0, "accuracy": 0}, {"confidence": 1, "accuracy": 1}]))
    size = alt.Size("share:Q", scale=alt.Scale(type="sqrt", domain=[0, 1], range=[25, 500]), legend=None)
    layers = alt.layer(
        diagonal.mark_line(stroke=_MUTED, strokeDash=[4, 4], strokeWidth=1).encode(x=x, y=y),
        base.mark_line(stroke=colour, strokeWidth=1.5),
        base.mark_rule(stroke=colour, strokeWidth=1.5).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q"),
        base.mark_circle(fill=colour, fillOpacity=0.75).encode(size=size, tooltip=tooltip),
    )
    return _spec(layers, "Reliability diagram", height=230)


def roc(rows: Sequence[dict], colours: dict[str, str], logarithmic: bool) -> dict:
    """True- over false-positive rate of the class in the parameter `shown_class`.

    Args:
        rows: {"model", "class", "area", "points": [[false-positive rate, true-positive rate], …]}.
        colours: model → colour.
        logarithmic: whether the axis of false positives is.
    """
    rows = [
        {"model": row["model"], "class": row["class"], "area": round(row["area"], 5), "x": x, "y": y}
        for row in rows
        for x, y in row["points"]
        if x or not logarithmic
    ]
    if logarithmic:
        scale, ticks, title = alt.Scale(type="log", domain=[1e-4, 1]), [1e-4, 1e-3, 0.01, 0.1, 1], "logarithmic"
        floor = min(0.95, np.floor(20 * min(row["y"] for row in rows)) / 20)
    else:
        scale, ticks, title, floor = alt.Scale(domain=[0, 1]), [0, 0.2, 0.4, 0.6, 0.8, 1], "linear", 0.0
    x = alt.X("x:Q", title=f"false-positive rate, {title}", scale=scale).axis(format="~%", values=ticks)
    y = alt.Y("y:Q", title="true-positive rate", scale=alt.Scale(domain=[floor, 1])).axis(format="~%", tickCount=5)
    base = alt.Chart().transform_filter("datum.class === shown_class").encode(
        x=x, y=y, color=_model_colour(colours), opacity=_faded(0.1)
    )  # fmt: skip
    tooltip = [
        alt.Tooltip("model:N"), alt.Tooltip("class:N"), alt.Tooltip("area:Q", format=".5f", title="area"),
        alt.Tooltip("x:Q", format=".2~%", title="false positives"),
        alt.Tooltip("y:Q", format=".2~%", title="true positives"),
    ]  # fmt: skip
    layers = alt.layer(
        base.mark_line(strokeWidth=2),
        base.mark_point(size=60).encode(opacity=alt.value(0), tooltip=tooltip),
        data=alt.Data(values=rows),
    ).add_params(alt.param(name="shown_class", value=MEAN_OF_CLASSES))
    return _spec(layers, f"ROC curves, false-positive rate {title}", height=280)


def residuals(rows: Sequence[dict], colour: str, unit: str) -> dict:
    """What is predicted over what is true, against the diagonal of a model without error.

    Args:
        rows: of `curves.residuals`.
        colour: of the model.
        unit: of the numbers.
    """
    every = [row[key] for row in rows for key in ("true", "predicted")]
    scale = alt.Scale(domain=[min(every), max(every)], nice=True)
    of_unit = f", {unit}" if unit else ""
    x = alt.X("true:Q", title=f"true{of_unit}", scale=scale).axis(format="~s", tickCount=5)
    y = alt.Y("predicted:Q", title=f"predicted{of_unit}", scale=scale).axis(format="~s", tickCount=5)
    ends = [{"true": end, "predicted": end} for end in (min(every), max(every))]
    tooltip = [alt.Tooltip(f"{name}:Q", format=".5~g") for name in ("true", "predicted", "residual")]
    layers = alt.layer(
        alt.Chart(alt.Data(values=ends)).mark_line(stroke=_MUTED, strokeDash=[4, 4], strokeWidth=1).encode(x=x, y=y),
        alt.Chart(alt.Data(values=list(rows)))
        .mark_circle(fill=colour, fillOpacity=0.45, size=16)
        .encode(x=x, y=y, tooltip=tooltip),
    )
    return _spec(layers, "Predicted against true", height=260)


@functools.cache
def javascript() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script that needs nothing else, about 0.9 MB; gives `vegaEmbed`."""
    # "</script" in a string of the script would end it; "<\\/script" is the same string.
    return vl_convert.javascript_bundle().replace("</script", r"<\/script")


def _spec(chart: alt.LayerChart, description: str, height: int) -> dict[str, Any]:
    chart = chart.add_params(alt.param(name="chosen", value=""))
    chart = chart.properties(width="container", height=height, description=description, config=CONFIG)
    # Altair would hand `autosize` to the wrong level of a layered chart.
    return chart.to_dict() | {"autosize": {"type": "fit-x", "contains": "padding"}}


def _model_colour(colours: dict[str, str]) -> alt.Color:
    return alt.Color("model:N", scale=alt.Scale(domain=list(colours), range=list(colours.values())), legend=None)


def _faded(opacity: float, otherwise: float = 1.0):
    return alt.when(_OTHERS_FADE).then(alt.value(opacity)).otherwise(alt.value(otherwise))


def _without_first_epochs(rows: Sequence[dict], better: str) -> list[float]:
    """The range of the curves after the first quarter of the epochs; of short trainings, the whole range."""
    series: dict[tuple, list[float]] = {}
    for row in rows:
        series.setdefault((row["model"], row["part"]), []).append(row["mean"])
    least, most = zip(*(np.quantile(v, [0.25, 0.75] if len(v) >= 8 else [0, 1]) for v in series.values()), strict=True)
    every = [row["mean"] for row in rows]
    low, high = (min(least), max(every)) if better == "more" else (min(every), max(most))
    return [float(low), float(high)] if high > low else [float(low) - 0.01, float(high) + 0.01]
