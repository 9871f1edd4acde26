"""Models as the readers and scripts see them once they are loaded."""

from pathlib import Path

from zoo.loading import LoadedModel
from zoo.tasks.catalog import get_task


def named(model, reads, names=("a", "b"), path="m.keras", kind=LoadedModel, **labels):
    """A model, by default a classifier, that reads images, tables or texts."""
    task = get_task(labels.get("task", "classification"))
    return kind(model, task, reads, {"label_names": list(names)} | labels, Path(path))
