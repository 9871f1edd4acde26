"""ablate.py: pairs seeds, reads no test figure, and trains nothing twice."""

import csv
import pathlib
import re

import pytest
from scipy import stats

from zoo.config import load_config
from zoo.errors import ZooError
from zoo.experiments.ablation import RECIPE, _effects, effects_table, read_changes
from zoo.tasks.catalog import get_task


def test_differences_are_paired_and_p_is_corrected_for_all_changes():
    values = {RECIPE: [0.90, 0.93, 0.91], "better": [0.92, 0.95, 0.94], "same": [0.90, 0.93, 0.91], "worse": [0.8] * 3}
    effects = {effect.name: effect for effect in _effects(values, dict.fromkeys(values, [5.0, 9.0, 6.0]))}
    alone = {name: stats.ttest_rel(values[name], values[RECIPE]).pvalue for name in ("better", "worse")}
    assert effects["better"].difference == pytest.approx((0.02 + 0.02 + 0.03) / 3)
    assert effects["better"].interval[0] < effects["better"].difference < effects["better"].interval[1]
    assert effects["better"].p == pytest.approx(min(2 * alone["better"], max(3 * alone["worse"], 2 * alone["better"])))
    assert effects["worse"].p == pytest.approx(3 * min(alone.values()))
    assert (effects["same"].difference, effects["same"].p) == (0, 1)
    lines = effects_table(list(effects.values()), get_task("classification").headline).splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == [RECIPE, "better", "same", "worse"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no changes"),
        ("a: 5", "a: write {config key: value}"),
        ("a: {training.epoch: 5}", "training.epoch: unknown key"),
        ("a: {training.seed: 5}", "a lucky seed"),
        ("a: {dataset.name: mnist}", "same validation rows"),
        ("a: {training.epochs: 30}", "changes nothing"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path, text, words):
    (tmp_path / "changes.yaml").write_text(text)
    with pytest.raises(ZooError, match=words):
        read_changes(tmp_path / "changes.yaml", load_config("xor_mlp", None, {}, ["training.epochs=30"]))


@pytest.mark.slow
def test_a_study_reads_no_test_figure_and_trains_nothing_twice(run_script, tmp_path):
    (tmp_path / "changes.yaml").write_text("slower: {training.optimizer.learning_rate: 0.001}\n")
    flags = ["--model=xor_mlp", "--set=training.epochs=3", "--changes=changes.yaml", "--study=study"]
    done = run_script("ablate", *flags, "--num_seeds=2")
    assert done.returncode == 0, done.stderr
    runs = set((tmp_path / "study/runs/xor_mlp").iterdir())
    assert len(runs) == 4 and not list(tmp_path.glob("study/runs/xor_mlp/*/predictions.npz"))
    (recipe, slower) = csv.DictReader((tmp_path / "study/effects.csv").open())
    assert recipe["difference"] == "" and float(slower["mean"]) == pytest.approx(
        float(recipe["mean"]) + float(slower["difference"])
    )
    again = run_script("ablate", *flags, "--num_seeds=2")
    assert again.stdout == done.stdout and set((tmp_path / "study/runs/xor_mlp").iterdir()) == runs
    refused = run_script("ablate", *flags, "--num_seeds=1")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1) and "at least 2" in refused.stderr


@pytest.mark.parametrize("file", sorted(pathlib.Path(__file__).parents[2].glob("configs/ablations/*.yaml")))
def test_changes_that_ship_go_with_the_model_of_their_command(file):
    model = re.search(r"--model=(\w+)", file.read_text()).group(1)
    names = list(read_changes(file, load_config(model)))
    assert names[0] == RECIPE and len(names) > 2
