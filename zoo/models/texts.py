"""Classical models of texts: a linear one on TF-IDF, convolutions, a recurrent one."""

from collections.abc import Sequence

from zoo.models.head import classification_head
from zoo.registry import register_model


@register_model(
    "linear_text",
    reads="text",
    task="classification",
    description="one dense layer on the TF-IDF of words and pairs of words",
    reference="Joachims (1998), Text categorization with support vector machines, with the logistic loss",
)
def linear_text(
    num_classes: int = 5,
    vocabulary_size: int = 30_000,
    length: int = 2048,
    ngrams: int = 2,
    split: str = "whitespace",
):
    """`string[batch]` → `float32[batch, num_classes]` probabilities.

    `length` is how many n-grams of a text are read, all single words before the first pair. `split` may be `character`.
    """
    import keras

    from zoo.layers.tf_idf import TfIdf

    inputs = keras.Input((), dtype="string", name="texts")
    ids = _ids(inputs, vocabulary_size, length, split, ngrams)
    x = TfIdf(vocabulary_size)(ids)
    return keras.Model(inputs, classification_head(x, num_classes), name="linear_text")


@register_model(
    "text_cnn",
    reads="text",
    task="classification",
    description="convolutions over words, the strongest answer of each filter",
    reference="Kim (2014), Convolutional neural networks for sentence classification",
)
def text_cnn(
    num_classes: int = 5,
    vocabulary_size: int = 20_000,
    length: int = 400,
    split: str = "whitespace",
    embedding_size: int = 128,
    kernel_sizes: Sequence[int] = (3, 4, 5),
    filters: int = 100,
    dropout: float = 0.5,
):
    """`string[batch]` → `float32[batch, num_classes]` probabilities; the first `length` words are read."""
    import keras

    inputs = keras.Input((), dtype="string", name="texts")
    ids = _ids(inputs, vocabulary_size, length, split)
    x = keras.layers.Embedding(vocabulary_size, embedding_size)(ids)
    x = keras.layers.Dropout(dropout)(x)
    found = [
        keras.layers.GlobalMaxPooling1D()(keras.layers.Conv1D(filters, size, activation="relu")(x))
        for size in kernel_sizes
    ]
    x = keras.layers.Concatenate()(found)
    x = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, classification_head(x, num_classes), name="text_cnn")


@register_model(
    "text_lstm",
    reads="text",
    task="classification",
    description="a bidirectional LSTM over words",
    reference="Hochreiter & Schmidhuber (1997), Long short-term memory; Schuster & Paliwal (1997)",
)
def text_lstm(
    num_classes: int = 5,
    vocabulary_size: int = 20_000,
    length: int = 200,
    split: str = "whitespace",
    embedding_size: int = 128,
    units: int = 64,
    dropout: float = 0.5,
):
    """`string[batch]` → `float32[batch, num_classes]` probabilities; the first `length` words are read."""
    import keras

    inputs = keras.Input((), dtype="string", name="texts")
    ids = _ids(inputs, vocabulary_size, length, split)
    x = keras.layers.Embedding(vocabulary_size, embedding_size, mask_zero=True)(ids)
    x = keras.layers.Dropout(dropout)(x)
    x = keras.layers.Bidirectional(keras.layers.LSTM(units))(x)
    x = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, classification_head(x, num_classes), name="text_lstm")


def _ids(inputs, vocabulary_size: int, length: int, split: str, ngrams: int | None = None):
    """`string[batch]` → `int64[batch, length]` by Keras's TextVectorization, whose vocabulary training adapts."""
    import keras

    return keras.layers.TextVectorization(
        max_tokens=vocabulary_size, split=split, ngrams=ngrams, output_mode="int", output_sequence_length=length,
        name="words",
    )(inputs)  # fmt: skip
