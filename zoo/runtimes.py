"""Exported models in their own runtimes, with as much of a Keras model's surface as prediction and evaluation use."""

import hashlib
import json
import pathlib
import threading
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.processor import usable_cores
from zoo.quiet import import_tensorflow, silenced_unless_asked_for
from zoo.safe_reading import read_mapping
from zoo.tokens import make_tokenizer

LABELS = "labels.json"  # a member of the zip behind a LiteRT model, a file in a SavedModel's assets.extra
METADATA_KEY = "zoo"  # of an ONNX model
# Operations by which a graph reads and writes files of its own choosing; saving and restoring name theirs in arguments.
_FILE_OPERATIONS = {
    "ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "PyFuncStateless", "EagerPyFunc", "PrintV2",
    "TextLineDataset", "TFRecordDataset", "TFRecordDatasetV2", "FixedLengthRecordDataset", "FixedLengthRecordDatasetV2",
    "WholeFileReader", "WholeFileReaderV2", "TextLineReader", "TextLineReaderV2", "SaveDataset", "SaveDatasetV2",
    "LoadDataset", "DatasetToTFRecord", "CacheDataset", "CacheDatasetV2", "SnapshotDataset", "SnapshotDatasetV2",
    "CreateSummaryFileWriter", "CreateSummaryDbWriter", "DebugIdentity", "DebugIdentityV2", "DebugIdentityV3",
    "LoadAndRemapMatrix",
}  # fmt: skip


class ExportedModel:
    """A file in its runtime.

    Attributes:
        input_shape, output_shape: as of a Keras model, the batch first, as None; `(None,)` of texts.
        labels: what travels in the file, see `zoo.loading.LoadedModel`; empty in a file from elsewhere.
        runtime: name and version.
    """

    def __init__(self, compute: Callable, input_shape, output_shape, dtype, labels: dict[str, Any], runtime: str,
                 tokenizer: Callable | None = None, one_by_one: bool = False):  # fmt: skip
        self._compute, self._dtype, self._tokenizer, self._one_by_one = compute, dtype, tokenizer, one_by_one
        self.labels, self.runtime = labels, runtime
        self.input_shape = (None,) if tokenizer else _with_open_batch(input_shape)
        self.output_shape = _with_open_batch(output_shape)

    def predict(self, features: np.ndarray, batch_size: int = 32, verbose: int = 0) -> np.ndarray:
        """Raw input `[examples, …]` → `float32[examples, output]`; `verbose` is there for Keras's sake.

        Raises:
            ZooError: the runtime refuses the input.
        """
        size = 1 if self._one_by_one else batch_size
        parts = [self._answer(features[i : i + size]) for i in range(0, len(features), size)]
        return np.concatenate(parts) if parts else np.zeros((0, *self.output_shape[1:]), "float32")

    def _answer(self, features: np.ndarray) -> np.ndarray:
        if self._tokenizer:
            features = self._tokenizer(features)
        if self._dtype:
            features = np.ascontiguousarray(features, self._dtype)
        try:
            return self._compute(features)
        except Exception as error:  # whatever a runtime makes of a foreign file, or of input that does not fit it
            raise ZooError(
                f"the exported model fails on input of shape {features.shape} ({_one_line(error)})"
            ) from error


def _with_open_batch(shape) -> tuple[int | None, ...]:
    """A runtime's shape, whose open sizes may have names, as Keras writes it."""
    return (None, *(size if isinstance(size, int) else None for size in shape[1:]))


def is_exported(path: pathlib.Path) -> bool:
    """Whether a path looks like an exported model, not a `.keras` file."""
    return path.suffix in (".onnx", ".tflite") or (path / "saved_model.pb").exists()


def open_exported(path: pathlib.Path) -> ExportedModel:
    """Open a .onnx or .tflite file, or the folder of a SavedModel, in its runtime.

    Raises:
        ZooError: the file is damaged, holds what is refused or no classifier, or its runtime is not installed.
    """
    read = {".onnx": _open_onnx, ".tflite": _open_litert}.get(path.suffix, _open_saved_model)
    try:
        model = read(path)
    except ZooError:
        raise
    except Exception as error:  # the file is the user's: whatever a runtime makes of it is one line
        raise ZooError(f"{path}: its runtime cannot load it ({_one_line(error)}); copy or export it again") from error
    if len(model.output_shape) != 2 or not isinstance(model.output_shape[1], int):
        raise ZooError(f"{path}: its output has the shape {model.output_shape}; a classifier's is (batch, classes)")
    return model


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def file_digest(path: pathlib.Path) -> str:
    """SHA-256 of a file, or of all files of a folder with their names."""
    digest = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
        digest.update(str(file.relative_to(path)).encode() if path.is_dir() else b"")
        with open(file, "rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return f"sha256:{digest.hexdigest()}"


def refuse_changed(path: pathlib.Path) -> None:
    """Raises: ZooError: the bytes are not those that the parity.json of an export, beside them, speaks for."""
    judged = path.parent / "parity.json"
    if not judged.exists():
        return
    try:
        record = read_mapping(judged, "export again")
        changed = record["file"] == path.name and record["digest"] != file_digest(path)
    except (OSError, KeyError):
        raise ZooError(f"{judged}: damaged; export again, or move {path.name} elsewhere") from None
    if changed:
        raise ZooError(f"{path}: damaged or changed, it is not what parity.json beside it judged; export again")


def _import(name: str, package: str, extra: str = "export"):
    try:
        return __import__(name, fromlist=["_"])
    except ModuleNotFoundError:
        raise ZooError(f"this needs the package {package}: pip install 'keras-model-zoo[{extra}]'") from None


def _tokenizer_of(labels: dict[str, Any]) -> Callable | None:
    return make_tokenizer(labels["tokenizer"]) if labels.get("tokenizer") else None


def _open_onnx(path: pathlib.Path) -> ExportedModel:
    onnxruntime = _import("onnxruntime", "onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"], enable_fallback=0)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    _refuse_several(path, inputs, outputs)
    labels = json.loads(session.get_modelmeta().custom_metadata_map.get(METADATA_KEY, "{}"))
    kinds = {"tensor(uint8)": "uint8", "tensor(float)": "float32", "tensor(int32)": "int32", "tensor(int64)": "int64"}
    if inputs[0].type not in kinds:
        raise ZooError(f"{path}: its input is {inputs[0].type}; numbers of {', '.join(kinds.values())} are read")
    if outputs[0].type != "tensor(float)":
        raise ZooError(f"{path}: its output is {outputs[0].type}; probabilities in float32 are needed")
    return ExportedModel(
        compute=lambda batch: session.run(None, {inputs[0].name: batch})[0],
        input_shape=inputs[0].shape,
        output_shape=outputs[0].shape,
        dtype=kinds[inputs[0].type],
        labels=labels,
        runtime=f"ONNX Runtime {onnxruntime.__version__}",
        tokenizer=_tokenizer_of(labels),
    )


