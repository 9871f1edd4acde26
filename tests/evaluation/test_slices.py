"""Slices: which rows are in them, and what may be said of the worst."""

import types

import numpy as np
import pytest

from zoo.datasets import Split, dataset_info
from zoo.datasets.texts import as_array
from zoo.errors import ZooError
from zoo.evaluation.slices import RATES, evaluate_slices, slices_table
from zoo.measures.classes import wilson_interval
from zoo.tasks.catalog import get_task

TASK = get_task("classification")


def dataset(name, origin="", kind=None, label_names=("no", "yes")):
    info = types.SimpleNamespace(name=name, kind=kind or dataset_info(name).kind, label_names=label_names)
    return types.SimpleNamespace(info=info, report={"origin": str(origin)}, schema=None, feature_names=None)


def sliced(task, answers, split, data, slice_by, label_names=("no", "yes")):
    """By one column."""
    (slices,) = evaluate_slices(task, answers, split, data, {"label_names": list(label_names)}, [slice_by])
    return slices


def judged(wrong_rows, split, data, slice_by):
    """Slices of a model that is wrong about these rows alone."""
    predicted = split.targets.copy()
    predicted[wrong_rows] = 1 - predicted[wrong_rows]
    return sliced(TASK, np.eye(2, dtype="float32")[predicted], split, data, slice_by)


def test_the_worst_label_is_named_and_called_worse_where_the_test_says_so():
    labels = np.arange(400) % 2
    split = Split(np.zeros((400, 3), "float32"), labels, np.arange(400))
    slices = judged(np.flatnonzero(labels)[:60], split, dataset("synthetic_binary"), "label")
    assert [(one["slice"], one["n"], one["accuracy"]) for one in slices["slices"]] == [
        ("no", 200, 1.0),
        ("yes", 200, 0.7),
    ]
    assert slices["slices"][1]["interval"] == wilson_interval(140, 200)
    assert (slices["worst"], slices["worse"]) == ("yes", True)
    assert "worst slice: yes, worse than the rest (p = " in slices_table(slices)


def test_a_slice_that_chance_made_the_worst_is_not_called_worse():
    """Eight slices alike: few draws have one called worse; without a correction, a third of them would."""
    generator = np.random.default_rng(0)
    found = 0
    for _ in range(60):
        names = tuple("abcdefgh")
        labels = np.arange(400) % 8
        split = Split(np.zeros((400, 1), "float32"), labels, np.arange(400))
        predicted = np.where(generator.random(400) < 0.8, labels, (labels + 1) % 8)
        slices = sliced(TASK, np.eye(8)[predicted], split, dataset("mnist", label_names=names), "label", names)
        found += slices["worse"]
    assert found <= 8
    assert "one is always worst by chance" in slices_table(slices | {"worse": False})


def test_lengths_are_cut_at_their_quartiles():
    texts = as_array(["x" * length for length in range(1, 101)])
    split = Split(texts, np.zeros(100, int), np.arange(100))
    slices = judged(np.arange(75, 100), split, dataset("bbc_news"), "length")
    assert [one["n"] for one in slices["slices"]] == [25, 25, 25, 25]
    assert slices["slices"][0]["slice"] == "1 to 25 characters"
    assert slices["worst"] == "76 to 100 characters" and slices["worse"]


