"""The user's own pictures and tables, and one line for everything that can be wrong with them."""

import re

import numpy as np
import pytest
from PIL import Image

from zoo import datasets
from zoo.errors import ZooError


@pytest.fixture
def pictures(tmp_path):
    """Two classes with 20 different 6×8 grey pictures each, in three formats."""
    generator = np.random.default_rng(0)
    for name in ("cat", "dog"):
        folder = tmp_path / "pictures" / name
        folder.mkdir(parents=True)
        for number in range(20):
            suffix = ("png", "bmp", "jpg")[number % 3]
            Image.fromarray(generator.integers(0, 256, (6, 8), "uint8")).save(folder / f"{number:02}.{suffix}")
    return tmp_path / "pictures"


def pooled_ids(dataset):
    return np.concatenate([dataset.train.ids, dataset.validation.ids, dataset.test.ids])


def test_pictures_are_split_80_10_10_with_names_of_files_and_classes(pictures):
    dataset = datasets.load("image_folder", pictures)
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [32, 4, 4]
    assert dataset.train.features.shape == (32, 6, 8, 1) and dataset.train.features.dtype == "uint8"
    assert dataset.info.label_names == ("cat", "dog") and dataset.info.feature_shape == (6, 8, 1)
    files = {str(path.relative_to(pictures)) for path in pictures.rglob("*.*")}
    assert set(pooled_ids(dataset)) == files
    for picture, label, name in zip(dataset.train.features, dataset.train.targets, dataset.train.ids, strict=True):
        assert dataset.info.label_names[label] == name.split("/")[0]
        np.testing.assert_array_equal(picture[..., 0], np.asarray(Image.open(pictures / name)))


def test_the_test_split_stays_whatever_the_validation_fraction(pictures):
    small, large = (datasets.load("image_folder", pictures, validation_fraction=fraction) for fraction in (0.1, 0.4))
    assert (len(small.validation), len(large.validation)) == (4, 16)
    assert small.test.ids.tolist() == large.test.ids.tolist()


def test_pictures_that_are_twice_there_count_once_and_contradictions_not_at_all(pictures):
    (pictures / "cat" / "copy.png").write_bytes((pictures / "cat" / "00.png").read_bytes())
    (pictures / "dog" / "contradiction.png").write_bytes((pictures / "cat" / "03.png").read_bytes())
    dataset = datasets.load("image_folder", pictures)
    assert dataset.report["duplicates_removed"] == 1
    assert dataset.report["conflicts_removed"] == 2
    assert len(pooled_ids(dataset)) == 39
    assert not {"cat/03.png", "dog/contradiction.png"} & set(pooled_ids(dataset))


def test_pictures_of_other_sizes_and_colours_are_brought_to_the_shape(pictures):
    Image.new("RGB", (30, 10), "red").save(pictures / "cat" / "large.png")
    with pytest.raises(ZooError, match=r"large\.png: \(10, 30, 3\).*image_shape"):
        datasets.load("image_folder", pictures)
    dataset = datasets.load("image_folder", pictures, image_shape=(5, 7, 3))
    parts = (dataset.train, dataset.validation, dataset.test)
    assert {part.features.shape[1:] for part in parts} == {(5, 7, 3)}
    red = next(part.features[part.ids == "cat/large.png"][0] for part in parts if "cat/large.png" in part.ids)
    assert (red == [255, 0, 0]).all()


