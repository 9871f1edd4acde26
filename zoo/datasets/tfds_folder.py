"""Pictures that TFDS prepared, whatever their builder: `FOLDER/dataset_info.json` and its shards."""

import pathlib
from collections.abc import Sequence

import numpy as np

from zoo.datasets import on_disk
from zoo.datasets.pictures import fit_picture
from zoo.datasets.splits import Split
from zoo.datasets.tfds_builders import quiet_tfds
from zoo.errors import ZooError


def read_tfds_folder(
    folder: pathlib.Path, image_shape: Sequence[int] | None
) -> tuple[Split, Split | None, tuple[str, ...]]:
    """The splits train and test (None where there is no such split) and the label names.

    Features are `uint8[examples, height, width, channel]`; ids are rows in TFDS's order. Pictures are decoded once,
    one at a time.

    Raises:
        ZooError: no prepared dataset, none of labelled pictures, sizes that differ, or damaged shards.
    """
    tfds = quiet_tfds()
    import tensorflow as tf

    if not (folder / "dataset_info.json").is_file():
        raise ZooError(f"--data_dir={folder}: no dataset_info.json; tfds_folder reads NAME/VERSION as TFDS prepares it")
    try:
        builder = tfds.builder_from_directory(folder)
        image_key, label_key = _keys(tfds, builder.info, folder)
        shape = tuple(image_shape or builder.info.features[image_key].shape)
        if None in shape:
            raise ZooError(
                f"--data_dir={folder}: pictures of many sizes; say --set dataset.image_shape=[height,width,channel]"
            )
        if "train" not in builder.info.splits:
            raise ZooError(f"--data_dir={folder}: no split named train, but {', '.join(builder.info.splits)}")
        parts = {
            name: _read_split(builder, name, image_key, label_key, shape)
            for name in ("train", "test")
            if name in builder.info.splits
        }
        names = tuple(builder.info.features[label_key].names)
    except (tf.errors.OpError, ValueError, OSError, KeyError, AssertionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ZooError(f"--data_dir={folder}: cannot be read ({reason}); prepare it again") from None
    return parts["train"], parts.get("test"), names


def _keys(tfds, info, folder: pathlib.Path) -> tuple[str, str]:
    """Which feature is the picture and which the label: the supervised keys, else the only ones of their kinds."""
    kinds = (tfds.features.Image, tfds.features.ClassLabel)
    if info.supervised_keys and all(
        isinstance(info.features[key], kind) for key, kind in zip(info.supervised_keys, kinds, strict=True)
    ):
        return info.supervised_keys
    found = [[key for key, feature in info.features.items() if isinstance(feature, kind)] for kind in kinds]
    if [len(keys) for keys in found] != [1, 1]:
        raise ZooError(f"--data_dir={folder}: an Image and a ClassLabel are needed; it has {', '.join(info.features)}")
    return found[0][0], found[1][0]


def _read_split(builder, name: str, image_key: str, label_key: str, shape: tuple[int, ...]) -> Split:
    from PIL import Image

    num_examples = builder.info.splits[name].num_examples
    features = on_disk.allocate((num_examples, *shape), "uint8", pathlib.Path(builder.data_dir))
    labels = np.empty(num_examples, "int32")
    for row, example in enumerate(builder.as_dataset(split=name, read_config=_one_at_a_time()).as_numpy_iterator()):
        image = example[image_key]
        if image.dtype != np.uint8:
            raise ValueError(f"pictures of {image.dtype}, not uint8")
        if image.shape != shape:
            picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
            image = fit_picture(picture, *shape)
        features[row], labels[row] = image, example[label_key]
    return Split(on_disk.filled(features), labels, np.arange(num_examples))


def _one_at_a_time():
    """Options that read one picture at a time: by default TFDS and tf.data decode ahead until the memory is full."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    return tfds.ReadConfig(
        options=options, interleave_cycle_length=1, num_parallel_calls_for_decode=1, try_autocache=False
    )
