"""A loaded model as one compiled function of a few batch sizes."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.quiet import import_tensorflow
from zoo.schema import DTYPES

if TYPE_CHECKING:
    from zoo.loading import LoadedModel

_SMALL_BYTES = 8_000_000  # size of a model's file


def spare_threads(path: Path) -> None:
    """Lets TensorFlow compute a small model in one thread; to be called before it computes anything.

    Sharing operations of a few microseconds among threads costs more than it saves, and keeps a core from reading
    requests.
    """
    if not path.is_file() or path.stat().st_size > _SMALL_BYTES:
        return
    import_tensorflow(start=False)
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):  # TensorFlow has computed already: nothing is wrong, it is only slower
        tf.config.threading.set_intra_op_parallelism_threads(1)


def compiled(loaded_model: "LoadedModel", max_batch_size: int) -> Callable[[np.ndarray], np.ndarray]:
    """Returns `[rows, …]` → answers, `[rows, …]`, for 1 to `max_batch_size` rows; computed once for each size.

    Batches are filled up, with copies of their last row, to the next power of two or `max_batch_size`, and TensorFlow
    traces the model for these sizes alone, here, so that no request waits for it. A lone row of a small model is
    computed as two: of one row, TensorFlow multiplies a vector in place of a matrix, and the last bits of the answer
    would tell whether others were in the batch. Of a large model that would double the time of an answer. An exported
    model, which has no graph to trace, is called as it is.
    """
    model, sizes = loaded_model.model, batch_sizes(max_batch_size)
    functions = {}
    if hasattr(model, "inputs"):
        sizes = sizes if model.count_params() < _SMALL_BYTES / 4 else sorted({1, *sizes})
        functions = _traced(loaded_model, sizes)

    def function(rows: np.ndarray) -> np.ndarray:
        if not functions:
            return loaded_model.answers(by_kind(rows) if mixed else rows)
        size = next(size for size in sizes if size >= len(rows))
        padded = np.concatenate([rows, np.repeat(rows[-1:], size - len(rows), axis=0)]) if size > len(rows) else rows
        return functions[size](padded)[: len(rows)]

    mixed = loaded_model.schema is not None
    if mixed:
        example = np.empty(1, object)
        example[0] = {
            key: np.full(shape, "" if DTYPES[key] == "object" else 0, DTYPES[key])
            for key, shape in loaded_model.input_shape.items()
        }
    elif loaded_model.reads == "text":
        example = np.array([""], object)
    else:
        example = np.zeros((1, *loaded_model.input_shape), "uint8")
    for size in sizes:
        function(np.repeat(example, size, axis=0))
    return function


def batch_sizes(max_batch_size: int) -> list[int]:
    """Powers of two from 2 on, below `max_batch_size`, then itself, but not less than 2."""
    powers = [2**exponent for exponent in range(1, max_batch_size.bit_length())]
    return [size for size in powers if size < max_batch_size] + [max(2, max_batch_size)]


def by_kind(rows: np.ndarray) -> dict[str, np.ndarray]:
    """`object[rows]` of arrays by kind, as `requests` makes them → one array of each kind."""
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


def _traced(loaded_model: "LoadedModel", sizes: list[int]) -> dict[int, Callable[[np.ndarray], np.ndarray]]:
    import tensorflow as tf

    model, task = loaded_model.model, loaded_model.task
    function = tf.function(lambda features: model(features, training=False), autograph=False)
    if isinstance(model.input, dict):

        def call_mixed(concrete):
            def answer(rows):
                tensors = {key: tf.constant(array, model.input[key].dtype) for key, array in by_kind(rows).items()}
                return task.answers(concrete(tensors).numpy().astype("float32"))

            return answer

        def specification(size):
            return {key: tf.TensorSpec((size, *t.shape[1:]), t.dtype, name=key) for key, t in model.input.items()}

        return {size: call_mixed(function.get_concrete_function(specification(size))) for size in sizes}
    dtype, shape = model.inputs[0].dtype, model.input_shape[1:]

    def call(concrete):
        return lambda rows: task.answers(concrete(tf.constant(rows, dtype)).numpy().astype("float32"))

    return {size: call(function.get_concrete_function(tf.TensorSpec((size, *shape), dtype))) for size in sizes}
