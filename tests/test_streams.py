"""Output that is lost ends no work, and closed descriptors are given to no file."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = pathlib.Path(__file__).parents[1]


def shell(command, folder):
    """Runs a line of a shell in which `ZOO` begins the path of a script."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "ZOO": f"{sys.executable} {REPOSITORY / 'scripts'}"}
    return subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True)


TRAIN = "$ZOO/train.py --model=xor_mlp --epochs=3"


@pytest.mark.parametrize(
    "command",
    [
        f"set -o pipefail; {TRAIN} 2>&1 | head -1",
        f"{TRAIN} 2>&-",
        f"{TRAIN} >&-",
        f"{TRAIN} <&- >&- 2>&-",
    ],
    ids=["head", "no standard error", "no standard output", "none of the three"],
)
def test_a_training_goes_on_to_its_end(tmp_path, command):
    done = shell(command, tmp_path)
    assert done.returncode == 0, done.stderr
    run = next((tmp_path / "runs" / "xor_mlp").iterdir())
    assert json.loads((run / "run.json").read_text())["status"] == "finished"
    assert b"epoch" not in (run / "config.yaml").read_bytes()[:8]  # no line of progress went into a file of the run
    assert json.loads((run / "results.json").read_text())["test"]


def test_output_that_could_not_be_written_is_told_of(tmp_path):
    done = shell("$ZOO/list_models.py > /dev/full", tmp_path)
    assert done.returncode == 1
    assert done.stderr == "standard output is not whole: No space left on device\n"


def test_a_reader_that_has_seen_enough_is_no_failure(tmp_path):
    done = shell("set -o pipefail; $ZOO/list_models.py | head -1", tmp_path)
    assert done.returncode == 0 and done.stderr == ""


def test_letters_that_the_terminal_lacks_are_escaped(tmp_path):
    done = shell("PYTHONIOENCODING=ascii $ZOO/train.py --model=naïve日本", tmp_path)
    assert done.returncode == 2
    assert "na\\xefve\\u65e5\\u672c" in done.stderr and "Traceback" not in done.stderr
