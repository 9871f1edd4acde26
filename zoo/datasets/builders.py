"""TFDS's stock builders on official files that we already hold: the same data as `tfds.load` would prepare."""

import contextlib
import io
import pathlib
import shutil

import numpy as np

from zoo.errors import ZooError

VERSIONS = {"mnist": "3.0.1", "fashion_mnist": "3.0.1", "cifar10": "3.0.2"}


def prepare(name: str, data_dir: pathlib.Path, files: pathlib.Path) -> None:
    """Write `data_dir/name/version` in TFDS's layout from the official files in the folder `files`.

    Only `_split_generators` of the stock builder is replaced, on the instance: it would download. TFDS refuses a
    second builder class of the same name.
    """
    tfds = _quiet_tfds()
    builder = tfds.builder(f"{name}:{VERSIONS[name]}", data_dir=data_dir)
    split_generators = _cifar_splits if name == "cifar10" else _idx_splits
    builder._split_generators = lambda download_manager: split_generators(tfds, builder, files)
    with contextlib.redirect_stdout(io.StringIO()):  # its two lines would stand in the midst of a script's JSON
        builder.download_and_prepare()


def read(name: str, data_dir: pathlib.Path) -> dict[str, np.ndarray]:
    """Arrays `train_features`, `train_labels`, `test_features`, `test_labels` of prepared data, in TFDS's order.

    Features are `uint8[examples, height, width, channel]`, labels `int32[examples]`.

    Raises:
        ZooError: the prepared data are damaged.
    """
    tfds = _quiet_tfds()
    import tensorflow as tf

    arrays = {}
    try:
        for part in ("train", "test"):
            where = {"data_dir": data_dir, "batch_size": -1, "download": False}
            examples = tfds.as_numpy(tfds.load(f"{name}:{VERSIONS[name]}", split=part, **where))
            arrays[f"{part}_features"] = examples["image"]
            arrays[f"{part}_labels"] = examples["label"].astype("int32")
    except (tf.errors.OpError, ValueError, OSError, KeyError, AssertionError) as error:
        folder = data_dir / name / VERSIONS[name]
        reason = " ".join(str(error).split())[:120]
        raise ZooError(f"{folder}: the data prepared there are damaged ({reason}); delete the folder") from None
    return arrays


def _idx_splits(tfds, builder, files: pathlib.Path) -> list:
    return [
        tfds.core.SplitGenerator(
            name=split,
            gen_kwargs={
                "num_examples": count,
                "data_path": str(files / f"{prefix}-images-idx3-ubyte"),
                "label_path": str(files / f"{prefix}-labels-idx1-ubyte"),
            },
        )
        for split, prefix, count in ((tfds.Split.TRAIN, "train", 60_000), (tfds.Split.TEST, "t10k", 10_000))
    ]


def _cifar_splits(tfds, builder, files: pathlib.Path) -> dict:
    shutil.unpack_archive(files / "cifar-10-binary.tar.gz", files, filter="data")
    batches = files / "cifar-10-batches-bin"
    builder.info.features["label"].names = (batches / "batches.meta.txt").read_text().split()
    official = builder._cifar_info
    return {
        split: builder._generate_examples(f"{split}_", [str(batches / file) for file in names])
        for split, names in ((tfds.Split.TRAIN, official.train_files), (tfds.Split.TEST, official.test_files))
    }


def _quiet_tfds():
    from zoo.quiet import import_tensorflow

    import_tensorflow()
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    return tfds
