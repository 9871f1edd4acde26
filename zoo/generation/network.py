"""A language model that reads on from where it was: it keeps the keys and values of what it has read (a KV cache).

Logits are the same with and without the cache, to the last bit in float32 where TensorFlow multiplies with oneDNN, as
it does on x86 unless TF_ENABLE_ONEDNN_OPTS is 0: its products of matrices do not depend on the number of rows, if these
are not fewer than `_AGAIN`, which normalization needs. Elsewhere they differ by rounding.
"""

import itertools
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from zoo.errors import ZooError
from zoo.layers.byte_pair import BytePairTokenizer
from zoo.layers.causal_attention import CausalAttention
from zoo.layers.front import part_behind, text_layer
from zoo.layers.positions import PositionEmbedding

_AGAIN = 8  # tokens that each step reads; but the new one, they were read before
_SHORTEST = 32  # of what is read at once; filled up to this, or to four times as much, and so on
_STATE_BYTES = 4_000_000_000  # of keys and values
_EACH_TOKEN_ALONE = (
    layers.InputLayer, layers.Embedding, layers.Dense, layers.LayerNormalization, layers.Activation, layers.Dropout,
)  # fmt: skip
_ELEMENTWISE = ("Add", "Multiply", "Subtract")  # operations between states


class Network:
    """A `keras.Model` of the task `language_model`, from tokens to logits.

    Attributes:
        tokenizer: its `BytePairTokenizer`.
        length: how many tokens it reads at most.
        can_cache: whether it is made of layers that are known to look at a token alone, and of `CausalAttention`.
    """

    def __init__(self, model, path: str | Path):
        """Raises: ZooError: it has not the layers of a model that writes."""
        self.tokenizer, names = text_layer(model), [layer.name for layer in model.layers]
        missing = {"token_embedding", "final_norm"} - {*names}
        if missing or not isinstance(self.tokenizer, BytePairTokenizer):
            raise ZooError(f"{path}: has no {min(missing, default='BytePairTokenizer')}; models that write need it")
        self.length, self.embedding = self.tokenizer.length, model.get_layer("token_embedding")
        if len(self.tokenizer.tokens) > self.embedding.input_dim:
            raise ZooError(f"{path}: more tokens than embeddings; it cannot write")
        output = model.get_layer("final_norm").output
        self._part = keras.Model(self.tokenizer.output, output)
        self._whole = part_behind(model, output)
        self._attentions = [layer for layer in self._part.layers if isinstance(layer, CausalAttention)]
        self.can_cache = all(map(_is_known, self._part.operations))
        self.read_whole = tf.function(self._read_whole, autograph=False)
        self.read_some = tf.function(self._read_some, autograph=False)

    @property
    def sizes(self) -> list[int]:
        """How many tokens are read at once, after which the network is traced."""
        shorter = (_SHORTEST * 4**power for power in range(16))
        return [*itertools.takewhile(lambda size: size < self.length, shorter), self.length]

    def reader(self, rows: int, cache: bool = True) -> "Reader":
        """What reads `rows` texts of one length, each from its beginning."""
        return Reader(self, self.memory(rows)) if cache and self.can_cache else UncachedReader(self)

    def memory(self, rows: int) -> list[tf.Variable]:
        """Of each attention, keys and values: `float[2, rows, heads, length, head_size]`."""
        shapes = [(2, rows, each.num_key_value_heads, self.length, each.head_size) for each in self._attentions]
        if 4 * sum(map(np.prod, shapes)) > _STATE_BYTES:
            raise ZooError(f"{rows} texts of {self.length:,} tokens take too much memory; write fewer at once")
        return [
            tf.Variable(tf.zeros(shape, attention.compute_dtype), trainable=False)
            for shape, attention in zip(shapes, self._attentions, strict=True)
        ]

    def _read_whole(self, tokens, last):
        """`int32[rows, length]` → `float32[rows, token]`, the logits of what comes after the token at `last`."""
        return self._logits(self._whole(tokens, training=False), last)

    def _read_some(self, tokens, start, last, memory):
        """The same of tokens that begin at position `start`; `memory` has those before, and gets these."""

        def clone(layer):
            if isinstance(layer, CausalAttention):
                return _Remembering(layer, start, memory[self._attentions.index(layer)])
            return _Placed(layer, start) if isinstance(layer, PositionEmbedding) else layer

        inputs = keras.Input((tokens.shape[1],), dtype="int32")
        part = keras.models.clone_model(self._part, input_tensors=inputs, clone_function=clone)
        return self._logits(part(tokens, training=False), last)

    def _logits(self, states, last):
        # Of two tokens and up to 15 rows in all: so many take one path in oneDNN, a single one takes another.
        first = tf.maximum(last - 1, 0)
        pair = ops.slice(states, (0, first, 0), (states.shape[0], 2, states.shape[2]))
        return ops.cast(self.embedding(pair, reverse=True), "float32")[:, last - first]


