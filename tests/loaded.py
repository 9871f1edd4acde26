"""Models as the readers and scripts see them once they are loaded."""

from pathlib import Path

from zoo.loading import LoadedModel
from zoo.tasks.catalog import get_task


def named(model, reads, names=("a", "b"), path="m.keras", kind=LoadedModel, **labels):
    """A classifier that reads images, tables or texts."""
    return kind(model, get_task("classification"), reads, {"label_names": list(names)} | labels, Path(path))