def test_columns_of_the_users_table_need_not_be_features(tmp_path):
    file = tmp_path / "letters.csv"
    lines = ["text,label,region,age,key,same"]
    lines += [f'"letter {n}",{"yes" if n % 2 else "no"},{"north" if n % 3 else ""},{n},k{n},7' for n in range(200)]
    file.write_text("\n".join(lines) + "\n")
    rows = np.arange(0, 200, 2)
    split = Split(as_array([f"letter {n}" for n in rows]), rows % 2, np.array([str(n) for n in rows]))
    data = dataset("csv", file, kind="text")
    wrong = np.flatnonzero(rows % 3 == 0)[:20]
    slices = judged(wrong, split, data, "region")
    assert {one["slice"]: one["n"] for one in slices["slices"]} == {"(empty)": 34, "north": 66}
    assert slices["worst"] == "(empty)" and slices["worse"]
    ages = judged([], split, data, "age")["slices"]
    assert len(ages) == 4 and ages[0]["slice"].startswith("0 to ") and ages[0]["slice"].endswith(" age")
    assert [one["slice"] for one in judged([], split, data, "same")["slices"]] == ["7"]
    with pytest.raises(ZooError, match="100 different values among 100 rows"):
        judged([], split, data, "key")
    with pytest.raises(ZooError, match="no such column; did you mean region"):
        judged([], split, data, "regions")
    with pytest.raises(ZooError, match="--slice_by=region: mnist can be sliced by label"):
        judged([], split, dataset("mnist"), "region")


def test_shares_are_tested_as_fisher_did():
    from scipy import stats

    from zoo.evaluation.slices import _shares_p

    sides = [stats.fisher_exact([[30, 10], [45, 5]], alternative=side).pvalue for side in ("less", "greater")]
    seen = stats.hypergeom(90, 75, 40).pmf(30)
    assert sides[0] + sides[1] - seen == pytest.approx(1)
    assert _shares_p(30, 40, 45, 50) == pytest.approx(2 * min(sides) - seen)
    assert _shares_p(5, 5, 0, 0) == 1


def test_slices_of_numbers_are_tested_by_their_scores():
    from scipy import stats

    generator = np.random.default_rng(0)
    targets = generator.normal(size=300).astype("float32")
    answers = targets + generator.normal(size=300).astype("float32") * np.where(np.arange(300) < 100, 3, 1)
    split = Split(np.zeros((300, 1), "float32"), targets, np.arange(300))
    info = types.SimpleNamespace(name="csv", kind="table", label_names=(), unit="cm", target_name="height")
    data = types.SimpleNamespace(info=info, report={"origin": ""}, schema=None, feature_names=None)
    slices = sliced(get_task("regression"), answers, split, data, "label")
    assert [one["n"] for one in slices["slices"]] == [75] * 4 and slices["slices"][0]["slice"].endswith(" cm")
    scores, first = -((answers.astype("float64") - targets) ** 2), slices["slices"][0]
    inside = targets <= np.quantile(targets.astype(float), 0.25)
    assert first["rmse"] == pytest.approx(np.sqrt(-scores[inside].mean()))
    assert first["interval"][0] < first["rmse"] < first["interval"][1]
    p = stats.ttest_ind(scores[inside], scores[~inside], equal_var=False).pvalue
    assert first["p"] >= p
    assert slices["worst"] == max(slices["slices"], key=lambda one: one["rmse"])["slice"]
    assert "RMSE" in slices_table(slices)


