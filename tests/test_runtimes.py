"""Exported files answer as the Keras model does, and what is damaged, foreign or dangerous is one line."""

import subprocess
import sys
import zipfile

import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.export import formats
from zoo.loading import with_labels

LABELS = {"label_names": ["no", "yes"], "task": "table_classification"}


@pytest.fixture(scope="module")
def source():
    model = zoo.create_model("binary_mlp", input_shape=(4,))
    features = np.random.default_rng(0).normal(2, 3, (50, 4)).astype("float32")
    model.layers[1].adapt(features)
    return formats.Source(None, model, LABELS, features)


@pytest.fixture(scope="module")
def files(source, tmp_path_factory):
    """{"onnx": path, "litert": path, "saved_model": path} of one model."""
    folder = tmp_path_factory.mktemp("exported")
    paths = {}
    for name in ("onnx", "litert", "saved_model"):
        (target,) = formats.targets(name, None)
        formats.write(source, target, folder)
        paths[name] = folder / target.file
    return paths


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnx", "litert", "saved_model"])
def test_labels_and_preprocessing_travel_inside(source, files, name):
    loaded = zoo.load_model(files[name])
    assert (loaded.label_names, loaded.task.name, loaded.reads) == (["no", "yes"], "classification", "table")
    assert loaded.model.input_shape == (None, 4) and loaded.model.output_shape == (None, 1)
    expected = with_labels(source.model, {}, "m.keras").predict(source.training_features)
    np.testing.assert_allclose(loaded.predict_probabilities(source.training_features), expected, atol=1e-5)
    assert loaded.predict_probabilities(source.training_features[:0]).shape == (0, 2)


@pytest.mark.parametrize("name", ["onnx", "litert"])
def test_no_tensorflow_is_needed(files, name):
    code = f"import sys, zoo; print(zoo.load_model({str(files[name])!r}).label_names, 'tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "['no', 'yes'] False", done.stderr


@pytest.mark.parametrize("file", ["model.onnx", "model.tflite", "model/saved_model.pb"])
@pytest.mark.parametrize("content", [b"", b"no model at all " * 50, None])
def test_damaged_and_foreign_files(files, tmp_path, file, content):
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    whole = (files["onnx"].parent / file).read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    model = path.parent if path.name == "saved_model.pb" else path
    with pytest.raises(zoo.ZooError, match=r"model.*: ") as raised:
        zoo.load_model(model)
    assert "\n" not in str(raised.value)


def test_a_changed_file_is_not_what_its_parity_says(files, tmp_path):
    from zoo.runs import Run
    from zoo.runtimes import file_digest

    path = tmp_path / "model.onnx"
    path.write_bytes(files["onnx"].read_bytes())
    Run(tmp_path).write_json("parity.json", {"file": path.name, "digest": file_digest(path)})
    zoo.load_model(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(zoo.ZooError, match="damaged or changed"):
        zoo.load_model(path)
    (tmp_path / "parity.json").write_text("[")
    with pytest.raises(zoo.ZooError, match=r"parity.json: damaged"):
        zoo.load_model(path)


def test_a_graph_that_would_read_files_is_refused(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("7")

    @tf.function(input_signature=[tf.TensorSpec((None, 4))])
    def serve(x):
        return {"y": x[:, :2] + tf.strings.to_number(tf.io.read_file(str(secret)))}

    module = tf.Module()
    module.serve = serve
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={"serving_default": serve})
    with pytest.raises(zoo.ZooError, match="refused, its graph holds ReadFile"):
        zoo.load_model(tmp_path / "model")


def test_a_file_that_is_no_classifier(tmp_path):
    import onnx

    value = onnx.helper.make_tensor_value_info
    one, two = (value(name, onnx.TensorProto.FLOAT, ["batch", 2]) for name in ("a", "b"))
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["a", "b"], ["c"])], "sum", [one, two], [value("c", 1, ["batch", 2])]
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "sum.onnx")
    with pytest.raises(zoo.ZooError, match=r"sum.onnx: has 2 inputs"):
        zoo.load_model(tmp_path / "sum.onnx")


def test_a_member_outside_of_the_folder_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("../../outside", "x")
    with pytest.raises(zoo.ZooError, match=r"refused, its member '../../outside'"):
        zoo.load_model(tmp_path / "model.keras")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [("linear_text", "onnx"), ("text_cnn", "litert"), ("bbc_news_bert", "onnx")])
def test_models_of_texts_take_ids_of_a_tokenizer_inside(tmp_path, name, kind):
    from zoo.layers.front import text_layer
    from zoo.tokens import describe_tokenizer

    texts = np.array(["rates fell, markets rose", "a late goal won the cup", "rates"], object)
    model = zoo.create_model(name, vocabulary_size=200, length=16)
    text_layer(model).adapt(texts)
    labels = {
        "label_names": list("abcde"),
        "task": "text_classification",
        "tokenizer": describe_tokenizer(text_layer(model)),
    }
    (target,) = formats.targets(kind, None)
    formats.write(formats.Source(None, model, labels, texts), target, tmp_path)
    loaded = zoo.load_model(tmp_path / target.file)
    assert loaded.model.input_shape == (None,)
    expected = with_labels(model, {}, "m.keras").predict(texts)
    np.testing.assert_allclose(loaded.predict_probabilities(texts), expected, atol=1e-5)
