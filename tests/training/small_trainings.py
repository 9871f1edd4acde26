"""A training of a second, for tests that change one thing of it."""

import numpy as np
from tensorflow.python.framework.config import disable_op_determinism

import zoo


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
