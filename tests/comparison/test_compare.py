"""compare.py on runs as training writes them, and on runs that are not as they should be."""

import csv
import io
import json

import numpy as np
import pytest
import synthetic_runs


@pytest.fixture
def write_run(tmp_path):
    def write(model, seed, right, digest="sha256:1", rows=200, validation_right=None, **record):
        parts = [_split(right, rows), None if validation_right is None else _split(validation_right, rows)]
        return synthetic_runs.write_run(tmp_path / "runs", model, seed, *parts, digest=digest, **record)

    return write


def _split(right, rows):
    """Labels, and probabilities: 0.9 for the right class in the first `right` rows, for the other in the rest."""
    labels = np.arange(rows) % 2
    chosen = np.where(np.arange(rows) < right, labels, 1 - labels)
    return labels, np.where(np.eye(2)[chosen] == 1, 0.9, 0.1)


def test_seeds_are_one_row_and_ties_are_said_in_words(write_run, run_script):
    for seed in range(3):
        write_run("good", seed, 190 + seed)
        write_run("equal", seed, 190 + (seed + 1) % 3 - 1)
        write_run("poor", seed, 120 + seed)
    tables = json.loads(run_script("compare", "--format=json").stdout)
    assert [row["model"] for row in tables[0]] == ["good", "equal", "poor"]
    assert [row["seeds"] for row in tables[0]] == [3, 3, 3]
    assert tables[0][0]["accuracy"] == pytest.approx(191 / 200)
    assert tables[0][1]["verdict"] == "not distinguishable from the best at n = 200"
    assert tables[0][2]["verdict"] == "worse than the best"


def test_runs_on_other_data_are_not_compared(write_run, run_script):
    write_run("one", 0, 190)
    write_run("other", 0, 20, digest="sha256:2")
    tables = json.loads(run_script("compare", "--format=json").stdout)
    assert [[row["verdict"] for row in rows] for rows in tables] == [["best"], ["best"]]


def test_bad_runs_are_named_and_the_rest_still_comes(write_run, run_script):
    write_run("good", 0, 190)
    write_run("unfinished", 0, 190, status="running")
    (write_run("cut", 0, 190).path / "predictions.npz").write_bytes(b"PK\x03\x04")
    (write_run("missing", 0, 190).path / "predictions.npz").unlink()
    (write_run("damaged", 0, 190).path / "run.json").write_text("{")
    (write_run("yaml", 0, 190).path / "config.yaml").write_text("a: [")
    np.savez(write_run("short", 0, 9).path / "predictions.npz", ids=[1], labels=[1], probabilities=[[0.0, 1.0]])
    write_run("old", 0, 190).write_json("results.json", {"test": {"accuracy": {"value": 1}, "n": 200}})
    write_run("list", 0, 190).write_json("run.json", [])
    write_run("task", 0, 190).write_json("results.json", {"test": {"accuracy": {"value": 1}, "perplexity": 9.0}})
    write_run("word", 0, 190, wall_seconds="2")
    probabilities = np.full((200, 2), np.nan)
    np.savez(write_run("infinite", 0, 190).path / "predictions.npz", ids=np.arange(200), labels=np.arange(200) % 2,
             probabilities=probabilities)  # fmt: skip
    process = run_script("compare", "--format=csv", "--columns=model,accuracy")
    assert process.returncode == 0
    assert list(csv.DictReader(io.StringIO(process.stdout))) == [{"model": "good", "accuracy": "0.9500"}]
    lines = process.stderr.splitlines()
    for name in ("unfinished", "cut", "missing", "damaged", "yaml", "short", "old", "list", "task", "infinite", "word"):
        assert sum(f"/{name}/" in line for line in lines) == 1, process.stderr
    assert "Traceback" not in process.stderr


def test_the_newest_run_of_a_seed_counts(write_run, run_script, tmp_path):
    write_run("one", 0, 100).path.rename(tmp_path / "runs/one/20250101-000000-abcdef")
    write_run("one", 0, 190)
    (row,) = json.loads(run_script("compare", "--format=json").stdout)[0]
    assert (row["seeds"], row["accuracy"]) == (1, 0.95)


MISTAKES = [
    "--columns=acuracy", "--columns=", "--models=goood", "--runs_dir=nowhere", "--sort_by=secnds", "--where=seconds",
    "--where=secnds<3", "--where=seconds<fast", "--where=model<3", "--where=test_interval<1", "--where=seconds>100",
    "--where=__import__('os').getcwd()", "--seeds=some",
]  # fmt: skip


@pytest.mark.parametrize("flag", MISTAKES)
def test_mistakes_end_in_one_line(write_run, run_script, flag):
    write_run("good", 0, 190)
    process = run_script("compare", flag)
    assert process.returncode == 2
    assert process.stderr.startswith("error: ") and process.stderr.count("\n") == 1


def table_of(process):
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)[0]


