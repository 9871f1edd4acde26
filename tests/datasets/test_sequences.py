"""Sequences of numbers from files and arrays."""

import numpy as np
import pytest

from zoo import datasets
from zoo.datasets import sequences
from zoo.errors import ZooError
from zoo.tasks.catalog import get_task

HEADER = "#a comment\n@problemName Mine\n@timeStamps false\n@classLabel true a b\n@data\n"


def write_folder(folder, classes=("walk", "run"), count=12, header="x,y,z"):
    """Files of 3 to 14 steps, each class around a number of its own."""
    generator = np.random.default_rng(0)
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for file in range(count):
            rows = generator.normal(number, size=(3 + file, 3)).round(3)
            lines = [header, *(",".join(map(str, row)) for row in rows)]
            (folder / name / f"{file}.csv").write_text("\n".join(lines) + "\n")
    return folder


def refusal(function, *arguments, **options) -> str:
    with pytest.raises(ZooError) as error:
        function(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def whole(dataset):
    return np.concatenate([np.asarray(part.features[:]) for part in (dataset.train, dataset.validation, dataset.test)])


def test_a_ts_file_holds_channels_gaps_and_labels():
    lines = (HEADER + "1,2,3:4,?,6:a\n\n7:NaN:b\n").splitlines()
    first, second = sequences.read_ts(lines, "mine.ts")
    np.testing.assert_array_equal(first.values, np.array([[1, 4], [2, np.nan], [3, 6]], "float32"))
    np.testing.assert_array_equal(second.values, np.array([[7, np.nan]], "float32"))
    assert [first.label, first.line, second.label, second.line] == ["a", 6, "b", 8]


@pytest.mark.parametrize(("text", "words"), [
    ("1,2:a\n", "is this a .ts file"),
    ("@problemName x\n", "no line @data"),
    (HEADER + "1,2:3,4:a\n1,2:b\n", "mine.ts:7: 1 channels, but the sequences before it have 2"),
    (HEADER + "1,two:a\n", "mine.ts:6: column 'of channel 1': 'two' is not a finite number"),
    (HEADER + "1,inf:a\n", "not a finite number"),
    (HEADER + "?,?:a\n", "mine.ts:6: the sequence is empty"),
    (HEADER + "1,2:\n", "no label"),
    (HEADER + "1,2\n", "no label"),
    (HEADER.replace("timeStamps false", "timeStamps true") + "(1,2):a\n", "time stamps"),
    (HEADER.replace("classLabel true", "classLabel false") + "1,2\n", "no labels"),
])  # fmt: skip
def test_a_damaged_ts_file_is_one_line(text, words):
    assert words in refusal(list, sequences.read_ts(text.splitlines(), "mine.ts"))


def test_a_folder_of_classes_becomes_padded_sequences(tmp_path):
    dataset = datasets.load("sequence_folder", write_folder(tmp_path))
    assert dataset.info.kind == "sequence" and dataset.info.label_names == ("run", "walk")
    assert dataset.feature_names == ("x", "y", "z") and dataset.info.feature_shape == (14, 3)
    found = whole(dataset)
    assert sorted(sequences.lengths(found)) == sorted(2 * list(range(3, 15)))
    row = int(np.flatnonzero(dataset.train.ids == "walk/4.csv")[0])
    table = np.loadtxt(tmp_path / "walk" / "4.csv", "float32", delimiter=",", skiprows=1)
    np.testing.assert_array_equal(dataset.train.features[row, :7], table)
    assert np.isnan(dataset.train.features[row, 7:]).all()
    assert any("3 to 14 steps of 3 channels: x, y, z" in note for note in dataset.report["notes"])


def test_channels_are_matched_by_name_and_words_may_be_left_out(tmp_path):
    write_folder(tmp_path)
    (tmp_path / "run" / "0.csv").write_text("z,time,x,y\n3,9:00,1,2\n6,9:01,4,\n")
    for file in tmp_path.glob("*/*.csv"):
        if "time" not in (text := file.read_text()):
            lines = text.splitlines()
            file.write_text("\n".join([f"{lines[0]},time", *(f"{line},9:00" for line in lines[1:])]))
    assert "'dataset.drop=[NAME]'" in refusal(datasets.load, "sequence_folder", tmp_path)
    dataset = datasets.load("sequence_folder", tmp_path, drop=["time"])
    order = [dataset.feature_names.index(name) for name in "xyz"]
    row = next(part.features[list(part.ids).index("run/0.csv")] for part in
               (dataset.train, dataset.validation, dataset.test) if "run/0.csv" in part.ids)  # fmt: skip
    np.testing.assert_array_equal(row[:2][:, order], np.array([[1, 2, 3], [4, np.nan, 6]], "float32"))


@pytest.mark.parametrize(("content", "words"), [
    ("x,y,z\n", "0.csv: the sequence is empty"),
    ("x,y,z\n,,\n", "0.csv: the sequence is empty"),
    ("", "no rows"),
    ("x,y\n1,2\n", "'z' is in one of them alone"),
    ("x,y,z,w\n1,2,3,4\n", "'w' is in one of them alone"),
    ("x,y,z\n1,2,high\n", "0.csv:2: column 'z': 'high' is not a finite number"),
    ("x,y,z\n1,2,1e39\n", "is not a finite number"),
    ("1,2,3\n4,5,6\n", "the first line is to name the columns"),
])  # fmt: skip
def test_a_file_that_is_no_such_sequence_is_named(tmp_path, content, words):
    write_folder(tmp_path)
    (tmp_path / "walk" / "0.csv").write_text(content)
    assert words in refusal(datasets.load, "sequence_folder", tmp_path)


def test_folders_and_options_that_do_not_fit(tmp_path):
    assert "at least 2" in refusal(datasets.load, "sequence_folder", write_folder(tmp_path / "one", ["walk"]))
    assert "too few" in refusal(datasets.load, "sequence_folder", write_folder(tmp_path / "few", count=1))
    mine = write_folder(tmp_path / "mine")
    assert "dataset.drop names 't'" in refusal(datasets.load, "sequence_folder", mine, drop=["t"])
    assert "dataset.group" in refusal(datasets.load, "sequence_folder", mine, group="x")
    assert "no such" in refusal(datasets.load, "ts_file", tmp_path / "missing.ts")
    assert "0 files NAME_TRAIN.ts" in refusal(datasets.load, "ts_file", mine)


def test_a_very_long_sequence_is_cut_and_told(tmp_path):
    write_folder(tmp_path)
    (tmp_path / "run" / "0.csv").write_text("x,y,z\n" + "1,2,3\n" * 100_000)
    dataset = datasets.load("sequence_folder", tmp_path)
    assert dataset.info.feature_shape == (sequences.MOST_STEPS, 3)
    assert any("warning: 1 sequences have more steps" in note for note in dataset.report["notes"])


def test_a_folder_of_two_ts_files_keeps_its_split(tmp_path):
    generator = np.random.default_rng(0)
    for part, count in (("TRAIN", 30), ("TEST", 8)):
        series = [",".join(map(str, generator.normal(size=4 + row % 3).round(3))) for row in range(count)]
        lines = [f"{numbers}:{'ab'[row % 2]}" for row, numbers in enumerate(series)]
        (tmp_path / f"Mine_{part}.ts").write_text(HEADER + "\n".join(lines))
    dataset = datasets.load("ts_file", tmp_path)
    assert len(dataset.test) == 8 and len(dataset.train) + len(dataset.validation) == 30
    assert dataset.info.label_names == ("a", "b") and dataset.info.feature_shape == (6, 1)
    assert dataset.test.ids[0] == "Mine_TEST.ts:6"
    alone = datasets.load("ts_file", tmp_path / "Mine_TRAIN.ts")
    assert len(whole(alone)) == 30 and len(alone.test) == 3


def test_lists_of_arrays_of_any_length(tmp_path):
    generator = np.random.default_rng(0)
    features = [generator.normal(size=(2 + row % 5, 2)) for row in range(40)]
    targets = ["low" if row % 2 else "high" for row in range(40)]
    load = lambda data: datasets.from_memory(data, get_task("classification"), reads="sequence")  # noqa: E731
    dataset = load((features, targets))
    assert dataset.info.kind == "sequence" and whole(dataset).shape == (40, 6, 2)
    assert sorted(sequences.lengths(whole(dataset))) == sorted(map(len, features))
    for wrong, words in (
        ([*features[:-1], np.zeros((3, 3))], "sequence 39: 3 channels, but sequence 0 has 2"),
        ([*features[:-1], np.full((3, 2), np.nan)], "sequence 39: is empty"),
        ([*features[:-1], np.full((3, 2), 1e300)], "sequence 39: a number is infinite"),
        ([*features[:-1], [["a", "b"]]], "sequence 39: no array of numbers"),
        ([*features[:-1], np.zeros(3)], "[time, channel] are needed"),
        ([*features[:-1], [[1, 2], [3]]], "sequence 39: no array"),
        (5, "[time, channel] are needed"),
    ):
        assert words in refusal(load, (wrong, targets))


def test_cut_and_padded_to_what_a_model_reads():
    given = np.full((2, 4, 1), np.nan, "float32")
    given[0, :3, 0], given[1, :1, 0] = (1, 2, 3), 5
    shorter, cut = sequences.fitted(given, 2)
    assert cut == 1 and shorter[0, :, 0].tolist() == [1, 2]
    longer, cut = sequences.fitted(given, 6)
    assert cut == 0 and longer.shape == (2, 6, 1) and sequences.lengths(longer).tolist() == [3, 1]
