"""Text to learn to write from: a file or a folder becomes documents and blocks; what is no text is one line."""

import itertools
import random
import sys

import numpy as np
import pytest

from zoo import datasets
from zoo.datasets import near_duplicates, own_documents
from zoo.datasets.own_documents import cut_into_blocks
from zoo.errors import ZooError


def prose(words, seed=0):
    generator = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    made = ["".join(generator.choices(letters, k=generator.randint(2, 9))) for _ in range(words)]
    return "\n\n".join(" ".join(made[start : start + 60]) for start in range(0, words, 60))


def rows_of(dataset):
    parts = (dataset.train, dataset.validation, dataset.test)
    return {name: text for part in parts for name, text in zip(part.ids.tolist(), part.features, strict=True)}


def test_a_long_file_is_cut_at_empty_lines_into_blocks_that_hold_all_of_it(tmp_path):
    text = prose(30_000)
    file = tmp_path / "book.txt"
    file.write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    dataset = datasets.load("text_file", file)
    rows = rows_of(dataset)
    assert "\n\n".join(rows[f"book.txt, block {n}"] for n in range(1, len(rows) + 1)) == text
    assert all(2_500 <= len(row) <= 7_500 for row in rows.values())
    assert abs(len(dataset.test) - len(rows) / 10) < 1
    assert dataset.train.targets is None and dataset.info.kind == "text" and dataset.info.targets is None
    notes = " ".join(dataset.report["notes"])
    assert f"1 file, {len(text):,} characters" in notes and "cut into blocks of about 5,000" in notes
    assert "near-duplicates: 0.00% of the runs of 50 characters in test are in train too" in notes


def test_files_of_a_folder_are_documents_and_other_files_are_counted(tmp_path):
    (tmp_path / "deep").mkdir()
    for number in range(12):
        (tmp_path / "deep" / f"{number}.{'md' if number % 2 else 'TXT'}").write_text(prose(90, number))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "deep" / "copy.txt").write_text(prose(90, 3).upper())
    dataset = datasets.load("text_file", tmp_path)
    rows = rows_of(dataset)
    assert len(rows) == 12 and rows["deep/0.TXT"] == prose(90, 0)
    assert dataset.report["duplicates_removed"] == 1 and dataset.report["left_out"] == {".png": 1}


def test_a_short_text_is_cut_smaller_so_that_each_split_has_some(tmp_path):
    (tmp_path / "poem.txt").write_text(prose(500))
    dataset = datasets.load("text_file", tmp_path / "poem.txt")
    assert len(dataset.test) >= 2 and len(dataset.train) > 12


def test_one_line_of_text_is_cut_at_spaces(tmp_path):
    (tmp_path / "line.txt").write_text(prose(10_000).replace("\n\n", " "))
    rows = rows_of(datasets.load("text_file", tmp_path / "line.txt"))
    assert " ".join(rows[f"line.txt, block {n}"] for n in range(1, len(rows) + 1)) == prose(10_000).replace("\n\n", " ")


def test_blocks_end_at_the_best_place_there_is():
    assert cut_into_blocks("a" * 100, 10) == ["a" * 10] * 9 + ["a" * 10]
    assert cut_into_blocks("aaaaaaa bbb\nccc ddd eee fff", 10) == ["aaaaaaa bbb", "ccc ddd eee fff"]
    assert cut_into_blocks("    indented\n\n\n\n" + " " * 30 + "\n\nend", 10) == ["    indented", "end"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"a\.txt: is empty; fill it"),
        (b" \n\n", r"a\.txt: is empty; fill it"),
        (b"One line.\n", r"--data_dir=\S+: 9 characters are too few to be split .* bring 2,000 or more"),
        (b"same words again\n" * 1_000, "different examples are too few for 3 parts"),
        (b"fine\ncaf\xe9\n" * 1_000, r"a\.txt:2: byte 0xe9 is not UTF-8; save the file as UTF-8"),
        ("Text.\n".encode("utf-16") * 1_000, r"a\.txt: is UTF-16; save the file as UTF-8"),
        ("Text.\n".encode("utf-16-le") * 1_000, r"a\.txt:1: holds a NUL, so it is no text"),
        (b"text\nte\0xt\n" * 1_000, r"a\.txt:2: holds a NUL, so it is no text"),
        (b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 20, r"a\.txt:\d+: .*is not UTF-8"),
    ],
)
def test_what_is_no_text_or_too_little_is_one_line(tmp_path, content, message):
    (tmp_path / "a.txt").write_bytes(content)
    for path in (tmp_path / "a.txt", tmp_path):
        with pytest.raises(ZooError, match=message) as refused:
            datasets.load("text_file", path)
        assert "\n" not in str(refused.value)


