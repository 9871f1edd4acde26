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
    """`float[…]` → the approximation of `exact_gelu` that GPT-2 has: x σ(√(8/π) (x + 0.044715 x³)).

    It is the paper's form, written with the logistic function in place of tanh, which is faster; and in float32, as
    above.
    """
    y = ops.cast(x, "float32")
    return ops.cast(y * ops.sigmoid(math.sqrt(8 / math.pi) * y * (1 + 0.044715 * ops.square(y))), x.dtype)
