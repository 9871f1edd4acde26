"""An exported file with the methods and attributes of a Keras model that prediction and evaluation use."""

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.tokens import make_tokenizer


class ExportedModel:
    """A file in its runtime.

    Attributes:
        input_shape, output_shape: as of a Keras model, the batch first, as None; `(None,)` of texts.
        input_dtype: of its numbers; None where its input is strings.
        labels: what travels in the file, see `zoo.loading.LoadedModel`; empty in a file from elsewhere.
        runtime: name and version.
        reads_texts: its input is strings.
    """

    def __init__(self, compute: Callable, input_shape, output_shape, dtype, labels: dict[str, Any], runtime: str,
                 tokenizer: Callable | None = None, one_by_one: bool = False):  # fmt: skip
        self._compute, self.input_dtype, self._tokenizer, self._one_by_one = compute, dtype, tokenizer, one_by_one
        self.labels, self.runtime = labels, runtime
        self.reads_texts = tokenizer is not None or dtype is None
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
        if self.input_dtype:
            features = np.ascontiguousarray(features, self.input_dtype)
        try:
            return self._compute(features)
        except Exception as error:  # a runtime may raise anything about a foreign file or about input that does not fit
            raise ZooError(
                f"the exported model fails on input of shape {features.shape} ({one_line(error)})"
            ) from error


def _with_open_batch(shape) -> tuple[int | None, ...]:
    """A runtime's shape, whose open sizes may have names, as Keras writes it."""
    return (None, *(size if isinstance(size, int) else None for size in shape[1:]))


def one_line(error: Exception) -> str:
    """What it says, as a message can hold it: in one line, and nothing that a terminal obeys."""
    text = " ".join(str(error).split())[:200] or type(error).__name__
    return "".join(c if c.isprintable() else "?" for c in text)


def import_library(name: str, package: str, extra: str = "export"):
    try:
        return __import__(name, fromlist=["_"])
    except ModuleNotFoundError:
        raise ZooError(f"this needs the package {package}: pip install 'keras-model-zoo[{extra}]'") from None


def tokenizer_of(labels: dict[str, Any]) -> Callable | None:
    return make_tokenizer(labels["tokenizer"]) if labels.get("tokenizer") else None


def refuse_several(path: pathlib.Path, inputs, outputs) -> None:
    if len(inputs) != 1 or len(outputs) != 1:
        raise ZooError(f"{path}: has {len(inputs)} inputs and {len(outputs)} outputs; one of each is needed")


def example_of(model: ExportedModel) -> np.ndarray:
    """One example of zeros, or an empty text; open sizes are 1."""
    if model.reads_texts:
        return np.array([""], object)
    return np.zeros((1, *(size or 1 for size in model.input_shape[1:])), "uint8")
