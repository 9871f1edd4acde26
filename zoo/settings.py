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
    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class ModelSection(_Section):
    """Which registered model, which of its options are changed, and whose weights it starts from."""

    name: str
    """The registered model; `list_models.py` shows all."""
    options: dict[str, Any] = {}
    """Arguments of the model's builder function that are to differ, such as `{hidden_units: [32]}`."""
    init_from: str | None = None
    """Trained weights to start from, as `--init_from` takes them."""


class RandAugmentSection(_Section):
    """Operations for each training picture, drawn from 14, all of one magnitude (Cubuk et al., 2020)."""

    operations: Annotated[int, Field(ge=1, le=10)] = 2
    """How many for each picture, one after the other."""
    magnitude: Annotated[float, Field(ge=0, le=10)] = 9.0
    """How strong: 10 turns by 30°, and keeps 4 bits."""


class AugmentationSection(_Section):
    """Random changes of each training image, drawn anew each epoch; all off by default."""

    shift_pixels: Annotated[float, Field(ge=0, le=65_535)] = 0.0
    """The furthest shift, left or right, up or down, in pixels."""
    rotation_degrees: Annotated[float, Field(ge=0, le=180)] = 0.0
    """The furthest turn, in either direction."""
    zoom: Fraction = 0.0
    """0.1 makes a picture up to 10 % smaller or larger."""
    horizontal_flip: bool = False
    """Mirror half of the pictures."""
    random_erasing: Probability = 0.0
    """The share of pictures in which a rectangle of 2 to 20 % of the area is blanked."""
    crop_padding: Annotated[int, Field(ge=0, le=65_535)] = 0
    """Pad each side with so many black pixels, and cut out the old size anywhere: shifts by whole pixels, unblurred."""
    randaugment: RandAugmentSection | None = None
    mixup: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """Mix each picture and its label with another of the batch (Zhang et al., 2018); their parts follow Beta(mixup,
    mixup). 0 mixes nothing; 0.2 is usual."""
    cutmix: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """Paste a rectangle of another picture of the batch, and mix the label by area (Yun et al., 2019), which follows
    Beta(cutmix, cutmix). 1 is usual. With mixup, each picture takes one of the two."""
    mix_probability: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The share of pictures that mixup or cutmix changes."""

    @pydantic.model_validator(mode="after")
    def _something_is_mixed(self):
        if self.mix_probability != 1 and not self.mixes:
            raise ValueError("mix_probability is for mixup and cutmix, and neither is given; set one of them")
        return self

    @property
    def mixes(self) -> bool:
        """Whether an example takes something of another one."""
        return bool(self.mixup or self.cutmix)


class DatasetSection(_Section):
    """Which data, where they are, and what training sees of them."""

    name: str
    """The dataset; `prepare_data.py` shows all."""
    data_dir: str | None = None
    """Where prepared data are, or your own file or folder. It is made absolute: runs are read from elsewhere too."""
    task: str | None = None
    """What the label column of your own table is for; by default the model's own task says it."""
    label: str | None = None
    """The label column of your own table; by default one with such a name, else the last."""
    duplicates: Literal["keep", "drop"] | None = None
    """What becomes of equal examples. By default, rows of your own table are kept, on one side of each split; of all
    else the first is kept."""
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] | None = None
    """The part of the training rows that becomes validation; by default 5,000 rows, of your own data a tenth."""
    train_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """So much of each class of the training rows, by content: the same rows for every seed, those of 1 % among those
    of 10 %."""
    image_shape: Annotated[list[Pixels], Field(min_length=3, max_length=3)] | None = None
    """[height, width, channels] to which your own pictures are brought; channels are 1 or 3."""
    augmentation: AugmentationSection = AugmentationSection()

    @pydantic.field_validator("data_dir")
    @classmethod
    def _absolute(cls, path: str | None) -> str | None:
        return path and os.path.abspath(os.path.expanduser(path))


class OptimizerSection(_Section):
    """How gradients become updates."""

    name: Literal["sgd", "adam", "adamw", "lion", "lamb", "muon"] = "adam"
    """The algorithm. `muon` takes the kernels of hidden layers, as matrices; Adam all else, at the same rate."""
    learning_rate: Rate = 1e-3
    """The peak of the schedule."""
    momentum: Fraction = 0.0
    """Of sgd alone."""
    nesterov: bool = False
    """Of sgd with momentum: the gradient as it will be after the momentum's step (Sutskever et al., 2013)."""
    weight_decay: NonNegativeFloat = 0.0
    """Decoupled from the gradient (Loshchilov & Hutter, 2019); not of biases and normalization."""
    l2: NonNegativeFloat = 0.0
    """A penalty on kernels, in the loss."""
    clip_norm: Rate | None = None
    """The largest norm of all gradients together."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] | None = None
    """Each layer, or block of a text encoder, learns at this times the rate of the one above it."""
    ema_momentum: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Average the weights over updates, with this momentum, and keep the average as the model."""
    lookahead_steps: Annotated[int, Field(ge=2, le=1_000_000)] | None = None
    """After every so many updates, go back half the way to where they began (Zhang et al., 2019)."""
    gradient_accumulation_steps: Count = 1
    """Compute a batch in so many parts, one after the other, to save memory."""

    @pydantic.model_validator(mode="after")
    def _momentum_belongs_to_sgd(self):
        if self.momentum and self.name != "sgd":
            raise ValueError(f"momentum belongs to sgd, not to {self.name}")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov belongs to sgd with momentum; set momentum, or leave nesterov out")
        return self


