"""Optimizers and learning-rate schedules from their config."""

import math

import keras
from keras import ops

from zoo.keras_hooks import AroundUpdate, Muon, index_of
from zoo.settings import OptimizerSection, ScheduleSection
from zoo.training.averaging import brief_momentum

_HEADS = [r"(^|/)(logits|standardized)/"]  # they learn by Adam, as Muon's authors have it


class WarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Linear from 0 to `peak` in `warmup_steps`, then to `final_fraction * peak` at `total_steps` by `shape`.

    `shape` is constant, linear, or cosine (Loshchilov & Hutter, 2017, SGDR, without restarts).
    """

    def __init__(self, peak: float, warmup_steps: int, total_steps: int, shape: str, final_fraction: float):
        self.peak, self.warmup_steps, self.total_steps = peak, warmup_steps, total_steps
        self.shape, self.final_fraction = shape, final_fraction

    def __call__(self, step):
        step = ops.cast(step, "float32")
        warmup = ops.minimum((step + 1) / max(self.warmup_steps, 1), 1.0)
        progress = ops.clip((step - self.warmup_steps) / max(self.total_steps - self.warmup_steps, 1), 0.0, 1.0)
        height = {
            "constant": lambda: 1.0,
            "linear": lambda: 1 - progress,
            "cosine": lambda: 0.5 * (1 + ops.cos(math.pi * progress)),
        }[self.shape]()
        if self.shape != "constant":
            height = self.final_fraction + (1 - self.final_fraction) * height
        return self.peak * warmup * height

    def get_config(self):
        names = ("peak", "warmup_steps", "total_steps", "shape", "final_fraction")
        return {name: getattr(self, name) for name in names}


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Linear from `initial_fraction * peak` to `peak` at `peak_step`, then to `final_fraction * peak` at `total_steps`.

    Smith & Topin (2018), Super-convergence, with one descent in place of two.
    """

    def __init__(self, peak: float, peak_step: int, total_steps: int, initial_fraction: float, final_fraction: float):
        self.peak, self.peak_step, self.total_steps = peak, peak_step, total_steps
        self.initial_fraction, self.final_fraction = initial_fraction, final_fraction

    def height(self, step):
        """Where a step stands: 0 at the foot of the cycle, 1 at the peak."""
        step = ops.cast(step, "float32")
        falling = (self.total_steps - step) / max(self.total_steps - self.peak_step, 1)
        return ops.clip(ops.minimum(step / self.peak_step, falling), 0.0, 1.0)

    def __call__(self, step):
        foot = ops.where(step < self.peak_step, self.initial_fraction, self.final_fraction)
        return self.peak * (foot + (1 - foot) * self.height(step))

    def get_config(self):
        names = ("peak", "peak_step", "total_steps", "initial_fraction", "final_fraction")
        return {name: getattr(self, name) for name in names}


class CyclingSGD(keras.optimizers.SGD):
    """SGD whose momentum falls from `momentum` to `momentum_at_peak` while a `OneCycle` rises, and comes back.

    It follows from the number of updates, which checkpoints hold and all replicas share.
    """

    def __init__(self, *, learning_rate: OneCycle, momentum_at_peak: float, **settings):
        super().__init__(learning_rate, **settings)
        self.cycle, self.momentum_at_peak = learning_rate, momentum_at_peak

    def update_step(self, gradient, variable, learning_rate):
        momentum = self.momentum + (self.momentum_at_peak - self.momentum) * self.cycle.height(self.iterations)
        velocity = self.momentums[index_of(self, variable)]
        self.assign(velocity, momentum * velocity - learning_rate * gradient)
        self.assign_add(variable, momentum * velocity - learning_rate * gradient if self.nesterov else velocity)


