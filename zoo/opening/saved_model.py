"""Opens a SavedModel in TensorFlow."""

import pathlib

import numpy as np

from zoo.errors import ZooError
from zoo.opening.exported import ExportedModel, import_library, refuse_several
from zoo.opening.labels import LABELS, read_labels
from zoo.opening.operations import TEXT_PACKAGE
from zoo.opening.saved_model_graph import judge_saved_model
from zoo.quiet import import_tensorflow


def open_saved_model(path: pathlib.Path) -> ExportedModel:
    """Judge and open the folder of a SavedModel."""
    import_tensorflow()
    import tensorflow as tf

    operations = judge_saved_model(path)
    extra = path / "assets.extra" / LABELS
    labels = read_labels(extra.read_bytes(), path) if extra.is_file() else {}
    if operations & TEXT_PACKAGE:
        import_library("tensorflow_text", "tensorflow-text", "text")  # registers the operations of WordPiece
    loaded = tf.saved_model.load(str(path))
    if "serving_default" not in loaded.signatures:
        raise ZooError(f"{path}: has no signature serving_default; export it again")
    signature = loaded.signatures["serving_default"]
    inputs = signature.structured_input_signature[1]
    refuse_several(path, inputs, signature.structured_outputs)
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
