"""Models of who likes what, and of other tables of many categories: factors, crosses, and networks beside them."""

import itertools
from collections.abc import Mapping, Sequence

from zoo.models.columns import (
    ADULT,
    ADULT_COUNTS,
    category_ids,
    head_of,
    inputs_of_columns,
    inputs_read,
    numbers_of,
)
from zoo.models.mlp import hidden_layers
from zoo.registry import register_model

_DEEPFM = "Guo, Tang, Ye, Li & He (2017), DeepFM: a factorization-machine based neural network for CTR prediction"
_WIDE_AND_DEEP = "Cheng et al. (2016), Wide & Deep learning for recommender systems"
_MOVIELENS = {"categories": (5,), "numbers": (20,), "dates": (1,)}
_MOVIELENS_COUNTS = (943, 1634, 2, 21, 19)  # as ADULT_COUNTS


@register_model(
    "deepfm",
    reads="columns",
    task="classification",
    description="a factorization machine and a network on the same vectors, for a table of many categories",
    reference=_DEEPFM,
    input_shape=ADULT,
)
@register_model(
    "deepfm_regressor",
    reads="columns",
    task="regression",
    description="a factorization machine and a network on the same vectors, for ratings and other numbers",
    reference=_DEEPFM,
    num_outputs=1,
)
@register_model(
    "adult_deepfm",
    reads="columns",
    task="classification",
    description="DeepFM for the census of 1994",
    reference=_DEEPFM,
    input_shape=ADULT,
    least_count=3,
    category_counts=ADULT_COUNTS,
)
@register_model(
    "movielens_deepfm",
    reads="columns",
    task="regression",
    description="DeepFM for the stars that a user gives a film",
    reference=_DEEPFM,
    num_outputs=1,
    embedding_l2=0.03,
    hidden_units=(128, 64),
    dropout=0.4,
    unread=("dates",),
    category_counts=_MOVIELENS_COUNTS,
)
@register_model(
    "movielens_deepfm_liked",
    reads="columns",
    task="classification",
    description="DeepFM for which of all films a user would choose and like",
    reference=_DEEPFM,
    unread=("dates",),
    category_counts=_MOVIELENS_COUNTS,
)
def deepfm(
    input_shape: Mapping[str, Sequence[int]] = _MOVIELENS,
    num_classes: int = 2,
    num_outputs: int = 0,
    category_counts: Sequence[int] = (),
    least_count: int = 1,
    most_categories: int = 100_000,
    embedding_size: int = 16,
    embedding_l2: float = 0.0,
    hidden_units: Sequence[int] = (64, 64),
    activation: str = "relu",
    dropout: float = 0.2,
    batch_normalization: bool = False,
    normalization: str = "mean_variance",
    bins: int = 32,
    unread: Sequence[str] = (),
):
    """Columns by kind, see `zoo.schema`, → `float32[batch, num_classes]` probabilities, or values.

    The sum of a weight for each field, of the products of the vectors of each pair of fields, and of a network that
    reads the same vectors. A field is a category, whose vector is its own, or a number, which its column's vector is
    multiplied by; dates are calendar features, and so numbers. Of more than two classes, pairs speak alike for all.

    Args:
        input_shape: of one row of each array.
        num_outputs: numbers to predict, `float32[batch, num_outputs]` in the unit of the training targets; 0: classes.
        category_counts, least_count, most_categories, normalization, bins: as `zoo.models.columns.table_mlp`.
        embedding_size: of the vectors.
        embedding_l2: a penalty on the squares of the vectors and weights of categories, once for each row they are in.
        unread: arrays that are left out, such as ["dates"].

    Raises:
        ValueError: there are texts, which are not read, or nothing is left.
    """
    import keras

    from zoo.layers.interactions import FactorizationMachine

    units = _units(num_classes, num_outputs)
    inputs, ids, rows, numbers = _fields(input_shape, category_counts, least_count, normalization, bins, unread)
    first, vectors, deep = [], [], []
    if ids is not None:
        first.append(_weights_of(ids, rows, units, embedding_l2))
        vectors.append(_vectors_of(ids, rows, embedding_size, embedding_l2))
        deep.append(keras.layers.Flatten()(vectors[0]))
    if numbers is not None:
        first.append(_linear(numbers, units, "number_weights"))
        small = keras.initializers.RandomNormal(stddev=0.01)
        as_vectors = keras.layers.EinsumDense(
            "bf,fs->bfs", (numbers.shape[1], embedding_size), kernel_initializer=small, name="number_vectors"
        )
        vectors.append(as_vectors(numbers))
        deep.append(numbers)
    pairs = FactorizationMachine(name="pairs")(_joined(vectors))
    network = hidden_layers(_joined(deep), hidden_units, activation, dropout, batch_normalization)
    network = keras.layers.Dense(units, use_bias=False, name="deep")(network)
    total = keras.layers.Add(name="total")([*first, network, _repeated(pairs, units)])
    return _answering(inputs, total, num_classes, num_outputs, "deepfm")


