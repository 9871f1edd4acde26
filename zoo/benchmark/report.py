"""A comparison for people: a table and a bar chart."""

import os
from typing import Any

from zoo.errors import ZooError
from zoo.text_table import align_columns

LABELS = {
    "zoo": "zoo",
    "keras": "plain Keras script",
    "pytorch": "PyTorch, tensors",
    "pytorch_data_loader": "PyTorch, DataLoader",
    "scikit_learn": "scikit-learn",
    "arithmetic": "matrix products alone",
}


def label(contender: str) -> str:
    """The words for a contender, such as `zoo, mixed_bfloat16`."""
    name, _, precision = contender.partition(" ")
    return LABELS[name] + (f", {precision}" if precision else "")


def comparison_table(comparison: dict[str, Any]) -> str:
    """Aligned columns a model; the ratios are medians of rounds, least and most in parentheses."""
    return "\n\n".join(_model_table(result) for result in comparison["models"])


def _model_table(result: dict[str, Any]) -> str:
    contenders = result["contenders"]
    zoos = [name for name in contenders if name.startswith("zoo ")]
    versus = [f"÷ {name}" for name in zoos] if len(zoos) > 1 else ["÷ zoo"]
    rows = [("", "s an epoch", *versus, "start, s", "first epoch, s", "peak MiB")]
    for name, row in contenders.items():
        ratios = ("1" if zoo == name else _ratio(row["divided_by"][zoo]) for zoo in zoos)
        times = (f"{row[key]:.1f}" for key in ("start_seconds", "first_epoch_seconds"))
        rows.append((label(name), f"{row['seconds']:.3f}", *ratios, *times, f"{row['peak_memory_mib']:,}"))
    notes = [
        f"{label(zoo)}: {_ratio(contenders[zoo]['divided_by'][arithmetic])} times its matrix products"
        for zoo in zoos
        if (arithmetic := zoo.replace("zoo", "arithmetic")) in contenders
    ]
    waiting = [label(name) for name, row in contenders.items() if row.get("rounds_just_above_a_step_of_autotune")]
    notes.append(f"epochs that seem to have waited for tf.data's autotune thread: {', '.join(waiting) or 'none'}")
    title = (
        f"{result['model']} on {result['dataset']}: {result['parameters']:,} parameters, batch {result['batch_size']}, "
        f"{result['examples']:,} examples an epoch, {result['threads']} threads, median of {result['rounds']} epochs"
    )
    return "\n".join([title, align_columns(rows), *notes])


def _ratio(values: dict[str, float]) -> str:
    return f"{values['median']:.2f} ({values['least']:.2f}–{values['most']:.2f})"


def save_chart(comparison: dict[str, Any], path: str | os.PathLike) -> None:
    """Bars of seconds an epoch, a panel a model, the zoo's in another color.

    Raises:
        ZooError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    results = comparison["models"]
    heights = [len(result["contenders"]) for result in results]
    figure = Figure(figsize=(7.2, 0.34 * sum(heights) + 0.75 * len(results)), layout="constrained", facecolor="white")
    panels = figure.subplots(len(results), height_ratios=heights, squeeze=False)[:, 0]
    for axes, result in zip(panels, results, strict=True):
        _draw_bars(axes, result)
    panels[-1].set_xlabel("seconds an epoch, median; bar ends show the least and the most")
    try:
        figure.savefig(path, dpi=150)
    except ValueError as error:
        raise ZooError(f"--output={path}: {str(error).splitlines()[0]}; name it .svg or .png") from None
    except OSError as error:
        raise ZooError(f"--output={path}: cannot be written ({error.strerror}); name another file") from None


def _draw_bars(axes, result: dict[str, Any]) -> None:
    rows = result["contenders"]
    fastest_zoo = next(iter(rows))
    longest = max(max(row["each_round"]) for row in rows.values())
    for position, (name, row) in enumerate(rows.items()):
        color = "#0072B2" if name.startswith("zoo ") else "#999999" if name.startswith("arithmetic") else "#E69F00"
        spread = [[row["seconds"] - min(row["each_round"])], [max(row["each_round"]) - row["seconds"]]]
        axes.barh(position, row["seconds"], xerr=spread, color=color, height=0.7, error_kw={"capsize": 2, "lw": 0.8})
        ratio = "" if name == fastest_zoo else f"   {row['divided_by'][fastest_zoo]['median']:.2g} ×"
        text = f"{row['seconds']:.2f} s{ratio}"
        axes.text(max(row["each_round"]) + 0.012 * longest, position, text, va="center", fontsize=8)
    axes.set(yticks=range(len(rows)), xlim=(0, 1.18 * longest))
    axes.set_yticklabels([label(name) for name in rows], fontsize=8)
    axes.invert_yaxis()
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"{result['model']}, batch {result['batch_size']}", fontsize=9, loc="left")
