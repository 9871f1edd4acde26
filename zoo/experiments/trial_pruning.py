"""Ends a trial that the trials before it make hopeless."""

import tqdm

from zoo.tasks import Metric
from zoo.training.callbacks import RunCallback


class Pruning(RunCallback):
    """Tells Optuna each epoch's headline on validation, and stops where its pruner says so; a bar shows the epochs."""

    def __init__(self, trial, name: str, epochs: int, headline: Metric):
        """`trial` is an `optuna.Trial`."""
        super().__init__()
        self.trial, self.name, self.epochs, self.headline = trial, name, epochs, headline
        self.pruned_after: int | None = None  # epochs
        self.bar = None

    def on_train_begin(self, logs=None):
        if self.run is not None:  # where the trial goes on from, should this process be killed
            self.trial.set_user_attr("run", str(self.run.path))

    def on_epoch_end(self, epoch, logs=None):
        if self.bar is None:
            about = {"total": self.epochs, "initial": epoch, "desc": self.name, "unit": " epochs"}
            self.bar = tqdm.tqdm(**about, leave=False, disable=None)  # None: tqdm shows it on a terminal only
        self.bar.update()
        value = float(logs[f"val_{self.headline.name}"])
        self.bar.set_postfix_str(f"validation {self.headline.words} {self.headline.text(value)}", refresh=False)
        self.trial.report(value, epoch + 1)
        if epoch + 1 < self.epochs and self.trial.should_prune():
            self.pruned_after = epoch + 1
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self.bar is not None:
            self.bar.close()
