"""Features of trained models, files of them, and what the nearest examples vote for."""

import csv

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.metrics.pairwise import cosine_similarity

import zoo
from zoo.errors import ZooError
from zoo.evaluation import features as of_features
from zoo.evaluation import neighbours
from zoo.loading import save_model

CNN = {"stages": ((4,), (8,)), "paddings": ("same", "same"), "input_shape": (8, 8, 1), "num_classes": 2}
LABELS = {"label_names": ["left", "right"], "task": "classification", "reads": "image", "dataset": "own"}


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("features") / "model.keras"
    save_model(zoo.create_model("mnist_cnn", **CNN), path, LABELS)
    return path


def pictures(count=10):
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8, 1), dtype="uint8")


def test_the_head_on_the_features_answers_as_the_model_does(model_file):
    network, model = zoo.load_features(model_file), zoo.load_model(model_file).model
    features = network.predict(pictures(), verbose=0)
    assert features.shape == (10, 32) and features.dtype == np.float32
    kernel, bias = model.get_layer("logits").get_weights()
    logits = features @ kernel + bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict(pictures(), verbose=0), expected, atol=1e-5)
    np.testing.assert_array_equal(of_features.features_of(network, pictures()), features)


def test_files_of_before_the_layer_had_a_name(model_file, tmp_path):
    model = zoo.load_model(model_file).model
    flat = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)).output
    older = keras.Model(model.input, model.get_layer("probabilities")(model.get_layer("logits")(flat)))
    save_model(older, tmp_path / "older.keras", LABELS)
    one, other = (
        zoo.load_features(file).predict(pictures(), verbose=0) for file in (model_file, tmp_path / "older.keras")
    )
    np.testing.assert_array_equal(one, other)


def test_another_layer_is_averaged_over_its_positions_or_named(model_file):
    loaded = zoo.load_model(model_file)
    name = next(layer.name for layer in loaded.model.layers if isinstance(layer, keras.layers.Conv2D))
    found = zoo.load_features(loaded, name).predict(pictures(), verbose=0)
    channels = keras.Model(loaded.model.input, loaded.model.get_layer(name).output).predict(pictures(), verbose=0)
    np.testing.assert_allclose(found, channels.mean(axis=(1, 2)), atol=1e-6)
    with pytest.raises(ZooError, match=r"has no layer 'logit'; did you mean logits\?"):
        zoo.load_features(loaded, "logit")
    with pytest.raises(ZooError, match=r"the layer 'images' gives no numbers"):
        zoo.load_features(loaded, "images")


def test_formats_hold_the_same(tmp_path):
    ids, features = np.array(["=1+1", "b\tc"]), np.array([[1.5, -2], [0, 1e-9]], "float32")
    labels = np.array(["@x", "y"])
    of_features.write_features(tmp_path / "a.npz", "npz", ids, features, labels)
    with np.load(tmp_path / "a.npz") as found:
        np.testing.assert_array_equal(found["features"], features)
        assert found["ids"].tolist() == ids.tolist() and found["labels"].tolist() == ["@x", "y"]
    of_features.write_features(tmp_path / "a.csv", "csv", ids, features, labels)
    rows = list(csv.reader((tmp_path / "a.csv").open()))
    assert rows == [
        ["id", "label", "feature_0", "feature_1"],
        ["'=1+1", "'@x", "1.5", "-2"],
        ["b\\tc", "y", "0", "1e-09"],
    ]
    of_features.write_features(tmp_path / "board", "projector", ids, features, labels)
    assert (tmp_path / "board" / "vectors.tsv").read_text() == "1.5\t-2\n0\t1e-09\n"
    assert (tmp_path / "board" / "metadata.tsv").read_text() == "label\tid\n@x\t=1+1\ny\tb\\tc\n"
    with pytest.raises(ZooError, match="cannot be written"):
        of_features.write_features(tmp_path / "nowhere" / "a.npz", "npz", ids, features, labels)


