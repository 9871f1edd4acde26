"""Files of one's own through the scripts: what training says, what it leaves behind, and files that move or are odd."""

import csv
import json
import os
import re
import sys

import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.safe_reading import read_arrays

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "datasets"))


def run_of(done, tmp_path):
    assert done.returncode == 0, done.stderr
    return tmp_path / re.search(r"run (\S+)$", done.stdout, re.MULTILINE)[1]


@pytest.fixture
def table(tmp_path):
    generator = np.random.default_rng(0)
    lines = ["a,b,=note,class"]
    for a, b in generator.normal(size=(200, 2)).round(3):
        lines.append(f"{a},{b},{round(a + b, 3)},{'@yes' if a > 0 else 'no'}")
    (tmp_path / "mine.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "mine.csv"


def train(run_script, file, *flags):
    return run_script("train", "--model=binary_mlp", "--dataset=csv", f"--data_dir={file}", "--epochs=2", *flags)


def read(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
def test_a_table_from_training_to_its_predictions(run_script, table, tmp_path):
    done = train(run_script, table)
    run = run_of(done, tmp_path)
    for said in ("label 'class', by its name", "2 classes: @yes, no", "3 features: a, b, =note"):
        assert said in done.stderr
    assert (run / "confusion_matrix.png").exists()
    source = read(table)
    rows = read(run / "test_predictions.csv")
    assert len(rows) == 20
    with np.load(run / "predictions.npz") as kept:
        right = (kept["answers"].argmax(axis=1) == kept["targets"]).tolist()
    for row, is_right in zip(rows, right, strict=True):
        origin = source[int(row["id"])]
        assert [row["input_a"], row["input_b"]] == [origin["a"], origin["b"]]
        assert row["truth"] == {"@yes": "'@yes", "no": "no"}[origin["class"]] == row["input_class"]
        assert row["right"] == ("yes" if is_right else "no") == ("yes" if row["label"] == row["truth"] else "no")
        assert float(row["probability_@yes"]) + float(row["probability_no"]) == pytest.approx(1)
    assert "input_=note" in rows[0]
    other = train(run_script, table, "--learning_rate=0.01")
    assert other.returncode == 0
    shown = run_script("compare").stdout
    assert shown.startswith("mine.csv\n") and "training.optimizer.learning_rate=0.01" in shown
    # The run outlives a move of its data.
    table.rename(tmp_path / "moved.csv")
    refused = run_script("evaluate", f"--run={run}")
    assert refused.returncode == 2 and "mine.csv: not there" in refused.stderr and "--data_dir=NEW" in refused.stderr
    done = run_script("evaluate", f"--run={run}", "--data_dir=moved.csv", "--output=judged", "--json")
    expected = json.loads((run / "results.json").read_text())["test"]["accuracy"]["value"]
    assert json.loads(done.stdout)["results"]["accuracy"]["value"] == expected
    assert [row["id"] for row in read(tmp_path / "judged/predictions.csv")] == [row["id"] for row in rows]
    # Prediction agrees with training on what a table is.
    text = (tmp_path / "moved.csv").read_text()
    (tmp_path / "semicolons.csv").write_text("\ufeff" + text.replace(",", ";"))
    answers = [
        [one["probability"] for one in json.loads(run_script("predict", f"--run={run}", name, "--json").stdout)]
        for name in ("moved.csv", "semicolons.csv")
    ]
    assert len(answers[0]) == 200 and answers[0] == answers[1]
    (tmp_path / "unquoted.csv").write_text("a,b,=note\n1,2,3,4\n")
    for flags, words in (
        (["unquoted.csv"], "unquoted.csv:2: 4 values, but the header has 3 columns"),
        (["moved.csv", "--output=moved.csv"], "--output=moved.csv: is an input, which would be lost"),
        ([".", "--output=./moved.csv"], "is an input, which would be lost"),
    ):
        refused = run_script("predict", f"--run={run}", *flags)
        assert refused.returncode == 2 and words in refused.stderr and refused.stderr.count("\n") == 1
    assert (tmp_path / "moved.csv").read_text() == text


@pytest.mark.slow
def test_two_spellings_of_a_table_make_one_model(run_script, tmp_path):
    from test_own_tables import spellings

    texts = spellings()
    weights = []
    for name in ("plain", "an index"):
        (tmp_path / f"{name}.csv").write_text(texts[name])
        run = run_of(train(run_script, f"{name}.csv", "--set", "training.deterministic=true"), tmp_path)
        predictions = read_arrays(run / "predictions.npz")
        weights.append((predictions["answers"], predictions["ids"]))
    for answers, ids in weights[1:]:
        np.testing.assert_array_equal(answers, weights[0][0])
        np.testing.assert_array_equal(ids, weights[0][1])


@pytest.fixture
def latin(tmp_path):
    """Texts in a folder, and in files, whose names are not UTF-8."""
    folder = os.path.join(os.fsencode(tmp_path), b"caf\xe9")
    for name, words in ((b"good", "great fine nice"), (b"bad", "awful poor sad")):
        os.makedirs(os.path.join(folder, name))
        for number in range(20):
            with open(os.path.join(folder, name, b"\xe9%d.txt" % number), "w") as file:
                file.write(f"{words} {number}")
    return os.fsdecode(b"caf\xe9")


@pytest.mark.slow
def test_names_that_are_not_utf_8_cost_no_run(run_script, latin, tmp_path):
    done = run_script("train", "--model=linear_text", "--dataset=text_folder", f"--data_dir={latin}", "--epochs=1")
    run = run_of(done, tmp_path)
    assert "NoneType" not in done.stderr
    assert json.loads((run / "run.json").read_text())["status"] == "finished"
    assert {"training.png", "confusion_matrix.png", "mistakes.png"} <= {path.name for path in run.iterdir()}
    done = run_script("evaluate", f"--run={run}")
    assert done.returncode == 2 and "caf?: not there" in done.stderr
    done = run_script("evaluate", f"--run={run}", f"--data_dir={latin}", "--output=out")
    assert done.returncode == 0, done.stderr
    done = run_script("predict", f"--run={run}", latin, "--output=answers.csv", "--explain")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout and re.search(r"(great|awful) \([+-][0-9.]+\)", done.stdout)
    assert read(tmp_path / "answers.csv")[0]["file"].endswith("\\udce90.txt")
    assert run_script("compare").returncode == 0


def test_a_drawing_that_fails_is_a_line(capsys):
    from zoo.evaluation.outcome import drawn

    drawn(lambda: "\udce9".encode(), "runs/x")
    assert capsys.readouterr().err.startswith("runs/x: not all pictures are drawn (UnicodeEncodeError: ")


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: ["a,b,class", "1,2,no"],
        lambda lines: [lines[0], "1,2,3,no", *lines[1:]],
        lambda lines: [line.replace("a,b,", "c,b,") for line in lines],
        lambda lines: [line.replace(",no", ",9,no") for line in lines],
        lambda lines: [lines[0], *(f"x{line}" for line in lines[1:])],
    ],
)
def test_a_table_that_changes_meanwhile_costs_its_columns_alone(table, tmp_path, capsys, change):
    from zoo import datasets
    from zoo.evaluation.answers_table import write_answers
    from zoo.tasks.catalog import get_task

    dataset, task = datasets.load("csv", table), get_task("classification")
    table.write_text("\n".join(change(table.read_text().splitlines())) + "\n")
    answers = np.tile(np.float32([0.5, 0.5]), (len(dataset.test), 1))
    labels = task.labels(dataset.info)
    write_answers(tmp_path / "t.csv", dataset, dataset.test, answers, dataset.test.targets, task, labels)
    assert "t.csv: not written: " in capsys.readouterr().err and not (tmp_path / "t.csv").exists()