@register_model(
    "wide_and_deep",
    reads="columns",
    task="classification",
    description="a linear model of categories and their crosses beside a network, for a table of mixed columns",
    reference=_WIDE_AND_DEEP,
    input_shape=ADULT,
    least_count=3,
    crosses="pairs",
)
@register_model(
    "wide_and_deep_regressor",
    reads="columns",
    task="regression",
    description="a linear model of categories and their crosses beside a network, which predict a number",
    reference=_WIDE_AND_DEEP,
    num_outputs=1,
)
@register_model(
    "adult_wide_and_deep",
    reads="columns",
    task="classification",
    description="Wide & Deep for the census of 1994, with crosses of all pairs of categories",
    reference=_WIDE_AND_DEEP,
    input_shape=ADULT,
    least_count=3,
    crosses="pairs",
    category_counts=ADULT_COUNTS,
)
@register_model(
    "movielens_wide_and_deep",
    reads="columns",
    task="regression",
    description="Wide & Deep for the stars that a user gives a film",
    reference=_WIDE_AND_DEEP,
    num_outputs=1,
    embedding_l2=0.03,
    hidden_units=(128, 64),
    dropout=0.4,
    unread=("dates",),
    category_counts=_MOVIELENS_COUNTS,
)
def wide_and_deep(
    input_shape: Mapping[str, Sequence[int]] = _MOVIELENS,
    num_classes: int = 2,
    num_outputs: int = 0,
    category_counts: Sequence[int] = (),
    least_count: int = 1,
    most_categories: int = 100_000,
    crosses: Sequence[Sequence[int]] | str = (),
    cross_buckets: int = 1000,
    embedding_size: int = 16,
    embedding_l2: float = 0.0,
    hidden_units: Sequence[int] = (64, 64),
    activation: str = "relu",
    dropout: float = 0.2,
    batch_normalization: bool = False,
    normalization: str = "mean_variance",
    bins: int = 32,
    unread: Sequence[str] = (),
):
    """Columns by kind → what `deepfm` gives; the sum of a linear model and a network, trained together.

    The wide part has a weight for each category and each cross; the network reads vectors of categories, and numbers.
    Both learn by the optimizer of the config, where Cheng et al. give the wide part FTRL with an L1 penalty.

    Args:
        crosses: the places of the categories that are crossed, such as [[0, 1], [0, 2, 3]]; or `pairs`, all of them.
        cross_buckets: numbers that the combinations of a cross are hashed into.
        input_shape, num_outputs, category_counts, embedding_size, embedding_l2: as `deepfm`, and so are all others.

    Raises:
        ValueError: a cross names no two categories that there are.
    """
    import keras

    from zoo.layers.interactions import HashedCrosses

    units = _units(num_classes, num_outputs)
    inputs, ids, rows, numbers = _fields(input_shape, category_counts, least_count, normalization, bins, unread)
    wide, deep = [], []
    if ids is not None:
        wide.append(_weights_of(ids, rows, units, embedding_l2))
        deep.append(keras.layers.Flatten()(_vectors_of(ids, rows, embedding_size, embedding_l2)))
    found = _crosses(crosses, 0 if ids is None else ids.shape[1])
    if found:
        crossed = HashedCrosses(found, cross_buckets, name="crosses")(ids)
        wide.append(_weights_of(crossed, len(found) * cross_buckets, units, embedding_l2, "cross_weights"))
    if numbers is not None:
        deep.append(numbers)
    network = hidden_layers(_joined(deep), hidden_units, activation, dropout, batch_normalization)
    network = keras.layers.Dense(units, use_bias=False, name="deep")(network)
    total = keras.layers.Add(name="total")([*wide, network]) if wide else network
    return _answering(inputs, total, num_classes, num_outputs, "wide_and_deep")


