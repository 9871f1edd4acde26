"""Signals that ask a program to stop: Ctrl-C, SIGTERM, and SIGHUP, which comes when its terminal is closed."""

import contextlib
import os
import signal
import stat
import subprocess
import threading
from collections.abc import Callable
from typing import Any

_STOPPING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def handle(handler: Callable[[int], None]) -> dict[int, Any]:
    """Let `handler(number)` have the signals that ask to stop, and return what `restore` takes.

    A signal that is ignored stays ignored: `nohup` and shells ask in this way to be left alone.
    """

    def called(number, frame):
        if number == getattr(signal, "SIGHUP", None):
            _leave_terminal()
        handler(number)

    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        return {}
    chosen = [number for number in _STOPPING if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    return {number: signal.signal(number, called) for number in chosen}


def restore(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def end_group(process: subprocess.Popen, number: int) -> None:
    """Send a signal to a process that leads a session of its own, and to those that it has started."""
    with contextlib.suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, number)
        else:  # Windows, where TensorFlow has no clusters, and packages are fetched by one process
            process.terminate()


def _leave_terminal() -> None:
    """Writing to a terminal that is gone raises an error, which would end the work before it is saved."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                os.dup2(nowhere, descriptor)
    os.close(nowhere)
