"""How a model is trained."""

from typing import Annotated, Literal

import pydantic
from pydantic import Field, NonNegativeFloat

from zoo.settings.optimization import OptimizerSection, ScheduleSection
from zoo.settings.section import MOST_EPOCHS, Count, Epochs, Fraction, Rate, Section


class EarlyStoppingSection(Section):
    """End the training where the validation value no longer improves."""

    patience: Count
    """So many epochs without a better validation value end the training."""
    minimum_improvement: NonNegativeFloat = 0.0
    """Less than this is not better."""


class MaskingSection(Section):
    """What pre-training hides from a masked language model."""

    fraction: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """The part of the pieces that is hidden."""
    whole_words: bool = False
    """Hide all pieces of a word together."""


class PruningSection(Section):
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


class DistillationSection(Section):
    """Learn a trained model's answers beside the labels."""

    teacher: str
    """A run, a `.keras` file, or the name of a model whose weights are published."""
    temperature: Rate = 4.0
    """What the logits of both are divided by before they are compared."""
    alpha: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The teacher's part of the loss; the labels have the rest."""


class ProgressiveResizingSection(Section):
    """Train the first epochs on smaller pictures, which takes less time; for models that read pictures of any size."""

    size_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Height and width of the smaller pictures, as a part of the whole ones'."""
    epoch_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """The part of the epochs that sees them."""


class TrainingSection(Section):
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
