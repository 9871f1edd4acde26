"""Spoiled runs meet whatever reads runs: one bad run costs its own row, and every one is named."""

import json
import os
import pathlib
import shutil

import pytest
import record_files

from zoo.comparison import report, table
from zoo.config import load_config
from zoo.errors import ZooError
from zoo.runs import open_run

LEFT_OUT, PART_LEFT_OUT = record_files.kinds(record_files.LEFT_OUT), record_files.kinds(record_files.PART_LEFT_OUT)


def names(kinds):
    return [f"{file}, {kind}" for file, kind, _ in kinds]


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
    """Where a file of code that ran would leave its proof."""
    monkeypatch.chdir(tmp_path)
    yield
    assert not pathlib.Path("proof").exists()


@pytest.mark.parametrize(("file", "kind", "spoil"), LEFT_OUT, ids=names(LEFT_OUT))
def test_a_spoiled_run_is_left_out_and_named(bounded, tmp_path, file, kind, spoil):
    run = record_files.spoiled(record_files.good_run(tmp_path), file, spoil)
    with bounded():
        results, left_out = table.read_results(table.find_runs([str(tmp_path)]))
    assert results == []
    (line,) = left_out
    assert str(run.path) in line and line.count("\n") == 0 and len(line) < 600


@pytest.mark.parametrize(("file", "kind", "spoil"), PART_LEFT_OUT, ids=names(PART_LEFT_OUT))
def test_a_spoiled_part_costs_its_own_cells(bounded, tmp_path, file, kind, spoil):
    record_files.spoiled(record_files.good_run(tmp_path), file, spoil)
    with bounded():
        results, left_out = table.read_results(table.find_runs([str(tmp_path)]))
    (line,) = left_out
    assert len(results) == 1 and file in line


@pytest.mark.parametrize("spoil", record_files.HISTORIES.values(), ids=record_files.HISTORIES)
def test_a_spoiled_history_costs_its_curve(bounded, tmp_path, spoil):
    record_files.spoiled(record_files.good_run(tmp_path), "history.csv", spoil)
    with bounded():
        results, left_out = table.read_results(table.find_runs([str(tmp_path)]))
        page = report.html_page(results, left_out, None)
    assert "history.csv" in page and "<h3>Learning curves" not in page


@pytest.mark.slow
def test_the_rest_of_the_table_comes(run_bounded, tmp_path):
    """All kinds at once, by the script, and still within the bounds."""
    record_files.good_run(tmp_path / "runs")
    for number, (file, _, spoil) in enumerate([*LEFT_OUT, *PART_LEFT_OUT]):
        record_files.spoiled(record_files.good_run(tmp_path / "runs", f"spoiled_{number}"), file, spoil)
    done = run_bounded("compare", "--columns=model,accuracy")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[2:]]
    spoiled_parts = {f"spoiled_{len(LEFT_OUT) + number}" for number in range(len(PART_LEFT_OUT))}
    assert {name for name, _ in rows} == {"good"} | spoiled_parts
    for number in range(len(LEFT_OUT) + len(PART_LEFT_OUT)):
        assert f"runs/spoiled_{number}/" in done.stderr
    assert "Traceback" not in done.stderr and all(line.isprintable() for line in done.stderr.splitlines())


def test_runs_behind_links_are_read_and_circles_are_none(tmp_path):
    record_files.good_run(tmp_path / "elsewhere", "linked")
    runs = tmp_path / "runs"
    record_files.good_run(runs)
    (runs / "linked").symlink_to(tmp_path / "elsewhere/linked")
    (runs / "again").symlink_to(tmp_path / "elsewhere")
    (runs / "good/circle").symlink_to(runs)
    (runs / "itself").symlink_to("itself")
    (runs / "nowhere").symlink_to("nothing")
    (runs / "everything").symlink_to("/")
    found = table.find_runs([str(runs)], ["good", "linked"])
    assert sorted(run.path.parent.name for run in found) == ["good", "linked"]


