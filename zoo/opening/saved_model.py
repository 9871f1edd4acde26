"""Opens a SavedModel in TensorFlow."""

import pathlib

import numpy as np

from zoo.errors import ZooError
from zoo.opening.exported import STRING, ExportedModel, Tensor, import_library, refuse_numbers
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
    refuse_numbers(path, inputs, signature.structured_outputs, labels)

    def tensor(specification) -> Tensor:
        texts = specification.dtype == tf.string
        dtype = STRING if texts else np.dtype(specification.dtype.as_numpy_dtype).name
        return Tensor(tuple(specification.shape.as_list()), dtype)

    def compute(arrays: dict[str, np.ndarray]) -> np.ndarray:
        tensors = {name: tf.constant(array.tolist() if array.dtype == object else array) for name, array in
                   arrays.items()}  # fmt: skip
        # Through `loaded`, whose variables live as long as it does.
        return next(iter(loaded.signatures["serving_default"](**tensors).values())).numpy()

    return ExportedModel(
        compute=compute,
        inputs={name: tensor(specification) for name, specification in inputs.items()},
        output_shape=next(iter(signature.structured_outputs.values())).shape.as_list(),
        labels=labels,
        runtime=f"TensorFlow {tf.__version__}",
    )