class ScheduleSection(_Section):
    """The learning rate over the training: a linear warm-up, then one of three ways on; or one cycle."""

    name: Literal["constant", "cosine", "linear", "one_cycle"] = "constant"
    """How the learning rate goes on after the warm-up. `one_cycle` has no warm-up: it rises in a line to the peak, then
    falls in a line (Smith & Topin, 2018)."""
    warmup_epochs: Epochs = 0.0
    """Epochs, also parts of one, in which the learning rate rises from 0; a quarter of all at most."""
    final_fraction: Probability = 0.0
    """Where a descent ends, as a part of the peak."""
    initial_fraction: Probability = 0.04
    """Of one_cycle alone: where the rise begins, as a part of the peak."""
    peak_at: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Of one_cycle alone: the part of the training after which the peak comes."""
    momentum_at_peak: Fraction | None = None
    """Of one_cycle with sgd: the momentum falls to this while the learning rate rises, and comes back; by default it
    stays as it is."""

    @pydantic.model_validator(mode="after")
    def _fits_its_name(self):
        if self.name == "one_cycle" and self.warmup_epochs:
            raise ValueError("one_cycle begins with a rise of its own: leave warmup_epochs out, and set peak_at")
        of_one_cycle = {"initial_fraction": 0.04, "peak_at": 0.3, "momentum_at_peak": None}
        for key, default in of_one_cycle.items():
            if self.name != "one_cycle" and getattr(self, key) != default:
                raise ValueError(f"{key} belongs to one_cycle, not to {self.name}")
        return self


class EarlyStoppingSection(_Section):
    """End the training where the validation value no longer improves."""

    patience: Count
    """So many epochs without a better validation value end the training."""
    minimum_improvement: NonNegativeFloat = 0.0
    """Less than this is not better."""


class MaskingSection(_Section):
    """What pre-training hides from a masked language model."""

    fraction: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """The part of the pieces that is hidden."""
    whole_words: bool = False
    """Hide all pieces of a word together."""


class PruningSection(_Section):
    """Set the smallest weights of each kernel to 0, more and more of them between two epochs."""

    final_sparsity: Annotated[float, Field(gt=0, lt=1)] = 0.8
    """The part of each kernel that is 0 in the end."""
    begin_epoch: Epochs = 0.0
    """When it begins."""
    end_epoch: Annotated[float, Field(gt=0, le=MOST_EPOCHS)] | None = None
    """When the final sparsity is reached; by default after three quarters of all epochs."""
    steps_between: Count = 100
    """Steps from one pruning to the next."""

    def epochs_of(self, epochs: int) -> tuple[float, float]:
        """Where it begins and ends in a training of so many epochs."""
        return self.begin_epoch, 0.75 * epochs if self.end_epoch is None else self.end_epoch


class DistillationSection(_Section):
    """Learn a trained model's answers beside the labels."""

    teacher: str
    """A run, a `.keras` file, or the name of a model whose weights are published."""
    temperature: Rate = 4.0
    """What the logits of both are divided by before they are compared."""
    alpha: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The teacher's part of the loss; the labels have the rest."""


class ProgressiveResizingSection(_Section):
    """Train the first epochs on smaller pictures, which takes less time; for models that read pictures of any size."""

    size_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Height and width of the smaller pictures, as a part of the whole ones'."""
    epoch_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """The part of the epochs that sees them."""


