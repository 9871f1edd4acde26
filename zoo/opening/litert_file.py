"""Opens a LiteRT file in its interpreter."""

import pathlib
import threading
import zipfile
from importlib import metadata

import numpy as np

from zoo.errors import ZooError
from zoo.opening.archive import open_zip
from zoo.opening.exported import ExportedModel, Tensor, import_library, one_line, refuse_numbers
from zoo.opening.labels import LABELS, read_labels
from zoo.processor import usable_cores
from zoo.quiet import silenced_unless_asked_for


def judge_litert(path: pathlib.Path) -> None:
    """Raises: ZooError: it is damaged, or names other files."""
    schema = import_library("ai_edge_litert.schema_py_generated", "ai-edge-litert")
    try:
        model = schema.Model.GetRootAs(path.read_bytes(), 0)
        elsewhere = model.ExternalBufferGroupsLength() or model.ExternalBuffersLength()
    except Exception as error:  # of several kinds, where offsets lead outside of the buffer
        raise ZooError(f"{path}: not a LiteRT file, or cut short ({one_line(error)}); export it again") from None
    if elsewhere:
        raise ZooError(f"{path}: refused, its weights are in another file; export it in one piece")


def open_litert(path: pathlib.Path) -> ExportedModel:
    """Open a file that `judge_litert` has passed."""
    interpreters = import_library("ai_edge_litert.interpreter", "ai-edge-litert")
    labels = {}
    if zipfile.is_zipfile(path):
        with open_zip(path, "LiteRT file") as archive:
            labels = read_labels(archive.read(LABELS), path) if LABELS in archive.namelist() else {}
    with silenced_unless_asked_for():  # it greets on standard error
        interpreter = interpreters.Interpreter(str(path), num_threads=usable_cores())
    inputs, outputs = _named_inputs(interpreter), interpreter.get_output_details()
    refuse_numbers(path, inputs, outputs, labels)
    tensors = {name: Tensor(tuple(map(int, of["shape"])), np.dtype(of["dtype"]).name) for name, of in inputs.items()}
    known = all(each.dtype in ("uint8", "float32", "int32", "int64") for each in tensors.values())
    if not known or outputs[0]["dtype"] != np.float32:
        raise ZooError(f"{path}: its input or output is quantized; export it with plain ones")
    together = next((each.shape[0] for each in tensors.values() if each.shape and each.shape[0] != 1), None)
    if together is not None:
        raise ZooError(f"{path}: reads {together} examples at once; export it for one")
    with silenced_unless_asked_for():
        interpreter.allocate_tensors()
    one_at_a_time = threading.Lock()  # a server may ask from several threads

    def compute(example: dict[str, np.ndarray]) -> np.ndarray:
        with one_at_a_time:
            for name, array in example.items():
                interpreter.set_tensor(inputs[name]["index"], array)
            interpreter.invoke()
            return interpreter.get_tensor(outputs[0]["index"])

    return ExportedModel(
        compute=compute,
        inputs=tensors,
        output_shape=tuple(map(int, outputs[0]["shape"])),
        labels=labels,
        runtime=f"LiteRT {metadata.version('ai-edge-litert')}",
        one_by_one=True,
    )


def _named_inputs(interpreter) -> dict[str, dict]:
    """Details of the inputs by the names that they were exported with; the tensors have longer ones."""
    inputs = interpreter.get_input_details()
    if len(interpreter.get_signature_list()) != 1:
        return {details["name"]: details for details in inputs}
    by_index = {details["index"]: details for details in inputs}
    named = interpreter.get_signature_runner().get_input_details()
    return {name: by_index[details["index"]] for name, details in named.items() if details["index"] in by_index}
