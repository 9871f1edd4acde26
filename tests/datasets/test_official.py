"""Official files become TFDS's layout and an array cache beside it; damage is found and mended or named."""

import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

import numpy as np
import pytest

from zoo import datasets
from zoo.datasets import official, sources, tfds_builders
from zoo.datasets.splits import content_hashes
from zoo.errors import ZooError


def official_rows(folder):
    """{split: sorted (label, picture bytes)} of the archive, read as its documentation says: three planes a row."""
    with tarfile.open(folder / "cifar-10-binary.tar.gz") as archive:
        contents = {pathlib.Path(m.name).name: archive.extractfile(m).read() for m in archive.getmembers()}
    rows = {"train": [], "test": []}
    for name, content in contents.items():
        if name.endswith(".bin"):
            for row in np.frombuffer(content, "uint8").reshape(-1, 3073):
                picture = np.stack(np.split(row[1:].reshape(96, 32), 3), axis=-1)
                rows["test" if name.startswith("test") else "train"].append((int(row[0]), picture.tobytes()))
    return {split: sorted(pairs) for split, pairs in rows.items()}


def rows_of(*splits):
    return sorted(
        (int(label), x.tobytes()) for split in splits for x, label in zip(split.features, split.targets, strict=True)
    )


def test_cifar10_has_every_official_picture_and_tfds_reads_the_same(cifar_folder):
    dataset = datasets.load("cifar10", cifar_folder, validation_fraction=0.2)
    official = official_rows(cifar_folder)
    assert rows_of(dataset.train, dataset.validation) == official["train"]
    assert rows_of(dataset.test) == official["test"]
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [80, 20, 20]
    assert dataset.report["origin"] == f"files in {cifar_folder}"
    import tensorflow_datasets as tfds

    test = tfds.as_numpy(tfds.load("cifar10", data_dir=cifar_folder, batch_size=-1, download=False))["test"]
    read = [(int(label), picture.tobytes()) for picture, label in zip(test["image"], test["label"], strict=True)]
    assert sorted(read) == official["test"]
    assert tfds.builder("cifar10", data_dir=cifar_folder).info.features["label"].names[0] == "airplane"


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("train_features.npy", truncate),
        ("test_labels.npy", flip),
        ("train_hashes.npy", pathlib.Path.unlink),
        ("manifest.json", truncate),
        ("manifest.json", lambda path: path.write_text("[]")),
        ("manifest.json", lambda path: path.write_text('{"sha256": {}, "origin": "nowhere"}')),
    ],
)
def test_a_damaged_cache_is_reported_and_made_again(cifar_folder, capsys, file, damage):
    first = datasets.load("cifar10", cifar_folder, validation_fraction=0.2)
    cache = official.folder_of("cifar10", cifar_folder) / "arrays"
    capsys.readouterr()
    damage(cache / file)
    again = datasets.load("cifar10", cifar_folder, validation_fraction=0.2)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and str(cache) in lines[0] and "made again" in lines[0]
    assert (again.digest, again.report) == (first.digest, first.report)
    assert datasets.load("cifar10", cifar_folder, validation_fraction=0.2).digest == first.digest
    assert capsys.readouterr().err == ""


def test_damaged_tfds_data_are_named(cifar_folder):
    datasets.load("cifar10", cifar_folder, validation_fraction=0.2)
    folder = official.folder_of("cifar10", cifar_folder)
    (folder / "arrays" / "manifest.json").unlink()
    truncate(next(folder.glob("cifar10-train.tfrecord*")))
    with pytest.raises(ZooError, match=r"cifar10/3\.0\.2: the data prepared there are damaged .*delete the folder"):
        datasets.load("cifar10", cifar_folder)


def test_data_that_another_program_prepared_wrongly_are_refused(cifar_folder, monkeypatch):
    datasets.load("cifar10", cifar_folder, validation_fraction=0.2)
    (official.folder_of("cifar10", cifar_folder) / "arrays" / "manifest.json").unlink()
    expected = dataclasses.replace(sources.SOURCES["cifar10"], content_digest="sha256:of something else")
    monkeypatch.setitem(sources.SOURCES, "cifar10", expected)
    with pytest.raises(ZooError, match="not the official ones"):
        datasets.load("cifar10", cifar_folder)


def test_the_content_digest_sees_labels_and_splits_but_no_order():
    arrays = {
        "train_hashes": np.array([b"a", b"b"], "S32"),
        "train_labels": np.array([0, 1]),
        "test_hashes": np.array([b"c"], "S32"),
        "test_labels": np.array([1]),
    }
    digest = official.content_digest(arrays)
    turned = arrays | {"train_hashes": arrays["train_hashes"][::-1], "train_labels": arrays["train_labels"][::-1]}
    assert official.content_digest(turned) == digest
    assert official.content_digest(arrays | {"train_labels": np.array([1, 0])}) != digest
    swapped = {key.replace("train", "x").replace("test", "train").replace("x", "test"): a for key, a in arrays.items()}
    assert official.content_digest(swapped) != digest


START = """
import dataclasses, sys
from zoo import datasets
from zoo.datasets import sources
digests = {"cifar-10-binary.tar.gz": sys.argv[2]}
sources.SOURCES["cifar10"] = dataclasses.replace(sources.SOURCES["cifar10"], digests=digests)
dataset = datasets.load("cifar10", sys.argv[1], validation_fraction=0.2)
print(dataset.digest, "tensorflow" in sys.modules)
"""


