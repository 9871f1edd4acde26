"""All registered models: their names, what is known of them without building them, and how to build them.

Importing it registers the families and imports no TensorFlow.
"""

import fnmatch
from typing import Any

from zoo.command_words import command
from zoo.errors import ZooError, nearest
from zoo.models import (  # noqa: F401
    alexnet,
    bert,
    cnn,
    columns,
    efficientnet,
    gpt,
    inception,
    labels,
    mlp,
    recommendation,
    resnet,
    tables,
    texts,
    vgg,
    vit,
)
from zoo.quiet import import_tensorflow
from zoo.registry import KINDS, ModelInfo, check_options, check_types, registered
from zoo.tasks.catalog import get_task


def list_models(pattern: str = "*", task: str | None = None, reads: str | None = None) -> list[str]:
    """Names of the registered models that match a shell pattern such as `mnist_*`, sorted.

    Args:
        pattern: of the names.
        task: only models of this task.
        reads: only models that read this, one of `KINDS`.

    Raises:
        ZooError: there is no such task or kind.
    """
    if reads is not None and reads not in KINDS:
        raise ZooError(f"no model reads {reads!r}; {nearest(reads, KINDS)}")
    wanted = get_task(task).name if task is not None else None
    return [
        name
        for name, info in sorted(registered.items())
        if fnmatch.fnmatch(name, pattern) and wanted in (None, info.task.name) and reads in (None, info.reads)
    ]


def model_info(name: str) -> ModelInfo:
    """What is known of a model.

    Raises:
        ZooError: no such model; the text names the nearest.
    """
    if name not in registered:
        raise ZooError(f"unknown model {name!r}; {nearest(name, registered)} ({command('list_models')} shows all)")
    return registered[name]


def create_model(name: str, **overrides: Any):
    """Build a registered model: a functional `keras.Model`, raw input → what its task calls its output.

    Raises:
        ZooError: no such model or no such option, or an option's value is of another type than the builder's annotation
            says, or the builder refuses it (its `ValueError`).
    """
    info = model_info(name)
    check_options(info, overrides, ZooError)
    check_types(info, overrides)
    import_tensorflow(start=False)
    try:
        return info.builder(**(info.default_options | overrides))
    except (ValueError, TypeError) as error:
        if not overrides:
            raise
        message = str(error).strip().splitlines()[0]
        raise ZooError(f"model {name!r} cannot be built with {overrides}: {message}") from error
