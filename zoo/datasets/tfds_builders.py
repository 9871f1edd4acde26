"""TFDS's stock builders on official files that we already hold: the same data as `tfds.load` would prepare."""

import contextlib
import functools
import io
import logging
import pathlib
import shutil

import numpy as np

from zoo.datasets import books, corpora, on_disk, tables, texts
from zoo.datasets.catalog import dataset_info
from zoo.errors import ZooError

VERSIONS = {
    "mnist": "3.0.1", "fashion_mnist": "3.0.1", "cifar10": "3.0.2", "bbc_news": "1.0.0", "chinese_reviews": "0.12.3",
    "imdb_reviews": "1.0.0", "ag_news_subset": "1.0.0", "glue/sst2": "2.0.0", "california_housing": "1.7.0",
    "adult": "1.7.0", "birds": "1.7.0", "movielens_100k": "1.7.0",
    "austen": "1.0.0", "bible": "426.0.0",
}  # fmt: skip
# Datasets whose name in TFDS includes a configuration.
FULL_NAMES = {"imdb_reviews": "imdb_reviews/plain_text"}
# The feature that holds the text, and the labelled test split, if there is one.
_TEXTS = {
    "austen": (("text",), None),
    "bible": (("text",), None),
    "bbc_news": (("text",), None),
    "chinese_reviews": (("text",), None),
    "imdb_reviews": (("text",), "test"),
    "ag_news_subset": (("title", "description"), "test"),
    "glue/sst2": (("sentence",), "validation"),
}


def prepare(name: str, data_dir: pathlib.Path, files: pathlib.Path) -> None:
    """Write `data_dir/name/version` in TFDS's layout from the official files in the folder `files`.

    Only `_split_generators` of the stock builder is replaced, because it would download. It is replaced on the
    instance, because TFDS refuses a second builder class of the same name.
    """
    tfds = quiet_tfds()
    # TFDS prints two lines, which would stand in the middle of a script's JSON.
    with contextlib.redirect_stdout(io.StringIO()):
        for readers, store in _STORES:
            if name in readers:
                return store(tfds, name, data_dir, files)
        builder = tfds.builder(f"{FULL_NAMES.get(name, name)}:{VERSIONS[name]}", data_dir=data_dir)
        if name in _TEXTS:
            split_generators = functools.partial(builder._split_generators, _LocalFiles(tfds, files))
        else:
            ours = _cifar_splits if name == "cifar10" else _idx_splits
            split_generators = functools.partial(ours, tfds, builder, files)
        builder._split_generators = lambda download_manager: split_generators()
        builder.download_and_prepare()


def read(name: str, data_dir: pathlib.Path) -> dict[str, np.ndarray]:
    """Arrays `train_features`, `train_labels`, `test_features`, `test_labels` of prepared data, in TFDS's order.

    Features are `uint8[examples, height, width, channel]`, `object[examples]` texts, `float32[examples, feature]`, or
    arrays by name as `zoo.schema` has them; labels `int32[examples]`, or what else is to be predicted, such as
    numbers, `float32[examples]`; of books, which have none, `str[examples]` names of the chapters. Data without an
    official test split have no test arrays.

    Raises:
        ZooError: the prepared data are damaged.
    """
    tfds = quiet_tfds()
    import tensorflow as tf

    arrays = {}
    fields, test_split = _TEXTS.get(name, (None, "test"))
    try:
        if name in tables.READERS:
            stored = tfds.builder(f"{name}:{VERSIONS[name]}", data_dir=data_dir).info.splits
            test_split = test_split if test_split in stored else None
        splits = {"train": "train"} | ({"test": test_split} if test_split else {})
        for part, split in splits.items():
            where = {"data_dir": data_dir, "batch_size": -1, "download": False}
            examples = tfds.as_numpy(tfds.load(f"{FULL_NAMES.get(name, name)}:{VERSIONS[name]}", split=split, **where))
            if name in tables.READERS:
                arrays[f"{part}_features"] = on_disk.each(_as_texts, examples["features"])
                target = examples["target"]
                arrays[f"{part}_labels"] = target.astype("int32") if target.dtype == "int64" else target
                continue
            arrays[f"{part}_features"] = _joined(examples, fields) if fields else examples["image"]
            named = name in books.READERS
            arrays[f"{part}_labels"] = _as_texts(examples["label"]).astype("U" if named else "int32")
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


