"""A training of a second, for tests that change one thing of it."""

import numpy as np
import pytest
from tensorflow.python.framework.config import disable_op_determinism

import zoo
from zoo.training.callbacks import Checkpoints


def train(dataset, runs_dir, *assignments, resume=None):
    basics = ["dataset.name=image_folder", "training.epochs=3", "training.batch_size=40", "training.steps_per_call=4"]
    plain = zoo.load_config(
        "mnist_mlp",
        assignments=["dataset.augmentation={}", "training.optimizer={}", "training.schedule={}", *basics, *assignments],
    )
    try:
        return zoo.train(plain, runs_dir, dataset=dataset, resume=resume, show_progress=False)
    finally:
        disable_op_determinism()  # it would turn XLA off for the trainings that follow in this process


def weights(run):
    return np.concatenate([w.ravel() for w in zoo.load_model(run).model.get_weights()])


def interrupted(stop_at_step, *arguments):
    """The run of `train(*arguments)` that SIGTERM ended after a step."""
    original = Checkpoints._save_if_due

    def stop_here(self, step):
        self.signal_number = 15 if step == stop_at_step else None
        original(self, step)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(zoo.errors.Interrupted) as interruption:
        patch.setattr(Checkpoints, "_save_if_due", stop_here)
        train(*arguments)
    return interruption.value.run
