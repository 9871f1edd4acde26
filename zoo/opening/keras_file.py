"""Opens a `.keras` file: judged first, then built without memory for its weights, then loaded by Keras itself."""

import contextlib
import math
import pathlib
import random
import signal
import threading
from collections.abc import Iterator
from typing import Any

from zoo.errors import ZooError
from zoo.opening.archive import open_zip
from zoo.opening.hdf5 import WEIGHTS
from zoo.opening.keras_config import read_config
from zoo.opening.labels import LABELS, read_labels
from zoo.opening.trial import try_out
from zoo.quiet import import_tensorflow

_MOST_NUMBERS = 1 << 26  # that a layer gives for one example
_MOST_STEPS = 1000  # of an unrolled layer; each step makes the program longer
_SECONDS, _SECONDS_A_MEBIBYTE = 5, 0.3  # of the processor


def open_keras(path: pathlib.Path) -> tuple[Any, dict[str, Any]]:
    """The model in a `.keras` file, and its labels.

    Nothing of the file is run: it may name known classes of Keras, and those that the zoo or modules of the user have
    registered, and nothing else.

    Raises:
        ZooError: it is damaged, or refused.
    """
    with open(path, "rb") as stream:
        if stream.read(4) != b"PK\3\4":  # a zip may also begin later in the file, behind another file
            raise ZooError(f"{path}: not a .keras file, or cut short; copy or train it again")
    with open_zip(path, ".keras file") as archive:
        members = set(archive.namelist())
        if not {"config.json", WEIGHTS} <= members:
            raise ZooError(f"{path}: not a .keras file, it has no {'config.json' if WEIGHTS in members else WEIGHTS}")
        content = archive.read("config.json")
        labels = read_labels(archive.read(LABELS), path) if LABELS in members else {}
    size = path.stat().st_size
    stored = try_out(path, "zoo.opening.hdf5:stored_bytes", size)
    import_tensorflow()
    import keras

    import zoo.layers  # noqa: F401, registers the classes that a file of ours may name

    config = read_config(path, content)
    with _one_line(path), _limited_time(path, _SECONDS + _SECONDS_A_MEBIBYTE * size / (1 << 20)):
        _judge_sizes(path, config, stored)
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    return model, labels


def _judge_sizes(path: pathlib.Path, config: dict[str, Any], stored: int) -> None:
    """Build the model in a scope in which variables have a shape and no memory yet."""
    import keras

    from zoo.keras_hooks import all_layers, without_memory

    state = random.getstate()  # Keras takes seeds from it; a model that is only judged must not change them
    try:
        with without_memory():
            model = keras.saving.deserialize_keras_object(config | {"compile_config": None}, safe_mode=True)
            if not isinstance(model, keras.Model):
                raise ZooError(f"{path}: holds a {type(model).__name__}, no model; copy or train it again")
            declared = sum(math.prod(v.shape) * _item_size(v.dtype) for v in model.variables)
            shapes = {tuple(size or 1 for size in tensor.shape): tensor.name for tensor in _tensors(model)}
            steps = max(map(max, filter(None, shapes)), default=0)
            unrolled = steps > _MOST_STEPS and any(getattr(x, "unroll", False) for x in all_layers(model))
    finally:
        random.setstate(state)
    if declared > stored * 2.1 + (1 << 20):  # what is published may be stored in half precision
        raise ZooError(
            f"{path}: refused, its layers declare {declared:,} bytes of weights, and {stored:,} are stored; "
            "copy or train it again"
        )
    if unrolled:
        raise ZooError(f"{path}: refused, a layer of it is unrolled over {steps:,} steps; save it with unroll=False")
    for shape, name in shapes.items():
        if math.prod(shape) > _MOST_NUMBERS:
            raise ZooError(
                f"{path}: refused, its layer {name} makes {math.prod(shape):,} numbers of one example; "
                f"at most {_MOST_NUMBERS:,} are computed"
            )


def _item_size(dtype: str) -> int:
    import ml_dtypes  # noqa: F401, registers bfloat16 and float8
    import numpy as np

    return np.dtype(dtype).itemsize


def _tensors(model) -> Iterator[Any]:
    """The tensors that each layer and operation gives, also inside nested models."""
    from zoo.keras_hooks import outputs_of_calls

    for operation in getattr(model, "operations", None) or model.layers:
        yield from outputs_of_calls(operation)
        if hasattr(operation, "layers"):
            yield from _tensors(operation)


class _TooLong(BaseException):  # Keras catches Exceptions in places
    pass


@contextlib.contextmanager
def _limited_time(path: pathlib.Path, seconds: float) -> Iterator[None]:
    """Seconds of the processor; in a thread other than the main one, which no signal reaches, there is no limit."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_):
        raise _TooLong

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.5)
    try:
        yield
    except _TooLong:
        raise ZooError(f"{path}: refused, it takes more than the {seconds:.0f} s that its size allows") from None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextlib.contextmanager
def _one_line(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except ZooError:
        raise
    except Exception as error:  # the file may be anything, and so may what Keras raises
        raise ZooError(f"{path}: {_why(error)}") from error


def _why(error: Exception) -> str:
    text = str(error)
    paragraphs = text.split("\n\n")
    if "objects could not be loaded" in text and len(paragraphs) > 1:  # Keras quotes the first error in its second
        text = paragraphs[1]
    lines = text.strip().splitlines()
    shown = "".join(c if c.isprintable() else " " for c in lines[0])[:200] if lines else type(error).__name__
    return f"cannot be loaded by Keras ({shown})"
