"""GPT: a Transformer that reads a text and says what comes next, as a flat graph of core layers."""

import math

from zoo.models.common import dropped
from zoo.registry import register_model

_GPT2 = "Radford et al. (2019), Language models are unsupervised multitask learners"


@register_model(
    "bible_gpt",
    reads="text",
    task="language_model",
    description="a small GPT that writes like the World English Bible",
    reference=_GPT2,
)
@register_model(
    "austen_gpt",
    reads="text",
    task="language_model",
    description="a small GPT that writes like Jane Austen",
    reference=_GPT2,
)
@register_model(
    "gpt2",
    reads="text",
    task="language_model",
    description="GPT-2 small, for weights of its own by --init_from",
    reference=_GPT2,
    vocabulary_size=50_257,
    context_length=1024,
    num_layers=12,
    hidden_size=768,
    num_heads=12,
    dropout=0.1,
)
@register_model(
    "char_gpt",
    reads="text",
    task="language_model",
    description="a GPT of characters, four blocks of width 128, as nanoGPT's for a CPU",
    reference=f"{_GPT2}; Karpathy (2022), nanoGPT",
    tokens="characters",
    context_length=64,
    num_layers=4,
    hidden_size=128,
    num_heads=4,
)
def gpt(
    tokens: str = "bpe",
    vocabulary_size: int | None = None,
    context_length: int = 128,
    num_layers: int = 4,
    hidden_size: int = 192,
    num_heads: int = 3,
    num_key_value_heads: int | None = None,
    mlp_size: int | None = None,
    activation: str = "gelu",
    positions: str = "learned",
    dropout: float = 0.0,
):
    """`string[batch]` → `float32[batch, vocabulary_size]`, the probabilities of the token that comes next.

    The layer `final_norm` has the states of all tokens, `float[batch, context_length, hidden_size]`; the embedding of
    the tokens, transposed, makes logits of them (Press & Wolf, 2017). GPT-2 small, 124,439,808 weights, is
    `vocabulary_size=50257, context_length=1024, num_layers=12, hidden_size=768, num_heads=12, dropout=0.1`.

    Args:
        tokens: `bpe`, learned from the training texts, or `characters`.
        vocabulary_size: how many tokens; None: 2,048, or as many as there are characters.
        context_length: how many tokens are read; of a longer text the last ones.
        num_key_value_heads: of keys and values, each for several heads of queries; None: as many as `num_heads`.
        mlp_size: units of the feed-forward layers; None: four times the hidden size, or 8/3 of it with `swiglu`.
        activation: `gelu`, or `swiglu` (Shazeer, 2020, GLU variants improve Transformer).
        positions: `learned`, or `rotary` (Su et al., 2021, RoFormer).
        dropout: of the embeddings, and at the end of each branch.

    Raises:
        ValueError: an option has no such value, or the heads do not divide each other or the hidden size.
    """
    import keras

    from zoo.layers.byte_pair import BytePairTokenizer
    from zoo.layers.causal_attention import LastToken
    from zoo.layers.positions import PositionEmbedding

    key_value_heads = num_key_value_heads or num_heads
    _refuse(tokens, context_length, hidden_size, num_heads, key_value_heads, activation, positions)
    vocabulary_size = vocabulary_size or (257 if tokens == "characters" else 2048)
    inputs = keras.Input((), dtype="string", name="texts")
    tokenizer = BytePairTokenizer(context_length, vocabulary_size, tokens == "characters", name="tokenizer")
    ids = tokenizer(inputs)
    embedding = keras.layers.ReversibleEmbedding(
        vocabulary_size, hidden_size, embeddings_initializer=_initializer(), name="token_embedding"
    )
    x = embedding(ids)
    if positions == "learned":
        x = PositionEmbedding(name="position_embedding")(x)
    x = dropped(x, dropout, "embedding_dropout")
    mlp_size = mlp_size or (4 * hidden_size if activation == "gelu" else round(8 / 3 * hidden_size))
    for number in range(num_layers):
        x = _block(
            x, f"block_{number}", num_heads, key_value_heads, mlp_size, activation, positions, dropout, num_layers
        )
    x = _normalization("final_norm")(x)
    x = LastToken(tokenizer.end, name="features")(x, ids)
    logits = keras.layers.Activation("linear", dtype="float32", name="logits")(embedding(x, reverse=True))
    outputs = keras.layers.Activation("softmax", dtype="float32", name="probabilities")(logits)
    return keras.Model(inputs, outputs, name="gpt")


def _block(x, name, num_heads, key_value_heads, mlp_size, activation, positions, dropout, num_layers):
    """Attention and a feed-forward layer, both normalized before (Xiong et al., 2020)."""
    import keras

    from zoo.layers.activations import tanh_gelu
    from zoo.layers.causal_attention import CausalAttention

    width = x.shape[-1]
    head_size = width // num_heads
    smaller = 0.02 / math.sqrt(2 * num_layers)  # of what is added to the states, which many layers do
    y = _normalization(f"{name}_attention_norm")(x)
    y = _dense(width + 2 * key_value_heads * head_size, f"{name}_attention_input")(y)
    attention = CausalAttention(num_heads, key_value_heads, head_size, positions == "rotary", name=f"{name}_attention")
    y = _dense(width, f"{name}_attention_output", smaller)(attention(y))
    x = x + dropped(y, dropout, f"{name}_attention_dropout")
    y = _normalization(f"{name}_mlp_norm")(x)
    if activation == "swiglu":
        gate = keras.layers.Activation("silu", name=f"{name}_mlp_activation")(_dense(mlp_size, f"{name}_mlp_gate")(y))
        y = gate * _dense(mlp_size, f"{name}_mlp_input")(y)
    else:
        y = keras.layers.Activation(tanh_gelu, name=f"{name}_mlp_activation")(_dense(mlp_size, f"{name}_mlp_input")(y))
    return x + dropped(_dense(width, f"{name}_mlp_output", smaller)(y), dropout, f"{name}_mlp_dropout")


def _refuse(tokens, context_length, hidden_size, num_heads, key_value_heads, activation, positions) -> None:
    for option, value, known in (
        ("tokens", tokens, ("bpe", "characters")),
        ("activation", activation, ("gelu", "swiglu")),
        ("positions", positions, ("learned", "rotary")),
    ):
        if value not in known:
            raise ValueError(f"{option} is {value!r}; {' or '.join(known)} is needed")
    if context_length < 2:
        raise ValueError(f"context_length is {context_length}; 2 tokens are the least")
    if hidden_size % num_heads or (positions == "rotary" and hidden_size // num_heads % 2):
        even = "parts of even size " if positions == "rotary" else ""
        raise ValueError(f"{num_heads} heads do not divide the hidden size {hidden_size} {even}".strip())
    if num_heads % key_value_heads:
        raise ValueError(f"{key_value_heads} heads of keys and values do not divide the {num_heads} heads")


def _dense(units: int, name: str, deviation: float = 0.02):
    import keras

    return keras.layers.Dense(units, kernel_initializer=_initializer(deviation), name=name)


def _normalization(name: str):
    import keras

    return keras.layers.LayerNormalization(epsilon=1e-5, name=name)


def _initializer(deviation: float = 0.02):
    import keras

    return keras.initializers.RandomNormal(stddev=deviation)
