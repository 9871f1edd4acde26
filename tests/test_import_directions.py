"""Imports point down, by the floors that pyproject.toml lists."""

import pathlib
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).parents[1]
CHECK = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"


def test_imports_point_down_and_run_in_no_circle():
    done = subprocess.run([sys.executable, "-c", CHECK], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0 and "2 kept, 0 broken" in done.stdout, done.stdout + done.stderr
