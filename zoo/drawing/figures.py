"""Pictures of a run, for people. Colours are Okabe and Ito's, which colour-blind readers can tell apart."""

import contextlib
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.drawing.highlight import LEGENDS, overlay
from zoo.errors import ZooError
from zoo.escaping import printable
from zoo.measures.metric import Metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"
MISTAKES = 25
HEAT_MAPS = 30
MOST_LABELS = 60
MAXIMUM_CLASSES_WITH_NUMBERS = 25
_FONTS_OF_OTHER_SCRIPTS = ("Noto Sans CJK SC", "Noto Sans SC", "WenQuanYi Zen Hei", "PingFang SC", "Microsoft YaHei")


def save_training_curves(history: dict[str, np.ndarray], path: str | Path, headline: Metric) -> None:
    """Draws loss, headline and learning rate over the epochs, and marks the epoch that is best on validation.

    Args:
        history: of a `zoo.runs.Run`; the validation and learning-rate columns may be missing.
        path: the PNG to write.
        headline: of the run's task.
    """
    epochs = history["epoch"]
    validation = history.get(f"validation_{headline.name}")
    known = validation is not None and not np.isnan(validation).all()
    best = int(np.nanargmax(headline.goodness(validation))) if known else None
    with picture(path, figsize=(10, 5.4)) as figure:
        grid = figure.add_gridspec(2, 2, height_ratios=(3, 1))
        for column, (metric, words) in enumerate((("loss", "loss"), (headline.name, headline.words))):
            axes = figure.add_subplot(grid[0, column], ylabel=words)
            for name, label, colour in ((metric, "train", BLUE), (f"validation_{metric}", "validation", ORANGE)):
                if name in history:
                    axes.plot(epochs, history[name], color=colour, label=label, **_line_style(epochs))
            if best is not None:
                axes.axvline(epochs[best], color=GREY, linestyle=":", zorder=0)
                if f"validation_{metric}" in history:
                    value = history[f"validation_{metric}"][best]
                    label = f"best epoch {epochs[best]:.0f}: {value:.4f}"
                    axes.plot(
                        epochs[best], value, "*", color=ORANGE, markersize=13, markeredgecolor="white", label=label
                    )
            if axes.lines:
                axes.legend(framealpha=1, edgecolor="white")  # the line of the best epoch may run behind it
            _style_epochs(axes, epochs)
        axes = figure.add_subplot(grid[1, :], ylabel="learning rate", xlabel="epoch")
        if "learning_rate" in history:
            axes.plot(epochs, history["learning_rate"], color=GREY, **_line_style(epochs))
            axes.set_ylim(bottom=0)
        else:
            axes.text(0.5, 0.5, "not recorded", ha="center", va="center", transform=axes.transAxes, color=GREY)
        _style_epochs(axes, epochs)