@pytest.mark.slow
def test_weights_of_classes_with_numbers_for_names(run_script, tmp_path):
    rows = "".join(f"{n / 7},{n % 5},{n % 2}\n" for n in range(60))
    (tmp_path / "t.csv").write_text("a,b,label\n" + rows)
    run_of(train(run_script, "t.csv", "--set=training.class_weights={0: 1.0, 1: 5.0}"), tmp_path)
    refused = train(run_script, "t.csv", "--set=training.class_weights={2: 1.0}")
    assert refused.returncode == 2 and "training.class_weights: '2' is no class" in refused.stderr


@pytest.mark.slow
def test_a_run_that_is_resumed_finds_data_that_moved(run_script, table, tmp_path):
    run = run_of(train(run_script, table), tmp_path)
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"status": "interrupted"}))
    table.rename(tmp_path / "moved.csv")
    refused = run_script("train", f"--resume={run}")
    assert refused.returncode == 2 and "mine.csv: not there" in refused.stderr and refused.stderr.count("\n") == 1
    done = run_script("train", f"--resume={run}", "--data_dir=moved.csv")
    assert done.returncode == 0, done.stderr


def test_texts_that_change_meanwhile_are_noticed(tmp_path, capsys):
    from zoo import datasets
    from zoo.evaluation.answers_table import write_answers
    from zoo.tasks.catalog import get_task

    file, task = tmp_path / "t.csv", get_task("classification")
    rows = [f'" a text, {n}",{"xy"[n % 2]}' for n in range(60)]
    file.write_text("\n".join(["text,label", *rows]))
    dataset = datasets.load("csv", file)
    labels, answers = task.labels(dataset.info), np.tile(np.float32([0.5, 0.5]), (len(dataset.test), 1))
    written = tmp_path / "answers.csv"
    write_answers(written, dataset, dataset.test, answers, dataset.test.targets, task, labels)
    assert {row["input_text"].strip() for row in read(written)} == set(dataset.test.features)
    written.unlink()
    file.write_text("\n".join(["text,label", rows[-1], *rows]))
    write_answers(written, dataset, dataset.test, answers, dataset.test.targets, task, labels)
    assert "has changed since it was read" in capsys.readouterr().err and not written.exists()


