"""Several workers on one machine, of which none outlives the others."""

import contextlib
import itertools
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import psutil

from zoo import command_words, signals
from zoo.command_line import SAFE_PATH, SET_HERE
from zoo.errors import ZooError
from zoo.training.cluster import PORT_TAKEN

_GRACE_SECONDS = 10
_HANG_SECONDS = 10
_PORT_ATTEMPTS = 3


def launch(command: list[str], workers: int, max_restarts: int, threads: int | None, logs_dir: str) -> int:
    """Run `command` as `workers` processes of one cluster and return the exit status: 0 if all succeeded.

    A signal to stop (Ctrl-C, SIGTERM, SIGHUP) goes on to all, which save their state; those still there after
    10 seconds are killed: a TensorFlow worker that waits for its peers reacts to no other signal.

    Raises:
        ZooError: there is no command, or the logs cannot be written.
    """
    if not hasattr(os, "killpg"):
        raise ZooError("launch runs on Linux and macOS, as TensorFlow's clusters do; on Windows, start it in WSL")
    if not command:
        what, whom = command_words.command("launch"), command_words.command("train")
        raise ZooError(f"launch what? {what} --workers=2 -- {whom} --model=NAME")
    if shutil.which(command[0]) is None:
        raise ZooError(f"{command[0]}: no such program")
    logs = pathlib.Path(logs_dir)
    try:
        logs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ZooError(f"--logs_dir={logs_dir}: cannot be written ({error.strerror})") from None
    stop = threading.Event()
    previous = signals.handle(lambda number: stop.set())
    try:
        for attempt in itertools.count():
            resumed = [*command, "--resume=auto"] if attempt else command
            for _ in range(_PORT_ATTEMPTS):
                taken = threading.Event()
                status = _run_once(resumed, workers, threads, logs, stop, taken)
                if not taken.is_set() or stop.is_set():
                    break
                print("launch: another process was quicker to take a port; once more with others", file=sys.stderr)
            # 2 is a mistake of the user, which a restart would repeat.
            if status in (0, 2) or stop.is_set() or attempt == max_restarts:
                return status
            print(
                f"launch: a worker ended with status {status}; restart {attempt + 1} of {max_restarts}", file=sys.stderr
            )
    finally:
        signals.restore(previous)


def _run_once(
    command: list[str],
    workers: int,
    threads: int | None,
    logs: pathlib.Path,
    stop: threading.Event,
    taken: threading.Event,
) -> int:
    """One attempt; `taken` is set where a worker finds that its port is another process's."""
    addresses = _free_addresses(workers)
    processes, printers = [], []
    try:
        for index in range(workers):
            process = subprocess.Popen(
                command,
                env=_users_environment() | _environment(addresses, index, threads),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # else a Ctrl-C of the terminal would reach the workers directly too
            )
            processes.append(process)
            _give_cores(process.pid, index, workers, threads)
            printer = threading.Thread(target=_print_lines, args=(process, index, logs / f"worker-{index}.log", taken))
            printer.start()
            printers.append(printer)
        stopped_since: dict[int, float] = {}
        while not stop.is_set() and not _one_failed(processes) and any(p.poll() is None for p in processes):
            time.sleep(0.05)
            if hanging := _hanging(processes, stopped_since):
                print(
                    f"launch: worker {hanging} has been stopped for {_HANG_SECONDS} s, as by SIGSTOP or a debugger; "
                    "all workers are ended",
                    file=sys.stderr,
                )
                break
        if stop.is_set():
            _signal_all(processes, signal.SIGTERM)
            _wait(processes, _GRACE_SECONDS)
        elif _one_failed(processes):
            _wait(processes, 2)  # the error of another worker may be the cause
    finally:
        failed_first = [p.returncode for p in processes if p.poll() not in (None, 0)]
        _signal_all(processes, getattr(signal, "SIGKILL", signal.SIGTERM))
        for process in processes:
            process.wait()
        for printer in printers:
            printer.join()
    status = failed_first[0] if failed_first else max(p.returncode for p in processes)
    return 128 - status if status < 0 else status


def _give_cores(pid: int, index: int, workers: int, threads: int | None) -> None:
    """Give a worker its own cores, one a thread, if there are enough: sharing cores slows all workers."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    if threads and workers * threads <= len(cores):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(pid, cores[index * threads : (index + 1) * threads])


def _hanging(processes, since: dict[int, float]) -> str | None:
    """The number of a worker that has been stopped for too long; `since` keeps when each was first seen so.

    Its peers would wait for it for ever: it is there, and keeps its connections.
    """
    for index, process in enumerate(processes):
        with contextlib.suppress(psutil.Error):
            if process.poll() is None and psutil.Process(process.pid).status() == psutil.STATUS_STOPPED:
                if time.monotonic() - since.setdefault(index, time.monotonic()) > _HANG_SECONDS:
                    return str(index)
                continue
        since.pop(index, None)
    return None


def _one_failed(processes) -> bool:
    return any(process.poll() not in (None, 0) for process in processes)


def _wait(processes, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(process.poll() is None for process in processes):
        time.sleep(0.05)


def _signal_all(processes, number: int) -> None:
    for process in processes:
        signals.end_group(process, number)


def _users_environment() -> dict[str, str]:
    """The environment without what is for our own processes alone.

    A user's script may import its neighbours, which PYTHONSAFEPATH forbids, and was not started as we were.
    """
    ours = (SAFE_PATH, SET_HERE), (command_words.STARTED_AS, os.environ.get(command_words.STARTED_AS))
    return {name: value for name, value in os.environ.items() if (name, value) not in ours}


def _environment(addresses: list[str], index: int, threads: int | None) -> dict[str, str]:
    config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    limits = {"TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": str(threads)} if threads else {}
    return {"TF_CONFIG": json.dumps(config), "GRPC_VERBOSITY": "ERROR", "PYTHONUNBUFFERED": "1"} | limits


def _free_addresses(count: int) -> list[str]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]


def _print_lines(process, index: int, log: pathlib.Path, taken: threading.Event) -> None:
    prefix = "" if index == 0 else f"[worker {index}] "
    with log.open("ab") as file:
        for line in process.stdout:
            file.write(line)
            file.flush()
            if PORT_TAKEN.encode() in line:
                taken.set()
            print(prefix + line.decode(errors="replace"), end="", flush=True)