def test_pictures_are_read_as_a_prediction_reads_them(tmp_path):
    """16 bits are scaled, transparency lies on white, a turned photograph is turned back."""
    generator = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(3):
            Image.fromarray(generator.integers(0, 256, (4, 4), "uint8")).save(tmp_path / name / f"{number}.png")
    deep = np.arange(16, dtype="uint16").reshape(4, 4) * 4096
    Image.fromarray(deep).save(tmp_path / "a" / "deep.png")
    Image.new("LA", (4, 4), (0, 0)).save(tmp_path / "a" / "transparent.png")
    turned = Image.fromarray(np.repeat(np.array([[0, 80, 160, 240]], "uint8"), 4, axis=0))
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn to the right shows it upright
    turned.save(tmp_path / "b" / "turned.png", exif=exif)
    dataset = datasets.load("image_folder", tmp_path)
    read = {
        name: picture[..., 0]
        for part in (dataset.train, dataset.validation, dataset.test)
        for name, picture in zip(part.ids, part.features, strict=True)
    }
    np.testing.assert_array_equal(read["a/deep.png"], deep // 257)
    assert (read["a/transparent.png"] == 255).all()
    np.testing.assert_array_equal(read["b/turned.png"][:, 0], [0, 80, 160, 240])


def test_bad_folders(pictures, tmp_path):
    def refuses(folder, words):
        with pytest.raises(ZooError, match=words):
            datasets.load("image_folder", folder)

    refuses(tmp_path / "nowhere", "nowhere: no such folder")
    refuses(pictures / "cat", "0 folders of classes; at least 2 are needed; image_folder reads FOLDER/class_name/")
    refuses(None, "is your own data: say where, --data_dir=PATH")
    (pictures / "empty").mkdir()
    refuses(pictures, "empty: holds no picture")
    (pictures / "empty").rmdir()
    whole = (pictures / "dog" / "00.png").read_bytes()
    (pictures / "dog" / "00.png").write_bytes(whole[:50])
    refuses(pictures, r"dog/00\.png: unreadable image")
    (pictures / "dog" / "00.png").write_text("no picture at all")
    refuses(pictures, r"dog/00\.png: unreadable image")


@pytest.mark.parametrize("count", [2, 3, 4, 9])
def test_few_pictures_give_a_row_to_every_split_or_are_refused(tmp_path, count):
    for number in range(count):
        folder = tmp_path / "ab"[number % 2]
        folder.mkdir(exist_ok=True)
        Image.new("L", (2, 2), number).save(folder / f"{number}.png")
    if count < 3:
        with pytest.raises(ZooError, match="2 different examples are too few for 3 parts: this needs at least 3"):
            datasets.load("image_folder", tmp_path)
        return
    dataset = datasets.load("image_folder", tmp_path)
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [count - 2, 1, 1]


@pytest.mark.parametrize("image_shape", [(8, 8), (8, 8, 2), (0, 8, 1)])
def test_bad_shapes(pictures, image_shape):
    with pytest.raises(ZooError, match="image_shape is"):
        datasets.load("image_folder", pictures, image_shape=image_shape)


def write_table(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def rows(count):
    return "".join(f"{number},{number / 8},{'yes' if number % 2 else 'no'}\n" for number in range(count))


def test_a_table_has_numbers_schema_and_row_numbers(tmp_path):
    dataset = datasets.load("csv", write_table(tmp_path, "Größe,width,label\n" + rows(30), "utf-8-sig"))
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [24, 3, 3]
    assert dataset.feature_names == ("Größe", "width") and dataset.info.label_names == ("no", "yes")
    assert dataset.report["schema"] == {"Größe": "float32", "width": "float32"}
    assert dataset.train.features.dtype == "float32"
    for features, label, row in zip(dataset.train.features, dataset.train.targets, dataset.train.ids, strict=True):
        number = int(row)
        assert features.tolist() == [number, number / 8] and label == number % 2
    counts = dataset.report["counts"]
    assert [sum(of["classes"][name] for of in counts.values()) for name in ("no", "yes")] == [15, 15]


def test_the_label_column_may_stand_anywhere_and_numbers_sort_as_numbers(tmp_path):
    text = "label,a\n" + "".join(f"{number % 12},{number}\n" for number in range(60))
    dataset = datasets.load("csv", write_table(tmp_path, text))
    assert dataset.info.label_names == tuple(str(number) for number in range(12))
    assert dataset.feature_names == ("a",)


def test_equal_rows_with_unequal_labels_stay_and_stay_together(tmp_path):
    text = "a,b,label\n" + rows(30) + "".join(f"{n},{n / 8},{'no' if n % 2 else 'yes'}\n" for n in range(30))
    dataset = datasets.load("csv", write_table(tmp_path, text))
    parts = [{tuple(row) for row in s.features} for s in (dataset.train, dataset.validation, dataset.test)]
    assert sum(len(part) for part in parts) == 30
    assert len(pooled_ids(dataset)) == 60 and "30 rows are equal" in "".join(dataset.report["notes"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b,label\n1,2,x\n3,oops,y\n", "table.csv:3: column 'b': 'oops' is not a finite number"),
        ("a,b,label\n1,2,x\n3,,y\n", "table.csv:3: column 'b': '' is not a finite number"),
        ("a,b,label\n1,2,x\nnan,2,y\n", "table.csv:3: column 'a': 'nan'"),
        ("a,b,label\n1,2,x\n1e99,2,y\n", "table.csv:3: column 'a': '1e99'"),
        ("a,b,label\n1,2,x\n1_0,2,y\n", "table.csv:3: column 'a': '1_0'"),
        ("a,b,label\n1,2,x\n3,4\n", "table.csv:3: 2 values, but the header has 3 columns"),
        ("a,b,label\n1,2,x\n3,4,\n", "table.csv:3: the label is missing: 'label' is empty; fill it"),
        ("a,b,label\n1,2,x\n3,4,x\n", "only the label 'x'"),
        ("a,a,label\n1,2,x\n3,4,y\n", "table.csv:1: 'a' names more than one column"),
        ("a,b,label\n", "no rows under the header"),
        ("", "no rows under the header"),
        ("label\nx\ny\n", "only one column"),
        ('a,b,label\n1,2,"x\n', "cannot be read as a UTF-8 table"),
    ],
)
def test_bad_tables_are_refused_by_file_line_and_column(tmp_path, text, words):
    with pytest.raises(ZooError, match=re.escape(words)) as caught:
        datasets.load("csv", write_table(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_unreadable_tables(tmp_path):
    with pytest.raises(ZooError, match="cannot be read as a UTF-8 table"):
        datasets.load("csv", write_table(tmp_path, "a,label\n1,ä\n2,ö\n", "latin-1"))
    with pytest.raises(ZooError, match="no such file"):
        datasets.load("csv", tmp_path / "nowhere.csv")
    with pytest.raises(ZooError, match="cannot be read"):
        datasets.load("csv", tmp_path)
