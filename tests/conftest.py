"""What the tests share: the scripts as a user runs them."""

import os
import pathlib
import subprocess
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).parents[1]


@pytest.fixture
def run_script(tmp_path):
    """A function that runs `scripts/<name>.py` with flags in an empty folder and returns the finished process."""

    def run(name, *flags, timeout=300, **environment):
        return subprocess.run(
            [sys.executable, str(REPOSITORY / "scripts" / f"{name}.py"), *map(str, flags)],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    return run