def test_a_run_is_found_at_any_depth_though_a_link_leads_there_too(tmp_path):
    record_files.good_run(tmp_path / "runs/a/b/c/d/e/f")
    (tmp_path / "runs/0").symlink_to("a/b")
    assert len(table.find_runs([str(tmp_path / "runs")])) == 1


@pytest.mark.parametrize("kind", ["deep", "a pipe", "process one in words", "a seed that is a text", "a list"])
@pytest.mark.parametrize("command", ["train --resume=RUN", "export --run=RUN --format=onnx", "evaluate --run=RUN"])
def test_scripts_refuse_a_spoiled_record(run_bounded, assert_one_line, tmp_path, kind, command):
    run = record_files.good_run(tmp_path)
    if command.startswith("evaluate"):  # it reads labels and config, never run.json
        run.path.joinpath("model.keras").unlink(missing_ok=True)
    record_files.spoiled(run, "run.json", record_files.LEFT_OUT["run.json"][kind])
    script, *flags = command.replace("RUN", str(run.path)).split()
    assert_one_line(run_bounded(script, *flags), "run.json" if script != "evaluate" else "run")


CONFIGS = {
    "epochs": ("training: {epochs: 1000000000000000000000}", "64 bits"),
    "many epochs": ("training: {epochs: 1000000000000}", "training.epochs: input should be less than"),
    "batch": ("training: {batch_size: 100000000000}", "training.batch_size"),
    "infinite rate": ("training: {optimizer: {learning_rate: 1e400}}", "training.optimizer.learning_rate"),
    "picture": ("dataset: {name: mnist, image_shape: [1000000000, 1, 1]}", "dataset.image_shape"),
    "buckets": ("training: {length_buckets: [100000000000]}", "training.length_buckets"),
    "devices": ("training: {virtual_devices: 100000000}", "training.virtual_devices"),
    "date": ("training: {epochs: 2025-99-99}", "valid integer (given: '2025-99-99')"),
    "long": ("training: {precision: " + "x" * 50_000 + "}", "training.precision"),
    "escape": ('training: {"\\x1b[31m": 1}', "unknown key"),
    "a list of sections": ("- model\n- dataset", "no mapping"),
    "a number as section": ("training: 7", "training"),
    "keys that are numbers": ("1: 2", "1"),
    "aliases": (record_files.aliases(), "20,000 values"),
}


@pytest.mark.parametrize(("text", "words"), CONFIGS.values(), ids=CONFIGS)
def test_configs_beyond_reason(bounded, tmp_path, text, words):
    (tmp_path / "config.yaml").write_text(text)
    with bounded(), pytest.raises(ZooError) as caught:
        load_config("mnist_mlp", tmp_path / "config.yaml", {"dataset.name": "mnist"})
    line = str(caught.value)
    assert words in line and "config.yaml" in line and "\n" not in line and len(line) < 500


@pytest.mark.parametrize("script", ["train", "compare"])
def test_nine_levels_of_aliases_by_the_scripts(run_bounded, assert_one_line, tmp_path, script):
    run = record_files.good_run(tmp_path / "runs")
    (run.path / "config.yaml").write_text(record_files.aliases())
    flags = ["--config=runs/good/20260101-000000-abcdef/config.yaml"] if script == "train" else []
    done = run_bounded(script, *flags)
    assert_one_line(done)
    assert "config.yaml: more than 20,000 values" in done.stderr


def test_an_export_with_a_spoiled_parity(tmp_path):
    for value in ({"file": "../x"}, {"file": 7}, {"failed": None}, {"run": []}, {"run": {"seed": "0"}}, {"name": []}):
        shutil.rmtree(tmp_path / "onnx", ignore_errors=True)
        run = record_files.good_run(tmp_path, "onnx")
        parity = {"file": "m.onnx", "failed": [], "run": json.loads((run.path / "run.json").read_text())} | value
        run.write_json("parity.json", parity)
        os.unlink(run.path / "run.json")
        with pytest.raises(ZooError, match=r"parity\.json"):
            assert open_run(run.path).record
