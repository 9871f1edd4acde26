"""How explanations are shown: words in colour, heat maps over pictures, on a terminal, in a PNG or on a page."""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.escaping import printable

Scores = list[tuple[str, float]]
LEGENDS = {  # of pictures, by the method that explains them
    "integrated_gradients": "Blue pixels speak for the label, orange ones against it: integrated gradients",
    "grad_cam": "Blue is where the network sees the label: Grad-CAM",
    "attention_rollout": "Blue patches got more of the attention than an equal share, orange ones less: rollout",
}

_HEAD = """<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>What mattered</title>
<style>
:root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem }
h2 { font-size: 1rem; overflow-wrap: anywhere }
img { width: 14rem; max-width: 48%; image-rendering: pixelated }
</style>"""


def overlay(image: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Colours what speaks for the label blue and what speaks against it orange, on the paled picture.

    Args:
        image: uint8[height, width, channel].
        scores: float32[height, width], as `explain_images` gives them; what the colours mean, `LEGENDS` says.

    Returns:
        uint8[height, width, 3].
    """
    paled = 255 - 0.35 * np.broadcast_to(image.mean(axis=-1, keepdims=True), (*scores.shape, 3))
    strengths = np.abs(scores)[..., None] / (np.abs(scores).max(initial=0) or 1)
    colours = np.where(scores[..., None] > 0, (0, 114, 178), (213, 94, 0))
    return np.round(paled + np.sqrt(strengths) * (colours - paled)).astype("uint8")


def in_words(scores: Scores, colored: bool) -> str:
    """Returns the words and their scores; `colored`: for a terminal of 256 colours, green speaks for the label."""
    words = [(f"{printable(word)} ({score:+.2g})", score) for word, score in scores]
    return " ".join(f"\x1b[48;5;{_color_number(score)}m{word}\x1b[0m" if colored else word for word, score in words)


def write_html(
    names: Sequence[str], features: np.ndarray, predictions: Sequence[dict], explanations: Sequence, path: str | Path,
    method: str = "integrated_gradients",
) -> None:  # fmt: skip
    """Writes a page that needs no other file: each example, its label, and what mattered, in colour.

    Args:
        names, features, predictions: as `zoo.evaluation.predict` gives them.
        explanations: of each example, what `explain` (texts) or `explain_images` gives.
        path: the HTML file to write.
        method: of `LEGENDS`, by which pictures were explained.

    Raises:
        ZooError: the file cannot be written.
    """
    pictures = features.dtype != object
    legend = (
        LEGENDS[method] if pictures else "Green words speak for the label, red ones against it: integrated gradients"
    )
    blocks = []
    for name, feature, prediction, scores in zip(names, features, predictions, explanations, strict=True):
        label = html.escape(f"{printable(prediction['label'])} {prediction['probability']:.4f}")
        shown = _picture_block(feature, scores) if pictures else _words_block(scores)
        blocks.append(f"<h2>{html.escape(printable(name))}: {label}</h2>\n<p>{shown}</p>")
    page = "\n".join([_HEAD, f"<p>{legend}.</p>", *blocks])
    try:
        Path(path).write_text(page + "\n", encoding="utf-8")
    except OSError as error:
        raise ZooError(f"--explain_html={path}: cannot be written ({error.strerror}); name another file") from None


def _words_block(scores: Scores) -> str:
    return " ".join(
        f'<span title="{score:+.2f}" style="background: rgba({"0, 140, 60" if score > 0 else "200, 40, 40"}, '
        f'{min(abs(score), 1):.2f})">{html.escape(printable(word))}</span>'
        for word, score in scores
    )


def _picture_block(image: np.ndarray, scores: np.ndarray) -> str:
    shown = image[..., 0] if image.shape[-1] == 1 else image
    return "\n".join(
        f'<img alt="{words}" src="data:image/png;base64,{base64.b64encode(png(pixels)).decode()}">'
        for words, pixels in (("picture", shown), ("heat map", overlay(image, scores)))
    )


def png(pixels: np.ndarray) -> bytes:
    """A PNG file of uint8[height, width] or uint8[height, width, 3]."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def _color_number(score: float) -> int:
    """One of six strengths of green or red among the 256 colours of a terminal; scores near 0 stay black."""
    strength = min(round(abs(score) * 5), 5)
    return 16 + (6 * strength if score > 0 else 36 * strength)
