"""Data files that claim or cost more than they weigh are refused in one line, within the bounds."""

import json
import os
import pathlib
import shutil

import data_files
import numpy as np
import pytest
import record_files
import safetensors.numpy
from PIL import Image

import zoo
from zoo.datasets import own_data, own_pictures, own_tables, own_texts, sources
from zoo.errors import ZooError
from zoo.inputs import images, tables
from zoo.loading import save_model
from zoo.tasks.catalog import get_task
from zoo.training import pretrained

GOLDEN = pathlib.Path(__file__).parents[1] / "training/bert_golden"
READING = own_data.Reading(get_task("classification"))


class Reads:
    """What the readers ask of a loaded model."""

    def __init__(self, *input_shape, feature_names=None):
        self.model, self.feature_names = self, feature_names
        self.input_shape = (None, *input_shape)


@pytest.fixture
def refused(bounded, tmp_path, monkeypatch):
    """A function that asserts that a call refuses its file: one line, within the bounds, no proof of code that ran."""
    monkeypatch.chdir(tmp_path)

    def check(call, *words):
        before = sorted(tmp_path.rglob("*"))
        with bounded(), pytest.raises(ZooError) as caught:
            call()
        line = str(caught.value)
        assert "\n" not in line and len(line) < 600
        for word in words:
            assert word in line
        assert sorted(tmp_path.rglob("*")) == before

    return check


@pytest.mark.parametrize("content", data_files.PICTURES.values(), ids=data_files.PICTURES)
def test_pictures(refused, tmp_path, content):
    path = tmp_path / "pictures/a/0.png"
    path.parent.mkdir(parents=True)
    (tmp_path / "pictures/b").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "pictures/b/0.png")
    path.write_bytes(content)
    refused(lambda: images.read([path], Reads(28, 28, 1)), "0.png")
    refused(lambda: own_pictures.read_image_folder(tmp_path / "pictures", (8, 8, 1)), "0.png")


def test_the_largest_picture_that_is_read(bounded, tmp_path):
    """Colour and transparency, turned by its orientation, in a file of 50 kB."""
    picture = Image.new("RGBA", (8000, 5000))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "large.png", exif=exif)
    del picture, exif
    with bounded():
        (image,) = images.read([tmp_path / "large.png"], Reads(28, 28, 1))[1]
    assert image.shape == (28, 28, 1) and image.min() == 255


@pytest.mark.parametrize("content", data_files.ARRAYS.values(), ids=data_files.ARRAYS)
def test_arrays_of_pictures(refused, tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    refused(lambda: images.read([tmp_path / "a.npy"], Reads(28, 28, 1)), "a.npy")


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path), os.mkdir])
@pytest.mark.parametrize("name", ["a.png", "a.npy", "a.csv", "a.txt"])
def test_what_is_no_file(refused, tmp_path, make, name):
    path = tmp_path / name
    make(path)
    readers = {
        "a.png": lambda: images.read([path], Reads(28, 28, 1)),
        "a.npy": lambda: images.read([path], Reads(28, 28, 1)),
        "a.csv": lambda: own_tables.read_csv(path, READING),
        "a.txt": lambda: own_texts.read_utf8(path),
    }
    refused(readers[name], name)


@pytest.mark.parametrize(("make", "words"), data_files.TABLES.values(), ids=data_files.TABLES)
def test_tables(refused, tmp_path, make, words):
    path = tmp_path / ("zeros.csv" if words == "zeros.csv" else "a.csv")
    path.write_bytes(make())
    refused(lambda: own_tables.read_csv(path, READING), words)
    refused(lambda: tables.read([path], Reads(3)))
    assert own_texts.is_text_table(path) is False


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "size"), [(1, 9_500_000), (50, 2_000_000), (100_000, 2_000_000)])
def test_right_tables_of_any_shape_are_read_within_the_bounds(bounded, tmp_path, columns, size):
    (tmp_path / "a.csv").write_bytes(data_files.large_table(columns, size))
    with bounded():
        read = own_tables.read_csv(tmp_path / "a.csv", READING)
    split = read.split
    assert read.described["label_names"] == ("a", "b")
    assert len(read.feature_names) == columns and split.features.shape == (len(split), columns)
    assert split.features[7].tolist() == [7.0] * columns and split.ids[0] == "0"


