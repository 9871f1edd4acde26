"""Official datasets: prepared once in TFDS's own layout, then read from arrays beside it without TensorFlow."""

import hashlib
import json
import pathlib
import shutil
import sys
import tempfile

import numpy as np

from zoo.datasets import sources
from zoo.datasets.splits import Split
from zoo.errors import ZooError

_VERSION = "3.0.1"


def load_arrays(name: str, data_dir: pathlib.Path | None) -> tuple[Split, Split, str]:
    """Train and test of mnist or fashion_mnist, and where they came from; prepares them where needed.

    Raises:
        ZooError: the bytes cannot be had, or the data directory cannot be written.
    """
    given = data_dir or sources.default_data_dir()
    # A folder with the official files is the user's; what is prepared from it goes to a folder inside.
    cache = given / name / _VERSION / "arrays"
    try:
        found = _read_cache(cache)
        if found is None:
            given.mkdir(parents=True, exist_ok=True)
            origin = _prepare_with_tfds(name, given)
            _write_cache(cache, _read_tfds(name, given), origin)
            found = _read_cache(cache)
    except OSError as error:
        raise ZooError(
            f"{given}: cannot be used for prepared data ({error.strerror}); name another --data_dir"
        ) from None
    return found


def _read_cache(folder: pathlib.Path) -> tuple[Split, Split, str] | None:
    if not (folder / "manifest.json").exists():
        return None
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        arrays = {key: np.load(folder / f"{key}.npy", allow_pickle=False) for key in manifest["sha256"]}
    except (ValueError, OSError, EOFError, KeyError):
        arrays = {}
    if not arrays or any(_sha256(arrays[key]) != digest for key, digest in manifest["sha256"].items()):
        print(f"{folder}: damaged; made again", file=sys.stderr)
        shutil.rmtree(folder)
        return None
    parts = [
        Split(arrays[f"{part}_features"], arrays[f"{part}_labels"], np.arange(len(arrays[f"{part}_labels"])))
        for part in ("train", "test")
    ]
    return parts[0], parts[1], manifest["origin"]


def _write_cache(folder: pathlib.Path, arrays: dict[str, np.ndarray], origin: str) -> None:
    temporary = pathlib.Path(tempfile.mkdtemp(dir=folder.parent, prefix=".arrays-"))
    for key, array in arrays.items():
        np.save(temporary / f"{key}.npy", array)
    manifest = {"origin": origin, "sha256": {key: _sha256(array) for key, array in arrays.items()}}
    (temporary / "manifest.json").write_text(json.dumps(manifest, indent=2))
    temporary.rename(folder)


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


def _prepare_with_tfds(name: str, data_dir: pathlib.Path) -> str:
    if (data_dir / name / _VERSION / "dataset_info.json").exists():
        return f"already prepared by TFDS in {data_dir}"
    with tempfile.TemporaryDirectory() as folder:
        files = pathlib.Path(folder)
        origin = sources.fetch(name, data_dir, files)
        _builder(name, data_dir, files).download_and_prepare()
    return origin


def _builder(name: str, data_dir: pathlib.Path, files: pathlib.Path):
    """The stock TFDS builder with another `_split_generators`: the same data, from files that we have."""
    tfds = _quiet_tfds()
    builder = tfds.builder(name, data_dir=data_dir)

    def split_generators(dl_manager):
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

    builder._split_generators = split_generators
    return builder


def _read_tfds(name: str, data_dir: pathlib.Path) -> dict[str, np.ndarray]:
    tfds = _quiet_tfds()
    arrays = {}
    for part in ("train", "test"):
        examples = tfds.as_numpy(tfds.load(name, split=part, data_dir=data_dir, batch_size=-1, download=False))
        arrays[f"{part}_features"] = examples["image"]
        arrays[f"{part}_labels"] = examples["label"].astype("int32")
    return arrays


def _quiet_tfds():
    from zoo.quiet import import_tensorflow

    import_tensorflow()
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    return tfds