def test_rows_that_cannot_be_told_apart_share_their_ranks(write_run, run_script):
    for model, right in (("first", 192), ("second", 190), ("third", 120), ("fourth", 119)):
        write_run(model, 0, right)
    rows = table_of(run_script("compare", "--format=json", "--columns=rank,tied_with,p"))
    assert [row["rank"] for row in rows] == [[1, 2], [1, 2], [3, 4], [3, 4]]
    assert [row["tied_with"] for row in rows] == ["second", "first", "fourth", "third"]
    (alone,) = table_of(run_script("compare", "runs/first", "--format=json", "--columns=rank,tied_with,verdict"))
    assert alone == {"rank": [1, 1], "tied_with": None, "verdict": "best"}


def test_conditions_on_cost_choose_who_is_compared_and_those_on_figures_what_is_shown(write_run, run_script):
    write_run("dear", 0, 190, wall_seconds=500.0)
    write_run("cheap_a", 0, 150, wall_seconds=20.0)
    write_run("cheap_b", 0, 100, wall_seconds=10.0)
    flags = ("--format=json", "--columns=model,verdict,rank")
    rows = table_of(run_script("compare", *flags, "--where=seconds<=20 and model=cheap_*", "--sort_by=seconds"))
    assert [(row["model"], row["rank"]) for row in rows] == [("cheap_b", [2, 2]), ("cheap_a", [1, 1])]
    rows = table_of(run_script("compare", *flags, "--where=accuracy<0.9", "--sort_by=-accuracy"))
    assert [(row["model"], row["rank"]) for row in rows] == [("cheap_b", [3, 3]), ("cheap_a", [2, 2])]


def test_the_best_seed_is_chosen_on_validation_and_said_to_be(write_run, run_script):
    write_run("one", 0, 199, validation_right=150)
    write_run("one", 1, 180, validation_right=190)
    process = run_script("compare", "--seeds=best", "--format=json", "--columns=seeds,accuracy")
    assert table_of(process) == [{"seeds": 1, "accuracy": 0.9}]
    assert "one: seed 1, the best of 2 on validation" in process.stderr


def test_calibration_is_scaled_on_validation_and_blank_without_it(write_run, run_script):
    """Sure of 0.9 where 0.7 are right, on both splits alike: scaling mends what there is to mend."""
    write_run("measured", 0, 140, validation_right=140)
    write_run("before", 0, 60)
    write_run("damaged", 0, 20, validation_right=140).write_text("validation_predictions.npz", "no zip")
    process = run_script("compare", "--format=json", "--columns=model,nll,nll_scaled,ece,ece_scaled,temperature")
    rows = {row["model"]: row for row in table_of(process)}
    measured = rows["measured"]
    assert measured["ece"] == pytest.approx(0.2) and measured["ece_scaled"] < 0.001
    assert measured["nll_scaled"] == pytest.approx(-(0.7 * np.log(0.7) + 0.3 * np.log(0.3)), abs=1e-4)
    assert measured["temperature"] == pytest.approx(np.log(9) / np.log(7 / 3), rel=1e-3)
    for name in ("before", "damaged"):
        assert rows[name]["nll_scaled"] is rows[name]["temperature"] is None
    assert "validation_predictions.npz left out" in process.stderr and process.stderr.count("\n") == 1


def test_a_key_that_the_config_learned_later_does_not_part_runs_of_one_recipe(write_run, run_script):
    for seed in range(2):
        run = write_run("one", seed, 190)
    text = (run.path / "config.yaml").read_text()
    older = [line for line in text.splitlines() if "checkpoint_minutes" not in line and "steps_per_call" not in line]
    assert len(older) < len(text.splitlines())
    run.write_text("config.yaml", "\n".join(older))
    (row,) = table_of(run_script("compare", "--format=json"))
    assert row["seeds"] == 2
    run.write_text("config.yaml", text + "knobs: {of_another_version: 1}\n")
    assert len(table_of(run_script("compare", "--format=json"))) == 2


def test_settings_by_which_rows_of_one_model_differ_can_be_asked_for(write_run, run_script):
    write_run("alone", 0, 150)
    for number, rate in enumerate((0.1, 0.2)):
        run = write_run("one", number, 190 - number)
        config = run.config_values
        config["training"] |= {"optimizer": {"learning_rate": rate}}
        run.write_config(json.dumps(config))
    rows = table_of(run_script("compare", "--format=json"))
    assert {row["settings"] for row in rows} == {
        None, "training.optimizer.learning_rate=0.1", "training.optimizer.learning_rate=0.2"
    }  # fmt: skip
    (row,) = table_of(run_script("compare", "--format=json", "--where=settings=*rate=0.2"))
    assert row["model"] == "one"


def test_names_that_look_like_markup_stay_in_their_cells(write_run, run_script):
    write_run("one", 0, 190).update_record(model="<b>|one|</b>")
    process = run_script("compare", "--format=markdown", "--columns=model,seeds")
    assert process.stdout.splitlines()[-1] == "| &lt;b>\\|one\\|&lt;/b> | 1 |"
