"""Perceptrons that say several labels of a row of a table."""

from collections.abc import Sequence

from zoo.models.head import label_head
from zoo.models.mlp import hidden_layers
from zoo.registry import register_model


@register_model(
    "birds_mlp",
    reads="table",
    task="multi_label",
    description="a perceptron for the birds that are heard in a recording, 19 labels from 271 numbers",
    reference="Rumelhart, Hinton & Williams (1986), Learning representations by back-propagating errors",
    input_shape=(271,),
    num_labels=19,
    hidden_units=(512, 512),
)
def table_labeller(
    input_shape: Sequence[int],
    num_labels: int,
    hidden_units: Sequence[int] = (256,),
    activation: str = "relu",
    dropout: float = 0.5,
    input_dropout: float = 0.0,
    batch_normalization: bool = False,
    normalization: str = "quantile",
    bins: int = 32,
):
    """`float32[batch, feature]` → `float32[batch, num_labels]`, a probability a label.

    Args:
        input_dropout: the share of normalized features that training leaves out of each row.
        normalization: `mean_variance`; or `quantile`, the share of training rows below, from `bins` quantiles.

    Raises:
        ValueError: there is no such normalization.
    """
    import keras

    from zoo.models.tables import normalized

    inputs = keras.Input(tuple(input_shape), dtype="float32", name="numbers")
    x = normalized(inputs, normalization, bins)
    if input_dropout:
        x = keras.layers.Dropout(input_dropout)(x)
    x = hidden_layers(x, hidden_units, activation, dropout, batch_normalization)
    return keras.Model(inputs, label_head(x, num_labels), name="table_labeller")
