"""Self-attention, as the transformers of texts and of pictures have it (Vaswani et al., 2017)."""

from collections.abc import Callable


def self_attention(x, num_heads: int, name: str, visible=None, initializer: Callable = lambda: "glorot_uniform"):
    """`float[batch, length, width]` → the same, by matrix products of whole heads.

    On TensorFlow, Keras's `MultiHeadAttention` has no fused kernel and goes through einsum, which takes 1.6 times as
    long as this on a CPU. What attends to what is the output of the layer `{name}_weights`,
    `float[batch, heads, length, length]`, whose rows sum to 1.

    Args:
        visible: `bool[batch, 1, 1, length]`, which tokens may be attended to; by default all.
        initializer: makes a new one for each kernel.
    """
    import keras
    from keras import ops

    length, width = x.shape[1:]
    head_size = width // num_heads

    def dense(part):
        return keras.layers.Dense(width, kernel_initializer=initializer(), name=f"{name}_{part}")

    query, key, value = (
        ops.transpose(ops.reshape(dense(part)(x), (-1, length, num_heads, head_size)), axes)
        for part, axes in (("query", (0, 2, 1, 3)), ("key", (0, 2, 3, 1)), ("value", (0, 2, 1, 3)))
    )
    scores = ops.matmul(query * head_size**-0.5, key)
    if visible is not None:
        scores = ops.where(visible, scores, -1e30)
    weights = keras.layers.Softmax(name=f"{name}_weights")(scores)
    seen = ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3))
    return dense("attention_output")(keras.layers.Reshape((length, width))(seen))
