"""Models as the readers and scripts see them once they are loaded."""

from pathlib import Path

from zoo.loading import LoadedModel
from zoo.tasks.catalog import get_task


def named(model, reads, names=("a", "b"), path="m.keras", kind=LoadedModel, **labels):
    """A model, by default a classifier, that reads images, tables or texts."""
    task = get_task(labels.get("task", "classification"))
    return kind(model, task, reads, {"label_names": list(names)} | labels, Path(path))


def small_writer(seed=0, **options):
    """A GPT of bytes with random weights, as loaded: it writes nonsense, and never twice the same."""
    import numpy as np

    from zoo.models.gpt import gpt

    sizes = {"vocabulary_size": 257, "context_length": 32, "num_layers": 2, "hidden_size": 32, "num_heads": 4}
    model, generator = gpt(**sizes | options), np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(variable + generator.normal(0, 0.2, variable.shape))
    return named(model, "text", (), task="language_model")
