"""A model meets data that are not those it was trained on: columns by their names, and no row that it has learned."""

import json
import re

import numpy as np
import pytest

from zoo.config import load_config

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """600 rows whose label is the sign of column a."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(600, 3)).round(4)
    folder = tmp_path_factory.mktemp("table")

    def write(name, columns, rows=rows):
        values = {"a": rows[:, 0], "b": rows[:, 1], "c": rows[:, 2], "label": np.where(rows[:, 0] > 0, "yes", "no")}
        ordered = zip(*(values[name] for name in columns), strict=True)
        lines = [",".join(columns), *(",".join(map(str, row)) for row in ordered)]
        (folder / name).write_text("\n".join(lines) + "\n")
        return folder / name

    write.rows = rows
    return write


@pytest.fixture
def trained(run_script, table, tmp_path):
    file = table("table.csv", ["a", "b", "c", "label"])
    done = run_script("train", "--model=binary_mlp", "--dataset=csv", f"--data_dir={file}")
    assert done.returncode == 0, done.stderr
    return re.search(r"run (\S+)$", done.stdout, re.MULTILINE)[1]


def accuracy(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["results"]["accuracy"]["value"]


def test_columns_are_matched_by_name(run_script, table, trained):
    expected = accuracy(run_script("evaluate", f"--run={trained}", "--split=all", "--json"))
    assert expected > 0.95
    for name, columns in (("turned.csv", ["c", "label", "b", "a"]), ("first.csv", ["label", "b", "a", "c"])):
        file = table(name, columns)
        done = run_script("evaluate", f"--run={trained}", f"--data_dir={file}", "--split=all", "--json")
        assert accuracy(done) == pytest.approx(expected, abs=1e-9)
    file = table("missing.csv", ["a", "b", "label"])
    done = run_script("evaluate", f"--run={trained}", f"--data_dir={file}", "--split=all")
    assert done.returncode == 2 and "reads the column 'c'" in done.stderr


def test_other_data_have_no_test_split_of_the_runs(run_script, table, trained):
    fewer = table("fewer.csv", ["a", "b", "c", "label"], table.rows[:200])
    done = run_script("evaluate", f"--run={trained}", f"--data_dir={fewer}")
    assert done.returncode == 2 and "may have been learned" in done.stderr and "--split=all" in done.stderr
    done = run_script("evaluate", f"--run={trained}", f"--data_dir={fewer}", "--split=all", "--json")
    assert json.loads(done.stdout)["results"]["n"] == 200


def test_the_label_is_that_of_the_training_wherever_it_stands(run_script, tmp_path):
    """A guess may only be made once: in another file the last column may be a feature, or none at all."""
    rows = np.random.default_rng(0).normal(size=(300, 2)).round(4)
    lines = [f"{a},{b},{'sunny' if a + b > 0 else 'snowy' if b > 0 else 'rainy'}" for a, b in rows]
    (tmp_path / "first.csv").write_text("\n".join(["a,b,weather", *lines]))
    done = run_script("train", "--model=binary_mlp", "--dataset=csv", "--data_dir=first.csv", "--epochs=30")
    assert done.returncode == 0, done.stderr
    run = tmp_path / re.search(r"run (\S+)$", done.stdout, re.MULTILINE)[1]

    def judged(lines, model=f"--run={run}"):
        (tmp_path / "second.csv").write_text("\n".join(lines))
        return run_script("evaluate", model, "--data_dir=second.csv", "--split=all", "--json")

    expected = accuracy(judged(["a,b,weather", *lines]))
    turned = ["weather,b,a,town", *(",".join([*line.split(",")[::-1], "7"]) for line in lines)]
    for model in (f"--run={run}", f"--model_file={run / 'model.keras'}"):
        assert accuracy(judged(turned, model)) == pytest.approx(expected, abs=1e-9)
    done = judged(["a,b,Weather", *lines])
    assert done.returncode == 2 and "no column 'weather'" in done.stderr and "did you mean Weather?" in done.stderr

    # A rare class may be absent from a few new rows; one that is not the model's may not be there.
    without = [line for line in lines if "rainy" not in line]
    all_rows = json.loads(judged(["a,b,weather", *lines]).stdout)["results"]["per_class"]
    few = json.loads(judged(["a,b,weather", *without]).stdout)["results"]["per_class"]
    assert few["sunny"]["recall"] == pytest.approx(all_rows["sunny"]["recall"], abs=1e-9)
    assert (few["rainy"]["support"], few["snowy"]["support"]) == (0, all_rows["snowy"]["support"])
    done = judged(["a,b,weather", *without, "1,2,foggy"])
    assert done.returncode == 2 and "foggy" in done.stderr


def test_a_relative_data_dir_is_that_of_the_training(run_script, table, tmp_path):
    table("table.csv", ["a", "b", "c", "label"]).rename(tmp_path / "mine.csv")
    done = run_script("train", "--model=binary_mlp", "--dataset=csv", "--data_dir=mine.csv", "--epochs=1")
    run = tmp_path / re.search(r"run (\S+)$", done.stdout, re.MULTILINE)[1]
    assert load_config(path=run / "config.yaml").dataset.data_dir == str(tmp_path / "mine.csv")
