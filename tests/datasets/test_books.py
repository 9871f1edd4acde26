"""Books become chapters: R's and SWORD's files are read as their formats say, headings and notes are left out."""

import dataclasses
import struct
import zlib

import numpy as np
import pytest

from zoo import config, datasets
from zoo.datasets import books, sources
from zoo.errors import ZooError
from zoo.safe_reading import sha256_of
from zoo.training.checks import refuse_unfitting

NOVEL = [
    "LOVE AND FRIENDSHIP", "", "By a Lady", "", "VOLUME I", "CHAPTER I", "", "  It was a  dark", "night,", "", "",
    '"_Very_ dark," said', "she; it cost £5.", "", "VOLUME II", "Chapter 1", "chapter and verse", "",
    "[At this point Volume 1 ends.]", "", "Chapter 2", "", "They married.", "", "THE END", "", "A licence",
]  # fmt: skip


def serialized(lines):
    """What R's `serialize` writes of a character vector: version 3, big-endian."""
    header = b"X\n" + struct.pack(">iiii", 3, 0x40201, 0x30500, 5) + b"UTF-8"
    texts = [struct.pack(">Ii", 0x40009, len(line.encode())) + line.encode() for line in lines]
    return header + struct.pack(">Ii", 16, len(lines)) + b"".join(texts)


def rdb(*objects):
    return b"".join(struct.pack(">I", len(content)) + zlib.compress(content) for content in objects)


def test_chapters_of_a_novel_are_counted_through_volumes_and_hold_only_the_authors_words(tmp_path):
    a_number = b"X\n" + struct.pack(">iiii", 3, 0x40201, 0x30500, 5) + b"UTF-8" + struct.pack(">Iii", 13, 1, 7)
    (tmp_path / "Rdata.rdb").write_bytes(rdb(a_number, serialized(NOVEL)))
    assert list(books.austen(tmp_path)) == [
        ('It was a dark night,\n\n"_Very_ dark," said she; it cost £5.', "Love and Friendship, chapter 1"),
        ("chapter and verse", "Love and Friendship, chapter 2"),
        ("They married.", "Love and Friendship, chapter 3"),
    ]


VERSES = {
    "ot": [
        "", '<milestone n="$Rev$"/>', '<div type="book" osisID="Gen"/> <title>Genesis</title> An introduction.',
        '<chapter n="1" osisID="Gen.1" sID="Gen.1"/>',
        '<div sID="gen1" type="x-p"/><w lemma="H1">In</w> the <w>beginning</w>, God<note placement="foot"><reference '
        'type="annotateRef">1:1 </reference>Elohim.</note><w>created</w> the earth<note>x</note>. ',
        'It was &amp; is good.<div eID="gen1" type="x-p"/> ',
        '<div sID="gen2" type="x-p"/>He said,<div eID="gen2" type="x-p"/> <lg sID="gen3"/> <l level="1" '
        'sID="gen4"/>“Two lines,<l eID="gen4" level="1"/> <l level="2" sID="gen5"/>of a song<note>or: psalm</note>”'
        '<l eID="gen5" level="2"/> <lg eID="gen3"/><chapter eID="Gen.1"/>',
        "Beyond the chapter. ",
        '<chapter n="1" osisID="EsthGr.1" sID="EsthGr.1"/>', 'Once more.<chapter eID="EsthGr.1"/>',
    ],
    "nt": [
        "", '<chapter osisID="Jude.1" sID="Jude.1"/>',
        'Jude, a <title>Greeting</title> servant.<chapter eID="Jude.1"/>',
    ],
}  # fmt: skip


def write_module(folder, verses):
    """A SWORD module of one block a testament."""
    for part, entries in verses.items():
        start, content, index = 0, b"", b""
        for entry in entries:
            encoded = entry.encode()
            index += struct.pack("<IIH", 1 if encoded else 0, len(content), len(encoded))
            content += encoded
        packed = zlib.compress(content)
        (folder / f"{part}.bzs").write_bytes(struct.pack("<IIIIII", 0, 0, 0, start, len(packed), len(content)))
        (folder / f"{part}.bzv").write_bytes(index)
        (folder / f"{part}.bzz").write_bytes(packed)


def test_chapters_of_the_bible_are_words_and_punctuation_alone(tmp_path):
    write_module(tmp_path, VERSES)
    assert list(books.bible(tmp_path)) == [
        ("In the beginning, God created the earth. It was & is good.\n\nHe said,\n\n“Two lines,\nof a song”", "Gen 1"),
        ("Jude, a servant.", "Jude 1"),
    ]


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Made data in the place of `austen`: 40 chapters of which two are equal."""
    lines = ["EMMA"] + [line for n in range(40) for line in (f"CHAPTER {n + 1}", f"The {min(n, 38)}th text.", "")]
    (tmp_path / "Rdata.rdb").write_bytes(rdb(serialized(lines)))
    made = {"digests": {"Rdata.rdb": f"sha256:{sha256_of(tmp_path / 'Rdata.rdb')}"}, "content_digest": None}
    monkeypatch.setitem(sources.SOURCES, "austen", dataclasses.replace(sources.SOURCES["austen"], **made))
    return tmp_path


def test_a_row_is_a_chapter_with_its_name_and_nothing_to_learn_beside_it(library, capsys):
    first = datasets.load("austen", library)
    parts = (first.train, first.validation, first.test)
    assert [len(part) for part in parts] == [31, 4, 4]
    assert all(part.targets is None and part.features.dtype == object for part in parts)
    names = {name: text for part in parts for name, text in zip(part.ids.tolist(), part.features, strict=True)}
    assert names["Emma, chapter 5"] == "The 4th text." and len(names) == 39
    assert first.report["duplicates_removed"] == 1
    warm = datasets.load("austen", library)
    assert warm.digest == first.digest and np.array_equal(warm.test.ids, first.test.ids)
    assert len(datasets.with_fraction_of_train(warm, 0.5).train) == 16
    assert sum(len(fold.test) for fold in datasets.cross_validation_folds(warm, 5)) == 35
    assert capsys.readouterr().err.count("\n") == 0


@pytest.mark.parametrize("name", ["text_cnn", "linear_text"])
def test_a_classifier_of_texts_is_refused_where_there_are_no_classes(name):
    wanted = config.load_config(name, assignments=["dataset.name=austen"])
    with pytest.raises(ZooError, match="learns classes, but dataset 'austen' has none, only texts; models of masked"):
        refuse_unfitting(wanted, datasets.dataset_info("austen"))
