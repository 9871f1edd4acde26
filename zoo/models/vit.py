"""Vision transformers: a picture becomes a row of tokens, which attend to each other."""

import math
from collections.abc import Sequence

from zoo.models.attention import self_attention
from zoo.models.common import activated, dropped, dropped_path
from zoo.models.head import classification_head
from zoo.registry import register_model


@register_model(
    "fashion_mnist_vit",
    reads="image",
    task="classification",
    description="a compact convolutional transformer, three convolutions and two blocks, for Fashion-MNIST",
    reference="Hassani et al. (2021), Escaping the big data paradigm with compact transformers",
    tokenizer_filters=(32, 64, 128),
    hidden_size=128,
    num_layers=2,
    num_heads=2,
    mlp_size=128,
    pooling="sequence",
    drop_path=0.1,
)
def vision_transformer(
    input_shape: Sequence[int] = (28, 28, 1),
    num_classes: int = 10,
    patch_size: int = 4,
    tokenizer_filters: Sequence[int] = (),
    hidden_size: int = 128,
    num_layers: int = 4,
    num_heads: int = 4,
    mlp_size: int = 256,
    batch_normalization: bool = False,
    pooling: str = "class_token",
    dropout: float = 0.0,
    drop_path: float = 0.0,
):
    """`uint8[batch, height, width, channel]` → `float32[batch, num_classes]` probabilities.

    ViT-B/16 of the paper (Dosovitskiy et al., 2021, An image is worth 16x16 words) is `patch_size=16, hidden_size=768,
    num_layers=12, num_heads=12, mlp_size=3072, dropout=0.1` on pictures of 224 pixels.

    Args:
        patch_size: the side of the squares into which the picture is cut, a token each.
        tokenizer_filters: of 3×3 convolutions, each halved by pooling, that make the tokens in place of patches; the
            last is `hidden_size`.
        batch_normalization: after each convolution of the tokenizer (Xiao et al., 2021, Early convolutions help
            transformers see better).
        hidden_size: numbers a token.
        num_layers: how many blocks of attention and feed-forward layers, both normalized before.
        mlp_size: units of the feed-forward layers.
        pooling: what the head reads: `class_token`, the `mean` of the tokens, or `sequence`, a learned weighted mean.
        dropout: after the tokens, and in and after the feed-forward layers.
        drop_path: how often the last block is left out, for an example; those before it less, in proportion.

    Raises:
        ValueError: an option has no such value, the heads do not divide the hidden size, the patches do not divide the
            picture, or it is too small for the pooling.
    """
    import keras

    _refuse(input_shape, patch_size, tokenizer_filters, hidden_size, num_layers, num_heads, mlp_size, pooling)
    inputs = keras.Input(tuple(input_shape), dtype="uint8", name="images")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    for filters in tokenizer_filters:
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
        x = activated(keras.layers.MaxPooling2D(3, 2, padding="same")(x), batch_normalization)
    if not tokenizer_filters:
        x = keras.layers.Conv2D(hidden_size, patch_size, patch_size, name="patches")(x)
    x = keras.layers.Reshape((-1, hidden_size))(x)
    if pooling == "class_token":
        x = keras.layers.Concatenate(axis=1)([_learned(x[:, :1], "class_token"), x])
    x = dropped(x + _learned(x, "positions"), dropout)
    for number in range(num_layers):
        rate = drop_path * number / max(num_layers - 1, 1)
        x = _block(x, f"block_{number}", num_heads, mlp_size, dropout, rate)
    x = keras.layers.LayerNormalization(epsilon=1e-6, name="final_norm")(x)
    return keras.Model(inputs, classification_head(_pooled(x, pooling), num_classes), name="vision_transformer")


def _refuse(input_shape, patch_size, tokenizer_filters, hidden_size, num_layers, num_heads, mlp_size, pooling) -> None:
    height, width = input_shape[:2]
    if min(num_layers, mlp_size, hidden_size, num_heads, *tokenizer_filters) < 1:
        raise ValueError("num_layers, mlp_size, hidden_size, num_heads and tokenizer_filters: all are 1 or more")
    if pooling not in ("class_token", "mean", "sequence"):
        raise ValueError(f"pooling is {pooling!r}; class_token, mean or sequence is needed")
    if hidden_size % num_heads:
        fitting = _nearest_divisor(num_heads, hidden_size)
        raise ValueError(f"{num_heads} heads do not divide the hidden size {hidden_size}; {fitting} do")
    if tokenizer_filters and tokenizer_filters[-1] != hidden_size:
        raise ValueError(f"the last of tokenizer_filters {tuple(tokenizer_filters)} is not hidden_size, {hidden_size}")
    if not tokenizer_filters and (patch_size < 1 or height % patch_size or width % patch_size):
        raise ValueError(
            f"patch_size {patch_size} does not divide pictures of {height}×{width}; the nearest that does is "
            f"{_nearest_divisor(patch_size, math.gcd(height, width))}"
        )


def _nearest_divisor(number: int, of: int) -> int:
    divisors = [candidate for candidate in range(1, of + 1) if of % candidate == 0]
    return min(divisors, key=lambda divisor: abs(divisor - number))


def _block(x, name: str, num_heads: int, mlp_size: int, dropout: float, drop_path: float):
    import keras
    from keras import ops

    hidden_size = x.shape[-1]
    y = keras.layers.LayerNormalization(epsilon=1e-6, name=f"{name}_attention_norm")(x)
    x = x + dropped_path(self_attention(y, num_heads, name), drop_path)
    y = keras.layers.LayerNormalization(epsilon=1e-6, name=f"{name}_mlp_norm")(x)
    # By tanh, as the paper's own code has it: ONNX Runtime refuses what Keras makes of the exact form.
    y = ops.gelu(keras.layers.Dense(mlp_size, name=f"{name}_mlp")(y), approximate=True)
    y = dropped(y, dropout)
    y = dropped(keras.layers.Dense(hidden_size, name=f"{name}_mlp_output")(y), dropout)
    return x + dropped_path(y, drop_path)


def _learned(x, name: str):
    """`float[batch, length, width]` → as much, a learned vector a place, the same for all examples."""
    import keras
    from keras import ops

    places = ops.cumsum(ops.ones_like(x[:, :, 0], dtype="int32"), axis=1) - 1
    initializer = keras.initializers.TruncatedNormal(stddev=0.02)
    return keras.layers.Embedding(x.shape[1], x.shape[2], embeddings_initializer=initializer, name=name)(places)


def _pooled(x, pooling: str):
    import keras
    from keras import ops

    if pooling == "class_token":
        return x[:, 0]
    if pooling == "mean":
        return keras.layers.GlobalAveragePooling1D()(x)
    weights = ops.softmax(keras.layers.Dense(1, name="sequence_weights")(x), axis=1)
    return ops.sum(x * weights, axis=1)
