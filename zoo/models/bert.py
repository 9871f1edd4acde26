"""BERT: a bidirectional Transformer encoder over word pieces, as a flat graph of core layers."""

import functools
from collections.abc import Callable, Mapping

from zoo.models.attention import self_attention
from zoo.models.common import dropped
from zoo.models.head import classification_head
from zoo.registry import register_model

_BERT = "Devlin et al. (2019), BERT: pre-training of deep bidirectional transformers for language understanding"

# Turc et al. (2019), Well-read students learn better; Wang et al. (2020), MiniLM.
SIZES: Mapping[str, Mapping[str, int]] = {
    "tiny": {"num_layers": 2, "hidden_size": 128, "num_heads": 2, "feed_forward_size": 512},
    "mini": {"num_layers": 4, "hidden_size": 256, "num_heads": 4, "feed_forward_size": 1024},
    "small": {"num_layers": 4, "hidden_size": 512, "num_heads": 8, "feed_forward_size": 2048},
    "minilm": {"num_layers": 6, "hidden_size": 384, "num_heads": 12, "feed_forward_size": 1536},
    "base": {"num_layers": 12, "hidden_size": 768, "num_heads": 12, "feed_forward_size": 3072},
}


@register_model(
    "bbc_news_bert",
    reads="text",
    task="classification",
    description="a small BERT for news in English, from random weights",
    reference=_BERT,
    size="tiny",
    length=256,
)
@register_model(
    "chinese_reviews_bert",
    reads="text",
    task="classification",
    description="a small BERT for reviews in Chinese, a character a piece, from random weights",
    reference=_BERT,
    num_classes=2,
    size="tiny",
    length=128,
)
@register_model(
    "bbc_news_minilm",
    reads="text",
    task="classification",
    description="MiniLM-L6 for news in English, from pretrained weights",
    reference="Wang et al. (2020), MiniLM; Reimers & Gurevych (2019), Sentence-BERT, for the weights",
    size="minilm",
    vocabulary_size=30_522,
    length=128,
)
def bert_classifier(
    num_classes: int = 5,
    size: str = "tiny",
    vocabulary_size: int = 8_000,
    length: int = 128,
    lower_case: bool = True,
    pooling: str = "mean",
    dropout: float = 0.1,
    norm_first: bool = False,
    num_layers: int | None = None,
    hidden_size: int | None = None,
    num_heads: int | None = None,
    feed_forward_size: int | None = None,
):
    """`string[batch]` → `float32[batch, num_classes]` probabilities; the first `length` - 2 pieces are read.

    Args:
        size: a row of `SIZES`; the last four options replace single numbers of it.
        pooling: `mean` over the pieces of the text, or `cls`, the first piece.
        norm_first: normalize before attention and feed-forward (Xiong et al., 2020), not after as in the paper.

    Raises:
        ValueError: an option has no such value, or the heads do not divide the hidden size.
    """
    import keras

    if pooling not in ("mean", "cls"):
        raise ValueError(f"pooling is {pooling!r}; mean or cls is needed")
    inputs = keras.Input((), dtype="string", name="texts")
    ids, mask = tokenize(inputs, vocabulary_size, length, lower_case)
    given = {"num_layers": num_layers, "hidden_size": hidden_size, "num_heads": num_heads,
             "feed_forward_size": feed_forward_size}  # fmt: skip
    embedding = functools.partial(keras.layers.Embedding, embeddings_initializer=_initializer())
    x, _ = _encoder(ids, mask, embedding, vocabulary_size, size, dropout, norm_first, given)
    x = mean_over_text(x, mask) if pooling == "mean" else x[:, 0]
    if dropout:
        x = keras.layers.Dropout(dropout, name="pooled_dropout")(x)
    return keras.Model(inputs, classification_head(x, num_classes), name="bert_classifier")


