"""Checkpoints that hold all of the training's state, each one file, written atomically."""

import hashlib
import io
import json
import pathlib
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.escaping import tell
from zoo.run_files import CheckpointState, Record, check
from zoo.runs import write_atomically
from zoo.safe_reading import arrays_of, parse_json, read_bytes

_KEPT = 2
_LARGEST = 1 << 40


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
    """The newest undamaged checkpoint as (arrays, state), or None. A line on stderr names each that is damaged.

    Raises:
        ZooError: there are checkpoints and all are damaged.
    """
    files = sorted(folder.glob("step-*.npz"), reverse=True)
    for path in files:
        content = read_bytes(path, _LARGEST)
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            tell(f"{path}: damaged (its digest does not fit); the one before it is used")
            continue
        try:
            arrays = arrays_of(io.BytesIO(content[32:]), str(path))
            state = Record({"state": parse_json(arrays.pop("state").tobytes(), str(path))}, str(path), "")["state"]
            return arrays, check(state, CheckpointState, str(path), "")
        except (ZooError, KeyError):
            tell(f"{path}: unreadable; the one before it is used")
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
    if any(not _fits(arrays.get(name), variable) for name, variable in variables.items()):
        raise ZooError("the checkpoint is of another model or optimizer; train again without --resume")
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _fits(array: np.ndarray | None, variable) -> bool:
    return array is not None and array.shape == tuple(variable.shape) and array.dtype.kind in "biuf"


def _named_variables(trainer) -> dict[str, Any]:
    metrics = trainer.metrics_variables
    metric_identities = {id(variable) for variable in metrics}
    model = [variable for variable in trainer.variables if id(variable) not in metric_identities]
    optimizers = [variable for optimizer in trainer.optimizers for variable in optimizer.variables]
    groups = {"model": model, "optimizer": optimizers, "metric": metrics}
    return {f"{group}.{i}": variable for group, variables in groups.items() for i, variable in enumerate(variables)}
