"""A loaded model as one compiled function of a few batch sizes."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from zoo.loading import LoadedModel


def compiled(loaded_model: "LoadedModel", max_batch_size: int) -> Callable[[np.ndarray], np.ndarray]:
    """Returns `[rows, …]` → answers, `[rows, …]`, for 1 to `max_batch_size` rows; computed once for each size.

    Batches are filled up, with copies of their last row, to the next power of two or `max_batch_size`, and TensorFlow
    traces the model for these sizes alone, here, so that no request waits for it. An exported model, which has no
    graph to trace, is called as it is.
    """
    sizes = batch_sizes(max_batch_size)
    functions = _traced(loaded_model, sizes) if hasattr(loaded_model.model, "inputs") else {}

    def function(rows: np.ndarray) -> np.ndarray:
        if not functions:
            return loaded_model.predict(rows)
        size = next(size for size in sizes if size >= len(rows))
        padded = np.concatenate([rows, np.repeat(rows[-1:], size - len(rows), axis=0)]) if size > len(rows) else rows
        return functions[size](padded)[: len(rows)]

    example = np.zeros((1, *loaded_model.input_shape), "uint8")
    if loaded_model.reads == "text":
        example = np.array([""], object)
    for size in sizes:
        function(np.repeat(example, size, axis=0))
    return function


def batch_sizes(max_batch_size: int) -> list[int]:
    """Powers of two below `max_batch_size`, then itself."""
    powers = [2**exponent for exponent in range(max_batch_size.bit_length())]
    return [size for size in powers if size < max_batch_size] + [max_batch_size]


def _traced(loaded_model: "LoadedModel", sizes: list[int]) -> dict[int, Callable[[np.ndarray], np.ndarray]]:
    import tensorflow as tf

    model, task = loaded_model.model, loaded_model.task
    function = tf.function(lambda features: model(features, training=False), autograph=False)
    dtype, shape = model.inputs[0].dtype, model.input_shape[1:]

    def call(concrete):
        return lambda rows: task.answers(concrete(tf.constant(rows, dtype)).numpy().astype("float32"))

    return {size: call(function.get_concrete_function(tf.TensorSpec((size, *shape), dtype))) for size in sizes}
