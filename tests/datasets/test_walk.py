"""Which files are read: the same for training and for prediction, and what is not is counted."""

import os

import numpy as np
import pytest
from loaded import named
from PIL import Image

from zoo import datasets
from zoo.datasets.summary import summarize
from zoo.errors import ZooError
from zoo.evaluation.predict import read_inputs

GENERATOR = np.random.default_rng(0)


class Model:
    input_shape = (None, 8, 8, 3)


def picture(path, kind=None, mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = GENERATOR.integers(0, 256, (8, 8, 3), "uint8")
    Image.fromarray(pixels).convert(mode).save(path, kind)


def ids(dataset):
    return set(np.concatenate([dataset.train.ids, dataset.validation.ids, dataset.test.ids]).tolist())


def predicted(path, reads="image"):
    names, _ = read_inputs([path], named(Model(), reads))
    return {os.path.relpath(name, path) for name in names}


@pytest.fixture
def mixed(tmp_path):
    """Pictures of every kind, and what lies beside them on people's disks."""
    folder = tmp_path / "mine"
    kinds = {"png": "PNG", "JPG": "JPEG", "jfif": "JPEG", "bmp": "BMP", "gif": "GIF", "webp": "WEBP", "TIF": "TIFF"}
    for name in ("cat", "dog"):
        for ending, kind in kinds.items():
            picture(folder / name / f"a.{ending}", kind)
        picture(folder / name / "without", "PNG")
        picture(folder / name / "wrong.dat", "WEBP")
        picture(folder / name / "wrong.png", "JPEG")
        picture(folder / name / "deep/er/b.png")
        for litter in (".ipynb_checkpoints/c.png", "__MACOSX/c.png", "._a.png", ".hidden.png"):
            picture(folder / name / litter, "PNG")
        (folder / name / "Thumbs.db").write_bytes(b"x")
        (folder / name / "notes.txt").write_text("no picture")
        (folder / name / "raw.heic").write_bytes(b"\0\0\0\x18ftypheic")
        os.symlink("nowhere", folder / name / "broken.png")
        os.symlink("..", folder / name / "circle")
    picture(tmp_path / "elsewhere/linked.png")
    os.symlink(tmp_path / "elsewhere", folder / "cat" / "link")
    os.symlink(tmp_path / "elsewhere/linked.png", folder / "dog" / "file.png")
    picture(folder / "beside.png")
    return folder


def test_training_and_prediction_read_the_same_pictures(mixed, capsys):
    dataset = datasets.load("image_folder", mixed, image_shape=(8, 8, 3), duplicates="keep")
    of_both = ["a.JPG", "a.TIF", "a.bmp", "a.gif", "a.jfif", "a.png", "a.webp", "deep/er/b.png"]
    of_both += ["without", "wrong.dat", "wrong.png"]
    cats = {f"cat/{name}" for name in [*of_both, "link/linked.png"]}
    dogs = {f"dog/{name}" for name in [*of_both, "file.png"]}
    assert {name for name in ids(dataset) if not name.count("circle")} == cats | dogs
    left_out = dataset.report["left_out"]
    assert left_out["hidden"] == 2 * 5 and left_out[".heic"] == left_out[".txt"] == 2
    assert left_out["a broken link, a pipe or a device"] == 2 and left_out["in no folder of a class"] == 1
    assert "left out: " in summarize(dataset.report) and "2 .heic" in summarize(dataset.report)
    assert predicted(mixed) == cats | dogs | {"beside.png"}
    assert "2 .heic" in capsys.readouterr().err
    for name in ("cat/a.webp", "dog/without"):
        assert predicted(mixed / name) == {"."}


def test_links_in_circles_end(tmp_path):
    for name in ("a", "b"):
        for number in range(4):
            picture(tmp_path / "in" / name / f"{number}.png")
        for link in ("x", "y", "z"):
            os.symlink(tmp_path / "in", tmp_path / "in" / name / link)
    assert len(predicted(tmp_path / "in")) == 8
    (tmp_path / "in/b").rename(tmp_path / "elsewhere")  # a class that is itself a link
    os.symlink(tmp_path / "elsewhere", tmp_path / "in/b")
    dataset = datasets.load("image_folder", tmp_path / "in")
    assert len(ids(dataset)) == 8 and dataset.report["conflicts_removed"] == 0


def test_links_that_cannot_be_followed_are_left_out(tmp_path):
    """`Path.is_dir` raises an error for a name that is too long, as for one that may not be seen."""
    for name in ("a", "b"):
        for number in range(4):
            picture(tmp_path / name / f"{number}.png")
        os.symlink("x" * 300, tmp_path / name / "link")
    os.symlink("x" * 300, tmp_path / "link")
    dataset = datasets.load("image_folder", tmp_path)
    assert dataset.report["left_out"] == {"a broken link, a pipe or a device": 2, "in no folder of a class": 1}
    assert len(predicted(tmp_path)) == 8


def test_files_with_an_ending_each_are_told_in_few_words(tmp_path):
    for name in ("a", "b"):
        for number in range(4):
            picture(tmp_path / name / f"{number}.png")
        for number in range(300):
            (tmp_path / name / f"scan.{number}").write_text("no picture")
    dataset = datasets.load("image_folder", tmp_path)
    assert len(dataset.report["left_out"]) == 11 and sum(dataset.report["left_out"].values()) == 600
    assert "580 of other kinds" in summarize(dataset.report)


def test_texts(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / ".git").mkdir(parents=True)
        for number, ending in enumerate([".txt", ".TXT", ".Txt", ""] * 5):
            (tmp_path / name / f"{number}{ending}").write_text(f"{name} {number}")
        (tmp_path / name / "page.html").write_text("<p>")
        (tmp_path / name / ".git" / "HEAD").write_text("ref")
    dataset = datasets.load("text_folder", tmp_path)
    assert len(ids(dataset)) == 40 and dataset.report["left_out"] == {"hidden": 2, ".html": 2}
    assert predicted(tmp_path, "text") == ids(dataset)


@pytest.fixture
def write(tmp_path):
    def write(part, name, count):
        for number in range(count):
            picture(tmp_path / part / name / f"{number}.png")

    return write


@pytest.mark.parametrize("validation", [None, "val", "Valid", "validation"])
def test_folders_of_splits(tmp_path, write, validation):
    for name in ("cat", "dog"):
        write("train", name, 20)
        write("test", name, 5)
        if validation:
            write(validation, name, 3)
    copied = (tmp_path / "train/cat/0.png").read_bytes()
    (tmp_path / "test/cat/0.png").write_bytes(copied)
    (tmp_path / "train/cat/copy.png").write_bytes(copied)
    dataset = datasets.load("image_folder", tmp_path)
    assert dataset.info.label_names == ("cat", "dog")
    assert [len(dataset.train), len(dataset.validation)] == ([40, 6] if validation else [36, 4])
    assert set(dataset.test.ids) == {f"test/{name}/{number}.png" for name in ("cat", "dog") for number in range(5)}
    assert dataset.report["duplicates_removed"] == 1
    in_train = {"train/cat/0.png", "train/cat/copy.png"} & set(dataset.train.ids)
    assert dataset.report["test_rows_also_in_train"] == len(in_train)
    assert dataset.report["validation_rows_also_in_train"] == 0
    if validation:
        assert {name.split("/")[0] for name in dataset.validation.ids} == {validation} and in_train


def test_train_alone_and_a_test_of_unlabelled_pictures(tmp_path, write):
    for name in ("cat", "dog"):
        write("train", name, 20)
    assert len(datasets.load("image_folder", tmp_path).test) == 4
    picture(tmp_path / "test/1.png")
    dataset = datasets.load("image_folder", tmp_path)
    assert len(dataset.test) == 4 and dataset.report["left_out"] == {"in no folder of a class": 1}


def test_a_class_may_be_called_train(tmp_path, write):
    for name in ("train", "car", "plane"):
        write("", name, 5)
    assert datasets.load("image_folder", tmp_path).info.label_names == ("car", "plane", "train")


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (["train/cat", "train/dog", "test/cat", "cat"], "are test, train splits, beside 'cat', or classes"),
        (["test/cat", "val/cat"], "the splits test, val; one named train is needed"),
        (["train/cat", "train/dog", "val/cat", "valid/cat"], "of validation and test one at most"),
        (["train/cat", "train/dog", "test/eel"], r"test/eel: train has no such class"),
        (["train/cat", "test/cat"], "1 folders of classes; at least 2"),
    ],
)
def test_splits_that_are_not_sure(tmp_path, write, folders, words):
    for folder in folders:
        write(folder, "", 3)
    with pytest.raises(ZooError, match=words):
        datasets.load("image_folder", tmp_path)


def test_a_picture_of_hundreds_of_megapixels_is_too_large_not_broken(tmp_path):
    import struct
    import zlib

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 16_000, 15_000, 8, 0, 0, 0, 0))
    (tmp_path / "large.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with pytest.raises(ZooError, match=r"large\.png: over 178,956,970 pixels; at most 40,000,000 are read; shrink it"):
        read_inputs([tmp_path / "large.png"], named(Model(), "image"))


@pytest.mark.parametrize(("mode", "words"), [("F", "pixels of 32 bits"), ("LAB", "colours in CIELAB")])
def test_pixels_that_cannot_be_converted_are_refused(tmp_path, mode, words):
    Image.new(mode, (8, 8)).save(tmp_path / "odd.tif")
    with pytest.raises(ZooError, match=words):
        read_inputs([tmp_path / "odd.tif"], named(Model(), "image"))
