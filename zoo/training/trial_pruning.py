"""Ends a trial that the trials before it make hopeless."""

import keras
import tqdm


class Pruning(keras.callbacks.Callback):
    """Tells Optuna each epoch's validation accuracy, and stops where its pruner says so; a bar shows the epochs."""

    def __init__(self, trial, name: str, epochs: int):
        """`trial` is an `optuna.Trial`."""
        super().__init__()
        self.trial, self.name, self.epochs = trial, name, epochs
        self.pruned_after: int | None = None  # epochs
        self.bar = None

    def on_epoch_end(self, epoch, logs=None):
        if self.bar is None:
            about = {"total": self.epochs, "initial": epoch, "desc": self.name, "unit": " epochs"}
            self.bar = tqdm.tqdm(**about, leave=False, disable=None)  # None: unless on a terminal
        self.bar.update()
        self.bar.set_postfix_str(f"validation accuracy {logs['val_accuracy']:.4f}", refresh=False)
        self.trial.report(float(logs["val_accuracy"]), epoch + 1)
        if epoch + 1 < self.epochs and self.trial.should_prune():
            self.pruned_after = epoch + 1
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self.bar is not None:
            self.bar.close()