def _open_litert(path: pathlib.Path) -> ExportedModel:
    interpreters = _import("ai_edge_litert.interpreter", "ai-edge-litert")
    labels = {}
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            labels = json.loads(archive.read(LABELS)) if LABELS in archive.namelist() else {}
    with silenced_unless_asked_for():  # it greets on standard error
        interpreter = interpreters.Interpreter(str(path), num_threads=usable_cores())
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    _refuse_several(path, inputs, outputs)
    known = np.dtype(inputs[0]["dtype"]).name in ("uint8", "float32", "int32", "int64")
    if not known or outputs[0]["dtype"] != np.float32:
        raise ZooError(f"{path}: its input or output is quantized; export it with plain ones")
    if len(inputs[0]["shape"]) and inputs[0]["shape"][0] != 1:
        raise ZooError(f"{path}: reads {inputs[0]['shape'][0]} examples at once; export it for one")
    with silenced_unless_asked_for():
        interpreter.allocate_tensors()
    one_at_a_time = threading.Lock()  # a server may ask from several threads

    def compute(example: np.ndarray) -> np.ndarray:
        with one_at_a_time:
            interpreter.set_tensor(inputs[0]["index"], example)
            interpreter.invoke()
            return interpreter.get_tensor(outputs[0]["index"])

    return ExportedModel(
        compute=compute,
        input_shape=tuple(map(int, inputs[0]["shape"])),
        output_shape=tuple(map(int, outputs[0]["shape"])),
        dtype=inputs[0]["dtype"],
        labels=labels,
        runtime=f"LiteRT {_version('ai-edge-litert')}",
        tokenizer=_tokenizer_of(labels),
        one_by_one=True,
    )


def _open_saved_model(path: pathlib.Path) -> ExportedModel:
    import_tensorflow()
    import tensorflow as tf

    _refuse_file_operations(path)
    extra = path / "assets.extra" / LABELS
    labels = json.loads(extra.read_text(encoding="utf-8")) if extra.exists() else {}
    if (labels.get("tokenizer") or {}).get("kind") == "word_piece":
        _import("tensorflow_text", "tensorflow-text", "text")  # registers the operations of WordPiece
    loaded = tf.saved_model.load(str(path))
    if "serving_default" not in loaded.signatures:
        raise ZooError(f"{path}: has no signature serving_default; export it again")
    signature = loaded.signatures["serving_default"]
    inputs = signature.structured_input_signature[1]
    _refuse_several(path, inputs, signature.structured_outputs)
    name, specification = next(iter(inputs.items()))
    texts = specification.dtype == tf.string

    def compute(batch: np.ndarray) -> np.ndarray:
        batch = tf.constant(list(batch)) if texts else tf.constant(batch)
        # Through `loaded`, whose variables live as long as it does.
        return next(iter(loaded.signatures["serving_default"](**{name: batch}).values())).numpy()

    return ExportedModel(
        compute=compute,
        input_shape=specification.shape.as_list(),
        output_shape=next(iter(signature.structured_outputs.values())).shape.as_list(),
        dtype=None if texts else specification.dtype.as_numpy_dtype,
        labels=labels,
        runtime=f"TensorFlow {tf.__version__}",
    )


def _refuse_several(path: pathlib.Path, inputs, outputs) -> None:
    if len(inputs) != 1 or len(outputs) != 1:
        raise ZooError(f"{path}: has {len(inputs)} inputs and {len(outputs)} outputs; one of each is needed")


def _refuse_file_operations(path: pathlib.Path) -> None:
    """A SavedModel is a program: one that would open files when it is called is not loaded at all."""
    from tensorflow.core.protobuf import saved_model_pb2

    content = saved_model_pb2.SavedModel()
    content.ParseFromString((path / "saved_model.pb").read_bytes())
    for graph in (meta.graph_def for meta in content.meta_graphs):
        for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
            for node in nodes:
                if node.op in _FILE_OPERATIONS:
                    raise ZooError(f"{path}: refused, its graph holds {node.op}, which would reach outside the model")


def _version(package: str) -> str:
    from importlib import metadata

    return metadata.version(package)
