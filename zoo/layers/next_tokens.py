"""What a model that writes is trained and judged by: windows of tokens, and how well each next token was foretold."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo.layers.masking import NOT_HIDDEN as NOT_COUNTED
from zoo.layers.masking import sums_of_losses
from zoo.layers.random_numbers import uniform

_OFFSET = 24  # a number stream beside those of pictures and of hidden pieces


def pairs_of_windows(texts: Sequence[np.ndarray], length: int, end: int) -> np.ndarray:
    """Tokens of many texts, `end` before each, cut into windows, each with the next one: `int32[window, 2 · length]`.

    What is less than a window at the end is left out; behind the last window comes the first.
    """
    stream = np.concatenate([part for text in texts for part in (np.array([end], "int32"), text)])
    windows = stream[: len(stream) // length * length].reshape(-1, length)
    return np.concatenate([windows, np.roll(windows, -1, axis=0)], axis=1)


def windows_of(texts: Sequence[np.ndarray], length: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """What foretells each token of each text once, `int32[window, 2, length]`, and the text of each window.

    A window holds the tokens that the model sees, and what comes after each of them, or -1 where that is counted in
    another window or is behind the text. A text is read from its beginning; windows overlap by half, so that each
    token of the later ones is foretold from at least half a window.
    """
    windows, rows, half = [], [], length // 2
    for row, text in enumerate(texts):
        tokens = np.concatenate([np.array([end], "int32"), text])
        first = 0  # the first token to be foretold is at first + 1
        while first < len(tokens) - 1:
            last = min(first + (length if first == 0 else length - half), len(tokens) - 1)
            start = max(0, last - length)
            window = np.full((2, length), NOT_COUNTED, "int32")
            window[0] = end
            window[0, : last - start] = tokens[start:last]
            window[1, first - start : last - start] = tokens[first + 1 : last + 1]
            windows.append(window)
            rows.append(row)
            first = last
    return np.stack(windows), np.array(rows, "int32")


class MovedWindows:
    """`int32[batch, 2 · length]` → `int32[batch, 2, length]`: what the model sees, and the tokens after each.

    In each epoch the windows begin elsewhere; where, follows from (seed, epoch) alone.
    """

    def __init__(self, length: int):
        self.length = length

    def __call__(self, windows, rows, seed):
        """Args: windows as above; rows `int64[batch]`; seed `int64[2]`, (seed, epoch)."""
        first = tf.cast(uniform(tf.zeros([1], tf.int64), seed, _OFFSET)[0] * self.length, tf.int32)
        seen, next_ones = (windows[:, start : start + self.length] for start in (first, first + 1))
        return tf.ensure_shape(tf.stack([seen, next_ones], axis=1), [None, 2, self.length])


class CountBits(keras.layers.Layer):
    """Logits `float32[batch, length, token]`, targets `int32[batch, length]` → `float32[batch, 3]`.

    Of each row the sum of the losses in nats, how many tokens they are of, and how many characters these have.
    """

    def __init__(self, characters_of_token: np.ndarray, **kwargs):
        """`characters_of_token` is `float32[token]`."""
        super().__init__(**kwargs)
        self.characters_of_token = characters_of_token

    def call(self, logits, targets):
        characters = ops.take(ops.convert_to_tensor(self.characters_of_token), ops.maximum(targets, 0))
        return sums_of_losses(logits, targets)(ops.ones_like(characters), characters)