class Reader:
    """Texts of one length that grow together, and what the network remembers of them."""

    def __init__(self, network: Network, memory: list[tf.Variable]):
        self._network, self._memory = network, memory

    def read(self, context: np.ndarray) -> np.ndarray:
        """Forget the past, read `int32[rows, count]`, and return logits, `float32[rows, token]`."""
        return self._read(context, 0, next(size for size in self._network.sizes if size >= context.shape[1]))

    def read_on(self, context: np.ndarray) -> np.ndarray:
        """The same, where all but the last token have been read."""
        return self._read(context, max(0, context.shape[1] - _AGAIN), _AGAIN)

    def _read(self, context: np.ndarray, start: int, size: int) -> np.ndarray:
        """Read from `start` on, filled up to `size`: what is behind the last token is seen by none before it."""
        tokens = _filled(context[:, start:], min(size, self._network.length), self._network.tokenizer.end)
        last = context.shape[1] - start - 1
        return self._network.read_some(tokens, tf.constant(start), tf.constant(last), self._memory).numpy()


class UncachedReader:
    """The same without a memory: for each token the whole model is computed, as it was trained."""

    def __init__(self, network: Network):
        self._network = network

    def read(self, context: np.ndarray) -> np.ndarray:
        """Logits, `float32[rows, token]`, of what comes after `int32[rows, count]`."""
        tokens = _filled(context, self._network.length, self._network.tokenizer.end)
        return self._network.read_whole(tokens, tf.constant(context.shape[1] - 1)).numpy()

    read_on = read


class _Remembering(layers.Layer):
    """Attention to all that a memory holds, and to the tokens that come, which it gets."""

    def __init__(self, attention: CausalAttention, start, memory: tf.Variable):
        super().__init__(dtype=attention.dtype_policy, name=attention.name)
        self._of_call = lambda: (attention, start, memory)  # hidden from Keras, which would track them

    def call(self, inputs):
        attention, start, memory = self._of_call()
        query, key, value = attention.heads_of(inputs, start)
        memory[:, :, :, start : start + inputs.shape[1]].assign(ops.stack([key, value]))
        return attention.attend(query, memory[0], memory[1], start)

    def compute_output_spec(self, inputs):
        return self._of_call()[0].compute_output_spec(inputs)


class _Placed(layers.Layer):
    """Learned positions from `start` on."""

    def __init__(self, positions: PositionEmbedding, start):
        super().__init__(dtype=positions.dtype_policy, name=positions.name)
        self._of_call = lambda: (positions, start)

    def call(self, inputs):
        positions, start = self._of_call()
        return inputs + ops.cast(ops.slice(positions.embeddings, (start, 0), inputs.shape[1:]), inputs.dtype)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, self.compute_dtype)


def _filled(tokens: np.ndarray, size: int, end: int):
    filled = np.full((len(tokens), size), end, "int32")
    filled[:, : tokens.shape[1]] = tokens
    return tf.constant(filled)


def _is_known(operation) -> bool:
    if isinstance(operation, layers.Layer):
        return isinstance(operation, (*_EACH_TOKEN_ALONE, CausalAttention, PositionEmbedding))
    return type(operation).__name__ in _ELEMENTWISE
