"""Strategies: what they refuse, and that every cell of the table in docs/scaling.md is true."""

import json
import pathlib
import subprocess
import sys

import pytest

import zoo
from zoo.experiments import verification
from zoo.training import cluster, combinations
from zoo.training import strategy as strategies

pytestmark = pytest.mark.slow

REPOSITORY = pathlib.Path(__file__).parents[2]


def test_the_page_holds_the_table():
    assert combinations.combinations_table() in (REPOSITORY / "docs/scaling.md").read_text()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["training.strategy=mirrored", "training.xla=on"], "training.xla does not go with strategy mirrored"),
        (["training.strategy=tpu", "training.precision=mixed_float16"], "TPUs compute in bfloat16"),
        (["training.strategy=multi_worker"], "no cluster is described"),
        (["training.devices=3"], "--virtual_devices=3"),
        (["training.strategy=default", "training.devices=2"], "--strategy=mirrored"),
        (["training.batch_size=3", "training.virtual_devices=2"], "the nearest that is: --batch_size=4"),
        (
            ["training.optimizer.gradient_accumulation_steps=3", "training.batch_size=4"],
            "no multiple of 3 gradient_accumulation_steps; the nearest that is: --batch_size=3",
        ),
    ],
)
def test_what_does_not_work_is_refused_in_one_line(run_script, settings, words):
    done = run_script("train", "--model=xor_mlp", *(part for value in settings for part in ("--set", value)))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert words in done.stderr


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ("{cluster: none", "TF_CONFIG is not a JSON object"),
        ("[1, 2]", "TF_CONFIG is not a JSON object"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": 5}', "TF_CONFIG: write"),
        ('{"cluster": ["a:1", "b:1"]}', "TF_CONFIG: write"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}}', "the cluster has no task {}"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}', "its jobs: worker"),
    ],
)
def test_a_damaged_cluster_description_is_one_line(run_script, description, words):
    done = run_script("train", "--model=xor_mlp", TF_CONFIG=description)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert words in done.stderr


@pytest.mark.parametrize("name", ["default", "mirrored", "multi_worker"])
def test_every_cell_of_the_table_runs_or_is_refused(tmp_path, name):
    """One process (or pair of workers) a column, in which the settings follow each other."""
    command = [sys.executable, str(pathlib.Path(__file__).with_name("every_combination.py")), name, str(tmp_path)]
    if name == "multi_worker":
        launcher = [sys.executable, str(REPOSITORY / "scripts/launch.py"), "--workers=2", f"--logs_dir={tmp_path}/logs"]
        command = [*launcher, "--", *command]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr + done.stdout
    outcomes = json.loads((tmp_path / "outcomes.json").read_text())
    expected = {c.setting: "refused" if name in c.refused else "runs" for c in combinations.COMBINATIONS}
    assert outcomes == expected


def test_replicas_and_workers_learn_what_one_device_learns():
    rows = verification.verify(["mnist_cnn", "bbc_news_bert"], ["2 virtual devices", "2 processes"])
    rows += verification.verify(["japanese_vowels_lstm"], ["2 virtual devices"])
    assert len(rows) == 24
    for row in rows:
        wanted = ("ok",) if row["optimizer"] == "sgd" else ("ok", "rounding")
        assert row["verdict"] in wanted, verification.format_table(rows)


def test_auto_takes_the_cluster_the_devices_or_none(monkeypatch):
    settings = zoo.load_config("xor_mlp").training
    assert strategies._automatic(settings) == "default"
    assert strategies._automatic(settings.model_copy(update={"virtual_devices": 2})) == "mirrored"
    monkeypatch.setenv(
        "TF_CONFIG", json.dumps({"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}})
    )
    assert strategies._automatic(settings) == "multi_worker" and not cluster.is_first_task()
    monkeypatch.setenv(
        "TF_CONFIG", json.dumps({"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}})
    )
    monkeypatch.setenv("TPU_NAME", "local")
    assert strategies._automatic(settings) == "tpu" and cluster.is_first_task()
