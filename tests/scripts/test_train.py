"""scripts/train.py as a user runs it."""

import json
import os
import pathlib
import resource
import signal
import subprocess
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--model=mnist_mpl"], "mnist_mlp"),
        ([], "which model?"),
        (["--modle=mnist_mlp"], "model"),
        (["--model=xor_mlp", "--epochs=-1"], "training.epochs"),
        (["--model=xor_mlp", "--epochs=many"], "epochs"),
        (["--model=xor_mlp", "--batch_size=5"], "--batch_size=4"),
        (["--model=xor_mlp", "--set", "training.optimiser.name=sgd"], "training.optimiser"),
        (["--model=xor_mlp", "--dataset=xorr"], "xor"),
        (["--model=xor_mlp", "--dataset=mnist"], "reads tables"),
        (["--model=xor_mlp", "--dataset=csv"], "--data_dir"),
        (["--model=xor_mlp", "--dataset=csv", "--data_dir=none.csv"], "no such file"),
        (["--model=xor_mlp", "--runs_dir=/proc/none"], "cannot be written"),
        (["--model=xor_mlp", "--import=no_such_module"], "no such module"),
        (["--model=xor_mlp", "--cross_validation=1"], "at least 2"),
        (["--model=xor_mlp", "--cross_validation=2", "--set=training.distillation.teacher=x"], "held-out rows"),
        (["--resume=nowhere"], "no such run"),
        (["--model=xor_mlp", "--profile", "--resume=auto"], "--profile"),
        (["--model=xor_mlp", "stray"], "unexpected argument"),
    ],
)
def test_mistakes_end_with_one_line_and_status_2(run_script, flags, message):
    done = run_script("train", *flags)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_tensorflow_does_not_greet_before_the_one_line(run_script):
    done = run_script("train", "--model=xor_mlp", "--batch_size=5", fresh=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr


def test_another_backend_is_refused(run_script):
    done = run_script("train", "--model=xor_mlp", KERAS_BACKEND="jax")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "KERAS_BACKEND" in done.stderr


def test_print_config_prints_and_stops(run_script, tmp_path):
    done = run_script("train", "--model=mnist_mlp", "--epochs=3", "--print_config")
    assert done.returncode == 0
    assert "epochs: 3" in done.stdout
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_the_record_says_how_the_loop_ran_and_the_profile_is_written(run_script, tmp_path):
    flags = ["--epochs=3", "--batch_size=2", "--steps_per_call=1", "--xla=off", "--profile"]
    done = run_script("train", "--model=xor_mlp", *flags)
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "runs/xor_mlp").iterdir()
    record = json.loads((run / "run.json").read_text())
    assert (record["steps_per_call"], record["xla"]) == (1, False)
    assert 0 < record["seconds_to_first_call"] < record["wall_seconds"]
    assert 0 < record["data_wait_share"] < 1
    assert ("training waited for data" in done.stderr) == (record["data_wait_share"] > 0.1)
    assert list(run.glob("tensorboard/**/*.xplane.pb"))


@pytest.mark.slow
def test_own_model_on_own_table(run_script, tmp_path):
    """The example of docs/add_a_model.md, run as it stands there."""
    page = (REPOSITORY / "docs/add_a_model.md").read_text()
    example = page.split("```python\n# my_models.py\n")[1].split("```")[0]
    (tmp_path / "my_models.py").write_text(example)
    rows = [f"{x},{y},{'above' if x > y else 'below'}" for x in range(20) for y in range(20) if x != y]
    (tmp_path / "points.csv").write_text("x,y,label\n" + "\n".join(rows) + "\n")
    flags = ["--import=my_models", "--model=my_mlp", "--dataset=csv", "--data_dir=points.csv", "--epochs=30"]
    done = run_script("train", *flags, fresh=True)
    assert done.returncode == 0, done.stderr
    assert "test accuracy" in done.stdout.splitlines()[0]
    run = next((tmp_path / "runs" / "my_mlp").iterdir())
    assert json.loads((run / "labels.json").read_text())["label_names"] == ["above", "below"]
    assert json.loads((run / "results.json").read_text())["test"]["accuracy"]["value"] > 0.8


def train_past_epoch_5(folder):
    """The process of a training that would go on for long."""
    command = [sys.executable, str(REPOSITORY / "scripts/train.py"), "--model=xor_mlp", "--epochs=100000"]
    process = subprocess.Popen(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if line.startswith("epoch 5/"):
            break
    return process


@pytest.mark.slow
@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_the_printed_command_resumes(run_script, tmp_path, signal_number):
    process = train_past_epoch_5(tmp_path)
    process.send_signal(signal_number)
    last_line = process.communicate(timeout=60)[1].splitlines()[-1]
    assert process.returncode == 128 + signal_number
    assert "--resume=" in last_line
    run = tmp_path / last_line.split("--resume=")[1]
    assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
    config = run / "config.yaml"
    epochs = len((run / "history.csv").read_text().splitlines()) + 20
    config.write_text(config.read_text().replace("epochs: 100000", f"epochs: {epochs}"))
    done = run_script("train", f"--resume={run}")
    assert done.returncode == 0, done.stderr
    assert len((run / "history.csv").read_text().splitlines()) == epochs + 1


@pytest.mark.slow
def test_a_disk_that_refuses_ends_in_one_line_and_the_run_goes_on_once_there_is_room(tmp_path):
    def train(*flags, file_size=resource.RLIM_INFINITY):
        return subprocess.run(
            [sys.executable, str(REPOSITORY / "scripts/train.py"), *flags],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, resource.RLIM_INFINITY)),
        )

    # Room for the weights, not for a checkpoint or the predictions.
    refused = train("--model=mnist_mlp", "--epochs=1", "--set=training.checkpoint_minutes=0", file_size=300_000)
    assert refused.returncode == 2, refused.stderr
    assert "checkpoint not written" in refused.stderr
    message = refused.stderr.splitlines()[-1]
    assert message.startswith("error: ") and "make room" in message
    resumed = train(message.split()[-1])
    assert resumed.returncode == 0, resumed.stderr
    (run,) = (tmp_path / "runs/mnist_mlp").iterdir()
    assert json.loads((run / "run.json").read_text())["status"] == "finished"


@pytest.mark.slow
def test_a_run_folder_that_goes_away_in_the_middle_is_one_line(tmp_path):
    process = train_past_epoch_5(tmp_path)
    (tmp_path / "runs/xor_mlp").rename(tmp_path / "elsewhere")
    lines = process.communicate(timeout=60)[1].splitlines()
    assert process.returncode == 2 and "Traceback" not in "".join(lines)
    assert lines[-1].startswith("error: runs/xor_mlp/") and "is gone" in lines[-1]