def test_tensorboard_reads_the_folder_of_the_projector(tmp_path):
    text_format = pytest.importorskip("google.protobuf.text_format")
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    of_features.write_features(tmp_path, "projector", np.array(["a"]), np.ones((1, 2), "float32"), None)
    config = text_format.Parse((tmp_path / "projector_config.pbtxt").read_text(), ProjectorConfig())
    (embedding,) = config.embeddings
    assert (tmp_path / embedding.tensor_path).is_file() and (tmp_path / embedding.metadata_path).read_text() == "a\n"


def test_neighbours_are_those_of_the_cosine_and_their_votes():
    generator = np.random.default_rng(0)
    known, asked = generator.normal(size=(50, 7)).astype("float32"), generator.normal(size=(9, 7)).astype("float32")
    labels = generator.choice(["a", "b", "c"], 50)
    found = neighbours.nearest(neighbours.Reference(np.arange(50).astype(str), known, labels, "them"), asked, 5)
    cosines = cosine_similarity(asked, known)
    np.testing.assert_array_equal(found.rows, np.argsort(-cosines, axis=1)[:, :5])
    np.testing.assert_allclose(found.similarities, -np.sort(-cosines, axis=1)[:, :5], atol=1e-5)
    for row, vote in enumerate(found.votes(5)):
        near = labels[found.rows[row]].tolist()
        most = max(map(near.count, near))
        assert vote == next(label for label in near if near.count(label) == most)  # of two, the nearer
    assert found.votes(1).tolist() == labels[found.rows[:, 0]].tolist()
    with pytest.raises(ZooError, match="--neighbours=51: them has 50 examples"):
        neighbours.nearest(found.reference, asked, 51)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """examples/{left,right}/*.png, three each, where that half is bright, and two new pictures."""
    folder = tmp_path_factory.mktemp("folders")
    generator = np.random.default_rng(0)

    def draw(path, half):
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 60, (8, 8))
        pixels[:, half] += 190
        Image.fromarray(pixels.astype("uint8")).convert("RGB").save(path)

    for name, half in (("left", slice(0, 4)), ("right", slice(4, 8))):
        for number in range(3):
            draw(folder / "examples" / name / f"{number}.png", half)
        draw(folder / "new" / f"{name}.png", half)
    return folder


@pytest.mark.slow
def test_a_folder_of_a_few_examples_classifies(run_script, model_file, folders):
    asked = [f"--model_file={model_file}", folders / "new", "--neighbours=3"]
    done = run_script("embed", *asked, f"--against={folders / 'examples'}")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[1] for row in rows] == ["vote", "left", "right"]
    assert done.stderr.count("colour turned into grey") == 3  # not for each of eight pictures
    done = run_script("embed", f"--model_file={model_file}", folders / "new", "--output=new.npz")
    assert "2 × 32 features: new.npz" in done.stderr
    done = run_script("embed", *asked, "--against=new.npz")
    assert done.returncode == 2 and "new.npz: has no labels" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "name what to embed"),
        (["new"], "nothing to do"),
        (["new", "--neighbours=3"], "--neighbours and --against go together"),
        (["new", "--neighbours=0", "--against=examples"], "--neighbours=0: a number from 1"),
        (["new", "--neighbours=auto", "--against=examples"], "--neighbours=auto goes with --dataset=NAME"),
        (["new", "--neighbours=7", "--against=examples"], "has 6 examples; ask for fewer"),
        (["new", "--neighbours=1", "--against=nothing"], "unknown dataset 'nothing'"),
        (["new", "--layer=x", "--output=a.npz"], "has no layer 'x'; known: "),
        (["new", "--output=new/left.png"], "--output=new/left.png: is an input"),
    ],
)
def test_mistakes_are_one_line(run_script, model_file, folders, tmp_path, flags, words):
    for name in ("new", "examples"):
        (tmp_path / name).symlink_to(folders / name)
    done = run_script("embed", f"--model_file={model_file}", *flags)
    *notices, error = done.stderr.splitlines()
    assert done.returncode == 2 and error.startswith("error: ") and all(line.startswith("notice: ") for line in notices)
    assert words in done.stderr
