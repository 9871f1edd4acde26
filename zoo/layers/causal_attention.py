"""Attention that looks back only, as models that write have it."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("zoo")
class CausalAttention(keras.layers.Layer):
    """`float[batch, length, width + 2 · key_width]` queries, keys and values → `float[batch, length, width]`.

    Each token attends to itself and to those before it (Vaswani et al., 2017), in several heads. With fewer heads of
    keys and values than of queries, several queries share one (Ainslie et al., 2023, GQA). With `rotary`, queries and
    keys are turned by their positions (Su et al., 2021, RoFormer), so that the model needs no other positions.
    """

    def __init__(self, num_heads: int, num_key_value_heads: int, head_size: int, rotary: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.num_key_value_heads = num_heads, num_key_value_heads
        self.head_size, self.rotary = head_size, rotary

    def call(self, inputs):
        query, key, value = self.heads_of(inputs, 0)
        return self.attend(query, key, value, 0)

    def heads_of(self, inputs, start):
        """Queries, keys and values of tokens from position `start` on, `float[batch, heads, length, head_size]`."""
        width, key_width = self.num_heads * self.head_size, self.num_key_value_heads * self.head_size
        sizes = (self.num_heads, self.num_key_value_heads, self.num_key_value_heads)
        parts = (inputs[..., :width], inputs[..., width : width + key_width], inputs[..., width + key_width :])
        length = inputs.shape[1]
        query, key, value = (
            ops.transpose(ops.reshape(part, (-1, length, heads, self.head_size)), (0, 2, 1, 3))
            for part, heads in zip(parts, sizes, strict=True)
        )
        if self.rotary:
            query, key = self._turned(query, start), self._turned(key, start)
        return query, key, value

    def attend(self, query, key, value, start):
        """What tokens from position `start` on see of keys and values that begin at position 0, as `call` returns it.

        Keys and values behind the last query are not seen, whatever they are.
        """
        groups = self.num_heads // self.num_key_value_heads
        if groups > 1:
            key, value = ops.repeat(key, groups, axis=1), ops.repeat(value, groups, axis=1)
        length, seen = query.shape[2], key.shape[2]
        scores = ops.matmul(query * self.head_size**-0.5, ops.transpose(key, (0, 1, 3, 2)))
        visible = ops.arange(seen)[None] <= start + ops.arange(length)[:, None]
        weights = ops.softmax(scores + ops.cast(ops.where(visible, 0.0, -1e30), scores.dtype))
        found = ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3))
        return ops.reshape(found, (-1, length, self.num_heads * self.head_size))

    def _turned(self, heads, start):
        half = self.head_size // 2
        frequencies = ops.cast(10_000.0 ** (-np.arange(half) / half), "float32")
        angles = ops.cast(start + ops.arange(heads.shape[2]), "float32")[:, None] * frequencies[None]
        cos, sin = ops.cast(ops.cos(angles), heads.dtype), ops.cast(ops.sin(angles), heads.dtype)
        a, b = heads[..., :half], heads[..., half:]
        return ops.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((*inputs.shape[:2], self.num_heads * self.head_size), self.compute_dtype)

    def get_config(self):
        names = ("num_heads", "num_key_value_heads", "head_size", "rotary")
        return super().get_config() | {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable("zoo")
class LastToken(keras.layers.Layer):
    """States `float[batch, length, width]`, ids `int32[batch, length]` → `float[batch, width]`, of the last token.

    Ids equal to `end` behind the first are none.
    """

    def __init__(self, end: int, **kwargs):
        super().__init__(**kwargs)
        self.end = end

    def call(self, states, ids):
        count = ops.sum(ops.cast(ids != self.end, "int32"), axis=1)
        place = ops.minimum(count, ids.shape[1] - 1)
        return ops.squeeze(ops.take_along_axis(states, ops.reshape(place, (-1, 1, 1)), axis=1), axis=1)

    def compute_output_spec(self, states, ids):
        return keras.KerasTensor((states.shape[0], states.shape[2]), self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"end": self.end}