@register_model(
    "matrix_factorization",
    reads="columns",
    task="regression",
    description="a bias and a vector for each user and each item, for ratings",
    reference="Koren, Bell & Volinsky (2009), Matrix factorization techniques for recommender systems",
)
@register_model(
    "movielens_matrix_factorization",
    reads="columns",
    task="regression",
    description="matrix factorization for the stars that a user gives a film, from who and which alone",
    reference="Koren, Bell & Volinsky (2009), Matrix factorization techniques for recommender systems",
    category_counts=_MOVIELENS_COUNTS,
)
@register_model(
    "movielens_matrix_factorization_liked",
    reads="columns",
    task="classification",
    description="matrix factorization for which of all films a user would choose and like",
    reference="Koren, Bell & Volinsky (2009), Matrix factorization techniques for recommender systems",
    num_outputs=0,
    category_counts=_MOVIELENS_COUNTS,
)
def matrix_factorization(
    input_shape: Mapping[str, Sequence[int]] = _MOVIELENS,
    num_classes: int = 2,
    num_outputs: int = 1,
    category_counts: Sequence[int] = (),
    least_count: int = 1,
    most_categories: int = 100_000,
    user_and_item: Sequence[int] = (0, 1),
    embedding_size: int = 32,
    embedding_l2: float = 0.1,
):
    """Columns by kind → what `deepfm` gives; of the columns, user and item alone are read.

    The bias of the user, that of the item, and the product of their vectors; the mean is the head's.

    Args:
        num_outputs: numbers to predict; 0: classes.
        user_and_item: the places of both among the categories; from the data.
        input_shape, num_classes, category_counts, least_count, most_categories, embedding_size, embedding_l2: as
            `deepfm`.

    Raises:
        ValueError: there are no categories.
    """
    import keras

    from zoo.layers.interactions import FactorizationMachine

    if "categories" not in input_shape:
        raise ValueError("there are no categories, and so no users and items")
    inputs = inputs_of_columns(input_shape)
    ids, rows = category_ids(inputs["categories"], category_counts, least_count)
    user, item = user_and_item
    both = keras.layers.Concatenate(name="user_and_item")([ids[:, user : user + 1], ids[:, item : item + 1]])
    units = _units(num_classes, num_outputs)
    biases = _weights_of(both, rows, units, embedding_l2)
    product = FactorizationMachine(name="product")(_vectors_of(both, rows, embedding_size, embedding_l2, 0.1))
    total = keras.layers.Add(name="total")([biases, _repeated(product, units)])
    return _answering(inputs, total, num_classes, num_outputs, "matrix_factorization")


def _fields(input_shape, category_counts, least_count, normalization, bins, unread) -> tuple:
    """The inputs; `int32[batch, column]` ids of categories and their number; `float32[batch, number]`; None if none."""
    from zoo.layers.columns import CalendarFeatures

    inputs, read = inputs_read(input_shape, unread)
    if "texts" in read:
        raise ValueError(
            "a column of texts, which this model does not read; --set model.options.unread=[texts] leaves them out"
        )
    ids, rows = None, 0
    if "categories" in read:
        ids, rows = category_ids(inputs["categories"], category_counts, least_count)
    numbers = list(numbers_of(inputs["numbers"], normalization, bins)[1:]) if "numbers" in read else []
    if "dates" in read:
        numbers.append(CalendarFeatures(name="calendar")(inputs["dates"]))
    return inputs, ids, rows, _joined(numbers) if numbers else None


def _answering(inputs: dict, total, num_classes: int, num_outputs: int, name: str):
    """The model whose answer, when training starts, is the sum itself, as the formulas have it.

    A head that starts at random would first have to find the scale and the sign of the sum.
    """
    import keras
    import numpy as np

    model = keras.Model(inputs, head_of(total, num_classes, num_outputs), name=name)
    head = model.get_layer("standardized" if num_outputs else "logits")
    halves = np.array([[-0.5, 0.5]])  # of two classes the difference of the logits is the sum
    head.kernel.assign(halves if head.kernel.shape == (1, 2) else np.eye(*head.kernel.shape))
    return model


def _joined(parts: list):
    import keras

    return keras.layers.Concatenate(axis=1)(parts) if len(parts) > 1 else parts[0]


def _units(num_classes: int, num_outputs: int) -> int:
    """Sums that the head reads: two classes need one, since only the difference of their logits counts."""
    return num_outputs or (1 if num_classes <= 2 else num_classes)


def _linear(numbers, units: int, name: str):
    import keras

    return keras.layers.Dense(units, use_bias=False, kernel_initializer="zeros", name=name)(numbers)


def _repeated(pairs, units: int):
    import keras

    return pairs if units == 1 else keras.layers.Concatenate()([pairs] * units)


def _weights_of(ids, rows: int, units: int, l2: float, name: str = "category_weights"):
    """`int32[batch, column]` → `float[batch, units]`, the sum of the weights of a row's categories."""
    import keras
    from keras import ops

    weights = keras.layers.Embedding(rows, units, embeddings_initializer="zeros", name=name)(ids)
    weights = keras.layers.ActivityRegularization(l2=l2)(weights) if l2 else weights
    return ops.sum(weights, axis=1)


def _vectors_of(ids, rows: int, size: int, l2: float, deviation: float = 0.01):
    """`int32[batch, column]` → `float[batch, column, size]`."""
    import keras

    small = keras.initializers.RandomNormal(stddev=deviation)
    vectors = keras.layers.Embedding(rows, size, embeddings_initializer=small, name="category_vectors")(ids)
    return keras.layers.ActivityRegularization(l2=l2)(vectors) if l2 else vectors


def _crosses(crosses: Sequence[Sequence[int]] | str, columns: int) -> list[list[int]]:
    if crosses == "pairs":
        return [list(pair) for pair in itertools.combinations(range(columns), 2)]
    if isinstance(crosses, str):
        raise ValueError(f"crosses is {crosses!r}; pairs, or lists of places are needed")
    for cross in crosses:
        if len(cross) < 2 or not all(0 <= place < columns for place in cross):
            raise ValueError(f"a cross is {list(cross)}; it needs two or more places from 0 to {columns - 1}")
    return [list(cross) for cross in crosses]
