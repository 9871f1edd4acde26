"""A table of words, dates and gaps, from training over prediction to evaluation, as a user types it."""

import csv
import json

import pytest

pytestmark = pytest.mark.slow

HEADER = ["id", "age", "city", "joined", "churned"]


def row_of(number):
    city, age = ("Bern", "Basel", "Genf")[number % 3], 20 + number * 7 % 50
    joined = f"20{10 + number % 12}-0{1 + number % 9}-15"
    return [number, "" if number % 9 == 0 else age + 0.5, city, joined, "yes" if city == "Bern" else "no"]


def write(file, header, rows, separator=","):
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, delimiter=separator).writerows([header, *rows])


def answers(file):
    with file.open(newline="", encoding="utf-8") as stream:
        return [{key: cell for key, cell in row.items() if key not in ("file", "id")} for row in csv.DictReader(stream)]


def test_train_predict_and_evaluate(run_script, tmp_path):
    table = tmp_path / "customers.csv"
    write(table, HEADER, [row_of(number) for number in range(400)])
    short = [
        "--set",
        "training.epochs=12",
        "--batch_size=16",
        "--learning_rate=0.01",
        "--set",
        "model.options.hidden_units=[16]",
    ]
    done = run_script("train", "--model=table_mlp", "--dataset=csv", f"--data_dir={table}", "--runs_dir=runs", *short)
    assert done.returncode == 0, done.stderr
    assert "1 numbers: age" in done.stderr and "1 dates: joined" in done.stderr and "left out: 'id'" in done.stderr
    run = next((tmp_path / "runs" / "table_mlp").iterdir())
    results = json.loads((run / "results.json").read_text())
    assert results["test"]["accuracy"]["value"] > 0.95
    assert {c["name"]: c["kind"] for c in json.loads((run / "labels.json").read_text())["schema"]} == {
        "age": "number", "city": "category", "joined": "date",
    }  # fmt: skip

    plain, turned = tmp_path / "new.csv", tmp_path / "turned.csv"
    rows = [["30.5", "Bern", "2015-03-15"], ["", "Basel", ""], ["41", "Lugano", "2019-12-31"]]
    write(plain, HEADER[1:4], rows)
    write(turned, ["note", "joined", "city", "age"],
          [["=cmd()", "" if not c else ".".join(reversed(c.split("-"))), b, a.replace(".", ",")] for a, b, c in rows],
          separator=";")  # fmt: skip
    for file in (plain, turned):
        done = run_script("predict", f"--run={run}", f"--input={file}", f"--output={file}.out.csv")
        assert done.returncode == 0, done.stderr
    assert "columns ignored: note" in done.stderr
    assert answers(tmp_path / "new.csv.out.csv") == answers(tmp_path / "turned.csv.out.csv")
    assert answers(tmp_path / "new.csv.out.csv")[0]["label"] == "yes"

    write(plain, ["age", "joined"], [["30", "2015-03-15"]])
    done = run_script("predict", f"--run={run}", f"--input={plain}")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "no column 'city', which the model reads" in done.stderr

    done = run_script("evaluate", f"--run={run}", f"--output={tmp_path / 'judged'}")
    assert done.returncode == 0, done.stderr
    judged = answers(tmp_path / "judged" / "predictions.csv")
    assert {"input_age", "input_city", "input_joined"} <= set(judged[0])
    assert {row["input_joined"][-9:] for row in judged} == {"T00:00:00"}


def test_a_model_of_numbers_names_the_one_that_reads_words(run_script, tmp_path):
    table = tmp_path / "customers.csv"
    write(table, HEADER[1:], [row_of(number)[1:] for number in range(1, 9)])
    done = run_script("train", "--model=binary_mlp", "--dataset=csv", f"--data_dir={table}")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "'Basel' is not a finite number" in done.stderr and "--model=table_mlp" in done.stderr


def test_searches_changes_and_folds_read_the_table_as_the_model_does(run_script, tmp_path):
    table = tmp_path / "customers.csv"
    write(table, HEADER, [row_of(number) for number in range(400)])
    data = ["--set=dataset.name=csv", f"--set=dataset.data_dir={table}", "--set=training.epochs=1"]
    (tmp_path / "space.yaml").write_text("training.optimizer.learning_rate: {low: 0.001, high: 0.01, log: true}\n")
    (tmp_path / "changes.yaml").write_text("no dropout: {model.options.dropout: 0.0}\n")
    flags = ["--model=table_mlp", *data]
    for name, more in (
        ("sweep", ["--space=space.yaml", "--study=search", "--trials=1"]),
        ("ablate", ["--changes=changes.yaml", "--study=craft", "--num_seeds=2"]),
        ("train", ["--cross_validation=2"]),
    ):
        done = run_script(name, *flags, *more)
        assert done.returncode == 0, f"{name}: {done.stderr}"


def test_reviews_train_with_their_words_and_without(run_script, tmp_path):
    table = tmp_path / "reviews.csv"
    words = [f"bought {n} of them, piece {n % 17} is {'lovely' if n % 3 else 'torn'} and warm" for n in range(300)]
    rows = [[20.5 + n % 7, ("Bern", "Basel")[n % 2], text, "yes" if n % 3 else "no"] for n, text in enumerate(words)]
    write(table, ["age", "shop", "review", "kept"], rows)
    flags = ["--model=table_mlp", "--dataset=csv", f"--data_dir={table}", "--batch_size=16", "--learning_rate=0.01",
             "--epochs=3", "--set=model.options.vocabulary_size=200"]  # fmt: skip
    accuracy = {}
    for unread in ("[]", "[texts]", "[numbers, categories]"):
        done = run_script("train", *flags, f"--runs_dir={unread}", f"--set=model.options.unread={unread}")
        assert done.returncode == 0, done.stderr
        assert "1 texts: review" in done.stderr
        run = next((tmp_path / unread / "table_mlp").iterdir())
        accuracy[unread] = json.loads((run / "results.json").read_text())["test"]["accuracy"]["value"]
    assert accuracy["[]"] > 0.95 and accuracy["[numbers, categories]"] > 0.95 and accuracy["[texts]"] < 0.9
    done = run_script("predict", f"--run={run}", f"--input={table}", f"--output={tmp_path / 'answers.csv'}")
    assert done.returncode == 0, done.stderr
    assert [row["label"] for row in answers(tmp_path / "answers.csv")][:6] == ["no", "yes", "yes"] * 2
    done = run_script("train", *flags, "--set=model.options.unread=[words]")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "unread has words" in done.stderr
