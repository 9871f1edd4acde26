"""TensorFlow without its greeting, and Keras without traces of what was done with it."""

import contextlib
import os
import sys
from collections.abc import Iterator


def import_tensorflow(start: bool = True) -> None:
    """Import TensorFlow and let it look for devices without its banners.

    With `start`, bring the devices up too; they cannot be configured afterwards.

    TensorFlow 2.21 writes the banners to file descriptor 2 whatever TF_CPP_MIN_LOG_LEVEL says, so the descriptor is
    redirected meanwhile. A user who sets TF_CPP_MIN_LOG_LEVEL to 0 sees everything. Errors still come as exceptions.
    """
    with silenced_unless_asked_for():
        import tensorflow as tf

        tf.config.list_physical_devices()
        if os.environ.get("TF_CPP_MIN_LOG_LEVEL") != "0":
            tf.get_logger().setLevel("ERROR")  # it warns whoever predicts with several models in a process
        if start:
            tf.constant(0)
        import keras
    # The user's keras.json may say otherwise; models, files and the recorded figures are made with these.
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    keras.config.set_epsilon(1e-7)


def silenced_unless_asked_for():
    """A context in which what libraries write to file descriptor 2 is lost, unless TF_CPP_MIN_LOG_LEVEL is 0."""
    return contextlib.nullcontext() if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0" else _silent_standard_error()


@contextlib.contextmanager
def _silent_standard_error():
    saved = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silence, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(silence)


@contextlib.contextmanager
def keeping_precision() -> Iterator[None]:
    """Afterwards Keras makes layers in the precision of before, as whoever trains in a notebook expects.

    Keras need not have been imported.
    """
    before = sys.modules["keras"].config.dtype_policy() if "keras" in sys.modules else "float32"
    try:
        yield
    finally:
        if "keras" in sys.modules:
            sys.modules["keras"].config.set_dtype_policy(before)
