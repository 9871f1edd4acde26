"""Killed at any instant and resumed, a run ends bit for bit where the uninterrupted one does."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.training.checkpoints import load_checkpoint, save_checkpoint

pytestmark = pytest.mark.slow

REPOSITORY = pathlib.Path(__file__).parents[2]
SETTINGS = [
    "--model=mnist_mlp",
    "--dataset=image_folder",
    "--epochs=400",
    "--batch_size=20",
    "--set=training.deterministic=true",
    "--set=training.steps_per_call=3",
    "--set=training.checkpoint_minutes=0",
    "--set=training.schedule={name: cosine, warmup_epochs: 2}",
    "--set=training.optimizer={name: adamw, weight_decay: 0.01, ema_momentum: 0.99}",
    "--set=model.options={dropout: 0.3, hidden_units: [16]}",
    "--set=dataset.augmentation={shift_pixels: 1, horizontal_flip: true}",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working folder with pictures/{a,b}/*.png."""
    folder = tmp_path_factory.mktemp("resume")
    generator = np.random.default_rng(0)
    for name, base in (("a", 0), ("b", 60)):
        (folder / "pictures" / name).mkdir(parents=True)
        for number in range(80):
            pixels = (generator.integers(0, 190, (8, 8)) + base).astype("uint8")
            Image.fromarray(pixels).save(folder / "pictures" / name / f"{number}.png")
    return folder


def start(folder, runs_dir, *flags, launch=(), server=None):
    """A process that trains; as a fork where there is a server."""
    command = [sys.executable, str(REPOSITORY / "scripts/train.py"), *SETTINGS, "--data_dir=pictures"]
    command += [f"--runs_dir={runs_dir}", *flags]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    log = folder / f"{runs_dir}.log"
    if server is not None:
        return server.start(command, cwd=folder, env=environment, stdout=log, stderr=log)
    with log.open("ab") as output:
        return subprocess.Popen([*launch, *command], cwd=folder, env=environment, stdout=output, stderr=output)


def outcome(folder, runs_dir):
    """Weights, validation columns of the history, and how often the one run was resumed."""
    (path,) = (folder / runs_dir / "mnist_mlp").iterdir()
    run = zoo.runs.open_run(path)
    assert run.record["status"] == "finished", (folder / f"{runs_dir}.log").read_text()[-3000:]
    weights = np.concatenate([w.ravel() for w in zoo.load_model(run).model.get_weights()])
    rows = [line.split(",")[3:] for line in run.history_file.read_text().splitlines()]
    return weights, rows, run.record["resumed"]


@pytest.fixture(scope="module")
def uninterrupted(folder):
    assert start(folder, "whole").wait(timeout=300) == 0
    return outcome(folder, "whole")


def test_twenty_kills_change_nothing(fork_server, folder, uninterrupted):
    chance = random.Random(0)
    kills = 0
    while kills < 20:
        process = start(folder, "killed", "--resume=auto", server=fork_server)
        records = []
        while not (records and json.loads(records[0].read_text())["process"]["id"] == process.pid):
            assert process.poll() is None, (folder / "killed.log").read_text()[-3000:]
            time.sleep(0.02)
            records = list(folder.glob("killed/mnist_mlp/*/run.json"))
        time.sleep(chance.uniform(0, 2.5))
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    print(f"{kills} kills")
    assert kills >= 10
    assert start(folder, "killed", "--resume=auto").wait(timeout=300) == 0
    weights, rows, resumed = outcome(folder, "killed")
    assert resumed >= 10
    (path,) = (folder / "killed" / "mnist_mlp").iterdir()
    assert [p.name for p in [*path.glob(".*"), *path.glob("checkpoints/.*")]] == [".lock"]  # no part of a file
    np.testing.assert_array_equal(weights, uninterrupted[0])
    assert rows == uninterrupted[1]


def test_a_killed_worker_changes_nothing(folder):
    launch = [sys.executable, str(REPOSITORY / "scripts/launch.py"), "--workers=2", "--max_restarts=1", "--"]
    assert start(folder, "two", "--epochs=15", launch=launch).wait(timeout=300) == 0
    process = start(folder, "two_killed", "--epochs=15", launch=launch)
    while not list(folder.glob("two_killed/mnist_mlp/*/checkpoints/step-*.npz")):
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(1)
    workers = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    os.kill(int(workers[1]), signal.SIGKILL)
    assert process.wait(timeout=300) == 0
    weights, rows, resumed = outcome(folder, "two_killed")
    assert resumed == 1
    expected_weights, expected_rows, _ = outcome(folder, "two")
    np.testing.assert_array_equal(weights, expected_weights)
    # The checkpoint has each metric's sum over the workers: the epoch that goes on from it adds up in another order.
    np.testing.assert_array_equal(rows[0], expected_rows[0])
    np.testing.assert_allclose(np.array(rows[1:], float), np.array(expected_rows[1:], float), rtol=1e-6)
    assert subprocess.run(["pgrep", "-f", "two_killed"], capture_output=True).returncode == 1


def test_a_signal_to_the_launcher_lets_all_workers_end_in_order(folder):
    process = start(
        folder, "stopped", launch=[sys.executable, str(REPOSITORY / "scripts/launch.py"), "--workers=2", "--"]
    )
    while not list(folder.glob("stopped/mnist_mlp/*/checkpoints/step-*.npz")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    log = (folder / "stopped.log").read_text()
    assert log.count("interrupted, state saved; go on with:") == 1 and "Traceback" not in log
    (record,) = folder.glob("stopped/mnist_mlp/*/run.json")
    assert json.loads(record.read_text())["status"] == "interrupted"


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, capsys):
    for step in (3, 7, 9):
        save_checkpoint(tmp_path, step, {"weights": np.full(3, step)}, {"step": step})
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["step-000000000007.npz", "step-000000000009.npz"]
    newest = tmp_path / "step-000000000009.npz"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    arrays, state = load_checkpoint(tmp_path)
    assert state["step"] == 7 and arrays["weights"].tolist() == [7, 7, 7]
    assert "step-000000000009.npz: damaged" in capsys.readouterr().err
    (tmp_path / "step-000000000007.npz").write_bytes(b"")
    with pytest.raises(zoo.ZooError, match="every checkpoint is damaged"):
        load_checkpoint(tmp_path)


def test_a_disk_that_refuses_checkpoints_is_told_of_and_ends_nothing(fork_server, folder):
    """A file in the place of the folder: as root, as which tests may run, permissions refuse nothing."""
    process = start(folder, "refused", "--epochs=60", server=fork_server)
    while not (checkpoints := list(folder.glob("refused/mnist_mlp/*/checkpoints"))):
        assert process.poll() is None
        time.sleep(0.02)
    for attempt in range(100):
        try:
            subprocess.run(["rm", "-rf", str(checkpoints[0])], check=True)
            checkpoints[0].write_text("no folder")
            break
        except OSError:
            assert attempt < 99
    assert process.wait(timeout=120) == 0
    log = (folder / "refused.log").read_text()
    assert "checkpoint not written" in log and "Traceback" not in log


def test_a_run_that_is_being_trained_is_not_resumed(fork_server, folder):
    process = start(folder, "busy", server=fork_server)
    try:
        while not (records := list(folder.glob("busy/mnist_mlp/*/run.json"))):
            assert process.poll() is None
            time.sleep(0.02)
        done = subprocess.run(
            [sys.executable, str(REPOSITORY / "scripts/train.py"), f"--resume={records[0].parent}"],
            cwd=folder, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 2 and f"(process {process.pid} by its run.json) is training it" in done.stderr
    finally:
        process.kill()
        process.wait()
