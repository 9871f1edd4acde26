"""The leaderboard, the configs' claims and the README say the same; a claim raised by a point fails."""

import csv
import pathlib

import pytest

from zoo.comparison import receipts
from zoo.config import load_config

REPOSITORY = pathlib.Path(__file__).parents[2]
ROWS = {row["model"]: row for row in csv.DictReader((REPOSITORY / "docs/leaderboard.csv").open(encoding="utf-8"))}
CLAIMED = [p.stem for p in sorted((REPOSITORY / "configs").glob("*.yaml")) if "\nclaim:" in "\n" + p.read_text()]


@pytest.mark.parametrize("model", CLAIMED)
def test_claim_and_readme_agree_with_the_leaderboard(model):
    claim, row = load_config(path=REPOSITORY / "configs" / f"{model}.yaml").claim, ROWS[model]
    assert claim.accuracy == pytest.approx(float(row["accuracy"]), abs=1e-9)
    assert claim.interval == pytest.approx([float(row["low"]), float(row["high"])], abs=1e-9)
    assert claim.seeds == len(row["seeds"].split())
    (line,) = [x for x in (REPOSITORY / "README.md").read_text().splitlines() if x.startswith(f"| {model} |")]
    figures = "1 (all four points" if model == "xor_mlp" else f"{row['accuracy']} ({row['low']}–{row['high']})"
    assert figures in line and f"{int(row['parameters']):,}" in line


@pytest.mark.parametrize("seeds", [1, 5])
def test_a_claim_raised_by_a_point_fails(seeds):
    claim = load_config(path=REPOSITORY / "configs/mnist_mlp.yaml").claim
    assert receipts.judge(claim, [claim.accuracy] * seeds).passed
    raised = claim.model_copy(update={"accuracy": claim.accuracy + 0.01})
    assert not receipts.judge(raised, [claim.accuracy] * seeds).passed