@pytest.mark.slow
def test_a_run_of_an_older_version_still_finds_its_rows(run_script, tmp_path):
    """Equal rows of a table were dropped before `dataset.duplicates`, and ids were numbers of lines."""
    from zoo.comparison.disagreements import read_examples
    from zoo.runs import Run

    rows = [f"{n % 40},{n % 3},{'xy'[n % 2]}" for n in range(80)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,label", *rows, *rows[:30]]))
    run = Run(run_of(train(run_script, "t.csv", "--set=dataset.duplicates=drop"), tmp_path))
    lines = run.config_text.splitlines()
    run.write_config("\n".join(line for line in lines if line.strip() != "duplicates: drop"))
    assert "duplicates" not in run.config_text and run.config.dataset.duplicates == "drop"
    judged = run_script("evaluate", f"--run={run.path}", "--json", "--output=judged")
    assert judged.returncode == 0, judged.stderr
    assert json.loads(judged.stdout)["results"] == run.results["test"]
    ids = run.read_predictions("test").ids
    assert read_examples(run, ids, [0])[0]["text"].startswith("a ")
    with pytest.raises(ZooError, match="names its rows otherwise"):
        read_examples(run, np.array([ids[0], *(f"{int(one) + 2}" for one in ids)]), [0])


@pytest.mark.slow
def test_evaluation_overwrites_no_table_that_it_reads(run_script, table, tmp_path):
    run = run_of(train(run_script, table), tmp_path)
    text = table.read_text()
    table.rename(tmp_path / "predictions.csv")
    refused = run_script("evaluate", f"--run={run}", "--data_dir=predictions.csv", "--output=.")
    assert refused.returncode == 2 and "would be lost" in refused.stderr and refused.stderr.count("\n") == 1
    assert (tmp_path / "predictions.csv").read_text() == text


@pytest.mark.slow
def test_a_run_is_judged_by_the_label_that_it_learned(run_script, tmp_path):
    """Another table may have a column behind the label, such as what somebody predicted."""
    generator = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{int(a > 0)}" for a, b in generator.normal(size=(200, 2))]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,outcome", *rows]))
    (tmp_path / "other.csv").write_text("\n".join(["a,b,outcome,said", *(f"{row},{1 - int(row[-1])}" for row in rows)]))
    run = run_of(train(run_script, "t.csv"), tmp_path)
    judged = [
        run_script("evaluate", f"--run={run}", f"--data_dir={name}", "--split=all", "--json")
        for name in ("t.csv", "other.csv")
    ]
    accuracies = [json.loads(done.stdout)["results"]["accuracy"]["value"] for done in judged]
    assert accuracies[0] == accuracies[1] != 0.5  # else the other label would give the same
