"""The command `zoo`, and what a wheel holds; .ci/wheel installs one in an environment of its own."""

import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys

import pytest

import zoo
from zoo.command_words import commands

REPOSITORY = pathlib.Path(__file__).parents[1]
COMMAND = [str(pathlib.Path(sys.executable).with_name("zoo"))]  # of this environment: pip install -e .
MODULE = [sys.executable, "-m", "zoo"]


def run(command, folder, timeout=300, **environment):
    cleared = {name: value for name, value in os.environ.items() if name not in ("ZOO_COMMAND", "PYTHONPATH")}
    return subprocess.run(
        list(map(str, command)), cwd=folder, env=cleared | environment, capture_output=True, text=True, timeout=timeout
    )


@pytest.mark.parametrize("program", [COMMAND, MODULE])
def test_help_lists_every_command_and_costs_a_fifth_of_a_second(tmp_path, program):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run([*program, "--help"], tmp_path)
    own = run([*program, "train", "--help"], tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (done.returncode, own.returncode) == (0, 0), done.stderr + own.stderr
    listed = re.findall(r"^  (\w+)  ", done.stdout, re.MULTILINE)
    assert sorted(listed) == commands()
    assert all(len(line) < 200 and "scripts/" not in line for line in done.stdout.splitlines())
    words = "zoo" if program is COMMAND else "python -m zoo"
    assert f"{words} train --model=mnist_mlp" in own.stdout.splitlines()[0]
    assert "--batch_size" in own.stdout and f"{words} list_models" in own.stdout and ".py" not in own.stdout
    taken = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert taken < 2 * 0.2, taken


def test_a_command_that_is_none_and_the_version(tmp_path):
    done = run([*COMMAND, "trian", "--model=xor_mlp"], tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: trian: no such command; did you mean train or pretrain? (zoo --help)\n"
    assert run([*COMMAND, "../scripts/train"], tmp_path).returncode == 2
    assert "\x1b" not in run([*COMMAND, "\x1b[31mred"], tmp_path).stderr
    assert run([*COMMAND, "--version"], tmp_path).stdout == f"zoo {zoo.__version__}\n"
    assert run(COMMAND, tmp_path).stdout == run([*COMMAND, "--help"], tmp_path).stdout != ""
    done = run([*COMMAND, "train", "--modle=xor_mlp"], tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_what_launch_starts_is_not_started_as_the_command(tmp_path):
    code = "import os; print(os.environ.get('ZOO_COMMAND'), 'TF_CONFIG' in os.environ)"
    done = run([*COMMAND, "launch", "--workers=1", "--", sys.executable, "-c", code], tmp_path)
    assert (done.returncode, done.stdout) == (0, "None True\n"), done.stderr
    done = run([*COMMAND, "launch"], tmp_path)
    assert done.stderr == "error: launch what? zoo launch --workers=2 -- zoo train --model=NAME\n"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A folder with the package as a wheel has it."""
    folder = tmp_path_factory.mktemp("package")
    command = [sys.executable, "setup.py", "-q", "build_py", f"--build-lib={folder}"]
    done = run(command, REPOSITORY)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_the_package_carries_the_repositorys_files_and_the_checkout_no_copies(package):
    carried = package / "zoo/repository"
    for pattern in ("configs/**/*.yaml", "scripts/*.py", "docs/leaderboard.csv", "docs/*.md"):
        theirs, ours = (
            {p.relative_to(root): p.read_bytes() for p in root.glob(pattern)} for root in (carried, REPOSITORY)
        )
        assert theirs == ours != {}, pattern
    assert (package / "zoo/comparison/page/report.js").exists() and (package / "zoo/serving/page.html").exists()
    assert not (REPOSITORY / "zoo/repository").exists()


@pytest.mark.slow
def test_the_package_trains_far_from_a_checkout_and_says_what_to_type(package, tmp_path):
    def zoo_(*arguments):
        return run([*MODULE, *arguments], tmp_path, PYTHONPATH=str(package))

    done = zoo_("train", "--model=xor_mlp", "--epochs=2")
    assert done.returncode == 0, done.stderr
    run_folder = next((tmp_path / "runs/xor_mlp").iterdir())
    assert f"next: python -m zoo evaluate --run=runs/xor_mlp/{run_folder.name}\n" in done.stdout
    record = json.loads((run_folder / "run.json").read_text())
    assert record["command"] == "python -m zoo train --model=xor_mlp --epochs=2"
    assert (record["git_revision"], record["versions"]["zoo"]) == (None, zoo.__version__)
    assert zoo_("evaluate", f"--run={run_folder}").returncode == 0
    # A process of its own, started anew, does the search.
    rows = "x,y,label\n" + "".join(f"{n}.5,{-n},{'ab'[n % 2]}\n" for n in range(60))
    (tmp_path / "table.csv").write_text(rows)
    done = zoo_("baseline", "--dataset=csv", "--data_dir=table.csv", "--models=logistic_regression")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert "next: python -m zoo compare" in done.stdout


@pytest.mark.slow
def test_the_package_finds_its_own_examples_and_refuses_what_only_a_checkout_has(package, tmp_path):
    def refusal(*arguments):
        done = run([*MODULE, *arguments], tmp_path, PYTHONPATH=str(package))
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        return done.stderr

    done = run([*MODULE, "train", "--config=configs/xor_mlp.yaml", "--print_config"], tmp_path, PYTHONPATH=str(package))
    assert (done.returncode, "xor_mlp" in done.stdout) == (0, True), done.stderr
    examples = "--space=configs/sweeps/mnist_mlp.yaml", "--study=study"
    assert "training.optimizer" not in refusal("sweep", "--model=mnist_mlp", examples[0], "--study=/proc/none")
    assert "no.yaml" in refusal("sweep", "--model=mnist_mlp", "--space=configs/no.yaml", examples[1])
    assert "start it in a checkout" in refusal("write_model_cards")


@pytest.mark.slow
@pytest.mark.parametrize("setup", ["2 virtual devices", "2 processes"])
def test_processes_that_the_package_starts_find_it(package, tmp_path, setup):
    code = f"""
import pathlib
from zoo.experiments import verification
try:
    verification._outcomes("none", {setup!r}, pathlib.Path("."))
except verification.ZooError as error:
    print(error)
"""
    done = run([sys.executable, "-c", code], tmp_path, PYTHONPATH=str(package))
    assert "none" in done.stdout and "KeyError: 'none'" in done.stdout, done.stdout + done.stderr


def test_the_package_carries_the_weights_that_are_marked_and_no_more_than_2_megabytes(tmp_path):
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, tmp_path)
    for folder in ("docs", "weights", "zoo"):
        (tmp_path / folder).mkdir()
    (tmp_path / "zoo/__init__.py").touch()
    sizes = {"small": 1_500_000, "other": 500_000, "large": 9_000_000}
    for name, size in sizes.items():
        (tmp_path / f"weights/{name}.keras").write_bytes(b"0" * size)

    def build(**packaged):
        record = {name: {"file": f"{name}.keras", "packaged": marked} for name, marked in packaged.items()}
        (tmp_path / "docs/weights.json").write_text(json.dumps({"weights": record}))
        return run([sys.executable, "setup.py", "-q", "build_py", "--build-lib=built"], tmp_path)

    done = build(small=True, other=True, large=False)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.glob("built/zoo/repository/weights/*")} == {"small.keras", "other.keras"}
    done = build(small=True, other=True, large=True)
    assert done.returncode != 0 and "11,000,000 bytes" in done.stderr
    (tmp_path / "weights/other.keras").unlink()
    assert "other.keras" in build(small=True, other=True).stderr