def _as_texts(array: np.ndarray) -> np.ndarray:
    """UTF-8 bytes as `object` of str; other arrays as they are."""
    if array.dtype != object:
        return array
    return texts.as_array(text.decode() for text in array.ravel()).reshape(array.shape)


def _joined(examples: dict[str, np.ndarray], fields: tuple[str, ...]) -> np.ndarray:
    columns = zip(*(examples[field] for field in fields), strict=True)
    return texts.as_array(texts.clean(b"\n".join(cells).decode("utf-8", "replace")) for cells in columns)


def _store_corpus(tfds, name: str, data_dir: pathlib.Path, files: pathlib.Path) -> None:
    rows = [{"text": text, "label": label} for text, label in corpora.READERS[name](files)]
    label = tfds.features.ClassLabel(names=dataset_info(name).label_names)
    _store(tfds, name, data_dir, {"text": tfds.features.Text(), "label": label}, {"train": rows})


def _store_book(tfds, name: str, data_dir: pathlib.Path, files: pathlib.Path) -> None:
    rows = [{"text": text, "label": chapter} for text, chapter in books.READERS[name](files)]
    _store(tfds, name, data_dir, {"text": tfds.features.Text(), "label": tfds.features.Text()}, {"train": rows})


def _store_table(tfds, name: str, data_dir: pathlib.Path, files: pathlib.Path) -> None:
    def rows_of(features: on_disk.Features, targets: np.ndarray) -> list[dict]:
        return [
            {"features": on_disk.each(lambda array, row=row: array[row], features), "target": target}
            for row, target in enumerate(targets)
        ]

    def tensor(array: np.ndarray):
        dtype = tfds.features.Text().dtype if array.dtype == object else array.dtype.type
        return tfds.features.Tensor(shape=array.shape[1:], dtype=dtype)

    parts = tables.READERS[name](files)
    features, targets = parts["train"]
    names = dataset_info(name).label_names if targets.dtype == "int32" else ()
    described = {
        "features": on_disk.each(tensor, features),
        "target": tfds.features.ClassLabel(names=names) if names else tensor(targets),
    }
    _store(tfds, name, data_dir, described, {part: rows_of(*of_part) for part, of_part in parts.items()})


def _store(tfds, name: str, data_dir: pathlib.Path, features: dict, splits: dict[str, list[dict]]) -> None:
    """Rows of each split in TFDS's layout: `tfds.load(name)` reads them though TFDS has no builder for them."""
    info = dataset_info(name)
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name, version=VERSIONS[name], features=tfds.features.FeaturesDict(features),
        split_datasets={split: list(enumerate(rows)) for split, rows in splits.items()}, data_dir=data_dir,
        description=info.description, homepage=info.source, citation=info.citation, disable_shuffling=True,
    )  # fmt: skip


_STORES = ((corpora.READERS, _store_corpus), (tables.READERS, _store_table), (books.READERS, _store_book))


class _LocalFiles:
    """Stands in for TFDS's download manager: answers with files that are already here and checked."""

    def __init__(self, tfds, folder: pathlib.Path):
        self.tfds, self.folder = tfds, folder

    def download(self, url: str) -> pathlib.Path:
        return next(path for path in self.folder.iterdir() if path.is_file())

    def download_and_extract(self, urls):
        path = self.download("")
        shutil.unpack_archive(path, self.folder / "extracted", **({"filter": "data"} if ".tar" in path.name else {}))
        return dict.fromkeys(urls, self.folder / "extracted") if isinstance(urls, dict) else self.folder / "extracted"

    def iter_archive(self, path: pathlib.Path):
        method = self.tfds.download.ExtractMethod.TAR_GZ_STREAM
        return self.tfds.core.download.extractor.iter_archive(path, method)


def quiet_tfds():
    """tensorflow_datasets, without its banners, bars and warnings."""
    from zoo.quiet import import_tensorflow

    import_tensorflow()
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    logging.getLogger("absl").setLevel(logging.ERROR)  # it warns of the folder that it is about to fill
    return tfds