@register_model(
    "bert_mlm",
    reads="text",
    task="masked_language_model",
    description="a BERT that says which pieces of a text were hidden; pre-training for the classifiers",
    reference=_BERT,
    length=256,
)
def bert_masked_language_model(
    size: str = "tiny",
    vocabulary_size: int = 8_000,
    length: int = 128,
    lower_case: bool = True,
    dropout: float = 0.1,
    norm_first: bool = False,
    num_layers: int | None = None,
    hidden_size: int | None = None,
    num_heads: int | None = None,
    feed_forward_size: int | None = None,
):
    """`string[batch]` → `float32[batch, length, vocabulary_size]` probabilities of the piece at each position.

    The output layer has the weights of the embedding, transposed (Press & Wolf, 2017). For the options see
    `bert_classifier`.
    """
    import keras

    from zoo.layers.activations import exact_gelu

    inputs = keras.Input((), dtype="string", name="texts")
    ids, mask = tokenize(inputs, vocabulary_size, length, lower_case)
    given = {"num_layers": num_layers, "hidden_size": hidden_size, "num_heads": num_heads,
             "feed_forward_size": feed_forward_size}  # fmt: skip
    embedding = functools.partial(keras.layers.ReversibleEmbedding, embeddings_initializer=_initializer())
    x, words = _encoder(ids, mask, embedding, vocabulary_size, size, dropout, norm_first, given)
    x = _normalization("masked_norm")(_dense(x.shape[-1], "masked_transform", activation=exact_gelu)(x))
    logits = keras.layers.Activation("linear", dtype="float32", name="logits")(words(x, reverse=True))
    outputs = keras.layers.Activation("softmax", dtype="float32", name="probabilities")(logits)
    return keras.Model(inputs, outputs, name="bert_masked_language_model")


def tokenize(inputs, vocabulary_size: int, length: int, lower_case: bool):
    """`string[batch]` → ids `int32[batch, length]`, and `bool[batch, length]`, which of them are no padding."""
    from zoo.layers.word_piece import WordPieceTokenizer

    ids = WordPieceTokenizer(vocabulary_size, length, lower_case, name="tokenizer")(inputs)
    return ids, ids != 0


def _encoder(
    ids,
    mask,
    embedding: Callable,
    vocabulary_size: int,
    size: str,
    dropout: float,
    norm_first: bool,
    given: Mapping[str, int | None],
):
    """`int32[batch, length]` → `float[batch, length, hidden_size]`, and the layer that embeds the pieces.

    All texts are of one segment, whose embedding is added into that of the positions. Attention probabilities have no
    dropout, so that a fused kernel need not store them.
    """
    from keras import ops

    from zoo.layers.positions import PositionEmbedding

    if size not in SIZES:
        raise ValueError(f"size is {size!r}; one of {', '.join(SIZES)} is needed")
    sizes = dict(SIZES[size]) | {name: value for name, value in given.items() if value is not None}
    hidden_size, num_heads = sizes["hidden_size"], sizes["num_heads"]
    if hidden_size % num_heads:
        raise ValueError(f"{num_heads} heads do not divide the hidden size {hidden_size}")
    words = embedding(vocabulary_size, hidden_size, name="embeddings_words")
    x = PositionEmbedding(name="embeddings_positions")(words(ids))
    x = _normalization("embeddings_normalization")(x)
    x = dropped(x, dropout, "embeddings_dropout")
    visible = ops.reshape(mask, (-1, 1, 1, ids.shape[1]))
    for number in range(sizes["num_layers"]):
        name = f"block_{number}"
        attention_norm, output_norm = _normalization(f"{name}_attention_norm"), _normalization(f"{name}_output_norm")
        y = self_attention(attention_norm(x) if norm_first else x, num_heads, name, visible, _initializer)
        x = x + dropped(y, dropout, f"{name}_attention_dropout")
        x = x if norm_first else attention_norm(x)
        y = _feed_forward(output_norm(x) if norm_first else x, sizes["feed_forward_size"], name)
        x = x + dropped(y, dropout, f"{name}_output_dropout")
        x = x if norm_first else output_norm(x)
    return (_normalization("final_norm")(x) if norm_first else x), words


def mean_over_text(x, mask):
    """`float[batch, length, hidden_size]` → `float[batch, hidden_size]`, the mean without the padding."""
    from keras import ops

    weights = ops.reshape(ops.cast(mask, x.dtype), (-1, x.shape[1], 1))
    return ops.sum(x * weights, axis=1) / ops.sum(weights, axis=1)


def _feed_forward(x, feed_forward_size: int, name: str):
    from zoo.layers.activations import exact_gelu

    inner = _dense(feed_forward_size, f"{name}_feed_forward", activation=exact_gelu)(x)
    return _dense(x.shape[-1], f"{name}_output")(inner)


def _dense(units: int, name: str, activation=None):
    import keras

    return keras.layers.Dense(units, activation, kernel_initializer=_initializer(), name=name)


def _normalization(name: str):
    import keras

    return keras.layers.LayerNormalization(epsilon=1e-12, name=name)


def _initializer():
    import keras

    return keras.initializers.TruncatedNormal(stddev=0.02)
