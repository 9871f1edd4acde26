"""Activation functions that export where Keras's own do not."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable("zoo")
def exact_gelu(x):
    """`float[…]` → x Φ(x) (Hendrycks & Gimpel, 2016, Gaussian error linear units), by `erf`.

    Keras's exact form is lowered to `Erfc`, which ONNX Runtime refuses; the tanh form is 7e-3 away on BERT's weights.
    Half precision is computed in float32, which on a CPU is faster too.
    """
    y = ops.cast(x, "float32")
    return ops.cast(0.5 * y * (1 + ops.erf(y / math.sqrt(2))), x.dtype)


@keras.saving.register_keras_serializable("zoo")
def tanh_gelu(x):
    """`float[…]` → the approximation of `exact_gelu` by tanh, which GPT-2 has."""
    return ops.gelu(x, approximate=True)
