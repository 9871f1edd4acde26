"""sweep.py: trials never see the test split, a killed search goes on, and its best config trains."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pytest

import zoo
from zoo.tasks.catalog import get_task

REPOSITORY = pathlib.Path(__file__).parents[2]
SPACE = "training.optimizer.learning_rate: {low: 0.01, high: 0.5, log: true}\n"


@pytest.fixture
def flags(tmp_path):
    def make(space=SPACE, epochs=4, trials=2):
        (tmp_path / "space.yaml").write_text(space)
        own = {"epochs": epochs, "checkpoint_minutes": 0, "xla": "off"}
        fixed = [f"--set=training.{name}={value}" for name, value in own.items()]
        return ["--model=xor_mlp", *fixed, "--space=space.yaml", "--study=study", f"--trials={trials}"]

    return make


def records(tmp_path):
    return [json.loads(path.read_text()) for path in sorted(tmp_path.glob("study/runs/xor_mlp/*/run.json"))]


def learning_rates(tmp_path):
    configs = sorted(tmp_path.glob("study/runs/xor_mlp/*/config.yaml"))
    return [zoo.load_config(path=path).training.optimizer.learning_rate for path in configs]


@pytest.mark.slow
def test_trials_hold_validation_alone_and_the_best_config_trains(run_script, flags, tmp_path):
    done = run_script("sweep", *flags())
    assert done.returncode == 0, done.stderr
    runs = sorted((tmp_path / "study/runs/xor_mlp").iterdir())
    assert len(runs) == 2
    for run in runs:
        assert set(json.loads((run / "results.json").read_text())) == {"best_epoch", "validation"}
        assert not (run / "predictions.npz").exists() and not list(run.glob("confusion*"))
        assert (run / "model.keras").exists()
    assert "2 trials: 2 complete" in done.stdout and "test was not read" in done.stdout

    more = run_script("sweep", *flags(trials=3))
    assert more.returncode == 0 and "2 of 3 trials are judged already" in more.stderr
    assert len(set(learning_rates(tmp_path))) == 3  # the second process does not draw what the first one drew
    accuracy = {
        rate: json.loads((run / "results.json").read_text())["validation"]["accuracy"]["value"]
        for rate, run in zip(learning_rates(tmp_path), sorted((tmp_path / "study/runs/xor_mlp").iterdir()), strict=True)
    }
    best = zoo.load_config(path=tmp_path / "study/best.yaml")
    assert accuracy[best.training.optimizer.learning_rate] == max(accuracy.values())
    command = more.stdout.splitlines()[-1].removeprefix("next: python scripts/train.py ").split()
    assert command == ["--config=study/best.yaml", "--num_seeds=5"]
    assert run_script("train", *command, "--print_config").stdout == best.to_yaml()

    for change, words in (({"space": SPACE.replace("0.5", "0.6")}, "another space"), ({"epochs": 5}, "another config")):
        refused = run_script("sweep", *flags(**change))
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1) and words in refused.stderr


@pytest.mark.slow
def test_a_killed_search_goes_on_with_the_trial_that_was_under_way(run_script, flags, tmp_path):
    command = [sys.executable, str(REPOSITORY / "scripts/sweep.py"), *flags(epochs=60)]
    process = subprocess.Popen(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(REPOSITORY)})
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("study/runs/xor_mlp/*/checkpoints/step-*5.npz")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (killed,) = learning_rates(tmp_path)
    done = run_script("sweep", *flags(epochs=60))
    assert done.returncode == 0, done.stderr
    assert "2 trials: 2 complete, 0 pruned, 0 failed" in done.stdout
    assert [record["resumed"] for record in records(tmp_path)] == [1, 0]
    assert learning_rates(tmp_path)[0] == killed


@pytest.mark.slow
def test_values_that_fail_are_told_and_the_search_goes_on(run_script, flags, tmp_path):
    space = "training.optimizer.name: {choices: [sgd, adam]}\ntraining.optimizer.momentum: {choices: [0.5, 0.9]}\n"
    done = run_script("sweep", *flags(space=space, epochs=1, trials=3))
    assert done.returncode == 0, done.stderr
    names = [zoo.load_config(path=path).training.optimizer.name for path in tmp_path.glob("study/**/config.yaml")]
    assert set(names) == {"sgd"} and done.stderr.count("momentum belongs to sgd") == 3 - len(names)


def test_damaged_storage_is_one_line(run_script, flags, tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study/study.db").write_bytes(b"no database" * 1000)
    damaged = run_script("sweep", *flags())
    assert (damaged.returncode, damaged.stderr.count("\n")) == (2, 1) and "study.db" in damaged.stderr


@pytest.mark.parametrize(
    ("storage", "words"),
    [
        ("redis://here", "postgresql://"),
        ("no url", "postgresql://"),
        ("postgresql://me:secret@127.0.0.1:1/none", "cannot be used|pip install"),
    ],
)
def test_storage_that_cannot_be_had_is_one_line(run_script, flags, storage, words):
    refused = run_script("sweep", *flags(), f"--storage={storage}")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert re.search(words, refused.stderr) and "secret" not in refused.stderr


def searches(tmp_path, flags, count, **environment):
    """Several searches of one study, started in the same second."""
    command = [sys.executable, str(REPOSITORY / "scripts/sweep.py"), *flags]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment
    how = {"cwd": tmp_path, "env": environment, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return [subprocess.Popen(command, **how) for _ in range(count)]


@pytest.mark.slow
def test_searches_at_once_share_the_trials(flags, tmp_path):
    together = [(search, *search.communicate()) for search in searches(tmp_path, flags(epochs=2, trials=5), 3)]
    for search, stdout, stderr in together:
        assert search.returncode == 0, stderr
        assert "5 trials: 5 complete, 0 pruned, 0 failed" in stdout
    assert len(set(learning_rates(tmp_path))) == len(records(tmp_path)) == 5, "none twice"
    assert {record["status"] for record in records(tmp_path)} == {"finished"}
    assert len({stdout for _, stdout, _ in together}) == 1, "all name the same best"


@pytest.mark.slow
def test_another_search_takes_up_the_trial_of_a_killed_one(flags, tmp_path):
    first, second = searches(tmp_path, flags(epochs=60, trials=3), 2)
    deadline = time.monotonic() + 90
    while not (mine := runs_of(first, tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    _, stderr = second.communicate()
    assert second.returncode == 0, stderr
    assert len(records(tmp_path)) == 3, "no trial too many"
    killed = json.loads((mine[0] / "run.json").read_text())
    assert (killed["status"], killed["resumed"]) == ("finished", 1)


@pytest.mark.slow
def test_a_trial_that_another_search_took_up_is_let_go(tmp_path, monkeypatch, capsys):
    """As after a laptop's sleep: the heartbeat ended, another process trains the trial, and then this one goes on."""
    import optuna

    from zoo.experiments import sweep

    train_alone, taken = sweep.train_alone, []

    def slept(config, *arguments, callbacks, **more):
        run = train_alone(config, *arguments, callbacks=callbacks, **more)
        if not taken:
            (other,) = optuna.get_all_study_names(f"sqlite:///{tmp_path}/study/study.db")
            study = optuna.load_study(study_name=other, storage=f"sqlite:///{tmp_path}/study/study.db")
            taken.append(callbacks[0].trial.number)
            study.tell(taken[0], state=optuna.trial.TrialState.FAIL)
        return run

    monkeypatch.setattr(sweep, "train_alone", slept)
    (tmp_path / "space.yaml").write_text(SPACE)
    config = zoo.load_config("xor_mlp", overrides={"training.epochs": 2})
    assert sweep.sweep(config, str(tmp_path / "space.yaml"), str(tmp_path / "study"), 2) == 0
    out, err = capsys.readouterr()
    assert "trial 0: this process stood still" in err and "2 trials: 2 complete" in out


