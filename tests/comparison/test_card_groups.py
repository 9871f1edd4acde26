"""Groups of rows in a model's card: what a run's slices.json says, and nothing that its names could write."""

import json

import pytest

from zoo.comparison import card_groups
from zoo.errors import ZooError
from zoo.runs import Run


def figure(value, p):
    return {"value": value, "interval": [value - 0.05, value + 0.05], "n": 100, "p": p}


def test_a_card_has_the_groups_of_its_run(tmp_path):
    slices = [
        {"slice": name, "n": 100, "few": False, "accuracy": 0.8, "interval": [0.7, 0.9], "p": p,
         "selection_rate": figure(0.3, p), "true_positive_rate": figure(0.6, 1.0)}
        for name, p in (("a|b", 0.001), ("c", 0.5))
    ]  # fmt: skip
    column = {"task": "classification", "by": "group", "selected": ">50K", "tests": 6, "slices": slices, "worst": "c"}
    (tmp_path / "run").mkdir()
    assert card_groups.keep(Run(tmp_path / "run"), "adult_mlp", tmp_path) == []
    assert card_groups.section("adult_mlp", tmp_path) == ""
    (tmp_path / "run/slices.json").write_text(json.dumps({"split": "test", "columns": [column]}))
    (path,) = card_groups.keep(Run(tmp_path / "run"), "adult_mlp", tmp_path)
    text = card_groups.section("adult_mlp", tmp_path)
    assert "all 6 tests" in text and "does not say why" in text
    header, _, first, second = [line for line in text.splitlines() if line.startswith("|")]
    assert "selection rate (" in header and "false positives" not in header
    assert "0.300\\* (0.250–0.350)" in first and "0.300 (0.250–0.350)" in second
    assert first.replace("\\|", "").count("|") == second.count("|") == header.count("|")
    path.write_text("{")
    with pytest.raises(ZooError, match="adult_mlp_slices.json"):
        card_groups.section("adult_mlp", tmp_path)