def test_paths_without_text_are_one_line(tmp_path):
    with pytest.raises(ZooError, match="nowhere: no such file or folder; text_file reads"):
        datasets.load("text_file", tmp_path / "nowhere")
    with pytest.raises(ZooError, match="holds no text; text_file reads"):
        datasets.load("text_file", tmp_path)
    (tmp_path / "a.csv").write_text("1")
    with pytest.raises(ZooError, match=r"holds no text, but 1 \.csv; text_file reads"):
        datasets.load("text_file", tmp_path)
    with pytest.raises(ZooError, match="is your own data: say where, --data_dir=PATH"):
        datasets.load("text_file")


def test_two_gigabytes_are_refused_before_they_are_read(tmp_path):
    with (tmp_path / "large.txt").open("wb") as file:
        file.truncate(2 << 30)  # a hole: no disk is used
    for path in (tmp_path, tmp_path / "large.txt"):
        with pytest.raises(ZooError, match="2,147,483,648 bytes of text; at most 268,435,456 .* head --bytes="):
            datasets.load("text_file", path)


@pytest.mark.skipif(sys.platform == "darwin", reason="its file names are UTF-8")
def test_a_file_name_that_is_no_text_is_kept_readable(tmp_path):
    for number in range(30):
        (tmp_path / f"caf\udce9{number}.txt").write_text(prose(90, number))
    assert r"caf\udce99.txt" in rows_of(datasets.load("text_file", tmp_path))


def test_shares_of_runs_are_those_that_sets_of_texts_count(monkeypatch):
    train = [prose(200, seed) for seed in range(6)]
    shared = train[2][100:700]
    held_out = [
        prose(100, 9),
        prose(50, 10) + shared.upper() + prose(50, 11),
        train[4].replace(" ", "\n "),
        "short",
        "",
    ]

    def runs(text):
        text = " ".join(text.casefold().split())
        return [text[i : i + 50] for i in range(max(1, len(text) - 49))] if text else []

    known = set(itertools.chain.from_iterable(map(runs, train)))
    expected = [np.mean([run in known for run in runs(text)] or [0]) for text in held_out]
    share, of_texts = near_duplicates.Runs(train).shares(held_out)
    assert of_texts == pytest.approx(expected) and 0.2 < expected[1] < 0.8 and expected[2] == 1
    assert share == pytest.approx(np.mean([run in known for text in held_out for run in runs(text)]))
    names = np.array(["a", "b", "c", "d", "e"])
    assert near_duplicates.notes(train, {"test": (held_out, names)})[0].endswith(
        "over half of them in 1 texts, such as c"
    )
    monkeypatch.setattr(near_duplicates, "_MOST", 1_000)  # a part of the runs stands for all
    part = near_duplicates.Runs(train)
    assert len(part.known) < 3_000
    assert part.shares(held_out)[1] == pytest.approx(expected, abs=0.15)


def test_the_limit_counts_all_files_of_a_folder(tmp_path, monkeypatch):
    for number in range(4):
        (tmp_path / f"{number}.txt").write_text(prose(300, number))
    monkeypatch.setattr(own_documents, "MOST_BYTES", 5_000)
    with pytest.raises(ZooError, match="bytes of text; at most 5,000 are held in memory"):
        datasets.load("text_file", tmp_path)
