"""What watches a training: history, progress, selection of the best weights, checkpoints."""

import contextlib
import csv
import io
import math
import pathlib
import signal
import sys
import time

import keras
import numpy as np
import tqdm

from zoo import signals
from zoo.errors import Interrupted, ZooError
from zoo.runs import write_atomically
from zoo.tasks import Metric
from zoo.training import checkpoints
from zoo.training.averaging import LastEpochs
from zoo.training.strategy import is_chief, total


class LossNotFiniteError(Exception):
    """The loss became NaN or infinite."""


class RunCallback(keras.callbacks.Callback):
    """A callback that knows the run. `zoo.train(…, callbacks=[…])` takes any Keras callback; one of this class too.

        class Printer(zoo.RunCallback):
            def on_run_end(self):
                print(self.run.path, self.run.record["status"])

    Attributes:
        run: the run, once its config and its record are written; None on workers that write none.
    """

    run = None

    def on_run_end(self):
        """Called once at the very end, of a run that finished, was interrupted, or failed."""


class History(keras.callbacks.Callback):
    """One row an epoch in history.csv and on the terminal, and a bar with examples/s and time left."""

    def __init__(self, path: pathlib.Path | None, plan, headline: Metric, show_progress: bool = True):
        """`path` is None on workers that do not write; `headline` is what the terminal shows beside the loss."""
        super().__init__()
        self.path, self.plan, self.headline, self.show_progress = path, plan, headline, show_progress
        self.rows: list[dict] = []
        self.bar = self.line = None
        self.first_call_ended: float | None = None  # time.monotonic()
        self.seconds_of_training = 0.0  # validation and checkpoints apart

    def on_epoch_begin(self, epoch, logs=None):
        done = self.model.step * self.plan.batch_size
        if self.bar is None and self.show_progress:
            total = self.plan.total_steps * self.plan.batch_size
            bar_format = "{percentage:3.0f}%|{bar:24}| {rate_fmt} {remaining} left {postfix}"
            self.bar = tqdm.tqdm(
                total=total, initial=done, unit=" examples", unit_scale=True, bar_format=bar_format,
                disable=not sys.stderr.isatty(),
            )  # fmt: skip
            if not self.bar.disable:  # tqdm's own clock, the wall clock, can be set back
                self.bar._time = time.monotonic
                self.bar.start_t = self.bar.last_print_t = time.monotonic()
        self.started, self.done_at_start, self.train_seconds = time.perf_counter(), done, None

    def on_train_batch_end(self, batch, logs=None):
        self.first_call_ended = self.first_call_ended or time.monotonic()
        if self.bar is not None and not self.bar.disable:
            self.bar.update(self.model.step * self.plan.batch_size - self.bar.n)
            self.bar.set_postfix_str(self._in_words(logs, "", ", "), refresh=False)

    def on_test_begin(self, logs=None):
        self.train_seconds = time.perf_counter() - self.started
        self.seconds_of_training += self.train_seconds

    def on_epoch_end(self, epoch, logs=None):
        examples = self.model.step * self.plan.batch_size - self.done_at_start
        row = {
            "epoch": epoch + 1,
            "seconds": round(time.perf_counter() - self.started, 4),
            "examples_per_second": round(examples / self.train_seconds),
            "learning_rate": float(self.model.optimizer.learning_rate),
        }
        row |= {name.replace("val_", "validation_"): float(value) for name, value in logs.items()}
        self.rows.append(row)
        stream = io.StringIO()
        writer = csv.DictWriter(stream, self.rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        if self.path:
            write_atomically(self.path, stream.getvalue().encode())
        if self.show_progress:
            left = (self.plan.epochs - epoch - 1) * np.median([r["seconds"] for r in self.rows])
            self._tell(
                f"epoch {epoch + 1}/{self.plan.epochs}  {self._in_words(row)}  validation "
                f"{self._in_words(row, 'validation_')}  {row['examples_per_second']:,} examples/s  {left:.0f} s left"
            )

    def _tell(self, line: str) -> None:
        """A line an epoch; in a notebook one line, which is written anew."""
        if not _in_notebook():
            tqdm.tqdm.write(line, file=sys.stderr)
            return
        from IPython.display import display

        if self.line is None:
            self.line = display({"text/plain": line}, raw=True, display_id=True)
        else:
            self.line.update({"text/plain": line}, raw=True)

    def _in_words(self, values: dict, prefix: str = "", between: str = "  ") -> str:
        """The loss, and the headline if there is one: networks that train against each other have none in training."""
        words = [f"loss {values[f'{prefix}loss']:.4f}"]
        value = values.get(f"{prefix}{self.headline.name}")
        return between.join(words if value is None else [*words, f"{self.headline.words} {self.headline.text(value)}"])

    def on_train_end(self, logs=None):
        if self.bar is not None:
            self.bar.close()


def _in_notebook() -> bool:
    """Whether a kernel runs this process, whose output is a page."""
    shells = sys.modules.get("IPython")
    return hasattr(shells and shells.get_ipython(), "kernel")


class Selection(keras.callbacks.Callback):
    """Keep the weights of the epoch with the best headline on validation (ties: the lower loss); stop early on request.

    Among the callbacks it must stand before `AverageInValidation`, so that it sees the averaged weights.
    """

    _STATE = ("best", "best_loss", "best_epoch", "to_beat", "epochs_without_improvement")
    _FORMER = {"best": "best_accuracy", "to_beat": "accuracy_to_beat"}  # in checkpoints of the first version

    def __init__(self, headline: Metric, early_stopping=None, counts=lambda model: True):
        """`counts(model)` says whether an epoch may be chosen: one that is not pruned enough yet may not."""
        super().__init__()
        self.headline, self.early_stopping, self.counts = headline, early_stopping, counts
        # `best` and `to_beat` are as `Metric.goodness` gives them: larger is better.
        self.best, self.best_loss, self.best_epoch = -math.inf, math.inf, 0
        self.to_beat, self.epochs_without_improvement = -math.inf, 0
        self.best_weights: list[np.ndarray] = []
        self.last_weights: list[np.ndarray] = []
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_test_end(self, logs=None):
        goodness, loss = self.headline.goodness(float(logs[self.headline.name])), float(logs["loss"])
        self.last_weights = self.model.get_weights()
        if not self.counts(self.model):
            return
        if (goodness, -loss) > (self.best, -self.best_loss):
            self.best, self.best_loss, self.best_epoch = goodness, loss, self.epoch + 1
            self.best_weights = self.last_weights
        if self.early_stopping is None:
            return
        if goodness > self.to_beat + self.early_stopping.minimum_improvement:
            self.to_beat, self.epochs_without_improvement = goodness, 0
        else:
            self.epochs_without_improvement += 1

    def on_epoch_end(self, epoch, logs=None):
        if self.early_stopping and self.epochs_without_improvement >= self.early_stopping.patience:
            self.model.stop_training = True

    def state(self) -> tuple[dict[str, np.ndarray], dict]:
        arrays = {f"best.{i}": weights for i, weights in enumerate(self.best_weights)}
        if self.last_weights is not self.best_weights:
            arrays |= {f"last.{i}": weights for i, weights in enumerate(self.last_weights)}
        return arrays, {name: getattr(self, name) for name in self._STATE}

    def restore(self, arrays: dict[str, np.ndarray], state: dict) -> None:
        self.best_weights = _numbered(arrays, "best")
        self.last_weights = _numbered(arrays, "last") or self.best_weights
        for name in self._STATE:
            setattr(self, name, state[name if name in state else self._FORMER[name]])


def _numbered(arrays: dict[str, np.ndarray], name: str) -> list[np.ndarray]:
    count = sum(key.startswith(f"{name}.") for key in arrays)
    return [arrays[f"{name}.{i}"] for i in range(count) if f"{name}.{i}" in arrays]


class Checkpoints(keras.callbacks.Callback):
    """Save all state every few minutes and when a signal asks to stop; end the training when the loss is not finite.

    After each call the workers of a cluster agree whether one of them has been asked to stop, and whether the chief
    wants to save: all workers must take part in reading the state of replicas. Only the chief writes.
    """

    def __init__(
        self, folder: pathlib.Path | None, plan, history: History, selection: Selection, last_epochs: LastEpochs,
        minutes: float, strategy,
    ):  # fmt: skip
        super().__init__()
        self.folder, self.plan, self.history, self.selection = folder, plan, history, selection
        self.last_epochs = last_epochs
        self.seconds, self.strategy, self.writes = minutes * 60, strategy, is_chief(strategy)
        self.saved_at = time.monotonic()
        self.count, self.seconds_saving = 0, 0.0
        self.saved_step, self.saved = 0, True
        self.signal_number: int | None = None
        self.restored_arrays: dict[str, np.ndarray] | None = None
        self._handlers: dict = {}
        self._judged = False

    def restore(self) -> int:
        """Put the newest checkpoint's state in place and return its step, or 0 where there is none."""
        checkpoint = checkpoints.load_checkpoint(self.folder)
        if checkpoint is None:
            return 0
        arrays, state = checkpoint
        checkpoints.restore_trainer(self.model, arrays)
        self.selection.restore(arrays, state["selection"])
        self.last_epochs.restore(arrays)
        shapes = [tuple(weight.shape) for weight in self.model.weights]
        kept = (self.selection.best_weights, self.selection.last_weights, self.last_epochs.sum.sums)
        fit = all([array.shape for array in arrays] in ([], shapes) for arrays in kept)
        if not fit or state["step"] > self.plan.total_steps:
            raise ZooError(f"{self.folder}: of another model or config; train again without --resume")
        self.history.rows = state["history"]
        self.restored_arrays = arrays
        self.model.stop_training = state.get("stopped", False)
        self.saved_step = state["step"]
        return self.saved_step

    def on_epoch_begin(self, epoch, logs=None):
        if self.restored_arrays is not None:  # `fit` has just reset the metrics of the checkpoint
            if self.model.step % self.plan.steps_per_epoch:
                checkpoints.restore_trainer(self.model, self.restored_arrays)
            self.restored_arrays = None

    def on_train_batch_end(self, batch, logs=None):
        step = self.model.step
        if not math.isfinite(logs["loss"]):
            epoch, step_in_epoch = divmod(step - 1, self.plan.steps_per_epoch)
            raise LossNotFiniteError(f"the loss is {logs['loss']} in epoch {epoch + 1}, step {step_in_epoch + 1}")
        if step % self.plan.steps_per_epoch:  # at the end of an epoch its validation is still to come
            self._save_if_due(step)

    def on_epoch_end(self, epoch, logs=None):
        self._save_if_due(self.model.step)

    def _save_if_due(self, step: int) -> None:
        due = self.writes and time.monotonic() - self.saved_at >= self.seconds
        signals, due = total(self.strategy, [float(self.signal_number or 0), float(due)])
        if signals:
            state_saved = self.save(step)
            raise Interrupted(self.signal_number or signal.SIGTERM, state_saved)
        if due:
            self.save(step)

    def save(self, step: int) -> bool:
        """Write a checkpoint. If the disk refuses it, a line says so, training goes on, and older checkpoints stay."""
        started = self.saved_at = time.monotonic()
        self.saved_step, self.saved = step, True
        arrays, selection = self.selection.state()
        stopped = bool(getattr(self.model, "stop_training", False))  # early
        state = {"step": step, "selection": selection, "history": self.history.rows, "stopped": stopped}
        arrays = checkpoints.trainer_arrays(self.model) | arrays | self.last_epochs.state()
        if not self.writes:
            return True
        try:
            checkpoints.save_checkpoint(self.folder, step, arrays, state)
        except OSError as error:
            older = "the one before it stays" if any(self.folder.glob("step-*.npz")) else "there is none yet"
            tqdm.tqdm.write(f"{self.folder}: checkpoint not written ({error.strerror}); {older}", file=sys.stderr)
            self.saved = False
            return False
        self.count += 1
        self.seconds_saving += time.monotonic() - started
        return True

    @contextlib.contextmanager
    def watching_signals(self):
        """While inside, a signal asks for a checkpoint and an orderly end; a second one ends at once."""

        def on_signal(number):
            self.signal_number = number
            signals.restore(previous)

        previous = signals.handle(on_signal)
        try:
            yield
        finally:
            signals.restore(previous)

    def end_training(self) -> None:
        """Save the state after the last step. Until `end_judging`, a signal to the chief ends the run at once."""
        can_end = False

        def on_signal(number):
            self.signal_number = number
            if can_end and not self._judged:
                raise Interrupted(number, self.saved)

        if self.writes:
            self._handlers = signals.handle(on_signal)
        if self.saved_step != self.model.step:
            self.save(self.model.step)
        can_end = True
        if self.writes and self.signal_number:  # it came after the last step, or while that was saved
            raise Interrupted(self.signal_number, self.saved)

    def end_judging(self) -> None:
        """From here on a signal ends nothing: what is left takes moments."""
        self._judged = True

    def close(self) -> None:
        """Restore the signal handlers that were there before."""
        signals.restore(self._handlers)
