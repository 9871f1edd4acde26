"""Hostile files meet the scripts here, within bounds on memory and time."""

import contextlib
import dataclasses
import os
import pathlib
import re
import sys
import time

import pytest

REPOSITORY = pathlib.Path(__file__).parents[2]
MOST_BYTES = 1 << 30  # more than the process held before it met the file
MOST_SECONDS = 10  # of the processor, so that a busy machine fails no test


@dataclasses.dataclass(frozen=True)
class Bounded:
    """How a script ended, and what it took."""

    returncode: int
    stdout: str
    stderr: str
    seconds: float
    peak_bytes: int


@pytest.fixture
def run_bounded(fork_server, tmp_path):
    """A function that runs `scripts/<name>.py` in an empty folder, and fails where it takes more than the bounds."""

    def run(name, *flags, cwd=tmp_path, **environment):
        command = [sys.executable, str(REPOSITORY / "scripts" / f"{name}.py"), *map(str, flags)]
        variables = os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment
        done, usage = fork_server.run_measured(command, cwd=cwd, env=variables, timeout=120)
        result = Bounded(done.returncode, done.stdout, done.stderr, usage["seconds"], usage["peak_bytes"])
        assert result.seconds < MOST_SECONDS, f"{result.seconds:.1f} s of the processor\n{done.stderr}"
        assert result.peak_bytes < MOST_BYTES, f"{result.peak_bytes >> 20} MiB\n{done.stderr}"
        return result

    return run


@pytest.fixture
def assert_one_line():
    """A function that asserts that a script refused its input: one line, status 2, no traceback, with the words."""

    def check(done, *words):
        assert done.returncode == 2, (done.returncode, done.stdout[-500:], done.stderr[-2000:])
        assert "Traceback" not in done.stderr, done.stderr
        last_line = done.stderr.splitlines()[-1]
        assert last_line.startswith("error: "), last_line
        assert last_line.isprintable(), repr(last_line)
        for word in words:
            assert word in last_line, last_line

    return check


@pytest.fixture
def bounded():
    """A context in which this process takes no more than the bounds."""

    @contextlib.contextmanager
    def watch():
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        before, started = _peak_bytes(), time.process_time()
        yield
        taken, seconds = _peak_bytes() - before, time.process_time() - started
        assert seconds < MOST_SECONDS and taken < MOST_BYTES, f"{seconds:.1f} s, {taken >> 20} MiB"

    return watch


def _peak_bytes() -> int:
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) << 10
