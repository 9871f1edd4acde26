"""The examples that all contenders train on."""

import dataclasses

import numpy as np

from zoo import datasets
from zoo.config import Config


def training_examples(config: Config):
    """The config's dataset, its training split cut to whole batches, so that all contenders take the same steps."""
    dataset = datasets.load_configured(config.dataset)
    rows = len(dataset.train) - len(dataset.train) % config.training.batch_size
    return dataclasses.replace(dataset, train=dataset.train.take(np.arange(rows)))