def people(rows=600):
    """Half of group b that is to be selected is not; group c has few rows. `known` is a feature of a mixed table."""
    from zoo.schema import Schema

    generator = np.random.default_rng(0)
    groups = np.array(["a"] * (rows // 2) + ["b"] * (rows // 2 - 10) + ["c"] * 10, object)
    targets = generator.integers(0, 2, rows)
    missed = (groups == "b") & (targets == 1) & (generator.random(rows) < 0.5)
    schema = Schema.of(numbers=["age"], categories=["group", "coin"])
    coin = generator.choice(["heads", "tails"], rows)
    age = np.where(np.arange(rows) % 10, generator.normal(40, 10, rows), np.nan).astype("float32")
    features = {"numbers": age[:, None], "categories": np.stack([groups, coin.astype(object)], axis=1)}
    split = Split(features, targets, np.arange(rows))
    info = types.SimpleNamespace(name="people", kind="columns", label_names=("no", "yes"))
    data = types.SimpleNamespace(info=info, report={"origin": "generated"}, schema=schema, feature_names=None)
    return split, data, np.eye(2, dtype="float32")[np.where(missed, 0, targets)], groups, missed


def test_groups_have_rates_with_intervals_and_the_one_that_is_passed_over_is_told():
    split, data, answers, groups, missed = people()
    by_group, by_coin = evaluate_slices(TASK, answers, split, data, {"label_names": ["no", "yes"]}, ["group", "coin"])
    inside = groups == "b"
    b = next(one for one in by_group["slices"] if one["slice"] == "b")
    positive, selected = (inside & (split.targets == 1)).sum(), (inside & (answers[:, 1] == 1)).sum()
    assert b["selection_rate"]["value"] == selected / inside.sum()
    assert b["selection_rate"]["interval"] == wilson_interval(int(selected), int(inside.sum()))
    assert b["true_positive_rate"]["value"] == pytest.approx(1 - missed.sum() / positive)
    assert b["true_positive_rate"]["n"] == positive
    assert b["false_positive_rate"]["value"] == 0
    assert b["true_positive_rate"]["p"] < 0.001 and by_group["worst"] == "b" and by_group["worse"]
    assert [one["few"] for one in by_group["slices"]] == [False, False, True]
    # Three groups of four figures, and one test each of what two groups have against each other.
    assert by_group["tests"] == by_coin["tests"] == 3 * 4 + 4
    first, second = by_coin["slices"]
    assert first["p"] == second["p"] > 0.05 and not by_coin["worse"]
    table = slices_table(by_group)
    assert "selected is yes:" in table and "fewer than 30 rows, of which little can be said: c" in table
    assert "true positives of b" in table.splitlines()[-1] and "does not say why" in table


def test_numbers_of_a_mixed_table_are_cut_and_missing_ones_are_a_group():
    split, data, answers, *_ = people()
    slices = sliced(TASK, answers, split, data, "age")["slices"]
    assert [one["n"] for one in slices] == [135, 135, 135, 135, 60] and slices[-1]["slice"] == "(empty)"
    with pytest.raises(ZooError, match="--slice_by=grup: people has no such column; did you mean group"):
        sliced(TASK, answers, split, data, "grup")


def test_equal_groups_are_told_apart_as_seldom_as_the_level_says():
    """40 draws of a fair model, with four figures of four groups each: few have any figure that is told apart."""
    from zoo.schema import Schema

    generator, alarms = np.random.default_rng(1), 0
    info = types.SimpleNamespace(name="people", kind="columns", label_names=("no", "yes"))
    data = types.SimpleNamespace(info=info, report={}, schema=Schema.of(categories=["group"]), feature_names=None)
    for _ in range(40):
        groups, targets = generator.choice(list("abcd"), 400), generator.integers(0, 2, 400)
        split = Split({"categories": groups.astype(object)[:, None]}, targets, np.arange(400))
        said = np.where(generator.random(400) < 0.8, targets, 1 - targets)
        slices = sliced(TASK, np.eye(2)[said], split, data, "group")
        figures = [one[key]["p"] for one in slices["slices"] for key in RATES] + [one["p"] for one in slices["slices"]]
        alarms += min(figures) < 0.05
    assert alarms <= 6


def test_small_groups_of_rare_labels_are_seldom_told_apart(monkeypatch):
    """Macro F1 of a few rows jumps: a t-test of its scores told one of these equal groups apart in 10 % of draws."""
    monkeypatch.setattr("zoo.evaluation.slices.PERMUTATIONS", 199)
    from zoo.schema import Schema

    generator, worse = np.random.default_rng(0), 0
    names = ["x", "y", "z"]
    info = types.SimpleNamespace(name="days", kind="columns", label_names=tuple(names))
    data = types.SimpleNamespace(info=info, report={}, schema=Schema.of(categories=["group"]), feature_names=None)
    for _ in range(12):
        targets = (generator.random((120, 3)) < [0.4, 0.3, 0.05]).astype("int8")
        answers = np.clip(0.5 * targets + 0.3 + 0.25 * generator.normal(size=targets.shape), 0, 1)
        groups = generator.choice(list("abcd"), 120).astype(object)[:, None]
        split = Split({"categories": groups}, targets, np.arange(120))
        worse += sliced(get_task("multi_label"), answers, split, data, "group", names)["worse"]
    assert worse <= 2
