"""Arrays and DataFrames as people have them: read as what they mean, or refused in a line; never read as another."""

import numpy as np
import pandas
import pytest
import scipy.sparse
from PIL import Image

from zoo import datasets
from zoo.errors import ZooError
from zoo.tasks.catalog import get_task

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(60, 3))
Y = np.where(X[:, 0] > 0, "a", "b")
FRAME = pandas.DataFrame(X, columns=["p", "q", "r"])


def read(data, label=None, task="classification", **more):
    return datasets.from_memory(data, get_task(task), label, more.get("validation_data"), more.get("test_data"))


def rows_of(dataset):
    """All rows by their first number."""
    parts = [dataset.train, dataset.validation, dataset.test]
    rows = np.concatenate([part.features for part in parts])
    return rows[np.argsort(rows[:, 0])]


@pytest.mark.parametrize(
    "labels",
    [Y.astype("S"), [each.encode() for each in Y], np.array([each.encode() for each in Y], object),
     pandas.Series(Y, index=range(7, 67), dtype="category")],
)  # fmt: skip
def test_labels_of_any_type_are_the_same_classes(labels):
    assert read((X, labels)).info.label_names == ("a", "b")
    assert read(FRAME.assign(label=list(labels))).info.label_names == ("a", "b")


def test_texts_in_bytes_are_texts():
    texts = [f"{word} {number}" for number in range(30) for word in ("good", "bad")]
    dataset = read((np.array(texts, "S"), ["+", "-"] * 30))
    assert set(np.concatenate([dataset.train.features, dataset.validation.features, dataset.test.features])) == set(
        texts
    )


def test_columns_of_a_pair_keep_their_names_and_are_found_by_them():
    other = FRAME.head(9)[["r", "q", "p"]] + 100
    dataset = read((FRAME, Y), validation_data=(other, Y[:9]))
    assert dataset.feature_names == ("p", "q", "r")
    np.testing.assert_allclose(dataset.validation.features, FRAME.head(9) + 100, rtol=1e-6)
    with pytest.raises(ZooError, match="its columns are p, q, s, those of train p, q, r"):
        read((FRAME, Y), test_data=(FRAME.rename(columns={"r": "s"}), Y))


def test_a_frame_may_have_booleans_and_numbers_for_names():
    flags = X[:, 1] > 0
    dataset = read(FRAME.assign(flag=flags, other=pandas.array(flags, "boolean"), label=flags))
    assert dataset.feature_names == ("p", "q", "r", "flag", "other") and dataset.info.label_names == ("False", "True")
    whole = (X[:, 0] > 0).astype(float)
    assert read((X, whole)).info.label_names == read(FRAME.assign(label=whole)).info.label_names == ("0", "1")
    expected = np.c_[X, flags, flags]
    np.testing.assert_allclose(rows_of(dataset), expected[np.argsort(X[:, 0])], rtol=1e-6)
    numbered = pandas.DataFrame(np.c_[X, X[:, 0] > 0])
    assert read(numbered, label=3).feature_names == read(numbered, label="3").feature_names == ("0", "1", "2")
    assert read(FRAME.rename(columns={"p": "a;b;c;d"}).assign(label=Y)).feature_names == ("a;b;c;d", "q", "r")


def test_pictures_of_pillow_are_read_in_their_colours():
    grey = [Image.fromarray(pixels) for pixels in GENERATOR.integers(0, 256, (40, 5, 4), "uint8")]
    as_palette = [picture.convert("RGB").quantize(256) for picture in grey]
    assert read((grey, [0, 1] * 20)).info.feature_shape == (5, 4, 1)
    dataset = read((as_palette, [0, 1] * 20))
    assert dataset.info.feature_shape == (5, 4, 3)
    assert {picture[..., 0].tobytes() for picture in dataset.train.features} <= {np.asarray(p).tobytes() for p in grey}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X, np.where(np.arange(60) == 3, np.nan, X[:, 0] > 0)), "train: target 3 is nan"),
        ((X, [None if row == 3 else each for row, each in enumerate(Y)]), "train: target 3 is None"),
        ((X, X[:, 0]), "numbers such as 0.12.* are no classes; take a model of regression"),
        (FRAME, "column 'r': numbers such as .* are no classes"),
        ((np.ma.masked_greater(X, 1), Y), "masked values are missing"),
        ((X, np.ma.masked_array(X[:, 0] > 0, X[:, 0] > 1)), "masked values are missing"),
        ((scipy.sparse.csr_matrix(X), Y), "a sparse matrix; give its .toarray"),
        ((X, scipy.sparse.csr_matrix((X[:, :1] > 0).astype(int))), "a sparse matrix; give its .toarray"),
        ((X * 1e300, Y), "column 'x0' lies between .*; multiply it by 1e-300"),
        ((FRAME.set_axis(["p", "p", "r"], axis=1), Y), "'p' names more than one column"),
        (FRAME.assign(label=[*Y[:3], None, *Y[4:]]), "DataFrame: row 3: the label is missing.*: label=NAME"),
        (pandas.concat({"a": FRAME}, axis=1), "names of several levels"),
        (FRAME["p"], "a Series has no label"),
        ((X, [b"\xff"] * 60), "is no UTF-8"),
        ((X, "no array"), "targets of shape"),
        (([Image.new("F", (4, 5))] * 9, [0] * 9), "picture 0: pixels of 32 bits"),
        (None, "go beside dataset="),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("error")
def test_what_would_be_read_as_something_else_is_refused(data, message):
    more = {"validation_data": (X, Y)} if data is None else {}
    with pytest.raises(ZooError, match=message) as refused:
        read(data, **more)
    assert "\n" not in str(refused.value)


def test_rows_to_be_judged_may_be_few_and_of_one_class():
    dataset = datasets.from_memory((X[:2], ["b", "b"]), get_task("classification"), judges=["a", "b", "c"])
    assert dataset.info.label_names == ("a", "b", "c") and dataset.test.targets.tolist() == [1, 1]
    np.testing.assert_allclose(dataset.test.features, X[:2], rtol=1e-6)
    frame = FRAME.head(1).assign(label=3)
    dataset = datasets.from_memory(frame, get_task("regression"), "label", judges=[])
    assert dataset.test.targets.tolist() == [3] and len(dataset.test) == 1


def test_several_labels_are_columns_of_an_array_or_of_a_frame():
    task, generator = get_task("multi_label"), np.random.default_rng(0)
    features, targets = generator.normal(size=(60, 2)), generator.integers(0, 2, (60, 3))
    dataset = datasets.from_memory((features, targets), task)
    assert dataset.info.targets == "labels" and dataset.info.label_names == ("0", "1", "2")
    parts = [dataset.train, dataset.validation, dataset.test]
    for part in parts:
        np.testing.assert_array_equal(part.targets, targets[part.ids.astype(int)])
    assert sum(map(len, parts)) == 60 and dataset.train.targets.dtype == "int8"
    frame = pandas.DataFrame(features, columns=["a", "b"]).assign(sunny=targets[:, 0] == 1, late=targets[:, 2])
    dataset = datasets.from_memory(frame, task, label=["late", "sunny"])
    assert dataset.info.label_names == ("late", "sunny") and dataset.feature_names == ("a", "b")
    np.testing.assert_array_equal(dataset.test.targets, targets[dataset.test.ids.astype(int)][:, [2, 0]])
    with pytest.raises(ZooError, match=r"targets of shape \(60,\).*of 0 and 1 are needed"):
        datasets.from_memory((features, targets[:, 0]), task)
    with pytest.raises(ZooError, match="'2' is neither yes nor no"):
        datasets.from_memory((features, targets + 1), task)
