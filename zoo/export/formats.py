"""A Keras model → files of other formats, with labels, preprocessing and tokenizer inside as far as the format can."""

import dataclasses
import importlib.util
import io
import json
import logging
import pathlib
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.quiet import silenced_unless_asked_for
from zoo.runtimes import LABELS, METADATA_KEY
from zoo.tasks.catalog import get_task, read_labels

FORMATS = ("keras", "saved_model", "onnx", "litert", "litert_int8")
QUANTIZATIONS = ("dynamic", "int8", "float16")
_FILES = {"keras": "model.keras", "saved_model": "model", "onnx": "model.onnx", "litert": "model.tflite"}
_PACKAGES = {"onnx": ("onnx", "tf2onnx", "onnxruntime"), "litert": ("ai_edge_litert",)}
# dynamic: int8 weights, activations scaled as they come. int8: activations scaled by what training rows gave.
_NAMES = {
    ("keras", None): "keras",
    ("keras", "int8"): "keras_int8",
    ("saved_model", None): "saved_model",
    ("onnx", None): "onnx",
    ("onnx", "dynamic"): "onnx_int8",
    ("onnx", "int8"): "onnx_full_int8",
    ("litert", None): "litert",
    ("litert", "dynamic"): "litert_int8",
    ("litert", "int8"): "litert_full_int8",
    ("litert", "float16"): "litert_float16",
}
_REFUSED = {
    ("keras", "dynamic"): "Keras's int8 scales activations as they come already: --quantize=int8",
    ("keras", "float16"): "Keras has no float16 weights at prediction: --format=litert --quantize=float16",
    ("onnx", "float16"): "ONNX Runtime computes float16 on GPUs alone: --format=litert --quantize=float16",
}
_CALIBRATION_ROWS = 500


@dataclasses.dataclass(frozen=True)
class Target:
    """A format with or without quantization; `name` is its folder's."""

    format: str
    quantize: str | None
    name: str

    @property
    def file(self) -> str:
        return _FILES[self.format]


@dataclasses.dataclass(frozen=True)
class Source:
    """What is exported: a float32 Keras model from raw input, its labels, and training features to calibrate on."""

    file: pathlib.Path
    model: Any
    labels: dict[str, Any]
    training_features: Any


def targets(form: str, quantize: str | None) -> list[Target]:
    """What `--format` and `--quantize` ask for.

    Raises:
        ZooError: the two do not go together, or a package is not installed.
    """
    if form == "all" and quantize:
        raise ZooError(f"--quantize={quantize} does not go with --format=all; name one format")
    if form == "litert_int8" and quantize not in (None, "dynamic"):
        raise ZooError(f"--quantize={quantize} does not go with --format=litert_int8; say --format=litert")
    pairs = [(name, quantize) for name in (FORMATS if form == "all" else [form])]
    pairs = [("litert", "dynamic") if name == "litert_int8" else (name, how) for name, how in pairs]
    for pair in pairs:
        if pair not in _NAMES:
            reason = _REFUSED.get(pair, "a SavedModel computes in float32: --format=litert or onnx")
            raise ZooError(f"--format={pair[0]} --quantize={pair[1]}: {reason}")
        for package in _PACKAGES.get(pair[0], ()):
            if importlib.util.find_spec(package) is None:
                named = package.replace("_", "-")
                raise ZooError(f"--format={pair[0]} needs the package {named}: pip install 'keras-model-zoo[export]'")
    return [Target(*pair, _NAMES[pair]) for pair in pairs]


