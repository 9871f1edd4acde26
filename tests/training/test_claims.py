"""One process trains a run, whatever its run.json says, and one that was killed leaves nothing in the way."""

import os
import pathlib
import signal
import sys
import time

import numpy as np
import pytest
from small_trainings import interrupted, train, weights

import zoo
from zoo.experiments import seeds
from zoo.runs import Run
from zoo.training import claims

pytestmark = pytest.mark.slow

REPOSITORY = pathlib.Path(__file__).parents[2]
FLAGS = ["--model=xor_mlp", "--epochs=100000", "--set=training.checkpoint_minutes=0"]


class Trainer:
    """Trainings of xor_mlp in one folder, as users start them."""

    def __init__(self, server, folder):
        self.server, self.folder = server, folder
        self.started = []

    def start(self, *flags):
        log = self.folder / f"{len(self.started)}.log"
        command = [sys.executable, str(REPOSITORY / "scripts/train.py"), *flags]
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        process = self.server.start(command, cwd=self.folder, env=environment, stdout=log, stderr=log)
        process.log = log
        self.started.append(process)
        return process

    @property
    def run(self):
        (record,) = self.folder.glob("runs/xor_mlp/*/run.json")
        return zoo.runs.open_run(record.parent)

    def wait(self, condition):
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.fixture
def trainer(fork_server, tmp_path):
    trainer = Trainer(fork_server, tmp_path)
    yield trainer
    for process in trainer.started:
        process.kill()


@pytest.fixture
def killed_run(trainer):
    """A run of xor_mlp with a checkpoint, whose process was killed; run.json says that it is running."""
    process = trainer.start(*FLAGS)
    trainer.wait(lambda: list(trainer.folder.glob("runs/xor_mlp/*/checkpoints/step-*.npz")) or process.poll())
    process.kill()
    process.wait()
    assert trainer.run.record["status"] == "running"
    return trainer.run


def test_of_two_that_resume_at_once_one_trains(trainer, killed_run):
    for round_number in range(1, 6):
        two = [trainer.start(f"--resume={killed_run.path}") for _ in range(2)]
        trainer.wait(lambda two=two: any(process.poll() is not None for process in two))
        loser = next(process for process in two if process.poll() is not None)
        (winner,) = (process for process in two if process is not loser)
        assert loser.returncode == 2, loser.log.read_text()
        assert "is training it; wait, or end that one" in loser.log.read_text()
        trainer.wait(lambda winner=winner: winner.poll() or killed_run.record["process"]["id"] == winner.pid)
        assert (winner.poll(), killed_run.record["resumed"]) == (None, round_number)
        winner.send_signal(signal.SIGTERM if round_number % 2 else signal.SIGKILL)
        winner.wait()


def test_what_a_killed_process_left_is_swept_but_not_what_a_living_one_writes(trainer, killed_run):
    process = trainer.start(f"--resume={killed_run.path}")
    trainer.wait(lambda: process.poll() or killed_run.record["process"]["id"] == process.pid)
    left_behind = [
        ".run.json.abcd_123",
        ".results.json.x1x1x1x1",
        ".test_predictions.csv.abcd_123",
        "checkpoints/.step-000000000040.npz.aaaaaaaa",
    ]
    of_others = [".speed.json.abcd_123", ".gitignore", ".run.json.backup-of-mine"]
    for name in [*left_behind, *of_others]:
        (killed_run.path / name).write_text("half")
    (killed_run.path / ".saving-abcd_123").mkdir()
    (killed_run.path / ".saving-abcd_123" / "model.keras").write_text("half")
    (killed_run.path / ".saving-links123").symlink_to(trainer.folder)
    assert trainer.start(f"--resume={killed_run.path}").wait() == 2
    assert all((killed_run.path / name).exists() for name in [*left_behind, *of_others, ".saving-abcd_123"])
    process.kill()
    process.wait()
    process = trainer.start(f"--resume={killed_run.path}")
    trainer.wait(lambda: process.poll() or killed_run.record["process"]["id"] == process.pid)
    assert not any((killed_run.path / name).exists() for name in [*left_behind, ".saving-abcd_123", ".saving-links123"])
    assert all((killed_run.path / name).exists() for name in of_others)
    assert (trainer.folder / "0.log").exists()  # behind the link


@pytest.mark.parametrize("number", [1, 0, -1, os.getppid(), "1", None, 10**20, [], {}, 1.5])
def test_the_process_id_of_a_run_is_words_alone(tmp_path, number):
    """It is signalled to by nobody, and one that can be none is damage, in one line."""
    run = Run(tmp_path)
    run.write_json("run.json", {"status": "running", "process": {"host": "here", "id": number}})
    assert claims.claim(run)
    claims.release(run)
    try:
        words = claims.refusal(run)
    except zoo.ZooError as error:
        assert number not in (1, os.getppid()) and "run.json: " in str(error) and str(error).isprintable()
    else:
        assert number in (1, os.getppid()) and f"(process {number} by its run.json)" in words


