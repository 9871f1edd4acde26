"""Models of mixed tables: numbers, categories, dates and texts, raw and with gaps, are turned into numbers inside."""

from collections.abc import Mapping, Sequence

from zoo.models.head import classification_head, regression_head
from zoo.models.mlp import hidden_layers
from zoo.models.tables import embedded, normalized
from zoo.registry import register_model

_ENTITIES = "Guo & Berkhahn (2016), Entity embeddings of categorical variables"
_REVISITED = "Gorishniy, Rubachev, Khrulkov & Babenko (2021), Revisiting deep learning models for tabular data"
_LINEAR = "Berkson (1944), Application of the logistic function to bio-assay"
ADULT = {"numbers": (5,), "categories": (8,)}
_CLOTHING = {"texts": (2,), "numbers": (2,), "categories": (4,)}
ADULT_COUNTS = (8, 16, 7, 14, 6, 5, 2, 40)  # categories of each column of the training rows


@register_model(
    "table_mlp",
    reads="columns",
    task="classification",
    description="a perceptron for a table of numbers, categories, dates and texts, such as yours",
    reference=_ENTITIES,
)
@register_model(
    "table_mlp_regressor",
    reads="columns",
    task="regression",
    description="a perceptron that predicts a number from a table of numbers, categories, dates and texts",
    reference=_ENTITIES,
    num_outputs=1,
)
@register_model(
    "adult_mlp",
    reads="columns",
    task="classification",
    description="a perceptron with embedded numbers and categories for the census of 1994",
    reference=_REVISITED,
    category_counts=ADULT_COUNTS,
    encoding="piecewise_linear",
    bins=128,
    dropout=0.3,
)
@register_model(
    "womens_clothing_mlp",
    reads="columns",
    task="classification",
    description="a perceptron for reviews of clothing, with what is known of piece and customer",
    reference=_ENTITIES,
    input_shape=_CLOTHING,
    category_counts=(434, 3, 6, 18),
    hidden_units=(64,),
    dropout=0.5,
)
def table_mlp(
    input_shape: Mapping[str, Sequence[int]] = ADULT,
    num_classes: int = 2,
    num_outputs: int = 0,
    category_counts: Sequence[int] = (),
    least_count: int = 3,
    most_categories: int = 10_000,
    hidden_units: Sequence[int] = (256, 128),
    activation: str = "relu",
    dropout: float = 0.1,
    batch_normalization: bool = False,
    category_size: int = 8,
    normalization: str = "quantile",
    encoding: str = "none",
    embedding_size: int = 16,
    bins: int = 32,
    frequencies: int = 48,
    frequency_scale: float = 0.1,
    vocabulary_size: int = 10_000,
    text_length: int = 300,
    text_units: int = 64,
    unread: Sequence[str] = (),
):
    """Columns by kind, see `zoo.schema`, → `float32[batch, num_classes]` probabilities, or values.

    Numbers are imputed and normalized, with a mark of what was missing; each category becomes a vector; dates become
    calendar features; texts the TF-IDF of their words.

    Args:
        input_shape: of one row of each array.
        num_outputs: numbers to predict, `float32[batch, num_outputs]`, in the unit of the training targets; 0: classes.
        category_counts: how many categories each column has, as `frequent_categories` finds them; from the data.
        least_count: a category of fewer training rows counts as one that training did not see.
        most_categories: of one column, the most frequent.
        category_size: of the vector of a category.
        normalization, encoding, embedding_size, bins, frequencies, frequency_scale: of numbers, as `table_regressor`.
        vocabulary_size, text_length: words, and pairs of words, that are known, and that are read of a text.
        text_units: what the words of a text become.
        unread: arrays that are left out, such as ["texts"].
    """
    import keras

    inputs, x = _vector(
        input_shape, category_counts, least_count, category_size, normalization, encoding, embedding_size, bins,
        frequencies, frequency_scale, vocabulary_size, text_length, text_units, unread,
    )  # fmt: skip
    x = hidden_layers(x, hidden_units, activation, dropout, batch_normalization)
    return keras.Model(inputs, head_of(x, num_classes, num_outputs), name="table_mlp")


@register_model(
    "linear_table",
    reads="columns",
    task="classification",
    description="logistic regression on the numbers, categories, dates and words of a table",
    reference=_LINEAR,
)
@register_model(
    "linear_table_regressor",
    reads="columns",
    task="regression",
    description="linear regression on the numbers, categories, dates and words of a table",
    reference="Legendre (1805), Nouvelles méthodes pour la détermination des orbites des comètes",
    num_outputs=1,
)
def linear_table(
    input_shape: Mapping[str, Sequence[int]] = ADULT,
    num_classes: int = 2,
    num_outputs: int = 0,
    category_counts: Sequence[int] = (),
    least_count: int = 3,
    most_categories: int = 10_000,
    normalization: str = "mean_variance",
    bins: int = 32,
    vocabulary_size: int = 10_000,
    text_length: int = 300,
    unread: Sequence[str] = (),
):
    """Columns by kind → what `table_mlp` gives, by one dense layer; options as there."""
    import keras

    units = num_outputs or num_classes
    sizes = (least_count, normalization, bins, vocabulary_size, text_length, units)
    inputs, x = _linear_vector(input_shape, category_counts, *sizes, unread)
    return keras.Model(inputs, head_of(x, num_classes, num_outputs), name="linear_table")