def test_names_that_are_no_text(refused, tmp_path):
    odd = os.fsdecode(b"\xff\x1b")
    for name in ("a", "b", odd):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / "pictures" / name / f"{odd}.png")
    refused(lambda: own_pictures.read_image_folder(tmp_path / "pictures", (8, 8, 1)), "is not UTF-8")
    shutil.rmtree(tmp_path / "pictures" / odd)
    split = own_pictures.read_image_folder(tmp_path / "pictures", (8, 8, 1)).split
    assert split.ids.tolist() == ["a/\\udcff\x1b.png", "b/\\udcff\x1b.png"]
    run = record_files.good_run(tmp_path)
    run.update_record(command=f"train {odd}")
    assert run.record["command"] == "train ?\x1b"


def test_a_table_of_texts(refused, bounded, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "a,b\n" * 300_000)
    refused(lambda: own_texts.read_text_csv(path, READING), "only the label 'b'")
    path.write_text("text,label\n" + "".join(f"a,{number}\n" for number in range(100_000)))
    refused(lambda: own_texts.read_text_csv(path, READING), "100,000 different labels")
    path.write_text('text,label\n"' + "a" * 9_000_000 + '",x\nb,y\n')
    with bounded():
        assert len(own_texts.read_text_csv(path, READING).split.features[0]) == 9_000_000
    os.truncate(path, 1 << 40)
    refused(lambda: own_texts.read_text_csv(path, READING), "bytes")


@pytest.mark.slow
def test_compressed_official_files_that_unfold(bounded, tmp_path):
    """600 kB, which would be 600 MB."""
    for name in sources.SOURCES["mnist"].digests:
        (tmp_path / f"{name}.gz").write_bytes(data_files.unfolding_gzip(600))
    (tmp_path / "target").mkdir()
    with bounded(), pytest.raises(ZooError, match="not the official file, it unfolds to"):
        sources._copy_checked(sources.SOURCES["mnist"], tmp_path, tmp_path / "target")
    assert sum(path.stat().st_size for path in (tmp_path / "target").iterdir()) <= 256 << 20


def rewritten(change):
    """A checkpoint with other tensors."""

    def spoil(folder):
        tensors = safetensors.numpy.load_file(folder / "model.safetensors")
        change(tensors)
        safetensors.numpy.save_file(tensors, folder / "model.safetensors")

    return spoil


def renamed(old, new):
    return rewritten(lambda tensors: tensors.update({new: tensors.pop(old)}))


def replaced(name, array):
    return rewritten(lambda tensors: tensors.update({name: array}))


def header(**tensors):
    """A safetensors file whose header says what it likes."""

    def spoil(folder):
        text = json.dumps(tensors).encode()
        (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(64))

    return spoil


def written(file, content):
    return lambda folder: (folder / file).write_bytes(content)


