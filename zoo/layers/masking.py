"""What hides pieces of a text from a masked language model, and what counts its answers (Devlin et al., 2019)."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo.layers.random_numbers import uniform
from zoo.layers.word_piece import SPECIAL_TOKENS

_CHOSEN, _HOW, _WHICH = range(20, 23)  # number streams beside those of the pictures
NOT_HIDDEN = -1


class Masking:
    """`int32[batch, length]` ids → `int32[batch, 2, length]`: what the model sees, and the piece to find or -1.

    Of the pieces chosen, 80 % become [MASK], 10 % any piece, 10 % stay. Which they are follows from (seed, epoch, row,
    position) alone, anew each epoch (Liu et al., 2019, RoBERTa); with whole words, all pieces of a word are chosen
    together.
    """

    def __init__(self, settings, vocabulary: list[str]):
        """`settings` is a `zoo.settings.MaskingSection`."""
        self.settings = settings
        ordinary = [not (piece in SPECIAL_TOKENS or piece.startswith("[unused")) for piece in vocabulary]
        self.ordinary, self.ordinary_ids = tf.constant(ordinary), tf.constant(np.flatnonzero(ordinary), tf.int32)
        self.continues = tf.constant([piece.startswith("##") for piece in vocabulary])
        self.mask_id = vocabulary.index("[MASK]")

    def __call__(self, ids, rows, seed):
        """Args: ids `int32[batch, length]`; rows `int64[batch]`; seed `int64[2]`, (seed, epoch)."""
        length = ids.shape[1]
        positions = tf.cast(rows, tf.int64)[:, None] * length + np.arange(length)
        units = positions
        if self.settings.whole_words:
            word_numbers = tf.cumsum(tf.cast(~tf.gather(self.continues, ids), tf.int64), axis=1)
            units = positions[:, :1] + word_numbers

        def draw(of, kind):
            return tf.reshape(uniform(tf.reshape(of, [-1]), seed, kind), tf.shape(ids))

        hidden = (draw(units, _CHOSEN) < self.settings.fraction) & tf.gather(self.ordinary, ids)
        how = draw(positions, _HOW)
        which = tf.cast(draw(positions, _WHICH) * tf.cast(tf.size(self.ordinary_ids), tf.float32), tf.int32)
        seen = tf.where(how < 0.8, self.mask_id, tf.where(how < 0.9, tf.gather(self.ordinary_ids, which), ids))
        return tf.stack([tf.where(hidden, seen, ids), tf.where(hidden, ids, NOT_HIDDEN)], axis=1)


class HiddenPieces(keras.layers.Layer):
    """`float[batch, length, width]`, `int32[batch, length]` → the same of the first `count` hidden pieces of each text.

    The output layer costs more than all others, so it computes only the hidden pieces.
    """

    def __init__(self, count: int):
        super().__init__()
        self.count = count

    def call(self, states, targets):
        _, places = ops.top_k(ops.cast(targets != NOT_HIDDEN, "float32"), self.count)
        at_places = ops.reshape(places, (-1, self.count, 1))
        return ops.take_along_axis(states, at_places, axis=1), ops.take_along_axis(targets, places, axis=1)


class CountAnswers(keras.layers.Layer):
    """Logits `float32[batch, count, piece]`, targets `int32[batch, count]` → `float32[batch, 3]`.

    The sum of the losses, how many answers are right, and how many there are, of each text.
    """

    def call(self, logits, targets):
        right = ops.cast(ops.cast(ops.argmax(logits, axis=-1), "int32") == targets, "float32")
        return sums_of_losses(logits, targets)(right, ops.ones_like(right))


def sums_of_losses(logits, targets):
    """What sums, for each text, the losses of its targets that are not `NOT_HIDDEN`, and more `float32[batch, count]`.

    Of logits `float32[batch, count, piece]` and targets `int32[batch, count]` comes a function that gives
    `float32[batch, 1 + more]`.
    """
    counted = ops.cast(targets != NOT_HIDDEN, "float32")
    losses = ops.sparse_categorical_crossentropy(ops.maximum(targets, 0), logits, from_logits=True)
    return lambda *more: ops.stack([ops.sum(values * counted, axis=1) for values in (losses, *more)], axis=1)
