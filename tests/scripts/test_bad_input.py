"""What is wrong with data and model files, as a user of the scripts meets it: one line, status 2, nothing lost."""

import gzip
import json
import struct

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.loading import save_model


def assert_refused(done, *words):
    """The script ended with one error line (after lines of progress, if any), which holds the words."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    last_line = done.stderr.splitlines()[-1]
    assert last_line.startswith("error: ")
    for word in words:
        assert word in last_line


@pytest.fixture
def pictures(tmp_path):
    """pictures/{dark,light}/0.png … 29.png of 8×8 grey pixels."""
    generator = np.random.default_rng(0)
    for name, base in (("dark", 0), ("light", 150)):
        folder = tmp_path / "pictures" / name
        folder.mkdir(parents=True)
        for number in range(30):
            Image.fromarray((generator.integers(0, 100, (8, 8)) + base).astype("uint8")).save(folder / f"{number}.png")
    return tmp_path / "pictures"


@pytest.fixture(scope="module")
def digits_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "digits.keras"
    labels = {"label_names": list("0123456789"), "task": "image_classification", "dataset": "mnist"}
    save_model(zoo.create_model("mnist_mlp"), path, labels)
    return path


def images_file(rows):
    return struct.pack(">4i", 2051, rows, 28, 28) + bytes(rows * 28 * 28)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("train-images-idx3-ubyte", images_file(60_000)[:1000], "not the official file"),
        ("train-images-idx3-ubyte.gz", gzip.compress(images_file(100))[:-20], "damaged or cut short"),
        ("train-images-idx3-ubyte.gz", b"no gzip at all", "damaged or cut short"),
        ("train-images-idx3-ubyte", b"", "not the official file"),
    ],
)
def test_damaged_official_files(run_script, tmp_path, name, content, words):
    for file in ("train-images", "train-labels", "t10k-images", "t10k-labels"):
        ending = "idx3-ubyte" if "images" in file else "idx1-ubyte"
        (tmp_path / f"{file}-{ending}").write_bytes(b"also no digits")
    (tmp_path / name.removesuffix(".gz")).unlink()
    (tmp_path / name).write_bytes(content)
    done = run_script("train", "--model=mnist_mlp", f"--data_dir={tmp_path}")
    assert_refused(done, name, words)
    assert (tmp_path / name).read_bytes() == content
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("dark/3.png", lambda whole: whole[: len(whole) // 2], "dark/3.png: unreadable image"),
        ("dark/3.png", lambda whole: b"no picture", "dark/3.png: unreadable image"),
        ("empty/.keep", lambda whole: b"", "empty: holds no picture"),
    ],
)
def test_damaged_pictures_in_training(run_script, pictures, file, content, words):
    path = pictures / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content(path.read_bytes() if path.exists() else b""))
    assert_refused(run_script("train", "--model=mnist_mlp", "--dataset=image_folder", f"--data_dir={pictures}"), words)


def test_an_empty_folder(run_script, tmp_path, digits_file):
    (tmp_path / "empty").mkdir()
    done = run_script("train", "--model=mnist_mlp", "--dataset=image_folder", "--data_dir=empty")
    assert_refused(done, "empty")
    assert_refused(run_script("predict", f"--model_file={digits_file}", "empty"), "empty: no pictures or .npy files")


def test_a_table_cut_short(run_script, tmp_path):
    (tmp_path / "table.csv").write_text("x,y,label\n1,2,a\n3,4,b\n5,")
    done = run_script("train", "--model=binary_mlp", "--dataset=csv", "--data_dir=table.csv")
    assert_refused(done, "table.csv:4: 2 values, but the header has 3")


def test_a_weight_for_a_label_that_is_no_class(run_script):
    done = run_script("train", "--model=xor_mlp", "--set", "training.class_weights={yes: 2.0}")
    assert_refused(done, "training.class_weights: 'yes' is no class")


@pytest.mark.slow
def test_data_with_other_labels_than_the_model(run_script, pictures, digits_file):
    flags = [f"--model_file={digits_file}", "--dataset=image_folder", f"--data_dir={pictures}"]
    done = run_script("evaluate", *flags, fresh=True)
    assert_refused(done, "dark")


@pytest.mark.slow
def test_a_picture_of_another_shape_is_resized_with_a_notice(run_script, tmp_path, digits_file):
    Image.new("RGB", (64, 48), (200, 10, 10)).save(tmp_path / "photo.png")
    done = run_script("predict", f"--model_file={digits_file}", "photo.png", "--json", fresh=True)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)[0]["probabilities"]) == 10
    assert "notice: resized to 28x28" in done.stderr and "notice: colour turned into grey" in done.stderr


def test_a_picture_cut_short_in_prediction(run_script, pictures, digits_file):
    picture = pictures / "dark" / "3.png"
    picture.write_bytes(picture.read_bytes()[:60])
    assert_refused(run_script("predict", f"--model_file={digits_file}", picture), "3.png: unreadable image")


@pytest.mark.parametrize("script", ["evaluate", "predict"])
def test_damaged_model_files(run_script, tmp_path, digits_file, script):
    Image.new("L", (28, 28)).save(tmp_path / "digit.png")
    (tmp_path / "short.keras").write_bytes(digits_file.read_bytes()[:5000])
    (tmp_path / "text.keras").write_text("no zip")
    for name in ("short.keras", "text.keras"):
        pictures = ["digit.png"] if script == "predict" else []
        assert_refused(run_script(script, f"--model_file={name}", *pictures), f"{name}: not a .keras file")


def test_a_lambda_is_refused_and_not_run(run_script, tmp_path):
    import keras

    witness = tmp_path / "ran"
    inputs = keras.Input((28, 28, 1))
    code = f"lambda x: (open({str(witness)!r}, 'w').close(), x)[1]"
    keras.Model(inputs, keras.layers.Lambda(eval(code), output_shape=(28, 28, 1))(inputs)).save(tmp_path / "l.keras")
    witness.unlink(missing_ok=True)
    Image.new("L", (28, 28)).save(tmp_path / "digit.png")
    assert_refused(run_script("predict", "--model_file=l.keras", "digit.png"), "l.keras: refused", "Lambda")
    assert not witness.exists()


@pytest.mark.slow
def test_a_loss_that_is_not_finite_keeps_the_last_good_weights(run_script, tmp_path):
    """The first epochs go well; then the learning rate grows past what a strong penalty allows."""
    rows = [f"{x},{(x * 7) % 11},{'odd' if x % 2 else 'even'}" for x in range(400)]
    (tmp_path / "table.csv").write_text("x,y,label\n" + "\n".join(rows) + "\n")
    flags = ["--dataset=csv", "--data_dir=table.csv", "--epochs=40", "--batch_size=64"]
    warmup = ["training.schedule.warmup_epochs=10", "training.optimizer={name: sgd, learning_rate: 0.05, l2: 100.0}"]
    settings = [part for value in warmup for part in ("--set", value)]
    done = run_script("train", "--model=binary_mlp", *flags, *settings)
    assert_refused(done, "the loss is", "epoch", "step", "model.keras", "--learning_rate")
    run = next((tmp_path / "runs" / "binary_mlp").iterdir())
    assert json.loads((run / "run.json").read_text())["status"] == "failed"
    assert all(np.isfinite(weights).all() for weights in zoo.load_model(run).model.get_weights())
