"""Data that memory does not hold: read from a file, to the same batches, and trained on in bounded memory."""

import contextlib
import os
import resource
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from zoo import datasets
from zoo.datasets import on_disk, pipeline
from zoo.datasets.mixing import Mixing
from zoo.errors import ZooError
from zoo.settings import AugmentationSection

PREPARE = """
import sys
import numpy as np
import tensorflow_datasets as tfds

folder, side, count, fixed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "fixed"

def examples():
    generator = np.random.default_rng(0)
    for key in range(count):
        image = np.full((side, side, 3), 40, "uint8")
        image[: side // 2 if key % 2 else side] = 200  # the half, or the whole of it
        image[key % side, : key // side + 1] = generator.integers(0, 255, 3)  # no two are the same
        yield key, {"picture": image, "name": key % 2}

shape = (side, side, 3) if fixed else (None, None, 3)
features = tfds.features.FeaturesDict({
    "picture": tfds.features.Image(shape=shape, encoding_format="jpeg" if side > 50 else "png"),
    "name": tfds.features.ClassLabel(names=["whole", "half"]),
})
tfds.dataset_builders.store_as_tfds_dataset(
    name="halves", version="1.0.0", features=features, split_datasets={"train": list(examples())}, data_dir=folder,
    disable_shuffling=True,
)
"""


def prepare_halves(folder, side, count, shape="fixed"):
    command = [sys.executable, "-c", PREPARE, str(folder), str(side), str(count), shape]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return folder / "halves" / "1.0.0"


@contextlib.contextmanager
def data_limit(megabytes):
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


@given(st.lists(st.integers(0, 19), min_size=1, max_size=20), st.lists(st.integers(0, 999), max_size=30))
def test_rows_in_a_file_are_read_as_those_of_an_array(rows, positions):
    array = np.arange(20 * 6).reshape(20, 2, 3)
    expected, rows = array[rows], np.array(rows)
    features = on_disk.StoredRows(array, np.arange(20)).take(rows)
    index = np.array([position % len(rows) for position in positions], "int64")
    np.testing.assert_array_equal(features[index], expected[index])
    np.testing.assert_array_equal(features[2:5], expected[2:5])
    np.testing.assert_array_equal(list(features), expected)
    np.testing.assert_array_equal(np.concatenate(list(on_disk.blocks(features))), expected)
    np.testing.assert_array_equal(on_disk.concatenate([features, features])[:], np.concatenate([expected, expected]))


def test_what_is_too_large_goes_to_a_file_and_is_split_and_batched_as_in_memory(tmp_path, monkeypatch):
    folder = prepare_halves(tmp_path, 8, 60)
    in_memory = datasets.load("tfds_folder", folder)
    monkeypatch.setattr(on_disk, "usable_memory", lambda: 1000)
    in_file = datasets.load("tfds_folder", folder)
    assert isinstance(in_memory.train.features, np.ndarray) and isinstance(in_file.train.features, on_disk.StoredRows)
    assert in_file.digest == in_memory.digest and in_file.report == in_memory.report
    assert [len(part) for part in (in_file.train, in_file.validation, in_file.test)] == [42, 6, 12]
    assert in_file.info.label_names == ("whole", "half") and in_file.info.feature_shape == (8, 8, 3)
    plan = pipeline.BatchPlan(num_examples=42, batch_size=8, steps_per_call=2, epochs=2)
    mixing = Mixing(AugmentationSection(mixup=1.0, cutmix=1.0), lambda labels: tf.one_hot(labels, 2))
    for make in (
        lambda part: pipeline.training_calls(part.features, part.targets, plan, seed=3),
        lambda part: pipeline.training_calls(part.features, part.targets, plan, seed=3, mixing=mixing),
        lambda part: pipeline.evaluation_batches(part.features, part.targets),
    ):
        for ours, theirs in zip(make(in_file.train), make(in_memory.train), strict=True):
            for one, other in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(one, other)


def test_pictures_of_any_size_need_a_shape_and_are_brought_to_it(tmp_path):
    folder = prepare_halves(tmp_path, 8, 20, "any size")
    with pytest.raises(ZooError, match=r"many sizes.*image_shape"):
        datasets.load("tfds_folder", folder)
    dataset = datasets.load("tfds_folder", folder, image_shape=[4, 6, 1])
    assert dataset.train.features.shape == (14, 4, 6, 1)


def test_a_folder_that_tfds_did_not_prepare_is_one_line(tmp_path):
    with pytest.raises(ZooError, match="no dataset_info.json"):
        datasets.load("tfds_folder", tmp_path)
    folder = prepare_halves(tmp_path, 8, 20)
    shard = next(folder.glob("*.tfrecord*"))
    shard.write_bytes(shard.read_bytes()[:200])
    with pytest.raises(ZooError, match="cannot be read"):
        datasets.load("tfds_folder", folder)


def test_a_disk_without_room_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(on_disk, "usable_memory", lambda: 1000)
    free = os.statvfs(tmp_path)
    too_many = 2 * free.f_blocks * free.f_frsize
    with pytest.raises(ZooError, match="no room for"):
        on_disk.allocate((too_many,), "uint8", tmp_path)


@pytest.mark.slow
def test_more_data_than_memory_trains_in_bounded_memory(run_script, tmp_path):
    folder = prepare_halves(tmp_path, 288, 12_000)
    decoded_mib = 12_000 * 288 * 288 * 3 >> 20
    limit_mib = 2048
    assert decoded_mib > limit_mib
    flags = [f"--data_dir={folder}", "--dataset=tfds_folder", "--model=mnist_mlp", "--epochs=1", "--batch_size=64"]
    flags += ["--set=model.options.hidden_units=[8]", "--set=dataset.augmentation={}", "--set=training.schedule={}"]
    with data_limit(limit_mib):
        done = run_script("train", *flags, fresh=True)
    assert done.returncode == 0, done.stderr
    assert "test accuracy" in done.stdout
