"""How gradients become updates, and at which rate."""

from typing import Annotated, Literal

import pydantic
from pydantic import Field, NonNegativeFloat

from zoo.settings.section import Count, Epochs, Fraction, Probability, Rate, Section


class OptimizerSection(Section):
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


class ScheduleSection(Section):
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
