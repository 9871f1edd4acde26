"""Opens a LiteRT file in its interpreter."""

import pathlib
import threading
import zipfile
from importlib import metadata

import numpy as np

from zoo.errors import ZooError
from zoo.opening.archive import open_zip
from zoo.opening.exported import ExportedModel, import_library, one_line, refuse_several, tokenizer_of
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
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    refuse_several(path, inputs, outputs)
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
        runtime=f"LiteRT {metadata.version('ai-edge-litert')}",
        tokenizer=tokenizer_of(labels),
        one_by_one=True,
    )
