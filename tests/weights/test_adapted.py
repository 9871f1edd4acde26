"""A base that others publish and what was learned on top of it make the very model that was trained."""

import numpy as np
import pytest

import zoo
from zoo import adapted
from zoo.datasets.texts import as_array
from zoo.errors import ZooError
from zoo.loading import outputs_of
from zoo.training import adapters, layerwise, pretrained

pytestmark = pytest.mark.slow  # fetches 84 MB the first time
OPTIONS = {"length": 16, "num_classes": 3}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model with adapters that learned something, as it is after the training, and the file of what they learned."""
    folder, generator = tmp_path_factory.mktemp("adapted"), np.random.default_rng(0)
    model = zoo.create_model("bbc_news_minilm", **OPTIONS)
    pretrained.initialize(model, "minilm")
    layerwise.freeze(model, ["embeddings_*"])
    adapters.add_adapters(model, 2)
    for variable in model.trainable_variables:
        variable.assign(np.asarray(variable) + 0.05 * generator.normal(size=variable.shape))
    adapters.write_learned(folder / "adapters.npz", model)
    adapters.merge_adapters(model)
    config = zoo.load_config("bbc_news_minilm")
    labels = {"label_names": ["a", "b", "c"], "task": "classification", "reads": "text"}
    adapted.write_adapted(folder / "model.npz", folder / "adapters.npz", config, OPTIONS, labels)
    return model, folder / "model.npz"


def test_it_is_the_model_that_was_trained_at_a_fraction_of_its_size(trained):
    model, file = trained
    opened, labels = adapted.open_adapted(file)
    for ours, theirs in zip(opened.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    texts = as_array(["shares fell", "a late goal won the cup"])
    np.testing.assert_array_equal(outputs_of(opened, texts), outputs_of(model, texts))
    assert labels["label_names"] == ["a", "b", "c"]
    assert file.stat().st_size * 20 < sum(weight.nbytes for weight in model.get_weights())


def test_it_computes_in_float32_whatever_this_process_trains_in(trained):
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        opened, _ = adapted.open_adapted(trained[1])
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert {layer.dtype_policy.name for layer in opened.layers if layer.weights} == {"float32"}


@pytest.mark.parametrize("file", ["model.safetensors", "vocab.txt"])
def test_an_altered_base_is_refused(trained, monkeypatch, file):
    digests = adapted._BASES["minilm"] | {file: "0" * 64}
    monkeypatch.setitem(adapted._BASES, "minilm", digests)
    with pytest.raises(ZooError, match=f"{file}: altered or damaged; delete"):
        adapted.open_adapted(trained[1])


def test_published_weights_are_opened_from_it(trained):
    from zoo.published import PublishedRun

    run = PublishedRun("mnist_mlp")
    run.__dict__.update(entry=run.entry.model_copy(update={"base": "minilm"}), model_file=trained[1])
    loaded = zoo.load_model(run)
    assert loaded.label_names == run.labels["label_names"] == ["a", "b", "c"]
    assert list(loaded.predict_labels("shares fell"))[0] in "abc"
