"""Counts of n-grams as TF-IDF rows."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("zoo")
class TfIdf(keras.layers.Layer):
    """`int[batch, length]` ids of n-grams → `float32[batch, vocabulary_size]` rows of length 1.

    (1 + log count) × inverse document frequency (Salton & Buckley, 1988, Term-weighting approaches in automatic text
    retrieval), smoothed as in scikit-learn. Ids 0 and 1, padding and unknown n-grams, count nothing. Rows are made from
    ids a batch at a time: those of all texts at once would not fit in memory.
    """

    def __init__(self, vocabulary_size: int, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.supports_jit = False  # XLA cannot count ids

    def build(self, input_shape):
        self.idf = self.add_weight(
            shape=(self.vocabulary_size,), initializer="ones", trainable=False, dtype="float32", name="idf"
        )

    def adapt(self, ids: np.ndarray) -> None:
        """Count in how many of the texts `int[examples, length]` each n-gram occurs."""
        rows = np.repeat(np.arange(len(ids)), ids.shape[1])
        different = np.unique(rows * self.vocabulary_size + ids.ravel()) % self.vocabulary_size
        frequencies = np.bincount(different, minlength=self.vocabulary_size)
        idf = np.log((1 + len(ids)) / (1 + frequencies)) + 1
        idf[:2] = 0
        self.idf.assign(idf)

    def call(self, ids):
        counts = ops.bincount(ids, minlength=self.vocabulary_size)
        counts = ops.cast(ops.reshape(counts, (ops.shape(ids)[0], self.vocabulary_size)), "float32")
        rows = ops.where(counts > 0, 1 + ops.log(ops.maximum(counts, 1.0)), 0.0) * self.idf
        return rows / ops.maximum(ops.norm(rows, axis=1, keepdims=True), 1e-12)

    def compute_output_spec(self, ids):
        return keras.KerasTensor((ids.shape[0], self.vocabulary_size), "float32")

    def get_config(self):
        return super().get_config() | {"vocabulary_size": self.vocabulary_size}
