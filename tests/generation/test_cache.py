"""The cache changes how long a text takes, and nothing else."""

import keras
import numpy as np
import pytest
from loaded import small_writer

from zoo.generation.network import Network, Reader, UncachedReader
from zoo.generation.options import Options
from zoo.generation.writing import Writer

MODELS = [
    {},
    {"positions": "rotary", "num_key_value_heads": 2, "activation": "swiglu", "mlp_size": 51},
    {"context_length": 6, "num_layers": 1, "hidden_size": 36, "dropout": 0.5},
    {"context_length": 2, "num_layers": 1},
    {"context_length": 160, "num_layers": 1, "num_key_value_heads": 1},
]


@pytest.mark.parametrize("options", MODELS)
def test_logits_are_the_same_to_the_last_bit(options):
    network = Network(small_writer(**options).model, "m")
    context = np.random.default_rng(0).integers(1, 257, (2, network.length)).astype("int32")
    context[:, 0] = network.tokenizer.end
    cached, whole = network.reader(2), network.reader(2, cache=False)
    assert isinstance(cached, Reader) and isinstance(whole, UncachedReader)
    half = network.length // 2
    np.testing.assert_array_equal(cached.read(context[:, :half]), whole.read(context[:, :half]))
    for count in range(half + 1, network.length + 1):
        np.testing.assert_array_equal(cached.read_on(context[:, :count]), whole.read_on(context[:, :count]))
    np.testing.assert_array_equal(cached.read(context[:, half:]), whole.read(context[:, half:]))


def test_without_a_cache_it_is_what_the_model_itself_says():
    loaded = small_writer()
    writer = Writer(loaded)
    job = writer.job("the cat", Options(seed=0))
    logits = writer.network.reader(1).read(job.tokens[None])
    expected = loaded.model.predict(np.array(["the cat"], object), verbose=0)
    np.testing.assert_allclose(np.exp(logits) / np.exp(logits).sum(), expected, atol=1e-5)


@pytest.mark.parametrize("options", MODELS[1:3])
def test_texts_longer_than_the_context_are_the_same(options):
    writer = Writer(small_writer(**options))
    for seed in range(8):
        job = writer.job("x" * seed, Options(max_tokens=2 * writer.network.length + 5, seed=seed, temperature=1.5))
        assert list(writer.write(job)) == list(writer.write(job, cache=False))


def test_mixed_precision_and_unknown_layers_write_too():
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        half = small_writer()
    finally:
        keras.config.set_dtype_policy(policy)
    assert sum(piece.tokens > 0 for piece in Writer(half).write(Writer(half).job("a", Options(seed=0, max_tokens=5))))
    strange, known = small_writer(), small_writer()

    class Running(keras.layers.Layer):  # it looks at tokens before, and nothing here knows it
        def call(self, x):
            return keras.ops.cumsum(x, axis=1)

    model = strange.model
    end = Running()(model.get_layer("final_norm").input)
    end = keras.layers.LayerNormalization(name="final_norm")(end)
    output = model.get_layer("features")(end, model.get_layer("tokenizer").output)
    output = keras.ops.softmax(model.get_layer("token_embedding")(output, reverse=True))
    strange = type(known)(keras.Model(model.input, output), known.task, "text", known.labels, known.path)
    writer = Writer(strange)
    assert not writer.network.can_cache and Writer(known).network.can_cache
    assert list(writer.write(writer.job("a", Options(seed=0, max_tokens=5))))[-1].tokens == 5
