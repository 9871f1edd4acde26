"""What a tracker holds of a run is what the run holds. Needs the packages mlflow and wandb; skipped without them."""

import csv
import json
import pathlib
import struct

import pytest
from small_trainings import interrupted, train

import zoo
from zoo.errors import ZooError
from zoo.runs import Run
from zoo.training import trackers
from zoo.training.trackers import Tracker

pytestmark = pytest.mark.slow


def rows_of(run):
    with run.history_file.open() as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def in_mlflow(run):
    """The rows, figures, settings, files and status that the store in mlflow.db has of a run."""
    mlflow = pytest.importorskip("mlflow")
    client = mlflow.MlflowClient(f"sqlite:///{pathlib.Path('mlflow.db').absolute()}")
    run_id = json.loads((run.path / "trackers.json").read_text())["mlflow"]["id"]
    stored = client.get_run(run_id)
    names = rows_of(run)[0]
    metrics = {name: {m.step: m.value for m in client.get_metric_history(run_id, name)} for name in names}
    rows = [{name: metrics[name][step] for name in names} for step in sorted(metrics["epoch"])]
    files = {file.path for file in client.list_artifacts(run_id)}
    return rows, stored.data.metrics, stored.data.params, files, stored.info.status


def wandb_records(path):
    """The records of an offline file: a log in blocks of 32 KiB, after a header of 7 bytes, as LevelDB writes them."""
    content, place, parts = path.read_bytes(), 7, []
    while place + 7 <= len(content):
        if 32768 - place % 32768 < 7:
            place += 32768 - place % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        parts.append(content[place + 7 : place + 7 + length])
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield b"".join(parts)
            parts = []


def in_wandb(run):
    """The rows and the summary that the offline files in a run's folder have."""
    pytest.importorskip("wandb")
    from wandb.proto import wandb_internal_pb2

    rows, summary = [], {}
    for path in sorted(run.path.glob("wandb/offline-run-*/run-*.wandb")):
        for content in wandb_records(path):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(content)
            for item in record.summary.update:
                summary[item.key or ".".join(item.nested_key)] = json.loads(item.value_json)
            items = [*record.history.item, *record.request.partial_history.item]
            row = {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}
            if "epoch" in row:
                rows.append({name: value for name, value in row.items() if not name.startswith("_")})
    return rows, summary


READ = {"mlflow": in_mlflow, "wandb": in_wandb}


def tracked(name):
    return lambda dataset, runs_dir, *assignments, resume=None: train(
        dataset, runs_dir, *assignments, resume=resume, callbacks=[Tracker(name)]
    )


@pytest.mark.parametrize("name", READ)
def test_a_tracker_holds_what_the_run_holds(digits, tmp_path, monkeypatch, name):
    pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    run = tracked(name)(digits, tmp_path)
    rows, *more = READ[name](run)
    assert rows == rows_of(run) and len(rows) == 3
    accuracy = run.results["test"]["accuracy"]["value"]
    if name == "mlflow":
        metrics, params, files, status = more
        assert metrics["test.accuracy"] == accuracy
        assert params["training.batch_size"] == "40" and status == "FINISHED"
        assert {"model.keras", "config.yaml", "history.csv", "results.json"} <= files
    else:
        assert more[0]["test.accuracy"] == accuracy


@pytest.mark.parametrize("name", READ)
def test_a_resumed_run_goes_on_in_the_same_record(digits, tmp_path, monkeypatch, name):
    pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    stopped = interrupted(14, digits, tmp_path, train=tracked(name))
    before = json.loads((stopped.path / "trackers.json").read_text())[name]
    run = tracked(name)(digits, tmp_path, resume=stopped)
    after = json.loads((run.path / "trackers.json").read_text())[name]
    assert before["id"] == after["id"] and (before["epochs"], after["epochs"]) == (1, 3)
    rows, *_ = READ[name](run)
    assert rows == rows_of(run)


class Ends(zoo.RunCallback):
    seen = ()

    def on_run_end(self):
        self.seen = (self.run.record["status"], (self.run.path / "results.json").exists())


def test_a_callback_of_the_users_own_knows_the_run(digits, tmp_path):
    ends = Ends()
    train(digits, tmp_path, callbacks=[ends])
    assert ends.seen == ("finished", True)
    interrupted(14, digits, tmp_path, train=lambda *arguments: train(*arguments, callbacks=[ends]))
    assert ends.seen == ("interrupted", False)


def test_a_tracker_that_is_not_there_is_said_in_a_line(monkeypatch):
    with pytest.raises(ZooError, match="--tracker=mlfow: unknown; did you mean mlflow"):
        Tracker("mlfow")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ZooError, match=r"pip install 'keras-model-zoo\[wandb\]'"):
        Tracker("wandb")


@pytest.mark.parametrize("fails_in", ["config", "epoch", "end"])
def test_a_tracker_that_fails_costs_no_training(tmp_path, monkeypatch, capsys, fails_in):
    class Gone:
        def __init__(self, run, run_id):
            self.id = "1"

        def __getattr__(self, name):
            return self.fail if name == fails_in else lambda *arguments: None

        def fail(self, *arguments):
            raise ConnectionError("refused\nby the server")

    run = Run(tmp_path)
    run.write_config("model: {name: xor_mlp}")
    run.history_file.write_text("epoch,loss\n1,0.5\n")
    run.write_json("run.json", {"status": "failed"})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)
    monkeypatch.setitem(trackers.TRACKERS, "mlflow", Gone)
    tracker = Tracker("mlflow")
    tracker.run = run
    words = "--tracker=mlflow: ConnectionError refused by the server; "
    if fails_in == "config":
        with pytest.raises(ZooError, match=f"^{words}mend it"):
            tracker.on_train_begin()
        return
    tracker.on_train_begin()
    tracker.on_epoch_end(0)
    tracker.on_run_end()
    assert capsys.readouterr().err == f"{words}the run goes on without it\n"
