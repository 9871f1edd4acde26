"""The sections of a config: every setting of a training, with its type, its bounds and its default."""

import io
import os
import types
import typing
from typing import Annotated, Any, Literal

import pydantic
import ruamel.yaml
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from zoo.errors import nearest, shortened

# A larger number is a typing error or an attack: the training would not begin, or would never end.
MOST_EPOCHS = 1_000_000
Epochs = Annotated[float, Field(ge=0, le=1e30)]
Count = Annotated[int, Field(gt=0, le=1_000_000)]
Pixels = Annotated[int, Field(gt=0, le=65_535)]
Rate = Annotated[float, Field(gt=0, le=1e30)]  # float32 holds it
Fraction = Annotated[float, Field(ge=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]


class _Section(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ModelSection(_Section):
    """Which registered model, which of its options are changed, and whose weights it starts from."""

    name: str
    options: dict[str, Any] = {}
    init_from: str | None = None


class AugmentationSection(_Section):
    """Random changes of each training image, drawn anew each epoch; all off by default."""

    shift_pixels: Annotated[float, Field(ge=0, le=65_535)] = 0.0
    rotation_degrees: Annotated[float, Field(ge=0, le=180)] = 0.0
    zoom: Fraction = 0.0
    horizontal_flip: bool = False
    random_erasing: Probability = 0.0


class DatasetSection(_Section):
    """Which data, where they are, and what training sees of them.

    `data_dir` becomes absolute, because a run may be read from another folder than it was trained in.
    `task` says what the label column of the user's own table is for; by default the model's own task says it. `label`
    names that column. `duplicates`: what becomes of equal examples; rows of the user's own table are kept by default,
    on one side of each split, and all else is dropped. `train_fraction` keeps so much of each class of the training
    split, by content: the same rows for every seed, and those of a smaller fraction among those of a larger one.
    """

    name: str
    data_dir: str | None = None
    task: str | None = None
    label: str | None = None
    duplicates: Literal["keep", "drop"] | None = None
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] | None = None
    train_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    image_shape: Annotated[list[Pixels], Field(min_length=3, max_length=3)] | None = None
    augmentation: AugmentationSection = AugmentationSection()

    @pydantic.field_validator("data_dir")
    @classmethod
    def _absolute(cls, path: str | None) -> str | None:
        return path and os.path.abspath(os.path.expanduser(path))


class OptimizerSection(_Section):
    """`weight_decay` is decoupled (Loshchilov & Hutter, 2019); `l2` is a penalty on kernels in the loss."""

    name: Literal["sgd", "adam", "adamw"] = "adam"
    learning_rate: Rate = 1e-3
    momentum: Fraction = 0.0
    weight_decay: NonNegativeFloat = 0.0
    l2: NonNegativeFloat = 0.0
    clip_norm: Rate | None = None
    layer_decay: Annotated[float, Field(gt=0, le=1)] | None = None
    ema_momentum: Annotated[float, Field(gt=0, lt=1)] | None = None
    gradient_accumulation_steps: Count = 1

    @pydantic.model_validator(mode="after")
    def _momentum_belongs_to_sgd(self):
        if self.momentum and self.name != "sgd":
            raise ValueError(f"momentum belongs to sgd, not to {self.name}")
        return self


class ScheduleSection(_Section):
    """Linear warm-up, then constant, cosine or linear descent to `final_fraction` of the learning rate."""

    name: Literal["constant", "cosine", "linear"] = "constant"
    warmup_epochs: Epochs = 0.0
    final_fraction: Probability = 0.0


class EarlyStoppingSection(_Section):
    """Stop after `patience` epochs without a better validation value."""

    patience: Count
    minimum_improvement: NonNegativeFloat = 0.0


class MaskingSection(_Section):
    """What pre-training hides from a masked language model: a fraction of the pieces, or of whole words."""

    fraction: Annotated[float, Field(gt=0, lt=1)] = 0.15
    whole_words: bool = False


class PruningSection(_Section):
    """Which part of each kernel becomes 0 between two epochs; `end_epoch` is three quarters of all epochs if None."""

    final_sparsity: Annotated[float, Field(gt=0, lt=1)] = 0.8
    begin_epoch: Epochs = 0.0
    end_epoch: Annotated[float, Field(gt=0, le=MOST_EPOCHS)] | None = None
    steps_between: Count = 100

    def epochs_of(self, epochs: int) -> tuple[float, float]:
        """Where it begins and ends in a training of so many epochs."""
        return self.begin_epoch, 0.75 * epochs if self.end_epoch is None else self.end_epoch


class DistillationSection(_Section):
    """Whose logits the model learns beside the labels; `alpha` is their part of the loss."""

    teacher: str
    temperature: Rate = 4.0
    alpha: Annotated[float, Field(gt=0, le=1)] = 0.5


class TrainingSection(_Section):
    """How the model is trained. `batch_size` is the global one, whatever the number of devices.

    `fit_to_rows` names keys that follow from the number of training rows, as `zoo.training.fitting` does it.
    `frozen_layers` are patterns of names; from `unfreeze_epoch` on, counted from 0, these layers learn too.
    """

    epochs: Annotated[int, Field(gt=0, le=MOST_EPOCHS)] = 10
    batch_size: Count = 128
    fit_to_rows: list[Literal["epochs", "batch_size", "selection"]] = []
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    strategy: Literal["auto", "default", "mirrored", "multi_worker", "tpu"] = "auto"
    devices: Annotated[int, Field(gt=0, le=65_536)] | None = None
    virtual_devices: Annotated[int, Field(gt=0, le=1024)] | None = None
    xla: Literal["auto", "on", "off"] = "auto"
    steps_per_call: Count | None = None
    deterministic: bool = False
    label_smoothing: Fraction = 0.0
    class_weights: Literal["balanced"] | dict[str, NonNegativeFloat] | None = None
    selection: Literal["best", "last"] = "best"
    frozen_layers: list[str] = []
    unfreeze_epoch: Annotated[int, Field(gt=0, lt=MOST_EPOCHS)] | None = None
    lora_rank: Annotated[int, Field(gt=0, le=65_536)] | None = None
    length_buckets: list[Count] = []
    checkpoint_minutes: Annotated[float, Field(ge=0, le=1_000_000)] = 1.0
    masking: MaskingSection = MaskingSection()
    optimizer: OptimizerSection = OptimizerSection()
    schedule: ScheduleSection = ScheduleSection()
    early_stopping: EarlyStoppingSection | None = None
    pruning: PruningSection | None = None
    distillation: DistillationSection | None = None

    @pydantic.field_validator("class_weights", mode="before")
    @classmethod
    def _names_of_classes(cls, weights):
        """Names that look like numbers, as YAML reads them."""
        return {str(name): weight for name, weight in weights.items()} if isinstance(weights, dict) else weights

    @pydantic.model_validator(mode="after")
    def _unfreezes_what_is_frozen(self):
        if self.unfreeze_epoch is not None and not self.frozen_layers:
            raise ValueError("unfreeze_epoch is for training.frozen_layers, and none are given")
        if self.unfreeze_epoch is not None and self.pruning:
            raise ValueError("unfreeze_epoch does not go with pruning, which counts from the first step; choose one")
        return self

    @pydantic.model_validator(mode="after")
    def _adapters_are_not_pruned(self):
        if self.lora_rank and self.pruning:
            raise ValueError("lora_rank does not go with pruning, whose zeros the adapters would fill; choose one")
        return self

    @pydantic.model_validator(mode="after")
    def _pruning_ends_in_time(self):
        begin, end = self.pruning.epochs_of(self.epochs) if self.pruning else (0, self.epochs)
        if not begin < end <= self.epochs:
            raise ValueError(
                f"pruning from epoch {begin:g} to {end:g} does not lie within {self.epochs} epochs; set "
                "training.pruning.begin_epoch and end_epoch"
            )
        return self


class ClaimSection(_Section):
    """The mean of a task's headline on test that the config promises over seeds 0 … n-1, its 95 % interval, its cost.

    Seconds and memory are those of one seed.
    """

    metric: str
    value: float
    interval: Annotated[list[float], Field(min_length=2, max_length=2)]
    seeds: Count
    seconds: PositiveFloat
    peak_memory_mib: PositiveInt
    command: str

    @pydantic.model_validator(mode="before")
    @classmethod
    def _in_the_words_of_this_version(cls, values):
        """In older configs every claim was of accuracy, and the key was `accuracy`."""
        if isinstance(values, dict) and "accuracy" in values and "metric" not in values and "value" not in values:
            others = {key: value for key, value in values.items() if key != "accuracy"}
            return {"metric": "accuracy", "value": values["accuracy"]} | others
        return values


class Config(_Section):
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
        section = next(c for c in choices if isinstance(c, type) and issubclass(c, _Section))
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
