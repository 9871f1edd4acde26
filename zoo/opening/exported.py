"""An exported file with the methods and attributes of a Keras model that prediction and evaluation use."""

import pathlib
from collections.abc import Callable, Sized
from typing import Any, NamedTuple

import numpy as np

from zoo.errors import ZooError
from zoo.tokens import make_encoder, make_tokenizer

STRING = "string"


class Tensor(NamedTuple):
    """An input: its shape, the batch first, as None; and `string`, or NumPy's name of its numbers."""

    shape: tuple[int | None, ...]
    dtype: str


class ExportedModel:
    """A file in its runtime.

    Attributes:
        input: the raw input that it takes, a `Tensor`; `(None,)` of texts. Of a model with named inputs, such as that
            of a mixed table, a dictionary of them.
        input_shape, output_shape: as of a Keras model with one input, the batch first, as None.
        labels: what travels in the file, see `zoo.loading.LoadedModel`; empty in a file from elsewhere.
        runtime: name and version.
    """

    def __init__(self, compute: Callable, inputs: dict[str, Tensor], output_shape, labels: dict[str, Any], runtime: str,
                 one_by_one: bool = False):  # fmt: skip
        """`compute` takes an array for each of `inputs`, by name; strings as `object`."""
        self._compute, self._inputs, self._one_by_one, self.labels = compute, inputs, one_by_one, labels
        self.runtime, self.output_shape = runtime, _with_open_batch(output_shape)
        self._is_named = _are_named(inputs, labels)
        self._encoders = _encoders(inputs, labels)
        raw = {name: _raw(name in self._encoders, self._is_named, tensor) for name, tensor in inputs.items()}
        self.input: Tensor | dict[str, Tensor] = raw if self._is_named else next(iter(raw.values()))
        self.input_shape = () if self._is_named else self.input.shape

    def predict(self, features, batch_size: int = 32, verbose: int = 0) -> np.ndarray:
        """Raw input `[examples, …]` → `float32[examples, output]`; `verbose` is there for Keras's sake.

        Raises:
            ZooError: the runtime refuses the input.
        """
        size = 1 if self._one_by_one else batch_size
        given = dict(features) if self._is_named else {name: features for name in self._inputs}
        if given.keys() != self._inputs.keys():
            raise ZooError(f"the exported model reads {', '.join(self._inputs)}; {', '.join(given)} was given")
        count = len(next(iter(given.values())))
        parts = [self._answer({n: each[i : i + size] for n, each in given.items()}) for i in range(0, count, size)]
        return np.concatenate(parts) if parts else np.zeros((0, *self.output_shape[1:]), "float32")

    def _answer(self, given: dict[str, np.ndarray]) -> np.ndarray:
        arrays = {}
        for name, array in given.items():
            encode, dtype = self._encoders.get(name), self._inputs[name].dtype
            array = encode(array) if encode else array
            arrays[name] = array if dtype == STRING else np.ascontiguousarray(array, dtype)
        try:
            return self._compute(arrays)
        except Exception as error:  # a runtime may raise anything about a foreign file or about input that does not fit
            shapes = " and ".join(str(array.shape) for array in arrays.values())
            raise ZooError(f"the exported model fails on input of shape {shapes} ({one_line(error)})") from error


def _are_named(inputs: dict[str, Tensor], labels: dict[str, Any]) -> bool:
    return len(inputs) > 1 or bool(labels.get("schema"))


def _encoders(inputs: dict[str, Tensor], labels: dict[str, Any]) -> dict[str, Callable]:
    """What makes ids of the strings of an input, by its name, where the file itself takes ids."""
    if not _are_named(inputs, labels):
        numbers = {name for name, tensor in inputs.items() if tensor.dtype != STRING}
        return {name: make_tokenizer(labels["tokenizer"]) for name in numbers if labels.get("tokenizer")}
    described = {name: each for name, each in labels.get("encoders", {}).items() if name in inputs}
    for name, each in described.items():
        width = inputs[name].shape[1]
        if len(each.get("offsets", [None] * width)) != width:
            raise ZooError(f"its labels have {len(each['offsets'])} columns of {name}, and it reads {width}")
    return {name: make_encoder(each) for name, each in described.items()}


def _raw(is_encoded: bool, is_named: bool, tensor: Tensor) -> Tensor:
    """The input as it is before its strings became ids."""
    if is_encoded:
        return Tensor((None, *tensor.shape[1:2]) if is_named else (None,), STRING)
    return Tensor(_with_open_batch(tensor.shape), tensor.dtype)


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


def refuse_numbers(path: pathlib.Path, inputs: Sized, outputs: Sized, labels: dict[str, Any]) -> None:
    """Raises: ZooError: it has several outputs, or several inputs, and does not say what they are."""
    if not inputs or len(outputs) != 1 or (len(inputs) > 1 and not labels.get("task")):
        raise ZooError(f"{path}: has {len(inputs)} inputs and {len(outputs)} outputs; one of each is needed")


def example_of(model: ExportedModel) -> Any:
    """One example of zeros and empty texts; open sizes are 1."""

    def zeros(tensor: Tensor) -> np.ndarray:
        shape = (1, *(size or 1 for size in tensor.shape[1:]))
        return np.full(shape, "", object) if tensor.dtype == STRING else np.zeros(shape, tensor.dtype)

    if isinstance(model.input, dict):
        return {name: zeros(tensor) for name, tensor in model.input.items()}
    return zeros(model.input)
