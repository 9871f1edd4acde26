"""Registered Keras layers that models of several families share. Importing this package registers them."""

from zoo.layers import (  # noqa: F401
    activations,
    byte_pair,
    causal_attention,
    columns,
    interactions,
    numeric_embeddings,
    positions,
    tf_idf,
    word_piece,
)
