"""Optimizers and learning-rate schedules from their config."""

import math

import keras
from keras import ops

from zoo.config import OptimizerSection, ScheduleSection


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


def build_optimizer(
    settings: OptimizerSection, schedule: ScheduleSection, steps_per_epoch: int, epochs: int
) -> keras.optimizers.Optimizer:
    """The Keras optimizer that the config describes; biases and normalization are spared weight decay."""
    learning_rate = WarmupDecay(
        peak=settings.learning_rate,
        warmup_steps=round(schedule.warmup_epochs * steps_per_epoch),
        total_steps=steps_per_epoch * epochs,
        shape=schedule.name,
        final_fraction=schedule.final_fraction,
    )
    shared = {
        "learning_rate": learning_rate,
        "weight_decay": settings.weight_decay or None,
        "global_clipnorm": settings.clip_norm,
        "use_ema": settings.ema_momentum is not None,
        "ema_momentum": settings.ema_momentum or 0.99,
    }
    if settings.name == "sgd":
        optimizer = keras.optimizers.SGD(momentum=settings.momentum, **shared)
    else:
        optimizer = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}[settings.name](
            **shared | ({"weight_decay": settings.weight_decay} if settings.name == "adamw" else {})
        )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
