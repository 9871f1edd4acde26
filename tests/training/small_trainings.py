"""A training of a second, for tests that change one thing of it."""

import contextlib

import numpy as np
import pytest
from tensorflow.python.framework.config import disable_op_determinism

import zoo
from zoo.evaluation import outcome
from zoo.tasks import Training
from zoo.training.callbacks import Checkpoints
from zoo.training.trainer import batch_specification, build_trainer


def train(dataset, runs_dir, *assignments, resume=None, draw=False, callbacks=()):
    """The run; with its pictures where `draw` says so."""
    basics = ["dataset.name=image_folder", "training.epochs=3", "training.batch_size=40", "training.steps_per_call=4"]
    plain = zoo.load_config(
        "mnist_mlp",
        assignments=["dataset.augmentation={}", "training.optimizer={}", "training.schedule={}", *basics, *assignments],
    )
    try:
        with contextlib.nullcontext() if draw else without_pictures():
            return zoo.train(plain, runs_dir, dataset=dataset, resume=resume, show_progress=False, callbacks=callbacks)
    finally:
        disable_op_determinism()  # it would turn XLA off for the trainings that follow in this process


@contextlib.contextmanager
def without_pictures():
    """Trainings inside draw nothing: pictures take half of a small training's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outcome, "drawn", lambda draw, where: None)
        yield


def weights(run):
    return np.concatenate([w.ravel() for w in zoo.load_model(run).model.get_weights()])


def interrupted(stop_at_step, *arguments, train=train):
    """The run of `train(*arguments)` that SIGTERM ended after a step."""
    original = Checkpoints._save_if_due

    def stop_here(self, step):
        self.signal_number = 15 if step == stop_at_step else None
        original(self, step)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(zoo.errors.Interrupted) as interruption:
        patch.setattr(Checkpoints, "_save_if_due", stop_here)
        train(*arguments)
    return interruption.value.run


def trainer_of(model, name, *assignments, shorter=()):
    """The trainer of a model as one of that name has it; and its task, and what it starts from."""
    task, training = (
        zoo.model_info(name).task,
        Training(zoo.load_config(name, assignments=assignments), model, {}, None),
    )
    return build_trainer(task, training, shorter), task, training


def ready(trainer, task, training, optimizer, targets, batch_size):
    """The same trainer, compiled and prepared for batches of that size."""
    trainer.set_up(lambda: optimizer, task.loss(training), task.metrics(training))
    trainer.prepare(batch_specification(trainer, targets, batch_size))
    return trainer
