"""Official datasets: prepared once in TFDS's own layout, then read from arrays beside it without TensorFlow."""

import contextlib
import hashlib
import json
import pathlib
import shutil
import sys
import tempfile
from typing import Any

import numpy as np

from zoo.datasets import on_disk, sources, tables, texts, tfds_builders
from zoo.datasets.splits import Split, content_hashes
from zoo.errors import ZooError
from zoo.escaping import tell
from zoo.locks import FileLock
from zoo.runs import write_atomically
from zoo.safe_reading import read_array, read_mapping

_ITEM_NAMES = "item_names.json"


def load_arrays(name: str, data_dir: pathlib.Path | None) -> tuple[Split, Split | None, str]:
    """Official train and test of a dataset, and where they came from; prepares them where needed. Test may be None.

    `data_dir` may hold the official files: what is prepared from them goes to a folder inside.

    Raises:
        ZooError: the bytes cannot be had, are not the official ones, or the data directory cannot be used.
    """
    data_dir = data_dir or sources.default_data_dir()
    cache = folder_of(name, data_dir) / "arrays"
    try:
        found = _read_cache(name, cache)
        if found is None:
            with _one_process_at_a_time(data_dir, name):
                found = _read_cache(name, cache) or _prepare(name, data_dir, cache)
    except OSError as error:
        raise ZooError(
            f"{data_dir}: cannot be used for prepared data ({error.strerror or error}); name another --data_dir"
        ) from None
    return found


def folder_of(name: str, data_dir: pathlib.Path | None) -> pathlib.Path:
    """The folder that TFDS's layout gives to a dataset."""
    return (
        (data_dir or sources.default_data_dir())
        / tfds_builders.FULL_NAMES.get(name, name)
        / tfds_builders.VERSIONS[name]
    )


def item_names(name: str, data_dir: pathlib.Path | None) -> dict[str, str]:
    """Words for the items of prepared data, such as titles of films; none where they are not there.

    Raises:
        ZooError: the file is damaged.
    """
    if name not in tables.ITEM_NAMES:
        return {}
    path = folder_of(name, data_dir) / _ITEM_NAMES
    return {key: str(value) for key, value in read_mapping(path, "made again").items()} if path.exists() else {}


def content_digest(arrays: dict[str, Any]) -> str:
    """One SHA-256 of which example has which label in train and in test, whatever the order of the rows."""
    digest = hashlib.sha256()
    for part in _parts(arrays):
        pairs = zip(arrays[f"{part}_hashes"].tolist(), arrays[f"{part}_labels"].tolist(), strict=True)
        words = sorted(example + (b"%d" if isinstance(label, int) else b"%r") % label for example, label in pairs)
        digest.update(part.encode() + b"".join(words))
    return f"sha256:{digest.hexdigest()}"


def _prepare(name: str, data_dir: pathlib.Path, cache: pathlib.Path) -> tuple[Split, Split | None, str]:
    note = cache.parent / "origin.txt"
    if (cache.parent / "dataset_info.json").exists():
        origin = note.read_text() if note.exists() else f"already prepared by TFDS in {data_dir}"
    else:
        with tempfile.TemporaryDirectory() as folder:
            files = pathlib.Path(folder)
            origin = sources.fetch(name, data_dir, files)
            tfds_builders.prepare(name, data_dir, files)
            if name in tables.ITEM_NAMES:
                names = json.dumps(tables.ITEM_NAMES[name](files), ensure_ascii=False)
                write_atomically(cache.parent / _ITEM_NAMES, names.encode())
        write_atomically(note, origin.encode())
    arrays = tfds_builders.read(name, data_dir)
    for part in _parts(arrays):
        arrays[f"{part}_hashes"] = content_hashes(arrays[f"{part}_features"])
    # TFDS does not check files that lie in its download cache, so what another program prepared may be anything.
    expected = sources.SOURCES[name].content_digest
    if expected and _exact_digest(arrays) != expected:
        raise ZooError(f"{cache.parent}: the data prepared there are not the official ones; delete the folder")
    splits = _splits(arrays)
    try:
        _write_cache(cache, _packed(arrays), origin)
    except OSError as error:
        print(f"{cache}: cannot be written ({error.strerror}); each start will take longer", file=sys.stderr)
    return *splits, origin


def _read_cache(name: str, folder: pathlib.Path) -> tuple[Split, Split | None, str] | None:
    if not folder.exists():
        return None
    try:
        manifest = read_mapping(folder / "manifest.json", "made again")
        # Mapped, not read: most rows are copied once more when validation is taken out of train.
        packed = {key: read_array(folder / f"{key}.npy", "made again", mapped=True) for key in manifest["sha256"]}
        if any(_sha256(packed[key]) != digest for key, digest in manifest["sha256"].items()):
            raise ValueError("a digest differs")
        arrays = _unpacked(packed)
        source = sources.SOURCES[name]
        known = source.content_digest is None or arrays_digest(packed, manifest["sha256"]) == source.arrays_digest
        if not known and not _is_official(source, arrays):
            raise ValueError("not the official data")
        return *_splits(arrays), manifest["origin"]
    except (ZooError, ValueError, TypeError, AttributeError, KeyError, EOFError, FileNotFoundError) as error:
        tell(f"{folder}: damaged ({error}); made again from TFDS's data")
        shutil.rmtree(folder)
        return None


