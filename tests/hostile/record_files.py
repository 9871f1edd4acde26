"""Runs that somebody made to harm whoever reads them. Each kind spoils one file of a good run."""

import io
import json
import os
import pathlib
import zipfile
from collections.abc import Callable

import numpy as np

from zoo.config import Config
from zoo.runs import Run

ROWS = 40


def good_run(folder: pathlib.Path, model: str = "good") -> Run:
    """A finished run `folder/<model>/20260101-000000-abcdef` of two classes."""
    from zoo.measures.classes import classification_results

    run = Run(folder / model / "20260101-000000-abcdef")
    run.path.mkdir(parents=True)
    labels = np.arange(ROWS) % 2
    right = np.where(np.arange(ROWS) < 36, 0.9, 0.2)
    probabilities = np.where(labels[:, None] == [0, 1], right[:, None], 1 - right[:, None]).astype("float32")
    record = {
        "status": "finished", "model": model, "dataset": "points", "seed": 0, "data_digest": "sha256:1",
        "parameters": 9, "wall_seconds": 2.5, "peak_memory_mib": 100, "device": "CPU", "flops": None,
        "command": "python scripts/train.py", "versions": {"keras": "3"}, "process": {"host": "here", "id": 12},
    }  # fmt: skip
    names = ["class 0", "class 1"]
    run.write_json("run.json", record)
    run.write_json("labels.json", {"label_names": names, "task": "table_classification"})
    run.write_json("results.json", {"test": classification_results(probabilities, labels, names)})
    rows = np.arange(ROWS)
    np.savez_compressed(run.path / "predictions.npz", ids=rows, targets=labels, answers=probabilities)
    # As former versions wrote them.
    np.savez_compressed(run.path / "validation_predictions.npz", ids=rows, labels=labels, probabilities=probabilities)
    run.write_json("corruptions.json", {"version": 1, "data_digest": "sha256:1", "mean_accuracy": 0.5})
    run.write_json("speed.json", {"latency_ms": 1.0, "throughput": 9.0, "device": "CPU"})
    run.write_text("history.csv", "epoch,loss,accuracy,validation_loss,validation_accuracy\n1,0.5,0.8,0.5,0.8\n")
    config = {"model": {"name": model}, "dataset": {"name": "points"}, "training": {"epochs": 3}}
    run.write_text("config.yaml", Config.model_validate(config).to_yaml())
    return run


def aliases(levels: int = 9) -> str:
    """YAML whose lists unfold to 9 ** levels values."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    return "\n".join(lines + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)])


def npy(shape: str, descr: str = "'<f4'", content: bytes = b"") -> bytes:
    """An npy file whose header says what it likes."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