SPECIAL = b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n"
WORDS, LAYER = "embeddings.word_embeddings.weight", "encoder.layer.1.output.dense.bias"
CHECKPOINTS = {
    "a layer of a billion": renamed(LAYER, "encoder.layer.1000000000.output.dense.bias"),
    "a layer more": replaced("encoder.layer.1000000000.x", np.zeros(1, "float32")),
    "a layer of digits": replaced(f"encoder.layer.{'9' * 5000}.x", np.zeros(1, "float32")),
    "a layer without number": replaced("encoder.layer.x.y", np.zeros(1, "float32")),
    "a layer below zero": replaced("encoder.layer.-1.y", np.zeros(1, "float32")),
    "a layer twice": replaced("encoder.layer.01.y", np.zeros(1, "float32")),
    "no axes": replaced(WORDS, np.zeros((), "float32")),
    "three axes": replaced(WORDS, np.zeros((2, 2, 2), "float32")),
    "no rows": replaced("embeddings.token_type_embeddings.weight", np.zeros((0, 32), "float32")),
    "other columns": replaced("embeddings.token_type_embeddings.weight", np.zeros((2, 7), "float32")),
    "integers": replaced(WORDS, np.zeros((21, 32), "int64")),
    "booleans": replaced(WORDS, np.zeros((21, 32), "bool")),
    "a shape beyond reason": header(a={"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 64]}),
    "a negative shape": header(a={"dtype": "F32", "shape": [-1], "data_offsets": [0, 64]}),
    "offsets beyond the end": header(a={"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}),
    "offsets that cross": header(
        a={"dtype": "F32", "shape": [16], "data_offsets": [0, 64]},
        b={"dtype": "F32", "shape": [8], "data_offsets": [0, 32]},
    ),
    "an unknown type": header(a={"dtype": "X9", "shape": [16], "data_offsets": [0, 64]}),
    "brain floats": header(a={"dtype": "BF16", "shape": [32], "data_offsets": [0, 64]}),
    "a list": header(a=[1, 2]),
    "many": header(**{f"n{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(100_000)}),
    "a long header": written("model.safetensors", (2**63).to_bytes(8, "little") + b"{}"),
    "a deep header": written("model.safetensors", (900_000).to_bytes(8, "little") + b"[" * 900_000),
    "no header": written("model.safetensors", b""),
    "deep config": written("config.json", b"[" * 900_000),
    "config is a list": written("config.json", b"[]"),
    "another activation": written("config.json", json.dumps({"hidden_act": "\x1b[31m" + "x" * 9000}).encode()),
    "settings of a text": written("tokenizer_config.json", b'{"do_lower_case": "yes"}'),
    "a vocabulary of one line": written("vocab.txt", SPECIAL + b"x" * 9_000_000),
    "a vocabulary of empty lines": written("vocab.txt", b"\n" * 9_000_000),
    "a vocabulary of millions": written("vocab.txt", SPECIAL + b"".join(b"%x\n" % n for n in range(1_200_000))),
    "a vocabulary that is too large": lambda folder: os.truncate(folder / "vocab.txt", 1 << 40),
}  # fmt: skip


@pytest.fixture(scope="module")
def small_bert():
    sizes = {"num_layers": 2, "hidden_size": 32, "num_heads": 4, "feed_forward_size": 64, "vocabulary_size": 21}
    return zoo.create_model("bbc_news_bert", **sizes, length=32)


@pytest.mark.parametrize("spoil", CHECKPOINTS.values(), ids=CHECKPOINTS)
def test_checkpoints_of_others(refused, small_bert, tmp_path, spoil):
    folder = tmp_path / "checkpoint"
    shutil.copytree(GOLDEN, folder)
    spoil(folder)
    before = [weights.copy() for weights in small_bert.get_weights()]
    refused(lambda: pretrained.initialize(small_bert, str(folder)), "checkpoint")
    assert all(np.array_equal(a, b) for a, b in zip(before, small_bert.get_weights(), strict=True))


@pytest.fixture(scope="module")
def digits_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "digits.keras"
    labels = {"label_names": list("0123456789"), "task": "image_classification", "dataset": "mnist"}
    save_model(zoo.create_model("mnist_mlp"), path, labels)
    return path


def test_by_the_scripts(run_bounded, assert_one_line, tmp_path, digits_file):
    (tmp_path / "a.png").write_bytes(data_files.PICTURES["80,000,000 x 1"])
    assert_one_line(run_bounded("predict", f"--model_file={digits_file}", "a.png"), "a.png: 80000000x1 pixels")
    (tmp_path / "a.npy").write_bytes(data_files.ARRAYS["promises"])
    assert_one_line(run_bounded("predict", f"--model_file={digits_file}", "a.npy"), "a.npy: damaged")
    (tmp_path / "a.csv").write_bytes(data_files.TABLES["a hundred thousand columns, one twice"][0]())
    flags = ["--model=binary_mlp", "--dataset=csv", "--data_dir=a.csv"]
    assert_one_line(run_bounded("train", *flags), "a.csv:1: '7' names more than one column")
    shutil.copytree(GOLDEN, tmp_path / "checkpoint")
    CHECKPOINTS["a layer more"](tmp_path / "checkpoint")
    (tmp_path / "texts/a").mkdir(parents=True)
    (tmp_path / "texts/b").mkdir()
    for number in range(40):
        (tmp_path / f"texts/{'ab'[number % 2]}/{number}.txt").write_text(f"text {number}")
    flags = ["--model=bbc_news_bert", "--dataset=text_folder", "--data_dir=texts", "--init_from=checkpoint"]
    assert_one_line(
        run_bounded("train", *flags), "checkpoint: model.safetensors has encoder.layer.1000000000 among 3 layers"
    )
    (tmp_path / "space.yaml").write_text(record_files.aliases())
    flags = ["--model=xor_mlp", "--space=space.yaml", "--study=study"]
    assert_one_line(run_bounded("sweep", *flags), "space.yaml: more than 20,000 values")