def test_no_process_id_keeps_a_run_from_being_resumed_and_no_link_is_followed(digits, tmp_path):
    run = interrupted(14, digits, tmp_path)
    config = zoo.load_config(path=run.path / "config.yaml")
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (run.path / ".lock").unlink()
    (run.path / ".lock").symlink_to(precious)
    with pytest.raises(zoo.ZooError, match=r"cannot be trained \(\.lock is a symbolic link\)"):
        train(digits, tmp_path, resume=run)
    assert precious.read_text() == "mine"
    (run.path / ".lock").unlink()
    for process in ({"id": 1, "host": os.uname().nodename}, {"id": os.getppid(), "host": "x"}):
        run.update_record(status="running", process=process)
        assert seeds.earlier_run(config, tmp_path, seeds.UNFINISHED).path == run.path
        claims.release(run)
    assert train(digits, tmp_path, resume=run).record["status"] == "finished"


def test_durations_do_not_depend_on_the_clock(digits, tmp_path, monkeypatch):
    now = time.time()

    def set_back_by_an_hour():
        nonlocal now
        now -= 3600
        return now

    monkeypatch.setattr(time, "time", set_back_by_an_hour)
    started = time.monotonic()
    run = interrupted(14, digits, tmp_path)
    before = run.record["wall_seconds"]
    assert 0 < before <= time.monotonic() - started
    record = train(digits, tmp_path, resume=run).record
    assert before < record["wall_seconds"] <= time.monotonic() - started
    assert 0 < record["seconds_to_first_call"] < record["wall_seconds"]
    history = np.genfromtxt(run.history_file, delimiter=",", names=True)
    assert (history["seconds"] > 0).all()


@pytest.mark.parametrize("selection", ["best", "last"])
def test_a_run_that_is_interrupted_while_it_is_judged_is_only_judged(digits, tmp_path, monkeypatch, selection):
    """In the epoch after which early stopping ends it, with averaged weights: nothing of these is learned anew."""
    settings = [f"training.selection={selection}", "training.deterministic=true", "training.epochs=9",
                "training.early_stopping={patience: 2, minimum_improvement: 0.5}",
                "training.optimizer={ema_momentum: 0.9}"]  # fmt: skip
    whole = train(digits, tmp_path / "whole", *settings)
    from zoo.training import fit

    with monkeypatch.context() as patch, pytest.raises(zoo.errors.Interrupted) as interruption:
        patch.setattr(fit, "_judge", lambda *_: os.kill(os.getpid(), signal.SIGTERM) or time.sleep(60))
        train(digits, tmp_path / "judged", *settings)
    run = interruption.value.run
    assert interruption.value.state_saved and run.record["status"] == "interrupted"
    rows = run.history_file.read_text()
    assert rows.count("\n") == whole.history_file.read_text().count("\n") < 9
    resumed = train(digits, tmp_path, *settings, resume=run)
    assert resumed.record["status"] == "finished"
    assert run.history_file.read_text() == rows
    np.testing.assert_array_equal(weights(resumed), weights(whole))
    assert resumed.results["test"] == whole.results["test"]
    assert not list(run.checkpoints.glob("step-*"))


def test_a_real_signal_while_a_run_is_judged(trainer):
    process = trainer.start("--model=xor_mlp", "--epochs=20")
    trainer.wait(lambda: list(trainer.folder.glob("runs/xor_mlp/*/model.keras")) or process.poll() is not None)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 128 + signal.SIGTERM, process.log.read_text()
    assert "interrupted, state saved; go on with: python scripts/train.py --resume=" in process.log.read_text()
    assert trainer.run.record["status"] == "interrupted"
    rows = trainer.run.history_file.read_text()
    again = trainer.start(f"--resume={trainer.run.path.relative_to(trainer.folder)}")
    assert again.wait() == 0, again.log.read_text()
    assert "epoch 1/" not in again.log.read_text() and "test accuracy" in again.log.read_text()
    assert trainer.run.history_file.read_text() == rows


def test_a_closed_terminal_saves_the_run(terminal, trainer):
    command = [sys.executable, str(REPOSITORY / "scripts/train.py"), "--model=xor_mlp", "--epochs=100000"]
    process = terminal.start(command, trainer.folder)
    trainer.wait(lambda: list(trainer.folder.glob("runs/xor_mlp/*/history.csv")) or process.poll() is not None)
    terminal.close()
    assert process.wait(timeout=60) == 128 + signal.SIGHUP
    assert trainer.run.record["status"] == "interrupted"
    assert list(trainer.run.checkpoints.glob("step-*.npz"))


def test_nohup_is_honoured(terminal, trainer):
    command = ["nohup", sys.executable, str(REPOSITORY / "scripts/train.py"), "--model=xor_mlp", "--epochs=100000"]
    process = terminal.start(command, trainer.folder)
    history = lambda: list(trainer.folder.glob("runs/xor_mlp/*/history.csv"))  # noqa: E731
    trainer.wait(lambda: history() or process.poll() is not None)
    terminal.close()
    rows = history()[0].read_text().count("\n")
    trainer.wait(lambda: history()[0].read_text().count("\n") > rows + 20 or process.poll() is not None)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
