"""What the tests share: the scripts as a user runs them."""

import contextlib
import fcntl
import os
import pathlib
import pty
import select
import signal
import subprocess
import sys
import termios
import threading

import hypothesis
import pytest
from fork_server import ForkServer

REPOSITORY = pathlib.Path(__file__).parents[1]

hypothesis.settings.register_profile("zoo", deadline=None)  # a busy machine is no mistake
hypothesis.settings.load_profile("zoo")

# Background jobs and nohup ignore these, their children too; tests send them.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


def pytest_collection_modifyitems(items):
    """The longest first, so that no worker of pytest-xdist ends long after the others."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def fork_server():
    server = ForkServer(os.environ | {"PYTHONPATH": str(REPOSITORY)})
    yield server
    server.close()


class Terminal:
    """A real terminal, and processes on it: closing it hangs them up, as closing a window or a connection does."""

    def __init__(self):
        self.ours, self.theirs = pty.openpty()

    def start(self, command, cwd) -> subprocess.Popen:
        def take_terminal():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        process = subprocess.Popen(
            command, cwd=cwd, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, start_new_session=True,
            stdin=self.theirs, stdout=self.theirs, stderr=self.theirs, preexec_fn=take_terminal,
        )  # fmt: skip
        os.close(self.theirs)
        self.process, self.open = process, True
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        return process

    def _read(self):
        while self.open:
            with contextlib.suppress(OSError):
                if select.select([self.ours], [], [], 0.05)[0]:
                    os.read(self.ours, 1 << 16)

    def close(self):
        if self.open:
            self.open = False
            self.reader.join()  # the terminal stays while somebody reads from it
            os.close(self.ours)


@pytest.fixture
def terminal():
    terminal = Terminal()
    yield terminal
    terminal.close()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(terminal.process.pid, signal.SIGKILL)
    terminal.process.wait()


@pytest.fixture
def run_script(fork_server, tmp_path):
    """A function that runs `scripts/<name>.py` with flags in an empty folder and returns the finished process.

    A call with `fresh`, or with an environment of its own, is a new process; others are forks, to save the import of
    TensorFlow.
    """

    def run(name, *flags, fresh=False, timeout=300, **environment):
        command = [sys.executable, str(REPOSITORY / "scripts" / f"{name}.py"), *map(str, flags)]
        how = {"cwd": tmp_path, "env": os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment, "timeout": timeout}
        if fresh or environment:
            return subprocess.run(command, capture_output=True, text=True, **how)
        return fork_server.run(command, **how)

    return run