def _is_official(source: sources.Source, arrays: dict[str, Any]) -> bool:
    """Whether a cache holds what is known of the data: whoever alters its arrays can alter its manifest too.

    Another version of TFDS may give the rows in another order.
    """
    for part in _parts(arrays):
        if not np.array_equal(content_hashes(arrays[f"{part}_features"]), arrays[f"{part}_hashes"]):
            return False
    return _exact_digest(arrays) == source.content_digest


def _packed(arrays: dict[str, Any]) -> dict[str, np.ndarray]:
    """Arrays that need no pickle: those of a dictionary under names of their own, texts as bytes and ends."""
    packed = {}
    for key, value in arrays.items():
        part = key.removesuffix("_features")
        for name, array in {f"-{n}": a for n, a in value.items()}.items() if isinstance(value, dict) else [("", value)]:
            if array.dtype == object:
                packed[f"{key}{name}"], packed[f"{part}_ends{name}"] = texts.pack(array)
            else:
                packed[f"{key}{name}"] = array
    return packed


def _unpacked(packed: dict[str, np.ndarray]) -> dict[str, Any]:
    """What `_packed` took."""
    arrays: dict[str, Any] = {}
    for key, array in packed.items():
        whole, _, name = key.partition("-")
        if whole.endswith("_ends"):
            continue
        ends = packed.get(key.replace("_features", "_ends"))
        value = array if ends is None or not whole.endswith("_features") else texts.unpack(array, ends)
        if name:
            arrays.setdefault(whole, {})[name] = value
        else:
            arrays[whole] = value
    return arrays


def arrays_digest(arrays: dict[str, np.ndarray], digests: dict[str, str]) -> str:
    """One SHA-256 of all arrays, from their own, in the order that they have."""
    facts = sorted((key, arrays[key].dtype.str, arrays[key].shape, digest) for key, digest in digests.items())
    return f"sha256:{hashlib.sha256(repr(facts).encode()).hexdigest()}"


def _exact_digest(arrays: dict[str, Any]) -> str:
    """`content_digest` with hashes of the bytes themselves; those that find duplicates see the normal form of texts."""
    exact = {f"{part}_hashes": content_hashes(arrays[f"{part}_features"], exact=True) for part in _parts(arrays)}
    return content_digest(arrays | exact)


def _parts(arrays: dict[str, Any]) -> list[str]:
    return [part for part in ("train", "test") if f"{part}_labels" in arrays]


def _splits(arrays: dict[str, Any]) -> tuple[Split, Split | None]:
    splits = {}
    for part in _parts(arrays):
        features, labels = arrays[f"{part}_features"], arrays[f"{part}_labels"]
        if part == "test":
            features = on_disk.each(np.array, features)  # train is copied when it is split
        named = labels.dtype.kind == "U"  # documents have names, and nothing that is to be learned beside them
        about = (None, labels) if named else (labels, np.arange(len(labels)))
        splits[part] = Split(features, *about).with_hashes(arrays[f"{part}_hashes"])
    return splits["train"], splits.get("test")


def _write_cache(folder: pathlib.Path, arrays: dict[str, np.ndarray], origin: str) -> None:
    for left_behind in folder.parent.glob(".arrays-*"):  # by a process that was killed: ours is the only one here
        shutil.rmtree(left_behind)
    temporary = pathlib.Path(tempfile.mkdtemp(dir=folder.parent, prefix=".arrays-"))
    temporary.chmod(0o755)  # data directories are shared; mkdtemp's are private
    for key, array in arrays.items():
        np.save(temporary / f"{key}.npy", array)
    manifest = {"origin": origin, "sha256": {key: _sha256(array) for key, array in arrays.items()}}
    (temporary / "manifest.json").write_text(json.dumps(manifest, indent=2))
    temporary.rename(folder)


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


@contextlib.contextmanager
def _one_process_at_a_time(data_dir: pathlib.Path, name: str):
    """Workers on one machine start together: one prepares, the others wait and find its work."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = FileLock(data_dir / f".{name.replace('/', '-')}.lock")
    except OSError:
        if not (folder_of(name, data_dir) / "dataset_info.json").exists():
            raise
        lock = None  # a shared, read-only folder can still be read
    with lock or contextlib.nullcontext():
        if lock:
            lock.acquire(wait=True)
        yield