class TrainingSection(_Section):
    """How the model is trained."""

    epochs: Annotated[int, Field(gt=0, le=MOST_EPOCHS)] = 10
    """Passes over the training rows."""
    batch_size: Count = 128
    """Examples a step, over all devices together."""
    fit_to_rows: list[Literal["epochs", "batch_size", "selection"]] = []
    """Keys that follow from the number of rows. On other data than the recipe's own: all that you do not set."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Decides initial weights, order, dropout and augmentation."""
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """What is computed in. `auto` is mixed_bfloat16 where the processor, GPU or TPU computes in it, else float32."""
    strategy: Literal["auto", "default", "mirrored", "multi_worker", "tpu"] = "auto"
    """`auto` is the cluster that TF_CONFIG or Slurm describes, else a TPU, else all GPUs, else one device."""
    devices: Annotated[int, Field(gt=0, le=65_536)] | None = None
    """How many GPUs, or virtual devices, train together under mirrored; by default all."""
    virtual_devices: Annotated[int, Field(gt=0, le=1024)] | None = None
    """Cut the processor into so many devices, to try strategies."""
    xla: Literal["auto", "on", "off"] = "auto"
    """Compile the training with XLA. `auto` does, but for convolutions and texts on a CPU."""
    steps_per_call: Count | None = None
    """Training steps in one call of a compiled program; by default as many as take a second or two."""
    deterministic: bool = False
    """Take only operations that give the same bits each time; slower."""
    label_smoothing: Fraction = 0.0
    """The part of each label's weight that is spread over all classes."""
    class_weights: Literal["balanced"] | dict[str, NonNegativeFloat] | None = None
    """A weight for each class by name, 1 where none is given; `balanced` gives each class the same sum."""
    selection: Literal["best", "last"] = "best"
    """Which epoch's weights are kept: the best on validation, or the last."""
    average_last_epochs: Annotated[int, Field(ge=2, le=MOST_EPOCHS)] | None = None
    """Average the weights at the ends of so many last epochs (Izmailov et al., 2018, SWA), and measure the statistics
    of batch normalization anew on the training rows. With selection `last` the average is kept; with `best` it is one
    epoch more to choose from."""
    frozen_layers: list[str] = []
    """Patterns of names of layers that do not learn."""
    unfreeze_epoch: Annotated[int, Field(gt=0, lt=MOST_EPOCHS)] | None = None
    """From this epoch on, counted from 0, the frozen layers learn too."""
    lora_rank: Annotated[int, Field(gt=0, le=65_536)] | None = None
    """Freeze large kernels, and let adapters of this rank learn beside them (Hu et al., 2022, LoRA)."""
    length_buckets: list[Count] = []
    """Lengths, in pieces, to which batches of texts may be cut; texts of similar length share a batch."""
    checkpoint_minutes: Annotated[float, Field(ge=0, le=1_000_000)] = 1.0
    """Time between two checkpoints; 0 writes one after each call of the loop."""
    masking: MaskingSection = MaskingSection()
    optimizer: OptimizerSection = OptimizerSection()
    schedule: ScheduleSection = ScheduleSection()
    early_stopping: EarlyStoppingSection | None = None
    pruning: PruningSection | None = None
    distillation: DistillationSection | None = None
    progressive_resizing: ProgressiveResizingSection | None = None

    @pydantic.field_validator("class_weights", mode="before")
    @classmethod
    def _names_of_classes(cls, weights):
        """Names that look like numbers, as YAML reads them."""
        return {str(name): weight for name, weight in weights.items()} if isinstance(weights, dict) else weights

    @pydantic.model_validator(mode="after")
    def _momentum_has_a_cycle(self):
        if self.schedule.momentum_at_peak is not None and not self.optimizer.momentum:
            raise ValueError("schedule.momentum_at_peak is for sgd with optimizer.momentum; set both, or leave it out")
        return self

    @pydantic.model_validator(mode="after")
    def _averages_what_there_is(self):
        if not self.average_last_epochs:
            return self
        if self.average_last_epochs > self.epochs:
            raise ValueError(f"average_last_epochs={self.average_last_epochs} is more than the {self.epochs} epochs")
        if self.optimizer.ema_momentum is not None:
            raise ValueError("average_last_epochs does not go with optimizer.ema_momentum, another average; choose one")
        if self.early_stopping:
            raise ValueError("average_last_epochs does not go with early_stopping: which is the last, is not known")
        first = self.epochs - self.average_last_epochs + 1
        if self.pruning and self.pruning.epochs_of(self.epochs)[1] > first:
            raise ValueError(
                f"average_last_epochs={self.average_last_epochs}: pruning is to end before, by epoch {first}; set "
                "training.pruning.end_epoch"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _unfreezes_what_is_frozen(self):
        if self.unfreeze_epoch is not None and not self.frozen_layers:
            raise ValueError("unfreeze_epoch is for training.frozen_layers, and none are given")
        if self.unfreeze_epoch is not None and self.pruning:
            raise ValueError("unfreeze_epoch does not go with pruning, which counts from the first step; choose one")
        return self

    @pydantic.model_validator(mode="after")
    def _teachers_read_one_size(self):
        if self.distillation and self.progressive_resizing:
            raise ValueError("progressive_resizing does not go with distillation, whose teacher reads one size")
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
