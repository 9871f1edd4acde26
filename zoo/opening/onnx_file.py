"""Opens an ONNX file: judged by its protocol buffer, then read by ONNX Runtime."""

import math
import pathlib
from collections.abc import Iterator
from typing import Any

from zoo.errors import ZooError
from zoo.opening.archive import most_unfolded
from zoo.opening.exported import ExportedModel, Tensor, import_library, one_line, refuse_numbers
from zoo.opening.labels import read_labels

METADATA_KEY = "zoo"
# Standard operators, and those of ONNX Runtime that quantized models use. Neither names files or functions of Python.
_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}
_REFUSED = {"EPContext", "PyOp"}  # programs for other devices, from a path; functions of Python


def judge_onnx(path: pathlib.Path) -> None:
    """Judge all of a graph and the graphs inside it.

    Raises:
        ZooError: it is damaged, reads other files, or holds operators that are not known here.
    """
    onnx = import_library("onnx", "onnx")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # the protocol buffer's own, of several kinds
        raise ZooError(f"{path}: not an ONNX file, or cut short ({one_line(error)}); export it again") from None
    if not model.HasField("graph"):
        raise ZooError(f"{path}: not an ONNX file, it has no graph; export it again")
    declared, most = 0, most_unfolded(path)
    for message in _messages(model):
        if isinstance(message, onnx.TensorProto):
            if message.data_location == onnx.TensorProto.EXTERNAL or message.external_data:
                raise ZooError(
                    f"{path}: refused, its weights {_shown(message.name)} are in another file; export it in one piece"
                )
            declared += math.prod(message.dims)
            if declared > most or min(message.dims, default=0) < 0:
                raise ZooError(f"{path}: refused, its tensors declare {declared:,} numbers; its size allows {most:,}")
        elif isinstance(message, onnx.NodeProto) and (
            message.domain not in _DOMAINS | {function.domain for function in model.functions}
            or message.op_type in _REFUSED
        ):
            raise ZooError(
                f"{path}: refused, its graph holds {_shown(message.domain)} {_shown(message.op_type)}, "
                "which is no operator that is known here"
            )


def _messages(model) -> Iterator[Any]:
    """Every message inside, at any depth."""
    waiting = [model]
    while waiting:
        message = waiting.pop()
        yield message
        for field, value in message.ListFields():
            if field.message_type is not None:
                waiting += [value] if hasattr(value, "ListFields") else list(value)


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() and c.isascii() else "?" for c in text)[:80] or "(unnamed)"


def open_onnx(path: pathlib.Path) -> ExportedModel:
    """Open a file that `judge_onnx` has passed."""
    onnxruntime = import_library("onnxruntime", "onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"], enable_fallback=0)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    labels = read_labels(session.get_modelmeta().custom_metadata_map.get(METADATA_KEY, "{}").encode(), path)
    refuse_numbers(path, inputs, outputs, labels)
    kinds = {"tensor(uint8)": "uint8", "tensor(float)": "float32", "tensor(int32)": "int32", "tensor(int64)": "int64"}
    unknown = next((each.type for each in inputs if each.type not in kinds), None)
    if unknown:
        raise ZooError(f"{path}: its input is {unknown}; numbers of {', '.join(kinds.values())} are read")
    if outputs[0].type != "tensor(float)":
        raise ZooError(f"{path}: its output is {outputs[0].type}; answers in float32 are needed")
    return ExportedModel(
        compute=lambda arrays: session.run(None, arrays)[0],
        inputs={each.name: Tensor(tuple(each.shape), kinds[each.type]) for each in inputs},
        output_shape=outputs[0].shape,
        labels=labels,
        runtime=f"ONNX Runtime {onnxruntime.__version__}",
    )
