"""Experiment trackers: what a run holds, sent to MLflow or to Weights & Biases as it comes.

The run stays the record. A tracker gets the config, each row of history.csv, the figures, the pictures and the model.
"""

import contextlib
import importlib.util
import os
import pathlib
import time
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from zoo.errors import ZooError, nearest, shortened
from zoo.escaping import tell
from zoo.run_files import read_history
from zoo.runs import Run
from zoo.training.callbacks import RunCallback

_SENT = "trackers.json"  # in the run: what each tracker calls it, and how many epochs it has
_FILES = ("config.yaml", "run.json", "results.json", "labels.json", "history.csv", "model.keras")


class Log(Protocol):
    """A tracker's record of one run."""

    id: str

    def config(self, values: dict[str, Any]) -> None:
        """Keep the settings, by full key."""

    def epoch(self, number: int, row: dict[str, float]) -> None:
        """Keep a row of history.csv."""

    def end(self, status: str, figures: dict[str, float], files: Iterable[pathlib.Path]) -> None:
        """Keep the figures, files and pictures, and close; `status` is that of run.json."""


class Tracker(RunCallback):
    """Sends a run to a tracker. After an interruption the resumed run goes on in the same record of the tracker."""

    def __init__(self, name: str):
        """Take one of `TRACKERS`.

        Raises:
            ZooError: there is no such tracker, or its package is missing.
        """
        super().__init__()
        if name not in TRACKERS:
            raise ZooError(f"--tracker={name}: unknown; {nearest(name, TRACKERS)}")
        if importlib.util.find_spec(name) is None:
            raise ZooError(f"--tracker={name} needs the package {name}: pip install 'keras-model-zoo[{name}]'")
        self.name, self.log, self.sent = name, None, 0

    def on_train_begin(self, logs=None):
        """Open the record; Keras calls it twice where a run resumes inside an epoch."""
        if self.run is None or self.log is not None:
            return
        before = self._sent().get(self.name, {})
        try:
            self.log, self.sent = TRACKERS[self.name](self.run, before.get("id")), before.get("epochs", 0)
            self.log.config(_flat(self.run.config_values))
        except Exception as error:  # of whatever kind the tracker's package raises
            raise ZooError(f"--tracker={self.name}: {_in_a_line(error)}; mend it, or train without it") from None
        self._note()

    def on_epoch_end(self, epoch, logs=None):
        """Send the rows of history.csv that the tracker has not."""
        if self.log is None:
            return
        columns = read_history(self.run.history_file)
        rows = [{name: float(values[n]) for name, values in columns.items()} for n in range(len(columns["epoch"]))]
        with self._going_on_without():
            for number in range(self.sent, len(rows)):
                self.log.epoch(number + 1, rows[number])
            self.sent = len(rows)
            self._note()

    def on_run_end(self):
        """Send figures, pictures and model, whatever the end was."""
        if self.log is None:
            return
        figures = _figures(self.run.results) if (self.run.path / "results.json").exists() else {}
        files = [self.run.path / name for name in _FILES] + sorted(self.run.path.glob("*.png"))
        status = self.run.record["status"]
        with self._going_on_without():
            self.log.end(status, figures, [file for file in files if file.is_file()])

    @contextlib.contextmanager
    def _going_on_without(self) -> Iterator[None]:
        """A tracker that fails in the middle, such as a server that is gone, ends no training."""
        try:
            yield
        except Exception as error:  # of whatever kind the tracker's package raises
            tell(f"--tracker={self.name}: {_in_a_line(error)}; the run goes on without it")
            self.log = None

    def _sent(self) -> dict[str, Any]:
        return self.run.read_json(_SENT) if (self.run.path / _SENT).exists() else {}

    def _note(self) -> None:
        self.run.write_json(_SENT, self._sent() | {self.name: {"id": self.log.id, "epochs": self.sent}})


class _MLflow:
    """Where MLFLOW_TRACKING_URI says, else in mlflow.db of the working folder, which `mlflow ui` shows."""

    _STATUS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}

    def __init__(self, run: Run, run_id: str | None):
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        import mlflow

        uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{pathlib.Path('mlflow.db').absolute()}"
        self.client, name = mlflow.MlflowClient(uri), run.record["model"]
        experiment = self.client.get_experiment_by_name(name)
        experiment_id = experiment.experiment_id if experiment else self.client.create_experiment(name)
        if run_id is None:
            run_id = self.client.create_run(experiment_id, run_name=run.path.name).info.run_id
        self.id = run_id

    def config(self, values):
        from mlflow.entities import Param

        params = [Param(key, str(value)[:6000]) for key, value in values.items()]
        for start in range(0, len(params), 100):  # as many as a request may have
            self.client.log_batch(self.id, params=params[start : start + 100])

    def epoch(self, number, row):
        self._metrics(row, number)

    def end(self, status, figures, files):
        self._metrics(figures, 0)
        for file in files:
            self.client.log_artifact(self.id, str(file))
        self.client.set_terminated(self.id, self._STATUS.get(status, "FAILED"))

    def _metrics(self, values: dict[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for name, value in values.items()]
        for start in range(0, len(metrics), 1000):
            self.client.log_batch(self.id, metrics=metrics[start : start + 1000])


class _Wandb:
    """Offline, in the folder wandb of the run, unless WANDB_MODE says otherwise; `wandb sync` sends it later."""

    def __init__(self, run: Run, run_id: str | None):
        import wandb

        self.run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "keras-model-zoo"), id=run_id, resume="allow", name=run.path.name,
            dir=run.path, mode=os.environ.get("WANDB_MODE", "offline"), group=run.record["model"],
            settings=wandb.Settings(console="off", silent=True),
        )  # fmt: skip
        self.id = self.run.id

    def config(self, values):
        self.run.config.update(values, allow_val_change=True)

    def epoch(self, number, row):
        self.run.log(row, step=number)

    def end(self, status, figures, files):
        import wandb

        self.run.summary.update(figures | {"status": status})
        pictures = [file for file in files if file.suffix == ".png"]
        self.run.log({file.stem: wandb.Image(str(file)) for file in pictures})
        artifact = wandb.Artifact(f"run-{self.id}", type="model")
        for file in files:
            if file not in pictures:
                artifact.add_file(str(file))
        self.run.log_artifact(artifact)
        self.run.finish(exit_code=int(status == "failed"))
        wandb.teardown()  # waits until all is in the file


TRACKERS = {"mlflow": _MLflow, "wandb": _Wandb}


def _in_a_line(error: Exception) -> str:
    return shortened(" ".join(f"{type(error).__name__} {error}".split()), 200)


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"training": {"epochs": 3}}` → `{"training.epochs": 3}`"""
    flat = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) and value else {name: value}
    return flat


def _figures(results: dict[str, Any]) -> dict[str, float]:
    """The numbers of results.json; an interval becomes two."""
    figures = {}
    for name, value in _flat(results).items():
        if name.endswith(".interval") and isinstance(value, list):
            figures |= {
                f"{name.removesuffix('interval')}{end}": v for end, v in zip(("low", "high"), value, strict=True)
            }
        elif isinstance(value, int | float):
            figures[name.removesuffix(".value")] = float(value)
    return figures
