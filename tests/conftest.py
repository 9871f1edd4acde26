"""What the tests share: the scripts as a user runs them."""

import os
import pathlib
import subprocess
import sys

import pytest
from fork_server import ForkServer

REPOSITORY = pathlib.Path(__file__).parents[1]


def pytest_collection_modifyitems(items):
    """The longest first, so that no worker of pytest-xdist ends long after the others."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def fork_server():
    server = ForkServer(os.environ | {"PYTHONPATH": str(REPOSITORY)})
    yield server
    server.close()


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