def npz(deflated: bool = False, **members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


def _arrays(**changed) -> bytes:
    stream = io.BytesIO()
    half = np.full((ROWS, 2), 0.5, "float32")
    arrays = {"ids": np.arange(ROWS), "labels": np.arange(ROWS) % 2, "probabilities": half} | changed
    np.savez(stream, **{name: array for name, array in arrays.items() if array is not None})
    return stream.getvalue()


def _text(content: str | bytes) -> Callable[[pathlib.Path], None]:
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _changed(*keys, to) -> Callable[[pathlib.Path], None]:
    """One value of a JSON file."""

    def spoil(path: pathlib.Path) -> None:
        whole = values = json.loads(path.read_text())
        for key in keys[:-1]:
            values = values[key]
        values[keys[-1]] = to
        path.write_text(json.dumps(whole))

    return spoil


def _instead(make: Callable[[pathlib.Path], object]) -> Callable[[pathlib.Path], None]:
    """Something else than a file."""

    def spoil(path: pathlib.Path) -> None:
        path.unlink()
        make(path)

    return spoil


_NO_FILE = {
    "a pipe": _instead(os.mkfifo),
    "a folder": _instead(pathlib.Path.mkdir),
    "a device": _instead(lambda path: path.symlink_to("/dev/zero")),
    "a circle": _instead(lambda path: path.symlink_to(path.name)),
    "a terabyte": lambda path: os.truncate(path, 1 << 40),
}
_NO_JSON = {
    "deep": _text("[" * 200_000),
    "deep and whole": _text('{"a":' * 60 + "1" + "}" * 60),
    "a list": _text("[]"),
    "null": _text("null"),
    "nothing": _text(""),
    "digits": _text('{"seed": ' + "9" * 5000 + "}"),
    "half a pair": _text('{"model": "\\ud800"}'),
    "latin-1": _text(b'{"model": "\xfc"}'),
    "lists": _text("[" + "[]," * 3_000_000 + "[]]"),
}

LEFT_OUT = {
    "run.json": _NO_FILE | _NO_JSON | {
        "a status that is a list": _changed("status", to=["finished"]),
        "no status": _changed("status", to=None),
        "a model that is a number": _changed("model", to=7),
        "a model without end": _changed("model", to="m" * 9_000_000),
        "a model that is an object": _changed("model", to={"name": "x"}),
        "a seed that is a text": _changed("seed", to="0"),
        "a seed beyond reason": _changed("seed", to=10**30),
        "a fractional seed": _changed("seed", to=1e300),
        "negative parameters": _changed("parameters", to=-1),
        "true parameters": _changed("parameters", to=True),
        "negative seconds": _changed("wall_seconds", to=-3571.0),
        "seconds without end": lambda path: path.write_text(path.read_text().replace("2.5", "1e400")),
        "seconds that are none": lambda path: path.write_text(path.read_text().replace("2.5", "NaN")),
        "no device": _changed("device", to=None),
        "a digest that is a list": _changed("data_digest", to=[]),
        "operations that are a text": _changed("flops", to="many"),
        "versions that are a list": _changed("versions", to=[1]),
        "process -1": _changed("process", "id", to=-1),
        "process one in words": _changed("process", "id", to="1"),
        "process without number": _changed("process", "id", to=None),
        "process beyond reason": _changed("process", "id", to=10**20),
    },
    "labels.json": {
        "a pipe": _NO_FILE["a pipe"], "deep": _NO_JSON["deep"], "a list": _NO_JSON["a list"], "null": _text("null"),
        "half a pair": _changed("label_names", to=["\ud800", "b"]),
        "no names": _changed("label_names", to=None),
        "a text": _changed("label_names", to="ab"),
        "too short": _changed("label_names", to=["a"]),
        "too long": _changed("label_names", to=["a", "b", "c"]),
        "nested": _changed("label_names", to=[["a"], ["b"]]),
        "numbers": _changed("label_names", to=[0, 1]),
        "twice": _changed("label_names", to=["a", "a"]),
    },
    "results.json": {
        "deep": _NO_JSON["deep"], "a list": _NO_JSON["a list"],
        "test is null": _changed("test", to=None),
        "test is a list": _changed("test", to=[]),
        "no rows": _changed("test", "n", to="40"),
        "rows beyond reason": _changed("test", "n", to=10**18),
        "an F1 that is none": _changed("test", "macro_f1", to=float("nan")),
        "an F1 beyond reason": _changed("test", "macro_f1", to=10**18),
        "accuracy is a text": _changed("test", "accuracy", to="high"),
        "a ragged matrix": _changed("test", "confusion_matrix", to=[[1], [1, 2]]),
    },
    "predictions.npz": {
        "a pipe": _NO_FILE["a pipe"], "a folder": _NO_FILE["a folder"], "nothing": _text(""),
        "promises": _text(npz(ids=npy("(4000000000,)"), labels=npy("(4000000000,)"))),
        "negative": _text(npz(ids=npy("(-4,)", content=bytes(16)))),
        "unfolds": _text(npz(deflated=True, ids=npy("(200000000,)", "'|u1'", bytes(200_000_000)))),
        "objects": _text(npz(ids=npy("(1,)", "'|O'", b"cposix\nsystem\n(S'touch proof'\ntR."))),
        "deep header": _text(npz(ids=b"\x93NUMPY\x01\x00\x28\x23" + b"[" * 9000)),
        "one is missing": _text(_arrays(labels=None)),
        "fractions": _text(_arrays(labels=np.zeros(ROWS))),
        "labels in a table": _text(_arrays(labels=np.zeros((ROWS, 1), int), ids=np.zeros((ROWS, 1), int))),
        "texts": _text(_arrays(labels=np.array(["a"] * ROWS))),
        "a class beyond reason": _text(_arrays(labels=np.full(ROWS, 2**62))),
        "not probable": _text(_arrays(probabilities=np.full((ROWS, 2), 1e300))),
        "not a number": _text(_arrays(probabilities=np.full((ROWS, 2), np.nan))),
        "no Unicode": _text(_arrays(ids=np.full(ROWS, 0xD800, "uint32").view("<U1"))),
        "others": _text(_arrays(ids=np.arange(3), labels=np.zeros(3, int), probabilities=np.full((3, 2), 0.5))),
    },
    "config.yaml": {
        "a pipe": _NO_FILE["a pipe"], "a terabyte": _NO_FILE["a terabyte"],
        "aliases": _text(aliases()), "in itself": _text("&a [*a]"), "depth": _text("[" * 50_000),
        "size": _text("- a\n" * 1_000_000), "digits": _text("training: {epochs: " + "9" * 5000 + "}"),
        "a list": _text("[1, 2]"), "a text": _text("text"), "nothing": _text(""),
        "bytes": _text("model: !!binary aaaa"), "code": _text("!!python/object/apply:os.system ['touch proof']"),
        "null": _text("model: null\ndataset: null\ntraining: null"),
    },
}  # fmt: skip

PART_LEFT_OUT = {
    "validation_predictions.npz": {
        "a pipe": _NO_FILE["a pipe"], "promises": _text(npz(ids=npy("(4000000000,)"))), "nothing": _text(""),
    },
    "corruptions.json": {
        "deep": _NO_JSON["deep"], "a pipe": _NO_FILE["a pipe"], "beyond reason": _changed("mean_accuracy", to=1e300),
        "a text": _changed("mean_accuracy", to="x"),
    },
    "speed.json": {
        "deep": _NO_JSON["deep"], "a text": _changed("latency_ms", to="fast"), "a list": _changed("device", to=[1]),
    },
}  # fmt: skip

HISTORIES = {
    "a pipe": _NO_FILE["a pipe"],
    "epochs beyond reason": _text("epoch,loss\n1e300,1\n"),
    "negative epochs": _text("epoch,loss\n-5,1\n"),
    "half an epoch": _text("epoch,loss\n1.5,1\n"),
    "no number": _text("epoch,loss\none,two\n"),
    "ragged": _text("epoch,loss\n1\n2,3,4\n"),
    "twice": _text("epoch,epoch\n1,1\n"),
    "wide": _text(",".join(["epoch", *map(str, range(100_000))]) + "\n" + ",".join(["1"] * 100_001) + "\n"),
    "long": _text("epoch,loss\n" + "1,1\n" * 500_000),
    "a field without end": _text('epoch,"' + "a" * 5_000_000),
    "zeros": _text(bytes(1_000_000)),
    "a terabyte": _NO_FILE["a terabyte"],
}


def spoiled(run: Run, file: str, spoil: Callable[[pathlib.Path], None]) -> Run:
    spoil(run.path / file)
    return run


def kinds(of: dict[str, dict[str, Callable]]) -> list[tuple[str, str, Callable]]:
    """(file, kind, what spoils it)."""
    return [(file, kind, spoil) for file, spoils in of.items() for kind, spoil in spoils.items()]
