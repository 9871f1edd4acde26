"""Multilayer perceptrons that predict numbers of a row of a table."""

from collections.abc import Sequence

from zoo.models.head import regression_head
from zoo.models.mlp import hidden_layers
from zoo.registry import register_model

_EMBEDDINGS = "Gorishniy, Rubachev & Babenko (2022), On embeddings for numerical features in tabular deep learning"


@register_model(
    "diabetes_mlp",
    reads="table",
    task="regression",
    description="a small perceptron for the progression of diabetes, one number from ten measurements",
    reference="Rumelhart, Hinton & Williams (1986), Learning representations by back-propagating errors",
    input_shape=(10,),
    hidden_units=(32,),
    encoding="none",
)
@register_model(
    "california_housing_mlp",
    reads="table",
    task="regression",
    description="a perceptron with embedded numbers for the median price of a house in a Californian district",
    reference=_EMBEDDINGS,
    input_shape=(8,),
    hidden_units=(384, 384, 384),
    normalization="quantile",
    bins=128,
    encoding="periodic",
    frequency_scale=0.5,
    dropout=0.1,
)
def table_regressor(
    input_shape: Sequence[int],
    num_outputs: int = 1,
    hidden_units: Sequence[int] = (64,),
    activation: str = "relu",
    dropout: float = 0.0,
    batch_normalization: bool = False,
    encoding: str = "none",
    embedding_size: int = 16,
    bins: int = 32,
    frequencies: int = 48,
    frequency_scale: float = 0.1,
    normalization: str = "mean_variance",
):
    """`float32[batch, feature]` → `float32[batch, num_outputs]` values, in the unit of the training targets.

    Features are normalized inside the model. With an encoding, each then becomes a vector of `embedding_size`.

    Args:
        normalization: `mean_variance`; or `quantile`, the share of training rows below, from `bins` quantiles.
        encoding: `none`; `piecewise_linear`, between `bins` quantiles of the training rows; or `periodic`, sines and
            cosines of `frequencies` learned frequencies that start from a deviation of `frequency_scale`.

    Raises:
        ValueError: there is no such encoding or normalization.
    """
    import keras

    inputs = keras.Input(tuple(input_shape), dtype="float32", name="numbers")
    x = normalized(inputs, normalization, bins)
    if encoding != "none":
        x = embedded(inputs, x, encoding, embedding_size, bins, frequencies, frequency_scale)
    x = hidden_layers(x, hidden_units, activation, dropout, batch_normalization)
    return keras.Model(inputs, regression_head(x, num_outputs), name="table_regressor")


def normalized(inputs, normalization: str, bins: int):
    import keras

    from zoo.layers.numeric_embeddings import QuantileNormalization

    if normalization == "quantile":
        return QuantileNormalization(bins, name="ranks")(inputs)
    if normalization != "mean_variance":
        raise ValueError(f"normalization is {normalization!r}; mean_variance or quantile is needed")
    return keras.layers.Normalization()(inputs)


def embedded(inputs, standardized, encoding: str, size: int, bins: int, frequencies: int, scale: float):
    """`float32[batch, feature]` → `float[batch, feature * size]`, each feature by a dense layer of its own."""
    import keras

    from zoo.layers.numeric_embeddings import PeriodicEncoding, PiecewiseLinearEncoding

    if encoding == "piecewise_linear":
        x = PiecewiseLinearEncoding(bins, name="bins")(inputs)
    elif encoding == "periodic":
        x = PeriodicEncoding(frequencies, scale, name="waves")(standardized)
    else:
        raise ValueError(f"encoding is {encoding!r}; none, piecewise_linear or periodic is needed")
    features = inputs.shape[1]
    x = keras.layers.EinsumDense(
        "bfe,feh->bfh", (features, size), bias_axes="fh", activation="relu", name="embeddings"
    )(x)
    return keras.layers.Reshape((features * size,))(x)
