"""Slices: which rows are in them, and what may be said of the worst."""

import types

import numpy as np
import pytest

from zoo.datasets import Split, dataset_info
from zoo.datasets.texts import as_array
from zoo.errors import ZooError
from zoo.evaluation.slices import evaluate_slices, slices_table
from zoo.measures.classes import wilson_interval
from zoo.tasks.catalog import get_task

TASK = get_task("classification")


def dataset(name, origin="", kind=None, label_names=("no", "yes")):
    info = types.SimpleNamespace(name=name, kind=kind or dataset_info(name).kind, label_names=label_names)
    return types.SimpleNamespace(info=info, report={"origin": str(origin)})


def judged(wrong_rows, split, data, slice_by):
    """Slices of a model that is wrong about these rows alone."""
    predicted = split.targets.copy()
    predicted[wrong_rows] = 1 - predicted[wrong_rows]
    return evaluate_slices(TASK, np.eye(2, dtype="float32")[predicted], split, data, slice_by)


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
        slices = evaluate_slices(TASK, np.eye(8)[predicted], split, dataset("mnist", label_names=names), "label")
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


def test_slices_are_tested_as_fisher_did():
    from scipy import stats

    from zoo.evaluation.slices import _fisher

    slice_of_row = np.repeat([0, 1], [40, 50])
    scores = np.repeat([1.0, 0.0, 1.0, 0.0], [30, 10, 45, 5])
    sides = [stats.fisher_exact([[30, 10], [45, 5]], alternative=side).pvalue for side in ("less", "greater")]
    seen = stats.hypergeom(90, 75, 40).pmf(30)
    assert sides[0] + sides[1] - seen == pytest.approx(1)
    assert _fisher(scores, slice_of_row, np.array([40, 50, 0]))[0] == pytest.approx(2 * min(sides) - seen)
    assert _fisher(np.ones(5), np.zeros(5, int), np.array([5, 0])) == [1]


def test_slices_of_numbers_are_tested_by_their_scores():
    from scipy import stats

    generator = np.random.default_rng(0)
    targets = generator.normal(size=300).astype("float32")
    answers = targets + generator.normal(size=300).astype("float32") * np.where(np.arange(300) < 100, 3, 1)
    split = Split(np.zeros((300, 1), "float32"), targets, np.arange(300))
    info = types.SimpleNamespace(name="csv", kind="table", label_names=(), unit="cm", target_name="height")
    data = types.SimpleNamespace(info=info, report={"origin": ""})
    slices = evaluate_slices(get_task("regression"), answers, split, data, "label")
    assert [one["n"] for one in slices["slices"]] == [75] * 4 and slices["slices"][0]["slice"].endswith(" cm")
    scores, first = -((answers.astype("float64") - targets) ** 2), slices["slices"][0]
    inside = targets <= np.quantile(targets.astype(float), 0.25)
    assert first["rmse"] == pytest.approx(np.sqrt(-scores[inside].mean()))
    assert first["interval"][0] < first["rmse"] < first["interval"][1]
    p = stats.ttest_ind(scores[inside], scores[~inside], equal_var=False).pvalue
    assert first["p"] >= p
    assert slices["worst"] == max(slices["slices"], key=lambda one: one["rmse"])["slice"]
    assert "RMSE" in slices_table(slices)
