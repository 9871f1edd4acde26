"""The sections of a config: every setting of a training, with its type, its bounds and its default."""

import io
import types
import typing
from typing import Annotated, Any

import pydantic
import ruamel.yaml
from pydantic import Field, PositiveFloat, PositiveInt

from zoo.errors import nearest, shortened
from zoo.settings.data import AugmentationSection, DatasetSection, RandAugmentSection
from zoo.settings.optimization import OptimizerSection, ScheduleSection
from zoo.settings.section import MOST_EPOCHS, Count, Section
from zoo.settings.training import (
    DistillationSection,
    EarlyStoppingSection,
    MaskingSection,
    ProgressiveResizingSection,
    PruningSection,
    TrainingSection,
)

__all__ = [
    "AugmentationSection",
    "ClaimSection",
    "Config",
    "DatasetSection",
    "DistillationSection",
    "EarlyStoppingSection",
    "MOST_EPOCHS",
    "MaskingSection",
    "ModelSection",
    "OptimizerSection",
    "ProgressiveResizingSection",
    "PruningSection",
    "RandAugmentSection",
    "ScheduleSection",
    "TrainingSection",
    "first_mistake",
]


class ModelSection(Section):
    """Which registered model, which of its options are changed, and whose weights it starts from."""

    name: str
    """The registered model; `list_models.py` shows all."""
    options: dict[str, Any] = {}
    """Arguments of the model's builder function that are to differ, such as `{hidden_units: [32]}`."""
    init_from: str | None = None
    """Trained weights to start from, as `--init_from` takes them."""


class ClaimSection(Section):
    """What the config promises: the mean of the task's headline on test, over seeds, and what a seed costs."""

    metric: str
    """The headline figure of the task."""
    value: float
    """Its mean over the seeds, on test."""
    interval: Annotated[list[float], Field(min_length=2, max_length=2)]
    """The 95 % interval of the mean, low and high."""
    seeds: Count
    """How many seeds, from 0 on."""
    seconds: PositiveFloat
    """The median time of a seed."""
    peak_memory_mib: PositiveInt
    """The median of the most memory that a seed took."""
    command: str
    """What measures it again."""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _in_the_words_of_this_version(cls, values):
        """In older configs every claim was of accuracy, and the key was `accuracy`."""
        if isinstance(values, dict) and "accuracy" in values and "metric" not in values and "value" not in values:
            others = {key: value for key, value in values.items() if key != "accuracy"}
            return {"metric": "accuracy", "value": values["accuracy"]} | others
        return values


class Config(Section):
    """Everything that a training depends on."""

    claim: ClaimSection | None = None
    model: ModelSection
    dataset: DatasetSection
    training: TrainingSection = TrainingSection()

    def to_yaml(self) -> str:
        """What `load_config` reads; bytes of a path that are no text become `?`."""
        return _dump(_as_text(self.model_dump(mode="json")))


def first_mistake(error: pydantic.ValidationError) -> str:
    """The first thing that is wrong with a config, with its full key."""
    mistake = error.errors(include_url=False)[0]
    location = [str(part) for part in mistake["loc"]]
    key = ".".join(location) or "config"
    if mistake["type"] == "extra_forbidden":
        siblings = _fields_at(location[:-1])
        return f"{key}: unknown key; {nearest(location[-1], siblings)}"
    if mistake["type"] == "missing":
        return f"{key}: missing; say it in the file or with --set {key}=VALUE"
    message = mistake["msg"].removeprefix("Value error, ")
    given = "" if mistake["type"] == "value_error" else f" (given: {shortened(repr(mistake['input']))})"
    return f"{key}: {message[:1].lower()}{message[1:]}{given}"


def _fields_at(location: list[str]) -> list[str]:
    """The valid keys of the section at a path of keys."""
    section: Any = Config
    for part in location:
        annotation = section.model_fields[part].annotation
        choices = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
        section = next(c for c in choices if isinstance(c, type) and issubclass(c, Section))
    return list(section.model_fields)


def _as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {_as_text(key): _as_text(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_as_text(one) for one in value]
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _yaml() -> ruamel.yaml.YAML:
    yaml = ruamel.yaml.YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    return yaml


def _dump(values: dict[str, Any]) -> str:
    stream = io.StringIO()
    _yaml().dump(values, stream)
    return stream.getvalue()
