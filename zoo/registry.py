"""Names of models, what is known of them without building them, and the functions that build them."""

import dataclasses
import fnmatch
import importlib
import inspect
from collections.abc import Callable
from typing import Any

from zoo.errors import ZooError, nearest
from zoo.tasks import Task
from zoo.tasks.catalog import get_task

KINDS = ("image", "table", "text")  # of what a model may read


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """What the registry knows of a model without importing TensorFlow.

    `builder(**options)` returns a functional `keras.Model` from raw input to the layer that its task trains, and on to
    the layer that its task calls its output.
    """

    name: str
    reads: str
    task: Task
    description: str
    reference: str
    builder: Callable[..., Any]
    default_options: dict[str, Any]

    @property
    def options(self) -> dict[str, Any]:
        """Every option that the builder takes, with the value that it has for this model."""
        parameters = inspect.signature(self.builder).parameters.values()
        values = {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
        return values | self.default_options

    @property
    def option_names(self) -> list[str]:
        return list(inspect.signature(self.builder).parameters)


_models: dict[str, ModelInfo] = {}


def register_model(
    name: str, *, task: str, reads: str = "", description: str = "", reference: str = "", **default_options: Any
):
    """Register the decorated builder function under `name`; a builder may have several names.

    Args:
        name: how `--model` calls it.
        task: the name of a task, of the zoo's or registered by `zoo.register_task`: what the model is asked.
        reads: one of `KINDS`.
        description: one line for people.
        reference: the paper or example that it implements.
        **default_options: arguments of the builder that make it this model.

    Raises:
        ZooError: there is no such task or kind, or they do not go together.
        ValueError: the name is taken, or an option is not an argument of the builder.
    """
    try:
        found = get_task(task)
    except ZooError as error:
        raise ZooError(f"model {name!r}: {error}") from None
    possible = found.reads or KINDS
    if reads not in possible:
        raise ZooError(f"model {name!r}: reads={reads!r} does not go with task {task!r}; {nearest(reads, possible)}")

    def register(builder):
        taken = _models.get(name)
        if taken and (taken.builder.__module__, taken.builder.__qualname__) != (
            builder.__module__,
            builder.__qualname__,
        ):
            raise ValueError(f"model {name!r} is already registered by {taken.builder.__module__}")
        info = ModelInfo(name, reads, found, description, reference, builder, default_options)
        _check_options(info, default_options, ValueError)
        _models[name] = info
        return builder

    return register


def list_models(pattern: str = "*", task: str | None = None, reads: str | None = None) -> list[str]:
    """Names of the registered models that match a shell pattern such as `mnist_*`, sorted.

    Args:
        pattern: of the names.
        task: only models of this task.
        reads: only models that read this, one of `KINDS`.

    Raises:
        ZooError: there is no such task or kind.
    """
    models = _registered()
    if reads is not None and reads not in KINDS:
        raise ZooError(f"no model reads {reads!r}; {nearest(reads, KINDS)}")
    wanted = get_task(task).name if task is not None else None
    return [
        name
        for name, info in sorted(models.items())
        if fnmatch.fnmatch(name, pattern) and wanted in (None, info.task.name) and reads in (None, info.reads)
    ]


def model_info(name: str) -> ModelInfo:
    """What is known of a model.

    Raises:
        ZooError: no such model; the text names the nearest.
    """
    models = _registered()
    if name not in models:
        raise ZooError(f"unknown model {name!r}; {nearest(name, models)} (list_models.py shows all)")
    return models[name]


def create_model(name: str, **overrides: Any):
    """Build a registered model: a functional `keras.Model`, raw input → what its task calls its output.

    Raises:
        ZooError: no such model or no such option, or the builder refuses an option's value (its `ValueError`).
    """
    info = model_info(name)
    _check_options(info, overrides, ZooError)
    try:
        return info.builder(**(info.default_options | overrides))
    except (ValueError, TypeError) as error:
        if not overrides:
            raise
        message = str(error).strip().splitlines()[0]
        raise ZooError(f"model {name!r} cannot be built with {overrides}: {message}") from error


def _check_options(info: ModelInfo, options: dict[str, Any], error_type: type[Exception]) -> None:
    for option in options:
        if option not in info.option_names:
            raise error_type(f"model {info.name!r} has no option {option!r}; {nearest(option, info.option_names)}")


def _registered() -> dict[str, ModelInfo]:
    importlib.import_module("zoo.models")
    return _models