def test_processes_that_start_together_prepare_once_and_a_warm_start_needs_no_tensorflow(cifar_folder):
    digest = sources.SOURCES["cifar10"].digests["cifar-10-binary.tar.gz"]
    command = [sys.executable, "-c", START, str(cifar_folder), digest]
    together = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in together]
    assert [process.returncode for process in together] == [0, 0], outputs
    digests, tensorflow = zip(*(output.split() for output, _ in outputs), strict=True)
    assert digests[0] == digests[1]
    assert sorted(tensorflow) == ["False", "True"]  # one prepared, the other waited and found its arrays
    warm = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert warm.stdout.split() == [digests[0], "False"]
    assert warm.stderr == ""


def test_a_data_dir_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ZooError, match="file: cannot be used for prepared data .* another --data_dir"):
        datasets.load("mnist", tmp_path / "file")


def cached(cache):
    digests = json.loads((cache / "manifest.json").read_text())["sha256"]
    return {key: np.load(cache / f"{key}.npy") for key in digests}


def forge(cache, arrays):
    """A cache of other arrays, whose manifest fits them."""
    manifest = json.loads((cache / "manifest.json").read_text())
    for key, array in arrays.items():
        np.save(cache / f"{key}.npy", array)
    manifest["sha256"] = {key: official._sha256(array) for key, array in arrays.items()}
    (cache / "manifest.json").write_text(json.dumps(manifest))


def other_picture(arrays):
    arrays["train_features"][3, 0, 0, 0] ^= 1
    arrays["train_hashes"] = content_hashes(arrays["train_features"])


def other_label(arrays):
    arrays["test_labels"][0] ^= 1


def other_hash(arrays):
    arrays["train_hashes"][0] = arrays["train_hashes"][1]


def other_type(arrays):
    arrays["test_labels"] = arrays["test_labels"].view(">i4")


def other_order(arrays):
    for key, array in arrays.items():
        arrays[key] = array[::-1].copy()


@pytest.mark.parametrize("change", [other_picture, other_label, other_hash, other_type, other_order])
@pytest.mark.parametrize("order_is_known", [True, False])
def test_a_cache_that_is_altered_with_its_manifest_is_found_out(
    cifar_folder, monkeypatch, capsys, change, order_is_known
):
    first = datasets.load("cifar10", cifar_folder, validation_fraction=0.2)
    cache = official.folder_of("cifar10", cifar_folder) / "arrays"
    arrays = cached(cache)
    known = official.arrays_digest(arrays, {key: official._sha256(array) for key, array in arrays.items()})
    source = dataclasses.replace(
        sources.SOURCES["cifar10"],
        content_digest=official._exact_digest(arrays),
        arrays_digest=known if order_is_known else None,
    )
    monkeypatch.setitem(sources.SOURCES, "cifar10", source)
    assert datasets.load("cifar10", cifar_folder, validation_fraction=0.2).digest == first.digest
    change(arrays)
    forge(cache, arrays)
    capsys.readouterr()
    again = datasets.load("cifar10", cifar_folder, validation_fraction=0.2)
    told = capsys.readouterr().err
    if change is other_order:  # the same data, as another version of TFDS may give them
        assert told == "" and rows_of(again.test) == rows_of(first.test)
    else:
        assert "arrays: damaged (not the official data); made again from TFDS's data" in told
        assert (again.digest, again.report) == (first.digest, first.report)


def test_one_letter_of_a_corpus_is_found_out(tmp_path, capsys):
    """In upper case: to what finds duplicates it would be the same text."""
    real = datasets.load("bbc_news")
    folder = official.folder_of("bbc_news", tmp_path)
    shutil.copytree(official.folder_of("bbc_news", None), folder)
    arrays = cached(folder / "arrays")
    letter = int(np.flatnonzero(arrays["train_features"] == ord("e"))[0])
    arrays["train_features"][letter] = ord("E")
    forge(folder / "arrays", arrays)
    assert datasets.load("bbc_news", tmp_path).digest == real.digest
    assert "not the official data" in capsys.readouterr().err


def test_a_lock_that_is_a_link_or_a_pipe_is_refused_and_its_target_stays(cifar_folder, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    lock = cifar_folder / ".cifar10.lock"
    lock.symlink_to(precious)
    with pytest.raises(ZooError, match=r"\.cifar10\.lock is a symbolic link"):
        datasets.load("cifar10", cifar_folder)
    assert precious.read_text() == "mine"
    lock.unlink()
    os.mkfifo(lock)
    with pytest.raises(ZooError, match=r"\.cifar10\.lock is no file"):
        datasets.load("cifar10", cifar_folder)
    lock.unlink()
    os.link(precious, lock)  # another name of the file: locked, and left as it is
    datasets.load("cifar10", cifar_folder, validation_fraction=0.2)
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_real_data(name):
    dataset = datasets.load(name)
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [55_000, 5_000, 10_000]
    assert dataset.train.features.shape[1:] == dataset.info.feature_shape == (28, 28, 1)
    assert (dataset.train.features.dtype, dataset.train.targets.dtype) == ("uint8", "int32")
    assert np.bincount(dataset.test.targets).sum() == 10_000
    counts = dataset.report["counts"]
    assert sum(counts["train"]["classes"].values()) == counts["train"]["rows"] == 55_000
    manifest = json.loads((official.folder_of(name, None) / "arrays" / "manifest.json").read_text())
    arrays = {key: np.load(official.folder_of(name, None) / "arrays" / f"{key}.npy") for key in manifest["sha256"]}
    assert official.content_digest(arrays) == sources.SOURCES[name].content_digest
    assert official.arrays_digest(arrays, manifest["sha256"]) == sources.SOURCES[name].arrays_digest
    assert tfds_builders.VERSIONS[name] == "3.0.1"
