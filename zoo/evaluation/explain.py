"""Which words an answer rests on: integrated gradients (Sundararajan et al., 2017, Axiomatic attribution).

Gradient times input, with the gradient averaged on the way from no words at all to the text: at its end alone, where a
sure model is flat, a Transformer's gradient says little.
"""

import html
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.loading import LoadedModel

_SHOWN_PAIRS = 20
_STEPS = 32
Scores = list[tuple[str, float]]


def explain(loaded_model: "LoadedModel", features: np.ndarray) -> list[Scores]:
    """How much each word of a text speaks for (above 0) or against the label that the model gives it.

    Args:
      features: object[examples] texts.

    Returns:
      For each text its words in order, pieces of a word together, or, of a model of word counts, the words and pairs
      that count most. The scores of a text are divided by its largest.

    Raises:
      ZooError: the model does not read texts.
    """
    import keras
    import tensorflow as tf

    from zoo.layers.tf_idf import TfIdf
    from zoo.models.front import text_layer
    from zoo.runtimes import ExportedModel

    if isinstance(loaded_model.model, ExportedModel):
        raise ZooError(f"--explain: {loaded_model.path} has no gradients; explain the run's model.keras")
    front = text_layer(loaded_model.model)
    if front is None:
        raise ZooError(f"--explain: {loaded_model.path} is a model of {loaded_model.task}; it explains texts alone")
    vocabulary = np.array(front.vocabulary if hasattr(front, "vocabulary") else front.get_vocabulary(), object)
    inner = next(layer for layer in loaded_model.model.layers[2:] if layer.weights)  # an embedding, or TF-IDF
    rest = keras.Model([front.output, inner.output], loaded_model.model.get_layer("logits").output)
    rest.supports_masking = True  # the mask of an embedding comes with its values
    explanations = []
    for text in features:
        ids = front(tf.constant([text]))
        scores = _integrated(rest, ids, inner(ids), inner.compute_mask(ids, None))
        if isinstance(inner, TfIdf):
            order = np.argsort(-np.abs(scores), kind="stable")[:_SHOWN_PAIRS]
            words = [(vocabulary[i], float(scores[i])) for i in order if scores[i]]
        else:
            words = _words(vocabulary, np.asarray(ids)[0], scores.sum(axis=-1))
        largest = max((abs(score) for _, score in words), default=0) or 1
        explanations.append([(word, score / largest) for word, score in words])
    return explanations


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


def _integrated(rest, ids, values, mask) -> np.ndarray:
    """What each of `values[1, …]`, the text embedded or counted, adds to the answer's logit over the others' mean."""
    import tensorflow as tf

    def two_logits_or_more(logits):
        return tf.concat([-logits / 2, logits / 2], axis=1) if logits.shape[1] == 1 else logits

    label = int(tf.argmax(two_logits_or_more(rest([ids, values], mask=[None, mask]))[0]))
    shares = tf.reshape((tf.range(_STEPS, dtype=tf.float32) + 0.5) / _STEPS, [-1] + [1] * (len(values.shape) - 1))
    path = tf.cast(shares, values.dtype) * values
    masks = None if mask is None else tf.repeat(mask, _STEPS, axis=0)
    with tf.GradientTape() as tape:
        tape.watch(path)
        logits = two_logits_or_more(rest([tf.repeat(ids, _STEPS, axis=0), path], mask=[None, masks]))
        contrast = tf.reduce_sum(logits[:, label] - tf.reduce_mean(logits, axis=1))
    gradients = tf.reduce_mean(tf.cast(tape.gradient(contrast, path), tf.float32), axis=0)
    return (tf.cast(values[0], tf.float32) * gradients).numpy()


def _words(vocabulary: np.ndarray, ids: np.ndarray, scores: np.ndarray) -> Scores:
    words: Scores = []
    for piece, score in zip(vocabulary[ids], scores.tolist(), strict=True):
        if piece in ("", "[PAD]", "[CLS]", "[SEP]"):
            continue
        if piece.startswith("##") and words:
            words[-1] = (words[-1][0] + piece[2:], words[-1][1] + score)
        else:
            words.append((piece, score))
    return words


def _color_number(score: float) -> int:
    """One of six strengths of green or red on the colour cube of terminals; almost nothing stays black."""
    strength = min(round(abs(score) * 5), 5)
    return 16 + (6 * strength if score > 0 else 36 * strength)


def _printable(word: str) -> str:
    """A text must not steer the terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in word)