def head_of(x, num_classes: int, num_outputs: int):
    return regression_head(x, num_outputs) if num_outputs else classification_head(x, num_classes)


def inputs_of_columns(input_shape: Mapping[str, Sequence[int]]) -> dict:
    """A Keras input for each array of a mixed table.

    Raises:
        ValueError: there is no array, or one of another name.
    """
    import keras

    from zoo.schema import DTYPES

    unknown = sorted(set(input_shape) - set(DTYPES))
    if unknown or not input_shape:
        raise ValueError(f"input_shape has {', '.join(unknown) or 'nothing'}; {', '.join(DTYPES)} are read")
    return {
        key: keras.Input(tuple(input_shape[key]), dtype=dtype.replace("object", "string"), name=key)
        for key, dtype in DTYPES.items()
        if key in input_shape
    }


def inputs_read(input_shape: Mapping[str, Sequence[int]], unread: Sequence[str] = ()) -> tuple[dict, dict]:
    """All inputs of `inputs_of_columns`, which the model has, and those of them that it reads.

    Raises:
        ValueError: `unread` names no kind of array, or nothing is left.
    """
    from zoo.schema import DTYPES

    inputs = inputs_of_columns(input_shape)
    read = {key: tensor for key, tensor in inputs.items() if key not in unread}
    if unknown := sorted(set(unread) - set(DTYPES)):
        raise ValueError(f"unread has {', '.join(unknown)}; of {', '.join(DTYPES)} some can be left out")
    if not read:
        raise ValueError(f"unread is {list(unread)}, and nothing is left to read")
    return inputs, read


def category_ids(categories, category_counts: Sequence[int], least_count: int):
    """`string[batch, column]` → `int32[batch, column]` rows, and how many rows there are, by layer `category_ids`."""
    from zoo.layers.columns import CategoryIds

    layer = CategoryIds(list(category_counts) or [0] * categories.shape[1], least_count, name="category_ids")
    return layer(categories), layer.rows


def numbers_of(numbers, normalization: str, bins: int) -> tuple:
    """`float32[batch, column]` → numbers without gaps, the same normalized, and marks of the gaps."""
    from zoo.layers.columns import Imputation, MissingNumbers

    filled = Imputation(name="imputed")(numbers)
    return filled, normalized(filled, normalization, bins), MissingNumbers(name="missing")(numbers)


def _word_rows(texts, vocabulary_size: int, length: int) -> list:
    """`string[batch, column]` → for each column `float32[batch, vocabulary_size]`, the TF-IDF of its words."""
    from zoo.layers.columns import TextIds
    from zoo.layers.tf_idf import TfIdf

    ids = TextIds(vocabulary_size, length, name="text_ids")(texts)
    return [TfIdf(vocabulary_size, name=f"tf_idf_{column}")(ids[:, column]) for column in range(texts.shape[1])]


def _vector(
    input_shape, category_counts, least_count, category_size, normalization, encoding, embedding_size, bins,
    frequencies, frequency_scale, vocabulary_size, text_length, text_units, unread,
):  # fmt: skip
    """The inputs, and all that a perceptron reads of a row, `float[batch, feature]`."""
    import keras

    from zoo.layers.columns import CalendarFeatures

    inputs, read = inputs_read(input_shape, unread)
    parts = []
    if "numbers" in read:
        filled, x, missing = numbers_of(inputs["numbers"], normalization, bins)
        if encoding != "none":
            x = embedded(filled, x, encoding, embedding_size, bins, frequencies, frequency_scale)
        parts += [x, missing]
    if "categories" in read:
        ids, rows = category_ids(inputs["categories"], category_counts, least_count)
        # From zeros, so that a category that training never saw says nothing, and not something at random.
        embedding = keras.layers.Embedding(rows, category_size, "zeros", name="categories_embedded")
        vectors = embedding(ids)
        parts.append(keras.layers.Reshape((ids.shape[1] * category_size,))(vectors))
    if "dates" in read:
        parts.append(CalendarFeatures(name="calendar")(inputs["dates"]))
    if "texts" in read:
        rows_of_words = _word_rows(inputs["texts"], vocabulary_size, text_length)
        parts += [keras.layers.Dense(text_units, activation="relu")(words) for words in rows_of_words]
    return inputs, keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]


def _linear_vector(
    input_shape, category_counts, least_count, normalization, bins, vocabulary_size, text_length, units, unread
):
    """The inputs, and all that a linear model reads of a row, `float[batch, feature]`.

    Of the categories that is the sum of a weight for each, `units` of them: as 0 and 1 they would be too many.
    """
    import keras
    from keras import ops

    from zoo.layers.columns import CalendarFeatures

    inputs, read = inputs_read(input_shape, unread)
    parts = []
    if "numbers" in read:
        parts += numbers_of(inputs["numbers"], normalization, bins)[1:]
    if "categories" in read:
        ids, rows = category_ids(inputs["categories"], category_counts, least_count)
        weights = keras.layers.Embedding(rows, units, "zeros", name="category_weights")
        parts.append(ops.sum(weights(ids), axis=1))
    if "dates" in read:
        parts.append(CalendarFeatures(name="calendar")(inputs["dates"]))
    if "texts" in read:
        parts += _word_rows(inputs["texts"], vocabulary_size, text_length)
    return inputs, keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