def lookahead_step(optimizer: keras.optimizers.Optimizer, steps: int) -> AroundUpdate:
    """After every so many updates, go back half the way to where they began (Zhang et al., 2019, Lookahead optimizer).

    The slow weights, those of the last such place, are state of the optimizer: checkpoints hold them. Validation sees
    the weights as they are, between two such places too.

    Args:
        optimizer: of `build_optimizer`, with `lookahead_steps`.
        steps: how many.

    Returns:
        One of the steps of `zoo.keras_hooks.stand_around_updates`. Pruning stands around it: what it prunes stays 0.
    """

    def update_and_go_back(update, index, variable, learning_rate):
        slow = optimizer.slow_weights[index].value
        update(learning_rate)
        due = (optimizer.iterations + 1) % steps == 0
        variable.assign(ops.where(due, slow + 0.5 * (variable - slow), variable))
        slow.assign(ops.where(due, variable, slow))

    return update_and_go_back


def _subclass(optimizer_class: type[keras.optimizers.Optimizer], looks_ahead: bool) -> type[keras.optimizers.Optimizer]:
    """One with slow weights, where it looks ahead, and whose averages soon forget the initial weights.

    The average's momentum after t updates is min(`ema_momentum`, (1 + t) / (10 + t)), as in
    `tf.train.ExponentialMovingAverage`: in a short training, an average over about its last tenth. It depends only on
    the number of updates, which checkpoints hold and all replicas share.
    """

    class BrieflyAveraging(optimizer_class):
        @property
        def ema_momentum(self):
            return brief_momentum(self.longest_ema_momentum, self.iterations)

        @ema_momentum.setter
        def ema_momentum(self, value):
            self.longest_ema_momentum = value

        def build(self, variables):
            if not self.built and self.looks_ahead:
                self.slow_weights = self.add_optimizer_variables(variables, "slow")
                for slow, variable in zip(self.slow_weights, variables, strict=True):
                    slow.assign(variable)
            super().build(variables)

    BrieflyAveraging.looks_ahead = looks_ahead
    BrieflyAveraging.__name__ = optimizer_class.__name__  # Keras names the optimizer's variables after it
    return BrieflyAveraging


def build_optimizer(
    settings: OptimizerSection, schedule: ScheduleSection, steps_per_epoch: int, epochs: int
) -> keras.optimizers.Optimizer:
    """The Keras optimizer that the config describes; weight decay leaves biases and normalization out."""
    learning_rate = _schedule(schedule, settings.learning_rate, steps_per_epoch, epochs)
    shared = {
        "learning_rate": learning_rate,
        "weight_decay": settings.weight_decay or None,
        "global_clipnorm": settings.clip_norm,
        "use_ema": settings.ema_momentum is not None,
        "ema_momentum": settings.ema_momentum or 0.99,
    }
    chosen, own = {
        "sgd": (keras.optimizers.SGD, {"momentum": settings.momentum, "nesterov": settings.nesterov}),
        "adam": (keras.optimizers.Adam, {}),
        "adamw": (keras.optimizers.AdamW, {"weight_decay": settings.weight_decay}),
        "lion": (keras.optimizers.Lion, {}),
        "lamb": (keras.optimizers.Lamb, {}),
        "muon": (Muon, {"exclude_layers": _HEADS}),
    }[settings.name]
    if schedule.momentum_at_peak is not None:
        chosen, own = CyclingSGD, own | {"momentum_at_peak": schedule.momentum_at_peak}
    optimizer = _subclass(chosen, settings.lookahead_steps is not None)(**shared | own)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _schedule(settings: ScheduleSection, peak: float, steps_per_epoch: int, epochs: int):
    total_steps = steps_per_epoch * epochs
    if settings.name == "one_cycle":
        peak_step = max(1, round(settings.peak_at * total_steps))
        return OneCycle(peak, peak_step, total_steps, settings.initial_fraction, settings.final_fraction)
    warmup_steps = round(settings.warmup_epochs * steps_per_epoch)
    return WarmupDecay(peak, warmup_steps, total_steps, settings.name, settings.final_fraction)
