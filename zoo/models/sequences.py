"""Networks of sequences of numbers: a bidirectional LSTM and a transformer.

Both know where a sequence ends: what stands behind its last step changes no answer.
"""

from collections.abc import Sequence

from zoo.models.attention import self_attention
from zoo.models.bert import mean_over_text
from zoo.models.common import dropped
from zoo.models.head import classification_head
from zoo.registry import register_model


@register_model(
    "japanese_vowels_lstm",
    reads="sequence",
    task="classification",
    description="a bidirectional LSTM for who of nine men says a vowel",
    reference="Hochreiter & Schmidhuber (1997), Long short-term memory; Schuster & Paliwal (1997), Bidirectional "
    "recurrent neural networks",
    input_shape=(29, 12),
    num_classes=9,
)
def sequence_lstm(
    input_shape: Sequence[int],
    num_classes: int = 2,
    units: int = 64,
    num_layers: int = 1,
    bidirectional: bool = True,
    pooling: str = "mean",
    input_dropout: float = 0.0,
    dropout: float = 0.5,
):
    """`float32[batch, time, channel]`, NaN behind the last step → `float32[batch, num_classes]` probabilities.

    Channels are standardized inside the model, and gaps filled with their mean.

    Args:
        input_shape: (time, channel); longer sequences are cut.
        units: of each LSTM, and of each direction.
        num_layers: LSTMs one after the other.
        pooling: what the head reads of the last LSTM: its `last` output, or the `mean` over the steps.
        input_dropout: the share of standardized numbers that training leaves out.
        dropout: after each LSTM.

    Raises:
        ValueError: an option has no such value.
    """
    import keras

    _refuse(input_shape, num_layers=num_layers, units=units)
    if pooling not in ("last", "mean"):
        raise ValueError(f"pooling is {pooling!r}; last or mean is needed")
    inputs, x, steps = _sequences(input_shape)
    x = dropped(x, input_dropout)
    for number in range(num_layers):
        whole = pooling == "mean" or number < num_layers - 1
        lstm = keras.layers.LSTM(units, return_sequences=whole, name=f"lstm_{number}")
        if bidirectional:
            lstm = keras.layers.Bidirectional(lstm, name=f"both_ways_{number}")
        x = dropped(lstm(x, mask=steps), dropout if number < num_layers - 1 else 0)
    x = mean_over_text(x, steps) if pooling == "mean" else x
    return keras.Model(inputs, classification_head(dropped(x, dropout), num_classes), name="sequence_lstm")


@register_model(
    "japanese_vowels_transformer",
    reads="sequence",
    task="classification",
    description="a small transformer for who of nine men says a vowel",
    reference="Vaswani et al. (2017), Attention is all you need; Zerveas et al. (2021), A transformer-based framework "
    "for multivariate time series representation learning",
    input_shape=(29, 12),
    num_classes=9,
)
def sequence_transformer(
    input_shape: Sequence[int],
    num_classes: int = 2,
    hidden_size: int = 64,
    num_layers: int = 2,
    num_heads: int = 4,
    mlp_size: int = 128,
    input_dropout: float = 0.0,
    dropout: float = 0.2,
):
    """`float32[batch, time, channel]`, NaN behind the last step → `float32[batch, num_classes]` probabilities.

    Each step becomes a vector of `hidden_size`, to which a learned one for its place is added; the head reads the mean
    over the steps. Channels are standardized inside the model, and gaps filled with their mean.

    Args:
        input_shape: (time, channel); longer sequences are cut.
        num_layers: blocks of attention and feed-forward layers, both normalized before.
        mlp_size: units of the feed-forward layers.
        input_dropout: the share of standardized numbers that training leaves out.
        dropout: after the places are added, and after each half of a block.

    Raises:
        ValueError: an option has no such value, or the heads do not divide the hidden size.
    """
    import keras
    from keras import ops

    from zoo.layers.positions import PositionEmbedding

    _refuse(input_shape, num_layers=num_layers, hidden_size=hidden_size, num_heads=num_heads, mlp_size=mlp_size)
    if hidden_size % num_heads:
        raise ValueError(f"{num_heads} heads do not divide the hidden size {hidden_size}")
    inputs, x, steps = _sequences(input_shape)
    x = keras.layers.Dense(hidden_size, name="embedding")(dropped(x, input_dropout))
    x = dropped(PositionEmbedding(name="positions")(x), dropout)
    visible = ops.reshape(steps, (-1, 1, 1, input_shape[0]))
    for number in range(num_layers):
        name = f"block_{number}"
        y = keras.layers.LayerNormalization(epsilon=1e-6, name=f"{name}_attention_norm")(x)
        x = x + dropped(self_attention(y, num_heads, name, visible), dropout)
        y = keras.layers.LayerNormalization(epsilon=1e-6, name=f"{name}_mlp_norm")(x)
        y = keras.layers.Dense(mlp_size, activation="relu", name=f"{name}_mlp")(y)
        x = x + dropped(keras.layers.Dense(hidden_size, name=f"{name}_mlp_output")(y), dropout)
    x = mean_over_text(keras.layers.LayerNormalization(epsilon=1e-6, name="final_norm")(x), steps)
    return keras.Model(inputs, classification_head(x, num_classes), name="sequence_transformer")


def _refuse(input_shape: Sequence[int], **sizes: int) -> None:
    if len(input_shape) != 2:
        raise ValueError(f"input_shape is {tuple(input_shape)}; (time, channel) is needed")
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} is {size}; 1 or more is needed")


def _sequences(input_shape: Sequence[int]):
    """The input, `float32[batch, time, channel]` standardized, without gaps, and `bool[batch, time]` of steps."""
    import keras

    from zoo.layers.sequences import SequenceNormalization, Steps

    inputs = keras.Input(tuple(input_shape), dtype="float32", name="sequences")
    # In float32 even where the rest is not: large numbers with small differences would become equal.
    return inputs, SequenceNormalization(dtype="float32", name="normalization")(inputs), Steps(name="steps")(inputs)
