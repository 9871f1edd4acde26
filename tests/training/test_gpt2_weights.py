"""GPT-2's files: the same numbers as PyTorch and transformers, its published size, and one line for what is damaged."""

import json
import pathlib
import shutil

import numpy as np
import pytest
import scipy
import tensorflow as tf

import zoo
from zoo import decoders
from zoo.errors import ZooError
from zoo.layers.front import part_behind

GOLDEN = pathlib.Path(__file__).parent / "gpt2_golden"
OPTIONS = {"vocabulary_size": 300, "context_length": 32, "num_layers": 2, "hidden_size": 32, "num_heads": 4}


def logits_of(model, ids):
    states = part_behind(model, model.get_layer("final_norm").output)
    return np.asarray(model.get_layer("token_embedding")(states(ids), reverse=True))


def test_a_checkpoint_gives_the_logits_of_transformers():
    model = zoo.create_model("gpt2", **OPTIONS)
    words = decoders.initialize(model, GOLDEN)
    assert "300 tokens" in words and "not used" not in words
    golden = np.load(GOLDEN / "golden.npz")
    ids = np.asarray(model.get_layer("tokenizer")(tf.constant(golden["texts"].tolist())))
    logits = logits_of(model, tf.constant(ids))
    for number in range(len(ids)):
        theirs = golden[f"ids_{number}"]
        np.testing.assert_array_equal(ids[number, : len(theirs)], theirs)
        np.testing.assert_allclose(logits[number, : len(theirs)], golden[f"logits_{number}"], atol=1e-4)
    answer = model.predict(tf.constant(golden["texts"][:1].tolist()), verbose=0)[0]
    np.testing.assert_allclose(answer, scipy.special.softmax(golden["logits_0"][-1]), atol=1e-4)


def test_small_gpt2_has_the_published_number_of_weights():
    from zoo.keras_hooks import without_memory

    with without_memory():
        assert zoo.create_model("gpt2").count_params() == 124_439_808


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "merges.txt").unlink(), "merges.txt is missing"),
        (lambda folder: _write(folder, "config.json", activation_function="relu"), "activation_function 'relu'"),
        (lambda folder: (folder / "vocab.json").write_text("[1, 2]"), "no vocabulary such as GPT-2's"),
        (lambda folder: (folder / "merges.txt").write_text("#version: 0.2\na b c\n"), "'a b c' is no pair"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 100), "model.safetensors"),
    ],
)
def test_a_damaged_checkpoint_is_refused_with_a_line(tmp_path, change, said):
    folder = shutil.copytree(GOLDEN, tmp_path / "gpt2")
    change(folder)
    with pytest.raises(ZooError, match=said):
        decoders.initialize(zoo.create_model("gpt2", **OPTIONS), folder)


def test_a_model_of_another_size_says_which_options_fit():
    model = zoo.create_model("gpt2", **OPTIONS | {"num_layers": 1})
    with pytest.raises(ZooError, match="vocabulary_size=300, hidden_size=32, num_layers=2"):
        decoders.initialize(model, GOLDEN)


def _write(folder, name, **values):
    content = json.loads((folder / name).read_text()) | values
    (folder / name).write_text(json.dumps(content))
