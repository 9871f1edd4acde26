"""Learned positions of tokens."""

import keras


@keras.saving.register_keras_serializable("zoo")
class PositionEmbedding(keras.layers.Layer):
    """`float[batch, length, width]` → the same plus a learned vector a position (Devlin et al., 2019, BERT).

    It is built for the longest input; shorter ones get the first positions.
    """

    def build(self, input_shape):
        self.embeddings = self.add_weight(
            shape=tuple(input_shape[1:]),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            name="embeddings",
        )

    def call(self, inputs):
        return inputs + keras.ops.cast(self.embeddings[: inputs.shape[1]], inputs.dtype)