def refusal(target: Target, model) -> str | None:
    """Why a model cannot be exported to a format, in words; None if no reason is known."""
    from zoo.layers.front import fronts, inputs_of, text_layer
    from zoo.layers.tf_idf import TfIdf

    inputs = inputs_of(model)
    named = inputs if isinstance(inputs, dict) else {}
    if len(model.inputs) > 1 and not named and target.format != "keras":
        names = ", ".join(tensor.name for tensor in model.inputs)
        return f"a list of several inputs ({names}) is exported as keras alone; build the model with a dictionary"
    unread = [name for name, tensor in named.items() if tensor.dtype == "string" and name not in fronts(model)]
    if target.format in ("litert", "onnx") and unread:
        return (
            f"the strings of {unread[0]!r} are read by a layer that only TensorFlow has; export to saved_model or keras"
        )
    if target.format in ("litert", "onnx") and target.quantize == "int8" and named:
        return "calibrated int8 has no number for the gaps of a table (NaN): --quantize=dynamic"
    if target.format == "litert" and any(isinstance(layer, TfIdf) for layer in model.layers):
        return "LiteRT has no operation that counts words (DenseBincount); export to onnx, saved_model or keras"
    if target.format in ("litert", "onnx") and target.quantize == "int8" and text_layer(model) is not None:
        return "calibrated int8 is of no use for texts (a BERT's answers are lost): --quantize=dynamic"
    return None


