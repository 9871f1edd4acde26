"""The weights of a name, as a run: what reads runs reads them too, without a training."""

import fnmatch
import functools
import pathlib
from collections.abc import Sequence
from typing import Any

from zoo.config import config_path
from zoo.errors import ZooError, nearest
from zoo.runs import Run
from zoo.tasks.catalog import read_labels
from zoo.weights.record import Entry, entries, find
from zoo.weights.store import cache_dir, weights_file


class PublishedRun(Run):
    """Published weights. In `path`, in the cache, lies only what is measured of them later; it need not exist."""

    def __init__(self, name: str):
        """Raises: ZooError: there are no weights of that name."""
        entry = find(name)
        super().__init__(cache_dir() / "published" / name / pathlib.PurePath(entry.file).stem)
        self.__dict__.update(name=name, entry=entry)  # a run is frozen

    name: str
    entry: Entry

    def __str__(self) -> str:
        return f"{self.name} [{self.variant}]"

    @functools.cached_property
    def model_file(self) -> pathlib.Path:
        """Raises: ZooError: they cannot be had."""
        return weights_file(self.name)

    @property
    def variant(self) -> str:
        """Sets them apart from a run of the user's own with the same config and seed."""
        return "published"

    @property
    def model_name(self) -> str:
        return str(self)

    @property
    def record(self) -> dict[str, Any]:
        from zoo.run_files import Record
        from zoo.weights.record import PATH

        return Record(self.entry.run | {"model": self.model_name}, f"{PATH}: {self.name}: run", "update the zoo")

    @property
    def _config_file(self) -> pathlib.Path:
        return config_path(self.name)

    @property
    def labels(self) -> dict[str, Any]:
        if self.entry.base:
            from zoo.run_files import about_of
            from zoo.safe_reading import read_arrays

            return read_labels(about_of(read_arrays(self.model_file, "fetch it again"))["labels"])
        from zoo.opening.archive import open_zip
        from zoo.opening.labels import LABELS
        from zoo.opening.labels import read_labels as labels_of

        with open_zip(self.model_file, ".keras file") as archive:
            return read_labels(labels_of(archive.read(LABELS), self.model_file))


def published_runs(patterns: Sequence[str]) -> list[PublishedRun]:
    """Those whose name fits one of the patterns.

    Raises:
        ZooError: none does.
    """
    names = list(entries())
    chosen = [name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
    if not chosen:
        raise ZooError(f"--models={','.join(patterns)}: no published weights fit; {nearest(','.join(patterns), names)}")
    return [PublishedRun(name) for name in chosen]


def chosen_run(run: str | None, model: str | None, model_file: str | None = None) -> str | Run | None:
    """The run that the flags --run and --model name; None where neither is given.

    Raises:
        ZooError: --model is given with another, or there are no weights of its name.
    """
    if not model:
        return run
    if run or model_file:
        raise ZooError(f"both --model and {'--run' if run else '--model_file'} given: name one model")
    return PublishedRun(model)
