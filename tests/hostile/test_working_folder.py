"""A file in the folder that the user is in, such as one of downloads, takes the place of no module."""

import importlib.metadata
import importlib.util
import os
import subprocess
import sys

import pytest

from zoo.benchmark import encoder
from zoo.errors import ZooError
from zoo.experiments import verification
from zoo.export import measure

pytestmark = pytest.mark.slow

PLANT = "import os, pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\n"
# What libraries import where it is there, though it is not here.
OPTIONAL = {"IPython", "cupy", "dask", "flax", "ipywidgets", "jax", "pandas", "polars", "tensorflow_text", "torch"}


@pytest.fixture
def downloads(tmp_path):
    """A folder with a file for every module that there is, each of which leaves a proof when it runs."""
    names = {*sys.stdlib_module_names, *importlib.metadata.packages_distributions(), *OPTIONAL, "zoo"}
    for name in names:
        (tmp_path / f"{name}.py").write_text(PLANT)
    return tmp_path


def ran(folder):
    return sorted(path.stem for path in folder.glob("*.ran"))


TABLE = "x,y,label\n" + "".join(f"{n}.25,{-n},{'ab'[n % 2]}\n" for n in range(60))
COMMANDS = {
    "baseline": ["--dataset=csv", "--data_dir=table.csv", "--models=logistic_regression"],  # a process of its own
    "benchmark": ["--models=mnist_mlp", "--rounds=1", "--contenders=none"],  # a process, of TensorFlow
    "compare": ["runs/none"],
    "embed": ["--model=xor_mlp", "table.csv", "--output=features.csv"],  # it does not fit
    "generate": ["--model=xor_mlp", "--prompt=a"],  # it does not write
    "evaluate": ["--run=runs/none"],
    "export": ["--run=runs/none"],
    "launch": ["--workers=2", "--", sys.executable, "-P", "-c", "import json"],
    "list_models": [],
    "measure_leak": ["--dataset=none"],
    "predict": ["--model_file=none.keras", "table.csv"],
    "prepare_data": ["--dataset=csv", "--data_dir=table.csv"],
    "pretrain": ["--model=none"],
    "publish": ["runs/none"],
    "reproduce": ["none"],
    "serve": ["--run=runs/none"],
    "ablate": ["--model=mnist_mlp", "--changes=none.yaml", "--study=study"],
    "soup": ["runs/none"],
    "sweep": ["--model=mnist_mlp", "--space=none.yaml", "--study=study"],
    "train": ["--model=mnist_mlp", "--dataset=csv", "--data_dir=table.csv"],  # read; it does not fit
    "verify_distribution": ["--models=none"],
    "write_model_cards": ["--help"],
}


def test_every_script_is_among_them():
    folder = os.path.join(os.path.dirname(__file__), "../../scripts")
    assert sorted(name.removesuffix(".py") for name in os.listdir(folder) if name.endswith(".py")) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_no_script_runs_a_file_of_it(run_script, downloads, name):
    (downloads / "table.csv").write_text(TABLE)
    done = run_script(name, *COMMANDS[name], fresh=True)
    assert done.returncode in (0, 2), done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert ran(downloads) == []


def test_the_installed_command_runs_none_of_it_either(downloads):
    command = [os.path.join(os.path.dirname(sys.executable), "zoo"), "list_models"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=downloads, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert ran(downloads) == []


def test_processes_of_ours_run_none_of_it(downloads, monkeypatch):
    """As they are started from Python too, where no script has set the environment."""
    monkeypatch.chdir(downloads)
    with pytest.raises(ZooError, match="none on one device ended with status 1"):
        verification._outcomes("none", "one device", downloads)
    monkeypatch.setattr(encoder, "CONTENDERS", {"transformers float32": ("none", "float32")})
    with pytest.raises(ZooError, match="KeyError: 'none'"):
        encoder.encoder_seconds_per_step(turns=1)
    import numpy as np

    with pytest.raises(ZooError, match="does not run in its runtime"):
        measure.measure(downloads / "none.onnx", np.zeros((2, 2), "float32"), downloads)
    assert ran(downloads) == []


def test_import_finds_what_no_package_has_and_nothing_in_place_of_one(run_script, downloads):
    for path in downloads.glob("*.py"):
        if importlib.util.find_spec(path.stem) is None:
            path.unlink()
    (downloads / "my_models.py").write_text("import my_layers, numpy, ruamel.yaml\n" + PLANT)
    (downloads / "my_layers.py").write_text(PLANT)
    done = run_script("list_models", "--import=my_models", fresh=True)
    assert done.returncode == 0, done.stderr
    assert ran(downloads) == ["my_layers", "my_models"]
    done = run_script("list_models", "--import=keras", fresh=True)
    assert done.returncode == 2
    assert "--import=keras: an installed module has the name of keras.py" in done.stderr


def test_a_script_of_the_users_under_launch_may_import_what_lies_beside_it(run_script, tmp_path):
    (tmp_path / "helper.py").write_text("print('helped')\n")
    (tmp_path / "mine.py").write_text("import helper\n")
    done = run_script("launch", "--workers=1", "--", sys.executable, "mine.py", fresh=True)
    assert (done.returncode, done.stdout) == (0, "helped\n"), done.stderr


def test_the_proofs_prove_something(downloads):
    subprocess.run([sys.executable, "-c", "import numpy"], cwd=downloads, capture_output=True)
    assert "numpy" in ran(downloads)
