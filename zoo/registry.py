"""Names of models, what is known of them without building them, and the functions that build them."""

import dataclasses
import fnmatch
import importlib
import inspect
from collections.abc import Callable
from typing import Any

from zoo.errors import ZooError, nearest

TASKS = ("image_classification", "table_classification", "text_classification", "masked_language_model")


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """What the registry knows of a model without importing TensorFlow.

    `builder(**options)` returns a functional `keras.Model` from raw input to a layer named `logits`
    and on to a layer named `probabilities`.
    """

    name: str
    task: str
    description: str
    reference: str
    builder: Callable[..., Any]
    default_options: dict[str, Any]

    @property
    def kind(self) -> str:
        """What the model reads: image, table or text."""
        return "text" if self.task == "masked_language_model" else self.task.removesuffix("_classification")

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


def register_model(name: str, *, task: str, description: str = "", reference: str = "", **default_options: Any):
    """Register the decorated builder function under `name`; a builder may have several names.

    Args:
        name: how `--model` calls it.
        task: one of `TASKS`.
        description: one line for people.
        reference: the paper or example that it implements.
        **default_options: arguments of the builder that make it this model.

    Raises:
        ValueError: the name is taken, the task is unknown, or an option is not an argument of the builder.
    """
    if task not in TASKS:
        raise ValueError(f"model {name!r}: task {task!r} is unknown; known: {', '.join(TASKS)}")

    def register(builder):
        taken = _models.get(name)
        if taken and (taken.builder.__module__, taken.builder.__qualname__) != (
            builder.__module__,
            builder.__qualname__,
        ):
            raise ValueError(f"model {name!r} is already registered by {taken.builder.__module__}")
        info = ModelInfo(name, task, description, reference, builder, default_options)
        _check_options(info, default_options, ValueError)
        _models[name] = info
        return builder

    return register


def list_models(pattern: str = "*", task: str | None = None) -> list[str]:
    """Names of the registered models that match a shell pattern such as `mnist_*`, sorted.

    Raises:
        ZooError: `task` is unknown.
    """
    if task is not None and task not in TASKS:
        raise ZooError(f"unknown task {task!r}; {nearest(task, TASKS)}")
    models = _registered()
    return [n for n in sorted(models) if fnmatch.fnmatch(n, pattern) and task in (None, models[n].task)]


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
    """Build a registered model: a functional `keras.Model`, raw input → `float32[batch, num_classes]` probabilities.

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
