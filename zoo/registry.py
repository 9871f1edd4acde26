"""Where a builder function gets its name, its task and its default options. `zoo.models.catalog` has them all."""

import dataclasses
import inspect
import typing
from collections.abc import Callable
from typing import Any

import pydantic

from zoo.errors import ZooError, nearest, shortened
from zoo.tasks import Task
from zoo.tasks.catalog import get_task

KINDS = ("image", "table", "columns", "text", "sequence")  # of what a model may read
TABLES = ("table", "columns")  # those whose rows have columns


def plural(kind: str) -> str:
    """What models of a kind read, such as images."""
    return kind if kind.endswith("s") else f"{kind}s"


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


registered: dict[str, ModelInfo] = {}


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
        taken = registered.get(name)
        if taken and (taken.builder.__module__, taken.builder.__qualname__) != (
            builder.__module__,
            builder.__qualname__,
        ):
            raise ValueError(f"model {name!r} is already registered by {taken.builder.__module__}")
        info = ModelInfo(name, reads, found, description, reference, builder, default_options)
        check_options(info, default_options, ValueError)
        registered[name] = info
        return builder

    return register


def check_options(info: ModelInfo, options: dict[str, Any], error_type: type[Exception]) -> None:
    """Raise an error of this type for an option that the builder does not take."""
    for option in options:
        if option not in info.option_names:
            raise error_type(f"model {info.name!r} has no option {option!r}; {nearest(option, info.option_names)}")


def check_types(info: ModelInfo, options: dict[str, Any]) -> None:
    """Hold the values of options against the annotations of the builder; an option without one takes anything.

    Raises:
        ZooError: a value is of another type.
    """
    annotations = typing.get_type_hints(info.builder)
    for option, value in options.items():
        try:
            adapter = pydantic.TypeAdapter(annotations.get(option, Any))
        except pydantic.errors.PydanticUserError:  # a class that pydantic knows nothing of
            continue
        try:
            adapter.validate_python(value.tolist() if hasattr(value, "tolist") else value, strict=True)
        except pydantic.ValidationError as error:
            mistake = error.errors(include_url=False)[0]
            where = ".".join(map(str, (option, *mistake["loc"])))
            reason = mistake["msg"].replace("Input", "it").replace("an instance of Sequence", "a list")
            given = shortened(repr(mistake["input"]))
            raise ZooError(f"model {info.name!r}: option {where}: {reason} (given: {given})") from None
