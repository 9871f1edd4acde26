"""Registered Keras layers that models of several families share. Importing this package registers them."""

from zoo.layers import activations, columns, numeric_embeddings, positions, tf_idf, word_piece  # noqa: F401
