"""The task of docs/add_a_task.md, from the page through every script."""

import json
import pathlib
import re

import numpy as np
import pytest

pytestmark = pytest.mark.slow

PAGE = pathlib.Path(__file__).parents[2] / "docs/add_a_task.md"


def program():
    (found,) = re.findall(r"```python\n# quantiles\.py\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return found


def test_the_program_is_short():
    assert len(program().splitlines()) <= 80


def test_it_trains_evaluates_predicts_compares_and_exports(run_script, tmp_path):
    (tmp_path / "quantiles.py").write_text(program())
    generator = np.random.default_rng(0)
    x = generator.uniform(-2, 2, (1200, 2))
    heights = 170 + 10 * x[:, 0] + generator.normal(size=1200) * (2 + (x[:, 1] > 0) * 6)
    rows = [f"{a:.4f},{b:.4f},{h:.3f}" for (a, b), h in zip(x, heights, strict=True)]
    (tmp_path / "heights.csv").write_text("\n".join(["a,b,height", *rows]) + "\n")

    def run(script, *flags):
        done = run_script(script, "--import=quantiles", *flags)
        assert done.returncode == 0, done.stderr
        return done.stdout

    settings = ["--epochs=30", "--batch_size=64", "--learning_rate=0.01"]
    said = run("train", "--model=quantile_mlp", "--dataset=csv", "--data_dir=heights.csv", "--num_seeds=2", *settings)
    assert "2 seeds: test pinball loss " in said
    first, _ = sorted((tmp_path / "runs/quantile_mlp").iterdir())
    results = json.loads((first / "results.json").read_text())
    # A normal's pinball loss at 10, 50 and 90 % is (2·0.1755 + 0.3989)/3 = 0.25 deviations, which are 5 on average.
    assert 1.1 < results["test"]["pinball"]["value"] < 1.5
    assert 0.7 < results["test"]["coverage"] < 0.9
    evaluation = run("evaluate", f"--run={first}")
    assert "pinball loss" in evaluation and "coverage" in evaluation
    (tmp_path / "new.csv").write_text("a,b\n0,-1\n0,1\n")
    quiet, wide = json.loads(run("predict", f"--run={first}", "new.csv", "--json"))
    assert quiet["low"] < quiet["median"] < quiet["high"] and abs(wide["median"] - 170) < 3
    assert wide["high"] - wide["low"] > 2 * (quiet["high"] - quiet["low"])
    (row,) = json.loads(run("compare", "--format=json"))[0]
    assert row["seeds"] == 2 and row["verdict"] == "best" and row["interval"][0] < row["pinball"] < row["interval"][1]
    ((made,),) = json.loads(run("export", f"--run={first}", "--format=onnx", "--json"))
    assert not made["failed"] and made["pinball_change"]["value"] == pytest.approx(0, abs=1e-4)
    onnx = first / "exports/onnx/model.onnx"
    assert json.loads(run("predict", f"--model_file={onnx}", "new.csv", "--json"))[0]["low"] == pytest.approx(
        quiet["low"], abs=1e-2
    )
    refused = run_script("evaluate", f"--run={first}")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "unknown task 'quantiles'" in refused.stderr and "--import the module that registers it" in refused.stderr
