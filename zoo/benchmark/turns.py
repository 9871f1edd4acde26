"""Contenders in processes of their own: one trains an epoch while the others wait."""

import importlib
import multiprocessing
import os
import signal
import time
from typing import Any

from zoo.errors import ZooError
from zoo.training.record import peak_memory_mib


class NoMoreRounds(Exception):  # noqa: N818, no error
    """The benchmark is over: a contender's training ends here."""


class Turns:
    """What a contender holds: `ready` once, then `begin_epoch` and `end_epoch` around each epoch.

    An answer is sent when the next turn is awaited, after all that a contender does at the end of an epoch.
    """

    def __init__(self, connection):
        self.connection, self.answer, self.started = connection, {}, 0.0

    def ready(self, **facts: Any) -> None:
        """Say that compilation and epochs can begin; `facts` are what the benchmark checks, such as parameters."""
        self.connection.send(facts)

    def begin_epoch(self) -> None:
        """Wait for one's turn.

        Raises:
            NoMoreRounds: there is none.
        """
        if self.answer:
            self.connection.send(self.answer)
        try:
            self.connection.recv()
        except (EOFError, OSError):
            raise NoMoreRounds from None
        self.start_clock()

    def start_clock(self) -> None:
        self.started = time.perf_counter()

    def end_epoch(self, seconds: float | None = None) -> None:
        """Stop the clock; `seconds` go before what it shows."""
        seconds = time.perf_counter() - self.started if seconds is None else seconds
        self.answer = {"seconds": seconds, "peak_memory_mib": peak_memory_mib()}


class Worker:
    """The benchmark's end: a process that runs `train(turns, **arguments)` of a module of this package.

    Raises:
        ZooError: that of the process.
    """

    def __init__(self, name: str, module: str, arguments: dict[str, Any]):
        started = time.perf_counter()
        context = multiprocessing.get_context("spawn")  # a fork would share the threads of TensorFlow or PyTorch
        self.name = name
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, module, arguments), daemon=True)
        self.process.start()
        theirs.close()
        self.facts = self._receive()
        self.start_seconds = time.perf_counter() - started

    def epoch(self) -> dict[str, Any]:
        """Let it train an epoch: `{"seconds", "peak_memory_mib"}`."""
        self.connection.send("go on")
        return self._receive()

    def close(self) -> None:
        self.connection.close()
        self.process.join(10)
        if self.process.is_alive():
            self.process.kill()

    def _receive(self) -> dict[str, Any]:
        try:
            answer = self.connection.recv()
        except EOFError:
            self.process.join()
            raise RuntimeError(f"{self.name}: the process ended with status {self.process.exitcode}") from None
        if isinstance(answer, ZooError):
            raise answer
        return answer


def _work(connection, module: str, arguments: dict[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the benchmark, which closes the connection
    try:
        importlib.import_module(f"zoo.benchmark.{module}").train(Turns(connection), **arguments)
    except NoMoreRounds:
        pass
    except ZooError as error:
        connection.send(error)
    else:
        return
    os._exit(0)  # TensorFlow's own end takes seconds