def save_confusion_matrix(results: dict, label_names: Sequence[str], path: str | Path) -> None:
    """Draws counts and row percentages; the colour shows the percentage, so that rare classes are seen as well.

    Args:
        results: what `classification_results` returned.
        label_names: the classes, in the order of the matrix.
        path: the PNG to write.
    """
    counts = np.asarray(results["confusion_matrix"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    classes = len(label_names)
    names = [shortened(str(name), 18) for name in label_names]
    turned = max(map(len, names)) > 4
    side = max(4.0, 0.62 * min(classes, 40) + 2)
    with picture(path, figsize=(side + 0.8, side)) as figure:
        axes = figure.add_subplot(xlabel="predicted", ylabel="true")
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(classes), names, rotation=90 if turned and classes > 3 else 0)
        axes.set_yticks(range(classes), names)
        axes.set_xticks(np.arange(classes + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(classes + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=1)
        axes.tick_params(which="both", length=0)
        axes.spines[:].set_visible(False)
        accuracy = results["accuracy"]["value"]
        axes.set_title(f"{counts.sum():,} examples, accuracy {accuracy:.2%}", fontsize=11)
        bar = figure.colorbar(image, ax=axes, shrink=0.6, format="{x:.0%}", label="share of the true class")
        bar.outline.set_visible(False)
        if classes <= MAXIMUM_CLASSES_WITH_NUMBERS:
            for (row, column), count in np.ndenumerate(counts):
                if count:
                    text = f"{count:,}\n{_percentage(shares[row, column])}"
                    colour = "white" if shares[row, column] > 0.5 else "black"
                    axes.text(
                        column, row, text, ha="center", va="center", color=colour, fontsize=10 if classes < 6 else 7.5
                    )


def save_worst_mistakes(
    features: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    ids: np.ndarray,
    label_names: Sequence[str],
    path: str | Path,
) -> None:
    """Shows the 25 mistakes of which the model was most sure; says so in the picture if there is none.

    Args:
        features: uint8[examples, height, width, channel] (drawn), or rows of a table or texts (listed).
        labels: int32[examples], the truth.
        probabilities: float32[examples, num_classes].
        ids: int64 or str [examples], where each example comes from.
        label_names: the classes.
        path: the PNG to write.
    """
    probabilities, labels = np.asarray(probabilities), np.asarray(labels)
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]
    names = [shortened(name, 20) for name in label_names]
    titles = [f"{names[labels[i]]} → {names[predicted[i]]}  {confidence[i]:.2f}" for i in worst]
    origins = [shortened(ids[i], 24) for i in worst]
    heading = f"{len(wrong):,} mistakes in {len(labels):,} examples"
    if not len(worst):
        with picture(path, figsize=(6, 2)) as figure:
            figure.text(0.5, 0.5, f"No mistake in {len(labels):,} examples", ha="center", va="center", fontsize=14)
    elif np.ndim(features) == 4:
        heading += ", the surest first: true → predicted  probability"
        _draw_images([features[i] for i in worst], titles, origins, heading, path)
    else:
        _draw_list([features[i] for i in worst], titles, origins, heading, path)


def save_residuals(targets: np.ndarray, answers: np.ndarray, labels: dict, path: str | Path) -> None:
    """Draws predicted against true numbers, and the residuals, predicted less true, over the predicted ones.

    Args:
        targets: float[examples], or float[examples, outputs], of which each is drawn.
        answers: of the same shape.
        labels: with `target_name` and `unit` for the axes.
        path: the PNG to write.
    """
    truth, said = (np.asarray(part, "float64").ravel() for part in (targets, answers))
    name = shortened(labels.get("target_name") or "value", 24)
    unit = f", {labels['unit']}" if labels.get("unit") else ""
    points = {"s": 9, "color": BLUE, "alpha": min(1.0, max(0.08, 120 / max(len(truth), 1))), "linewidths": 0}
    with picture(path, figsize=(10, 4.6)) as figure:
        left, right = figure.subplots(1, 2)
        low, high = min(truth.min(), said.min()), max(truth.max(), said.max())
        left.plot([low, high], [low, high], color=GREY, linestyle=":", zorder=3)
        left.scatter(truth, said, **points)
        left.set(xlabel=f"true {name}{unit}", ylabel=f"predicted {name}{unit}")
        left.set_title("on the dotted line there is no error", fontsize=10)
        residuals = said - truth
        right.axhline(0, color=GREY, linestyle=":", zorder=3)
        right.scatter(said, residuals, **points)
        right.set(xlabel=f"predicted {name}{unit}", ylabel="predicted less true")
        half = np.median(np.abs(residuals))
        right.set_title(f"{len(truth):,} residuals, half of them within ±{half:.3g}", fontsize=10)
        for axes in (left, right):
            axes.grid(color="#E5E5E5", linewidth=0.8)
            axes.set_axisbelow(True)


def save_labels(results: dict, path: str | Path) -> None:
    """Draws F1 of each label, the most frequent on top, and on how many rows it stands.

    Args:
        results: of a task of several labels, with `per_label`.
        path: the PNG to write.
    """
    named = sorted(results["per_label"].items(), key=lambda item: item[1]["support"])[-MOST_LABELS:]
    with picture(path, figsize=(8, 0.26 * len(named) + 1.3)) as figure:
        axes = figure.add_subplot()
        axes.barh(range(len(named)), [values["f1"] for _, values in named], color=BLUE, height=0.7)
        for place, (_, values) in enumerate(named):
            words = f"{values['f1']:.2f}, precision {values['precision']:.2f}, recall {values['recall']:.2f}"
            axes.text(values["f1"] + 0.01, place, words, va="center", fontsize=7.5, color=GREY)
        names = [f"{shortened(name, 28)} ({values['support']:,} rows)" for name, values in named]
        axes.set_yticks(range(len(named)), names, fontsize=8)
        macro = results["macro_f1"]["value"]
        axes.axvline(macro, color=ORANGE, linestyle=":")
        left_out = len(results["per_label"]) - len(named)
        more = f"; {left_out:,} rarer labels are not drawn" if left_out else ""
        axes.set(xlim=(0, 1.25), xlabel="F1", xticks=(0, 0.25, 0.5, 0.75, 1))
        axes.set_title(f"F1 of each label; dotted: macro F1, {macro:.4f}{more}", fontsize=10)


def save_heat_maps(
    names: Sequence[str], images: np.ndarray, predictions: Sequence[dict], scores: np.ndarray, path: str | Path,
    method: str = "integrated_gradients",
) -> None:  # fmt: skip
    """Shows the first 30 pictures, each beside its heat map, three in a row.

    Args:
        names: what each picture is called.
        images: uint8[examples, height, width, channel].
        predictions: as `zoo.evaluation.predict` gives them.
        scores: float32[examples, height, width], as `explain_images` gives them.
        path: the PNG to write.
        method: of `LEGENDS`, by which they were explained.

    Raises:
        ZooError: the file cannot be written.
    """
    gap = np.full((images.shape[1], max(1, images.shape[2] // 14), 3), 255, "uint8")
    pairs = [
        np.concatenate([np.broadcast_to(image, (*map_.shape, 3)), gap, overlay(image, map_)], axis=1)
        for image, map_ in zip(images[:HEAT_MAPS], scores[:HEAT_MAPS], strict=True)
    ]
    titles = [f"{shortened(p['label'], 20)}  {p['probability']:.4f}" for p in predictions[:HEAT_MAPS]]
    origins = [shortened(name, 40) for name in names[:HEAT_MAPS]]
    heading = LEGENDS[method]
    if len(images) > HEAT_MAPS:
        heading += f", the first {HEAT_MAPS} of {len(images):,}; --explain_html shows all"
    try:
        _draw_images(pairs, titles, origins, heading, path, columns=3)
    except OSError as error:
        raise ZooError(f"{path}: cannot be written ({error.strerror}); give --output another folder") from None


def _draw_images(
    images: Sequence[np.ndarray],
    titles: Sequence[str],
    origins: Sequence[str],
    heading: str,
    path: str | Path,
    columns: int = 5,
) -> None:
    """Draws images uint8[height, width, channel] in rows."""
    rows = -(-len(images) // columns)
    if max(map(len, titles)) > 24:
        titles = [title.replace(" → ", "\n→ ") for title in titles]
    with picture(path, figsize=(10, 2.3 * rows + 0.6)) as figure:
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
        figure.suptitle(heading, fontsize=12)
        for position, (image, title, origin) in enumerate(zip(images, titles, origins, strict=True), start=1):
            axes = figure.add_subplot(rows, columns, position)
            axes.imshow(image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)
            axes.set_title(title, fontsize=11 if len(title) < 16 else 8.5)
            axes.set_xlabel(origin, fontsize=6.5, color=GREY, labelpad=2)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)


def _draw_list(
    examples: Sequence, titles: Sequence[str], origins: Sequence[str], heading: str, path: str | Path
) -> None:
    """Lists up to 25 examples that cannot be drawn: feature values or a text, one line each."""
    with picture(path, figsize=(10, 0.26 * len(titles) + 1)) as figure:
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.set_title(heading + ", the surest first", fontsize=12, loc="left")
        rows = [
            (title, shortened(_in_words(example), 72), origin)
            for title, example, origin in zip(titles, examples, origins, strict=True)
        ]
        table = axes.table(
            rows,
            colLabels=("true → predicted  probability", "example", "from"),
            colWidths=(0.3, 0.55, 0.15),
            cellLoc="left",
            colLoc="left",
            bbox=(0, 0, 1, 1),
            edges="horizontal",
        )
        table.auto_set_font_size(False)
        table.set_fontsize(8)
        for cell in table.get_celld().values():
            cell.set_edgecolor("#CCCCCC")


@contextlib.contextmanager
def picture(path: str | Path, figsize: tuple[float, float]) -> Iterator["Figure"]:
    """Gives a figure and saves it as PNG. It is made without pyplot, which keeps global state and may open windows."""
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    settings = {
        "text.parse_math": False,  # a label such as "$5-$10" is a label, not mathematics
        "axes.spines.top": False,
        "axes.spines.right": False,
        "font.family": ["DejaVu Sans", *(name for name in _FONTS_OF_OTHER_SCRIPTS if name in installed)],
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure = Figure(figsize=figsize, layout="constrained")
        yield figure
        figure.savefig(path, format="png", dpi=130)
    if any("missing from font" in str(warning.message) for warning in caught):
        print(f"notice: {path}: no font here has all its characters; one that does: fonts-noto-cjk", file=sys.stderr)


def _line_style(epochs: np.ndarray) -> dict:
    """Few points need markers: a line of one point is invisible."""
    return {"linewidth": 1.6, "marker": "o" if len(epochs) < 12 else None, "markersize": 4}


def _style_epochs(axes: "Axes", epochs: np.ndarray) -> None:
    axes.grid(color="#E5E5E5", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.get_major_locator().set_params(integer=True)
    if len(epochs) == 1:
        axes.set_xlim(epochs[0] - 1, epochs[0] + 1)


def _percentage(share: float) -> str:
    """Rounds, but never to 0 % or 100 % what is a little more or less."""
    return "<1%" if share < 0.005 else ">99%" if 0.995 <= share < 1 else f"{share:.0%}"


def _in_words(example: object) -> str:
    if isinstance(example, np.ndarray):
        return ", ".join(f"{value:.4g}" for value in example.ravel()[:12])
    return example.decode("utf-8", "replace") if isinstance(example, bytes) else str(example)


def shortened(text: object, length: int) -> str:
    """Cuts out the middle: the ends of names and paths tell most."""
    text = printable(" ".join(str(text).split()))
    return text if len(text) <= length else f"{text[: length // 2]}…{text[len(text) - (length - 1) // 2 :]}"
