"""Other machines, other habits: no part of Windows missing, no keras.json of the user's, changes what the zoo does."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = pathlib.Path(__file__).parents[1]

WITHOUT = """
import os, runpy, signal, sys
import psutil  # whose part for Linux needs resource
for module in ("resource", "fcntl", "termios", "pwd", "grp"):
    sys.modules[module] = None
for name in ("killpg", "sched_getaffinity", "sched_setaffinity", "posix_fallocate", "O_NONBLOCK", "O_NOFOLLOW"):
    delattr(os, name)
for name in ("SIGHUP", "SIGKILL"):
    delattr(signal, name)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def run_without(tmp_path_factory):
    """A function that runs a script in a Python that lacks what Windows lacks."""
    folder = tmp_path_factory.mktemp("windows")

    def run(name, *flags):
        command = [sys.executable, "-c", WITHOUT, str(REPOSITORY / "scripts" / f"{name}.py"), *map(str, flags)]
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)

    run.folder = folder
    return run


def test_training_and_all_that_reads_a_run(run_without):
    done = run_without("train", "--model=xor_mlp", "--epochs=2")
    assert done.returncode == 0, done.stderr
    assert "no locks here" in done.stderr
    run = next((run_without.folder / "runs" / "xor_mlp").iterdir())
    (run_without.folder / "rows.csv").write_text("x,y\n0,1\n")
    for name, *flags in (("evaluate", f"--run={run}"), ("predict", f"--run={run}", "rows.csv"), ("compare", "runs")):
        done = run_without(name, *flags)
        assert done.returncode == 0, done.stderr


def test_what_needs_a_process_group_says_so(run_without):
    done = run_without("launch", "--", "python", "train.py")
    assert done.returncode == 2 and "WSL" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "settings", [{"floatx": "float64"}, {"floatx": "float16", "epsilon": 1e-3}, {"image_data_format": "channels_first"}]
)
def test_a_keras_json_of_the_users_changes_nothing(tmp_path, settings):
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    code = "import zoo; m = zoo.create_model('simple_cnn'); print(m.count_params(), m.output.dtype)"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "KERAS_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (["34826", "float32"], "")


def test_several_models_of_one_process_are_no_reason_to_warn():
    """TensorFlow sees functions that are traced again and again, where each seed has a model of its own."""
    code = """
import numpy as np, zoo
for seed in range(8):
    model = zoo.create_model("binary_mlp")
    for rows in (3, 5):
        model.predict(np.zeros((rows, *model.input_shape[1:]), "float32"), verbose=0)
"""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
