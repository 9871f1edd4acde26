"""How explanations are shown: words in colour, heat maps over pictures, on a terminal, in a PNG or on a page."""

import html
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.evaluation.explain import Scores


def overlay(image: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Colours what speaks for the label blue and what speaks against it orange, on the paled picture.

    Args:
      image: uint8[height, width, channel].
      scores: float32[height, width], as `explain_images` gives them.

    Returns:
      uint8[height, width, 3].
    """
    paled = 255 - 0.35 * np.broadcast_to(image.mean(axis=-1, keepdims=True), (*scores.shape, 3))
    strengths = np.abs(scores)[..., None] / (np.abs(scores).max(initial=0) or 1)
    colours = np.where(scores[..., None] > 0, (0, 114, 178), (213, 94, 0))
    return np.round(paled + np.sqrt(strengths) * (colours - paled)).astype("uint8")


def colored(scores: Scores) -> str:
    """Returns the words for a terminal of 256 colours: green speaks for the label, red against it."""
    return " ".join(f"\x1b[48;5;{_color_number(score)}m{_printable(word)}\x1b[0m" for word, score in scores)


def write_html(names: list[str], predictions: list[dict], explanations: list[Scores], path: str | Path) -> None:
    """Writes a page with each text, its label, and its words on green or red.

    Raises:
      ZooError: the file cannot be written.
    """
    blocks = []
    for name, prediction, scores in zip(names, predictions, explanations, strict=True):
        words = " ".join(
            f'<span title="{score:+.2f}" style="background: rgba({"0, 140, 60" if score > 0 else "200, 40, 40"}, '
            f'{min(abs(score), 1):.2f})">{html.escape(word)}</span>'
            for word, score in scores
        )
        label = html.escape(f"{prediction['label']} {prediction['probability']:.4f}")
        blocks.append(f"<h2>{html.escape(name)}: {label}</h2>\n<p>{words}</p>")
    page = "\n".join(
        ['<!doctype html><meta charset="utf-8"><title>Which words mattered</title>',
         "<p>Green words speak for the label, red ones against it: integrated gradients.</p>", *blocks]
    )  # fmt: skip
    try:
        Path(path).write_text(page + "\n", encoding="utf-8")
    except OSError as error:
        raise ZooError(f"--explain_html={path}: cannot be written ({error.strerror}); name another file") from None


def _color_number(score: float) -> int:
    """One of six strengths of green or red on the colour cube of terminals; almost nothing stays black."""
    strength = min(round(abs(score) * 5), 5)
    return 16 + (6 * strength if score > 0 else 36 * strength)


def _printable(word: str) -> str:
    """A text must not steer the terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in word)
