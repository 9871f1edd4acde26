"""Checkpoints that hold all of the training's state, each one file, written atomically."""

import hashlib
import io
import json
import pathlib
import sys
import zipfile
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.runs import write_atomically

_KEPT = 2


def save_checkpoint(folder: pathlib.Path, step: int, arrays: dict[str, np.ndarray], state: dict[str, Any]) -> None:
    """Write `step-<step>.npz` with named arrays and plain state, then drop all but the newest two.

    Raises:
        OSError: the disk is full or the folder cannot be written; what was there stays.
    """
    stream = io.BytesIO()
    np.savez(stream, state=np.frombuffer(json.dumps(state).encode(), np.uint8), **arrays)
    content = stream.getvalue()
    write_atomically(folder / f"step-{step:012d}.npz", hashlib.sha256(content).digest() + content)
    for old in sorted(folder.glob("step-*.npz"))[:-_KEPT]:
        old.unlink()


def load_checkpoint(folder: pathlib.Path) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """The newest whole checkpoint as (arrays, state), or None; a damaged one is passed over with a line on stderr.

    Raises:
        ZooError: there are checkpoints and all are damaged.
    """
    files = sorted(folder.glob("step-*.npz"), reverse=True)
    for path in files:
        content = path.read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            print(f"{path}: damaged (its digest does not fit); the one before it is used", file=sys.stderr)
            continue
        try:
            with np.load(io.BytesIO(content[32:]), allow_pickle=False) as archive:
                arrays = dict(archive)
        except (ValueError, zipfile.BadZipFile):
            print(f"{path}: unreadable; the one before it is used", file=sys.stderr)
            continue
        return arrays, json.loads(arrays.pop("state").tobytes())
    if files:
        raise ZooError(f"{folder}: every checkpoint is damaged; train again without --resume")
    return None


def trainer_arrays(trainer) -> dict[str, np.ndarray]:
    """Weights of all networks, seed generators, optimizers and running metrics of a trainer as named arrays."""
    import keras

    return {
        name: np.asarray(keras.ops.convert_to_tensor(variable)) for name, variable in _named_variables(trainer).items()
    }


def restore_trainer(trainer, arrays: dict[str, np.ndarray]) -> None:
    """Assign what `trainer_arrays` gave.

    Raises:
        ZooError: the checkpoint is of another model or optimizer.
    """
    variables = _named_variables(trainer)
    if any(name not in arrays or arrays[name].shape != tuple(v.shape) for name, v in variables.items()):
        raise ZooError("the checkpoint is of another model or optimizer; train again without --resume")
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _named_variables(trainer) -> dict[str, Any]:
    metrics = trainer.metrics_variables
    metric_identities = {id(variable) for variable in metrics}
    model = [variable for variable in trainer.variables if id(variable) not in metric_identities]
    optimizers = [variable for optimizer in trainer.optimizers for variable in optimizer.variables]
    groups = {"model": model, "optimizer": optimizers, "metric": metrics}
    return {f"{group}.{i}": variable for group, variables in groups.items() for i, variable in enumerate(variables)}