def write(source: Source, target: Target, folder: pathlib.Path) -> None:
    """Write the model into a folder as `target.file`.

    Raises:
        ZooError: the format's converter refuses the model.
    """
    writers: dict[str, Callable] = {
        "keras": _write_keras,
        "saved_model": _write_saved_model,
        "onnx": _write_onnx,
        "litert": _write_litert,
    }
    try:
        with silenced_unless_asked_for(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            writers[target.format](source, target.quantize, folder / target.file)
    except (ZooError, OSError):
        raise
    except Exception as error:  # a converter may raise anything about a model that it cannot take
        lines = [line for line in str(error).splitlines() if "error:" in line] or str(error).splitlines() or [""]
        raise ZooError(f"{target.name}: the converter refuses this model ({lines[0][:200].strip()})") from error


def float32_file(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copy a `.keras` file so that it computes in float32, whatever the precision it was trained in.

    The weights are float32 under mixed precision as well; other runtimes have no bfloat16.
    """
    names = {"mixed_bfloat16", "mixed_float16", "bfloat16", "float16"}

    def walk(value):
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item) for item in value]
        return "float32" if isinstance(value, str) and value in names else value

    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            copy.writestr(name, json.dumps(walk(json.loads(content))) if name == "config.json" else content)


def half_size_file(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copy a `.keras` file with its kernels stored in float16; what opens it still computes as its layers say.

    Vectors, such as biases and what normalization knows, stay as they are, and so does a kernel beyond float16's range.
    """
    import h5py

    def copy_group(group, new) -> None:
        new.attrs.update(group.attrs)
        for name, item in group.items():
            if isinstance(item, h5py.Group):
                copy_group(item, new.create_group(name))
                continue
            values = item[()]
            if values.dtype == "float32" and values.ndim > 1 and np.abs(values).max(initial=0) < 65_504:
                values = values.astype("float16")
            new.create_dataset(name, data=values).attrs.update(item.attrs)

    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "model.weights.h5":
                stored = io.BytesIO()
                with h5py.File(io.BytesIO(content)) as old, h5py.File(stored, "w") as new:
                    copy_group(old, new)
                content = stored.getvalue()
            copy.writestr(name, content)


def numbers_model(model):
    """The part of a model after its strings: ids, pictures or tables → what its task asks.

    Ids of texts are `int[batch, length]`; those of a table are as `zoo.tokens.make_encoder` gives them.
    """
    import keras

    from zoo.layers.front import fronts, part_behind, text_layer

    if fronts(model):
        return part_behind(model, model.output)
    front = text_layer(model)
    return model if front is None else keras.Model(front.output, model.output)


def output_name(source: Source) -> str:
    """What a file calls its output: probabilities, values, …"""
    return get_task(read_labels(source.labels)["task"]).output


def _signature(model, batch_size: int | None) -> list:
    """What the one argument of the model is, for `tf.function`: a specification, or some by name."""
    import tensorflow as tf

    from zoo.layers.front import inputs_of

    def specification(tensor, name: str):
        return tf.TensorSpec((batch_size, *tensor.shape[1:]), tensor.dtype, name=name)

    inputs = inputs_of(model)
    if isinstance(inputs, dict):
        return [{name: specification(tensor, name) for name, tensor in inputs.items()}]
    name = "ids" if "int" in inputs.dtype and len(inputs.shape) == 2 else inputs.name
    return [specification(inputs, name)]


def _calibration(source: Source) -> np.ndarray:
    features = source.training_features
    return features[np.linspace(0, len(features) - 1, min(len(features), _CALIBRATION_ROWS)).astype(int)]


def _write_keras(source: Source, quantize: str | None, path: pathlib.Path) -> None:
    from zoo.loading import load_model, save_model

    model = source.model
    if quantize:
        model = load_model(source.file).model  # quantization is in place
        model.quantize("int8")
    save_model(model, path, source.labels)


def _write_saved_model(source: Source, quantize: None, path: pathlib.Path) -> None:
    """Written by TensorFlow itself, because the export of Keras stores every variable twice."""
    import tensorflow as tf

    model, archive = source.model, tf.Module()

    @tf.function(input_signature=_signature(model, None), autograph=False)
    def serve(inputs):
        return {output_name(source): model(inputs, training=False)}

    archive.model, archive.serve = model, serve
    tf.saved_model.save(archive, str(path), signatures={"serving_default": serve})
    (path / "assets.extra").mkdir()
    labels = json.dumps(source.labels, ensure_ascii=False)
    (path / "assets.extra" / LABELS).write_text(labels, encoding="utf-8")


def _write_onnx(source: Source, quantize: str | None, path: pathlib.Path) -> None:
    import keras
    import onnx

    from zoo.keras_hooks import store_as_constants

    model = numbers_model(source.model)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            store_as_constants(layer)
    model.export(str(path), format="onnx", verbose=False, input_signature=_signature(model, None))
    if quantize:
        _quantize_onnx(source, quantize, path)
    content = onnx.load(path)
    graph = content.graph
    given, output = graph.output[0].name, output_name(source)
    for node in graph.node:
        node.output[:] = [output if name == given else name for name in node.output]
        node.input[:] = [output if name == given else name for name in node.input]
    graph.output[0].name = output
    for value in (*graph.input, graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.helper.set_model_props(content, {METADATA_KEY: json.dumps(source.labels, ensure_ascii=False)})
    onnx.checker.check_model(content)
    onnx.save(content, path)


def _quantize_onnx(source: Source, quantize: str, path: pathlib.Path) -> None:
    from onnxruntime import quantization
    from onnxruntime.quantization import shape_inference

    logging.getLogger().setLevel(logging.ERROR)
    prepared = path.with_suffix(".prepared.onnx")
    shape_inference.quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    if quantize == "dynamic":
        quantization.quantize_dynamic(prepared, path, weight_type=quantization.QuantType.QInt8, per_channel=True)
    else:
        rows = _calibration(source)
        name = _signature(numbers_model(source.model), None)[0].name

        class Rows(quantization.CalibrationDataReader):
            def __init__(self):
                self.rows = iter(rows)

            def get_next(self):
                row = next(self.rows, None)
                return None if row is None else {name: row[None]}

        quantization.quantize_static(prepared, path, Rows(), per_channel=True)
    prepared.unlink()


def _write_litert(source: Source, quantize: str | None, path: pathlib.Path) -> None:
    """For one example at a time: with an open batch size, sizes are computed at each call, and some layers fail."""
    import tensorflow as tf

    model = numbers_model(source.model)
    settings: dict[str, Any] = {"target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}}
    if quantize:
        settings["optimizations"] = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        settings["target_spec"]["supported_types"] = [tf.float16]
    if quantize == "int8":
        rows = _calibration(source)
        settings["representative_dataset"] = lambda: ([row[None]] for row in rows)
    model.export(str(path), format="litert", verbose=False, input_signature=_signature(model, 1), **settings)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:  # LiteRT's way to carry files along
        archive.writestr(LABELS, json.dumps(source.labels, ensure_ascii=False))
