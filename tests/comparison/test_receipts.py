"""The leaderboard and the configs' claims say the same; a claim raised by a point fails; receipts are not lost."""

import csv
import pathlib

import numpy as np
import pytest

from zoo.comparison import receipts
from zoo.comparison.reading import recipe_digest
from zoo.comparison.table import read_results
from zoo.config import load_config, with_values
from zoo.errors import ZooError
from zoo.models.catalog import model_info
from zoo.runs import Run

REPOSITORY = pathlib.Path(__file__).parents[2]
ROWS = {(row["model"], row["dataset"]): row for row in receipts.read_leaderboard(REPOSITORY / "docs/leaderboard.csv")}
CLAIMED = [p.stem for p in sorted((REPOSITORY / "configs").glob("*.yaml")) if "\nclaim:" in "\n" + p.read_text()]


@pytest.mark.parametrize("model", CLAIMED)
def test_claim_agrees_with_the_leaderboard(model):
    config = load_config(path=REPOSITORY / "configs" / f"{model}.yaml")
    claim, row = config.claim, ROWS[model, config.dataset.name]
    chosen = ["mixed_bfloat16", "float32"] if config.training.precision == "auto" else [config.training.precision]
    digests = [
        recipe_digest(with_values(config, {"training.precision": p}, "").model_dump(mode="json")) for p in chosen
    ]
    assert row["config_digest"] in digests, "the recipe has changed: measure its claim anew"
    assert (claim.metric, claim.value) == (row["metric"], pytest.approx(float(row["value"]), abs=1e-9))
    assert claim.interval == pytest.approx([float(row["low"]), float(row["high"])], abs=1e-9)
    assert claim.seeds == len(row["seeds"].split())
    assert claim.command == row["command"] == f"python scripts/train.py --model={model} --num_seeds={claim.seeds}"


@pytest.mark.parametrize("seeds", [1, 5])
def test_a_claim_raised_by_a_point_fails(seeds):
    claim = load_config(path=REPOSITORY / "configs/mnist_mlp.yaml").claim
    headline = model_info("mnist_mlp").task.headline
    assert receipts.judge(claim, headline, [claim.value] * seeds).passed
    raised = claim.model_copy(update={"value": claim.value + 0.01})
    assert not receipts.judge(raised, headline, [claim.value] * seeds).passed


@pytest.fixture
def result(tmp_path):
    """A function that makes what `read_results` gives of a run."""

    def make(model, seed, command=None, epochs=None):
        run = Run(tmp_path / "runs" / model / f"20260101-0000{seed:02}-{epochs or 0:06}")
        run.path.mkdir(parents=True)
        config = load_config(model, overrides={"training.seed": seed} | ({"training.epochs": epochs} if epochs else {}))
        run.write_text("config.yaml", config.to_yaml())
        run.write_json(
            "run.json",
            {"model": model, "dataset": "mnist", "seed": seed, "data_digest": "sha256:1", "parameters": 9,
             "versions": {"keras": "3"}, "device": "CPU", "wall_seconds": 2.0, "peak_memory_mib": 9,
             "status": "finished", "command": command or f"python scripts/train.py --model={model}"},
        )  # fmt: skip
        run.write_json("labels.json", {"label_names": ["no", "yes"]})
        figures = {"accuracy": {"value": (90 + seed) / 100}, "n": 100, "macro_f1": 0.5}
        figures |= {"negative_log_likelihood": 0.3, "expected_calibration_error": 0.1}
        run.write_json("results.json", {"test": figures})
        right = np.eye(2)[(np.arange(100) < 90 + seed).astype(int)]
        np.savez(run.path / "predictions.npz", ids=np.arange(100), labels=np.ones(100, int), probabilities=right)
        (read,), refused = read_results([run])
        assert not refused
        return read

    return make


def test_the_leaderboard_keeps_the_rows_of_other_runs_and_of_more_seeds(result, tmp_path):
    path = tmp_path / "leaderboard.csv"
    receipts.write_leaderboard(path, [result("mnist_mlp", seed) for seed in range(3)])
    line = receipts.write_leaderboard(path, [result("mnist_cnn", 4), result("mnist_cnn", 5)])
    assert line.endswith("1 rows new, 0 replaced, 1 as they were")
    line = receipts.write_leaderboard(path, [result("mnist_mlp", 7), result("mnist_mlp", 8)])
    assert line.endswith("0 rows new, 0 replaced, 2 as they were")
    cnn, mlp = receipts.read_leaderboard(path)
    assert (mlp["seeds"], mlp["command"]) == ("0 1 2", "python scripts/train.py --model=mnist_mlp --num_seeds=3")
    assert (cnn["seeds"], cnn["command"]) == ("4 5", "python scripts/train.py --model=mnist_cnn --num_seeds=2 --seed=4")
    assert (mlp["metric"], float(mlp["value"])) == ("accuracy", 0.91)


def test_the_command_of_another_config_is_the_one_of_its_runs(result):
    command = "python /home/me/zoo/scripts/train.py --model=mnist_mlp --seed 1 --runs_dir=/tmp/a --set 'a.b=[1, 2]'"
    (row,) = receipts.leaderboard([result("mnist_mlp", seed, command=command, epochs=3) for seed in (0, 1)])
    assert row["command"] == "python scripts/train.py --model=mnist_mlp --set 'a.b=[1, 2]' --num_seeds=2"


def test_a_baseline_needs_one_seed_and_its_row_has_no_interval(result):
    run = result("mnist_mlp", 0, command="python scripts/baseline.py --dataset=mnist --runs_dir=/tmp/a")
    run.run.update_record(model="linear_svm")
    with pytest.raises(ZooError, match="two seeds"):
        receipts.leaderboard([run])
    (read,), _ = read_results([run.run])
    (row,) = receipts.leaderboard([read])
    assert (row["model"], row["low"], row["high"]) == ("linear_svm", "", "")
    assert row["command"] == "python scripts/baseline.py --dataset=mnist"


def test_a_file_that_is_no_leaderboard_stays_as_it_is(result, tmp_path):
    path = tmp_path / "notes.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ZooError, match="no leaderboard"):
        receipts.write_leaderboard(path, [result("mnist_mlp", 0), result("mnist_mlp", 1)])
    assert path.read_text() == "a,b\n1,2\n"


def test_a_leaderboard_of_accuracies_alone_is_read(tmp_path):
    """As former versions wrote it: a column `accuracy`, and none that names the metric."""
    (now, *_) = receipts.read_leaderboard(REPOSITORY / "docs/leaderboard.csv")
    former = [column.replace("value", "accuracy") for column in receipts.COLUMNS if column != "metric"]
    cells = [now[column.replace("accuracy", "value")] for column in former]
    path = tmp_path / "leaderboard.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([former, cells])
    assert receipts.read_leaderboard(path) == [now]
