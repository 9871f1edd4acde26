"""A run is trained by one process at a time: the one that holds the lock in its folder."""

import pathlib
import re
import shutil

from zoo.errors import ZooError
from zoo.locks import FileLock
from zoo.runs import Run

# Files that a training leaves when it is killed while it writes. Other hidden files belong to other programs.
_LEFT_BEHIND = re.compile(
    r"\.(run\.json|config\.yaml|history\.csv|labels\.json|results\.json|test_predictions\.csv|step-\d+\.npz)\.[a-z0-9_]{8}|\.saving-[a-z0-9_]{8}"
)
_held: dict[pathlib.Path, FileLock] = {}


def claim(run: Run) -> bool:
    """Hold the run until `release` or the end of this process; False where another process holds it.

    Read the run's state only after this. Half-written files of a process that was killed are removed.

    Raises:
        ZooError: its folder cannot be written.
    """
    path = run.path.absolute()
    if path in _held:
        return True
    try:
        lock = FileLock(path / ".lock")
        if not lock.acquire(wait=False):
            lock.release()
            return False
    except OSError as error:
        raise ZooError(f"{run.path}: cannot be trained ({error.strerror}); copy the run to another folder") from None
    _held[path] = lock
    _sweep(run)
    return True


def release(run: Run) -> None:
    """Let other processes have the run; nothing where it is not held."""
    lock = _held.pop(run.path.absolute(), None)
    if lock:
        lock.release()


def refusal(run: Run) -> str:
    """Why a run cannot be claimed, and what to do, in words."""
    process = run.record.get("process") if (run.path / "run.json").exists() else None
    known = f" (process {process['id']} by its run.json)" if process else ""
    return f"another process{known} is training it; wait, or end that one"


def _sweep(run: Run) -> None:
    for folder in (run.path, run.checkpoints):
        for path in folder.glob(".*"):
            if not _LEFT_BEHIND.fullmatch(path.name):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