def runs_of(process, tmp_path):
    """Unfinished runs of a process that have a checkpoint behind their first epochs."""
    records = {path.parents[1]: path.parents[1] / "run.json" for path in tmp_path.glob("study/**/step-*5.npz")}
    read = {run: json.loads(record.read_text()) for run, record in records.items() if record.exists()}
    return [
        run for run, record in read.items() if (record["process"]["id"], record["status"]) == (process.pid, "running")
    ]


@pytest.fixture(scope="module")
def postgresql():
    """The URL of a server of our own, as Debian's package postgresql brings it."""
    programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs or os.geteuid() or not shutil.which("runuser"):
        pytest.skip("needs root and PostgreSQL: apt-get install postgresql")
    pytest.importorskip("psycopg")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="zoo-postgresql-", dir="/tmp"))  # where that user may go, too
    shutil.chown(folder, "postgres")

    def run(name, *arguments):
        command = [str(programs[-1].with_name(name)), *arguments]
        subprocess.run(["runuser", "-u", "postgres", "--", *command], check=True, cwd=folder, capture_output=True)

    run("initdb", "-D", str(folder / "data"), "--auth=trust", "--no-sync")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
    run("pg_ctl", "-D", str(folder / "data"), "-w", "-l", str(folder / "log"), "-o", options, "start")
    yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    run("pg_ctl", "-D", str(folder / "data"), "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.mark.slow
def test_searches_of_several_hosts_share_a_database(postgresql, flags, tmp_path):
    """Each host has a folder of its own; all begin at once, before there are tables."""
    hosts = [tmp_path / name for name in ("first", "second")]
    for host in hosts:
        host.mkdir()
    given = [*flags(epochs=2, trials=4), f"--storage={postgresql}"]
    for host in hosts:
        shutil.copy(tmp_path / "space.yaml", host)
    together = [search for host in hosts for search in searches(host, given, 1)]
    for search in together:
        stdout, stderr = search.communicate()
        assert search.returncode == 0, stderr
        assert "4 trials: 4 complete, 0 pruned, 0 failed" in stdout
    rates = [rate for host in hosts for rate in learning_rates(host)]
    assert len(rates) == len(set(rates)) == 4
    best = {(host / "study/best.yaml").read_text() for host in hosts}
    assert len(best) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--model=xor_mlp", "--study=s"], "--space"),
        (["--model=xor_mlp", "--space=none.yaml", "--study=s"], "none.yaml"),
        (["--model=xor_mlp", "--space=none.yaml", "--study=s", "--trials=0"], "--trials=0"),
        (["--space=none.yaml", "--study=s"], "which model?"),
    ],
)
def test_mistakes_end_in_one_line(run_script, given, words):
    done = run_script("sweep", *given)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1) and words in done.stderr


def test_a_hopeless_trial_ends_early(tmp_path):
    import optuna

    from zoo.experiments.trial_pruning import Pruning

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        direction="maximize", pruner=optuna.pruners.ThresholdPruner(lower=1.1, n_warmup_steps=3)
    )
    config = zoo.load_config("xor_mlp", overrides={"training.epochs": 8})
    pruning = Pruning(study.ask(), "trial", 8, get_task("classification").headline)
    run = zoo.train(config, tmp_path, show_progress=False, callbacks=[pruning])
    assert pruning.pruned_after == 3
    assert len(run.history_file.read_text().splitlines()) == 4


def test_a_trial_killed_before_its_first_heartbeat_is_not_waited_for(tmp_path, monkeypatch):
    from zoo.experiments import study as studies

    study = studies.open_study(tmp_path, None, "maximize", 1)
    number = study.ask().number
    studies.take_up_dead(study, tmp_path)
    assert studies.promised(study) == 1 and study.trials[number].state.name == "RUNNING", "it may yet live"
    monkeypatch.setattr(studies, "_START_SECONDS", 0)
    studies.take_up_dead(study, tmp_path)
    assert [trial.state.name for trial in study.trials] == ["FAIL", "WAITING"] and studies.promised(study) == 1
