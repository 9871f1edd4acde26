"""Mixed tables in every format: each file answers rows with gaps, odd cells and unseen categories as Keras does."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import zoo

pytestmark = pytest.mark.slow

HEADER = ["age", "city", "rooms", "joined", "left", "remark", "churned"]
CITIES = ("Bern", "Zürich", "", 'O\'Fallon, "IL"', "東京")
ODD = {"age": None, "city": "Lugano", "rooms": 9, "joined": "1891-03-01T23:59:59", "left": None,
       "remark": "Great!!! it's [UNK] a\tGREAT café"}  # fmt: skip


def write(file, count=300):
    rng = np.random.default_rng(5)
    rows = []
    for number in range(count):
        words = " ".join(rng.choice(["great", "poor", "it's", "a", "café", "GREAT!", "near"], 7))
        joined = "" if number % 9 == 4 else f"{1900 + number % 120}-{1 + number % 12:02d}-{1 + number % 28:02d}"
        age = "" if number % 7 == 3 else f"{rng.uniform(18, 90):.1f}".replace(".", ",")
        left = f"20{10 + number % 12}-0{1 + number % 9}-15 {number % 24:02d}:30:00" if number % 5 else ""
        rows.append([age, CITIES[number % 5], number % 4, joined, left, words, "yes" if "great" in words else "no"])
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, delimiter=";").writerows([HEADER, *rows])


@pytest.fixture(scope="module")
def exported(fork_server, tmp_path_factory):
    """A function from flags of train.py to its run, exported to all formats, and what export.py says of the files."""
    folder = tmp_path_factory.mktemp("work")
    write(folder / "table.csv")
    scripts = os.path.join(os.path.dirname(__file__), "..", "..", "scripts")

    def script(name, *flags):
        command = [sys.executable, os.path.join(scripts, f"{name}.py"), *map(str, flags)]
        done = fork_server.run(command, cwd=folder, env=fork_server.environment, timeout=900)
        assert done.returncode == 0, done.stderr
        return done

    def run(model, *flags):
        script("train", f"--model={model}", "--dataset=csv", "--data_dir=table.csv", "--epochs=2", "--batch_size=16",
               "--set=model.options.hidden_units=[16]", *flags)  # fmt: skip
        (run,) = (folder / "runs" / model).iterdir()
        done = script("export", f"--run={run}", "--format=all", "--json")
        return run, json.loads(done.stdout)[0], done.stderr

    return run


def example(folder, row):
    done = subprocess.run([sys.executable, "example.py", json.dumps(row)], cwd=folder, capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": os.getcwd()})  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def check_all(run, row):
    """Each file, by the zoo and by its own example.py, answers a row as the run does."""
    loaded = zoo.load_model(run)
    rows = [row, ODD, dict.fromkeys(ODD)]
    expected = loaded.predict(rows)
    for folder in (run / "exports").iterdir():
        found = zoo.load_model(folder)
        assert found.schema == loaded.schema
        off = np.abs(found.predict(rows) - expected).max()
        assert off < (0.05 if folder.name.endswith("int8") else 1e-5), folder.name
    for folder in (run / "exports").iterdir():
        label, probability = example(folder, ODD)
        assert abs(float(probability) - expected[1].max()) < (0.05 if folder.name.endswith("int8") else 1e-3)
        assert label == loaded.label_names[expected[1].argmax()] or folder.name.endswith("int8")


ROW = {"age": 33.5, "city": "Zürich", "rooms": 2.0, "joined": "1969-12-31", "left": "2012-02-29T05:30:00",
       "remark": "poor, near a café"}  # fmt: skip


def test_numbers_categories_crosses_and_dates_in_every_format(exported, run_script):
    run, made, _ = exported("wide_and_deep", "--set=dataset.drop=[remark]", "--set=model.options.least_count=1")
    assert [facts["name"] for facts in made] == ["keras", "saved_model", "onnx", "litert", "litert_int8"]
    assert not any(facts["failed"] for facts in made) and all(facts["latency_ms"]["predict"] for facts in made)
    check_all(run, ROW)
    done = run_script("evaluate", f"--run={run / 'exports' / 'onnx'}", "--slice_by=city", "--importance", "--json")
    assert done.returncode == 0, done.stderr
    results = json.loads((run / "results.json").read_text())
    assert json.loads(done.stdout)["results"]["accuracy"] == results["test"]["accuracy"]
    done = run_script("export", f"--run={run}", "--format=onnx", "--quantize=int8")
    assert done.returncode == 2 and "--quantize=dynamic" in done.stderr


def test_texts_in_the_formats_that_count_words(exported):
    run, made, said = exported("table_mlp", "--set=training.xla=off")
    assert [facts["name"] for facts in made] == ["keras", "saved_model", "onnx"]
    assert not any(facts["failed"] for facts in made)
    assert "litert: left out: LiteRT has no operation that counts words" in said
    check_all(run, ROW)
