"""train.py --num_seeds: each seed is a run like any other, and what is finished is not trained again."""

import csv
import json
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

import zoo
from zoo.config import with_values
from zoo.experiments.seeds import earlier_run

REPOSITORY = pathlib.Path(__file__).parents[2]
XOR = ("--model=xor_mlp", "--epochs=6", "--xla=off")


def losses(run):
    return [row["loss"] for row in csv.DictReader((run / "history.csv").open())]


def runs_by_seed(folder):
    return {json.loads((run / "run.json").read_text())["seed"]: run for run in folder.iterdir()}


@pytest.mark.slow
def test_seeds_are_what_each_is_alone_and_finished_ones_are_not_trained_again(run_script, tmp_path):
    done = run_script("train", *XOR, "--num_seeds=2")
    assert done.returncode == 0, done.stderr
    runs = runs_by_seed(tmp_path / "runs/xor_mlp")
    assert run_script("train", *XOR, "--seed=1", "--runs_dir=alone").returncode == 0
    assert losses(runs[1]) == losses(runs_by_seed(tmp_path / "alone/xor_mlp")[1])

    more = run_script("train", *XOR, "--num_seeds=3", "--resume=auto")
    *lines, summary, advice = more.stdout.splitlines()
    assert ["finished before" in line for line in lines] == [True, True, False]
    runs |= runs_by_seed(tmp_path / "runs/xor_mlp")
    assert len(list((tmp_path / "runs/xor_mlp").iterdir())) == 3
    accuracies = [json.loads((runs[s] / "results.json").read_text())["test"]["accuracy"]["value"] for s in range(3)]
    for seed, line in enumerate(lines):
        assert line.startswith(f"seed {seed}: test accuracy {accuracies[seed]:.4f}") and line.endswith(runs[seed].name)
    low, high = stats.t.interval(0.95, 2, np.mean(accuracies), stats.sem(accuracies))
    assert f"3 seeds: test accuracy {np.mean(accuracies):.4f} ± {(high - low) / 2:.4f}" in summary
    compared = run_script(*advice.removeprefix("next: python scripts/").replace("compare.py", "compare").split())
    assert compared.returncode == 0 and " 3 " in compared.stdout

    config = zoo.load_config("xor_mlp", overrides={"training.epochs": 6, "training.xla": "off"})
    found = [earlier_run(one, tmp_path / "runs", ("finished",)) for one in (
        config, with_values(config, {"training.epochs": 7}, ""), with_values(config, {"training.seed": 3}, ""),
    )]  # fmt: skip
    assert [run and run.path for run in found] == [runs[0], None, None]


@pytest.mark.slow
def test_a_fold_of_a_cross_validation_is_no_seed(run_script, tmp_path):
    (tmp_path / "table.csv").write_text("a,label\n" + "".join(f"{i},{'xy'[i % 2]}\n" for i in range(60)))
    flags = ["--model=binary_mlp", "--dataset=csv", "--data_dir=table.csv", "--epochs=1", "--batch_size=8", "--xla=off"]
    done = run_script("train", *flags, "--cross_validation=2")
    assert done.returncode == 0, done.stderr
    taken = run_script("train", *flags, "--num_seeds=2", "--resume=auto")
    assert taken.returncode == 0 and "finished before" not in taken.stdout, taken.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--num_seeds=1"], "at least 2"),
        (["--num_seeds=2", "--cross_validation=2"], "--cross_validation"),
        (["--num_seeds=2", "--profile"], "--profile"),
        (["--num_seeds=2", "--resume=runs/a"], "--resume"),
        (["--num_seeds=2", f"--seed={2**31 - 1}"], "training.seed"),
    ],
)
def test_mistakes_end_in_one_line(run_script, flags, words):
    done = run_script("train", "--model=xor_mlp", *flags)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert words in done.stderr


@pytest.mark.slow
def test_an_interruption_says_what_is_finished_and_the_printed_command_goes_on(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, str(REPOSITORY / "scripts/train.py"), "--model=xor_mlp", "--epochs=40", "--num_seeds=2"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    first_epochs = 0
    for line in process.stderr:
        first_epochs += line.startswith("epoch 2/")
        if first_epochs == 2:  # of the second seed
            break
    process.send_signal(signal.SIGINT)
    last_line = process.communicate(timeout=60)[1].splitlines()[-1]
    assert process.returncode == 128 + signal.SIGINT
    assert "interrupted in seed 1; finished: 0; go on with: python " in last_line
    again = subprocess.run(
        [*command, "--resume=auto"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert last_line.endswith("--num_seeds=2 --resume=auto")
    assert again.returncode == 0, again.stderr
    assert "seed 0: " in again.stdout and again.stdout.count("finished before") == 1
    runs = runs_by_seed(tmp_path / "runs/xor_mlp")
    assert len(list((tmp_path / "runs/xor_mlp").iterdir())) == 2
    assert json.loads((runs[1] / "run.json").read_text())["resumed"] == 1
