"""What a file answers, and how fast, in a process of its own: python -m zoo.export.measure FILE FEATURES OUTPUT.

A new process knows nothing of the one that wrote the file, so whatever the file lacks is missing here.
"""

import json
import pathlib
import subprocess
import sys
from collections.abc import Sequence

import numpy as np

from zoo.datasets.on_disk import Features, StoredRows, as_tensors, take
from zoo.errors import ZooError
from zoo.escaping import tell


def measure(path: pathlib.Path, features, folder: pathlib.Path, imports: Sequence[str] = ()) -> dict:
    """Start the process.

    Args:
        path: of any model that `zoo.load_model` takes.
        features: raw input, as the split of a dataset holds it.
        folder: for files that are left there.
        imports: the user's modules, which register classes of theirs.

    Returns:
        {"answers": `[examples, …]`, as its task gives them, "runtime": words, "latency_ms": {way: {"p50", "p99"}}}, the
        ways being `predict` and, of a Keras model, `compiled` too; predictions of single examples are among what
        is measured, and `one_by_one` is the largest difference from those of batches.

    Raises:
        ZooError: the runtime refuses the file, or dies of it.
    """
    single = isinstance(features, np.ndarray | StoredRows) and features.dtype != object
    features_file, output = folder / ("features.npy" if single else "features.npz"), folder / "measured"
    if not features_file.exists():
        _save_features(features, features_file)
    command = [sys.executable, "-P", "-m", __name__, str(path), str(features_file), str(output), *imports]
    process = subprocess.run(command, capture_output=True, text=True)
    if process.returncode:
        lines = process.stderr.strip().splitlines() or [f"it ended with status {process.returncode}"]
        raise ZooError(f"{path.name} does not run in its runtime: {lines[-1].removeprefix('error: ')[:300]}")
    facts = json.loads(pathlib.Path(f"{output}.json").read_text())
    return facts | {"answers": np.load(f"{output}.npy")}


def _save_features(features, path: pathlib.Path) -> None:
    from zoo.datasets.on_disk import blocks
    from zoo.datasets.texts import pack

    if isinstance(features, dict):
        stored = {}
        for name, column in features.items():
            stored |= {f"column.{name}": column[:]} if column.dtype != object else _packed(column, name)
        np.savez(path, **stored)
        return
    if features.dtype == object:
        content, ends = pack(features)
        np.savez(path, content=content, ends=ends)
        return
    stored = np.lib.format.open_memmap(path, "w+", features.dtype, features.shape)
    start = 0
    for block in blocks(features):  # they may be larger than memory
        stored[start : start + len(block)] = block
        start += len(block)
    stored.flush()


def _packed(texts: np.ndarray, name: str) -> dict[str, np.ndarray]:
    from zoo.datasets.texts import pack

    content, ends = pack(texts)
    return {f"content.{name}": content, f"ends.{name}": ends}


def _load_features(path: str) -> Features:
    from zoo.datasets.texts import unpack

    stored = np.load(path, mmap_mode="r")
    if isinstance(stored, np.ndarray):
        return stored
    if "content" in stored:
        return unpack(stored["content"], stored["ends"])
    columns = {}
    for member in stored:
        kind, _, name = member.partition(".")
        if kind == "column":
            columns[name] = stored[member]
        elif kind == "ends":
            columns[name] = unpack(stored[f"content.{name}"], stored[member])
    return columns


def _main(path: str, features_file: str, output: str, *imports: str) -> None:
    from zoo.command_line import import_modules
    from zoo.evaluation.speed import compile_for, latency
    from zoo.loading import load_model

    import_modules(imports)
    loaded = load_model(path)
    features = _load_features(features_file)
    answers = loaded.answers(features)
    one_by_one = loaded.answers(take(features, slice(20)), batch_size=1)
    if hasattr(loaded.model, "runtime"):
        runtime, functions = loaded.model.runtime, {"predict": lambda x: loaded.model.predict(x, batch_size=1)}
    else:
        import keras

        model = loaded.model
        functions = {
            "predict": lambda x: model.predict(as_tensors(x) if isinstance(x, dict) else x, batch_size=1, verbose=0),
            "compiled": compile_for(model, 1),
        }
        runtime = f"Keras {keras.__version__}"
    facts = {
        "runtime": runtime,
        "one_by_one": float(np.abs(one_by_one - answers[:20]).max()),
        "latency_ms": {name: latency(function, features) for name, function in functions.items()},
    }
    np.save(f"{output}.npy", answers)
    pathlib.Path(f"{output}.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    try:
        _main(*sys.argv[1:])
    except ZooError as error:
        tell(f"error: {error}")
        sys.exit(2)
