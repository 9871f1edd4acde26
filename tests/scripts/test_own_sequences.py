"""Sequences of the user's own, from a folder of CSV files to predictions and exports."""

import csv
import json
import re

import numpy as np
import pytest

import zoo


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Recordings of 4 to 9 steps that go up or down."""
    folder, generator = tmp_path_factory.mktemp("recordings"), np.random.default_rng(0)
    for name, slope in (("down", -1), ("up", 1)):
        (folder / name).mkdir()
        for number in range(60):
            steps = slope * np.arange(4 + number % 6)[:, None] + generator.normal(0, 0.3, (4 + number % 6, 2))
            lines = ["left,right,note", *(f"{a:.3f},{b:.3f}," for a, b in steps)]
            (folder / name / f"{number}.csv").write_text("\n".join(lines))
    return folder


def labels_of(done):
    return [row["label"] for row in json.loads(done.stdout)]


@pytest.mark.slow
def test_from_a_folder_to_predictions_of_every_kind_of_file(run_script, folder, tmp_path):
    done = run_script("train", "--model=japanese_vowels_lstm", "--dataset=sequence_folder", f"--data_dir={folder}",
                      "--set", "dataset.drop=[note]", "--set", "model.options={units: 8}", "--epochs=12")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "4 to 9 steps of 2 channels: left, right" in done.stderr
    run = tmp_path / re.search(r"run (\S+)$", done.stdout, re.MULTILINE)[1]
    assert json.loads((run / "results.json").read_text())["test"]["accuracy"]["value"] > 0.9
    assert (run / "mistakes.png").exists()

    (tmp_path / "new.csv").write_text("note,right,left\nx,1,1\ny,2,\nz,3,3\n" + "w,4,4\n" * 20)
    np.save(tmp_path / "one.npy", -np.arange(6.0)[:, None].repeat(2, 1))
    several = np.full((2, 5, 2), np.nan)
    several[0], several[1, :3] = np.arange(5)[:, None], -np.arange(3)[:, None]
    np.save(tmp_path / "several.npy", several)
    (tmp_path / "two.ts").write_text("@classLabel false\n@data\n0,1,2,3:0,1,?,3\n0,-1,-2:0,-1,-2\n")
    done = run_script("predict", f"--run={run}", "--json", "new.csv", "one.npy", "several.npy", "two.ts")
    assert done.returncode == 0, done.stderr
    assert labels_of(done) == ["up", "down", "up", "down", "up", "down"]
    assert "columns ignored: note" in done.stderr and "longer than the 9 steps" in done.stderr
    names = [row["name"] for row in json.loads(done.stdout)]
    assert names[2:4] == ["several.npy[0]", "several.npy[1]"] and names[4] == "two.ts:3"
    model = zoo.load_model(run)
    assert list(model.predict_labels([several[0], several[1, :3], -np.arange(30.0)[:, None].repeat(2, 1)])) == [
        "up", "down", "down",
    ]  # fmt: skip

    for name, content, words in (
        ("words.csv", "left,right\n1,high\n", "words.csv:2: column 'right': 'high'"),
        ("fewer.csv", "left\n1\n", "no column 'right'"),
        ("empty.csv", "left,right\n", "the sequence is empty"),
        ("three.ts", "@classLabel false\n@data\n1:2:3\n", "3 channels, but the model reads 2"),
    ):
        (tmp_path / name).write_text(content)
        done = run_script("predict", f"--run={run}", name)
        assert done.returncode == 2 and words in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    for flags in (["--explain"], ["--tta"]):
        done = run_script("predict", f"--run={run}", "new.csv", *flags)
        assert done.returncode == 2 and "sequences" in done.stderr and "Traceback" not in done.stderr

    others = tmp_path / "others"  # longer than those that were learned from
    for name, slope in (("down", -1), ("up", 1)):
        (others / name).mkdir(parents=True)
        for number in range(12):
            steps = slope * np.arange(15 + number % 4)[:, None] + np.array([[number / 10, 0]])
            lines = ["right,left", *(f"{a:.3f},{b:.3f}" for a, b in steps)]
            (others / name / f"{number}.csv").write_text("\n".join(lines))
    done = run_script("evaluate", f"--model_file={run / 'model.keras'}", "--dataset=sequence_folder",
                      f"--data_dir={others}", "--split=all", "--json", "--output=judged")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"]["accuracy"]["value"] > 0.9
    with open(tmp_path / "judged" / "predictions.csv", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 24
    done = run_script("baseline", f"--run={run}", "--models=logistic_regression")
    assert done.returncode == 0 and "accuracy" in done.stdout + done.stderr, done.stderr
    done = run_script("embed", f"--run={run}", "new.csv", "--output=features.npz")
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "features.npz") as stored:
        assert stored["features"].shape == (1, 16)


def test_bad_folders_end_with_one_line(run_script, tmp_path):
    (tmp_path / "mine" / "a").mkdir(parents=True)
    (tmp_path / "mine" / "b").mkdir()
    for name, content in (("a", "x\n1\n"), ("b", "y\n1\n")):
        (tmp_path / "mine" / name / "1.csv").write_text(content)
    flags = ["--dataset=sequence_folder", "--data_dir=mine"]
    done = run_script("train", "--model=japanese_vowels_lstm", *flags)
    assert done.returncode == 2 and "'x' is in one of them alone" in done.stderr
    done = run_script("train", "--model=binary_mlp", *flags)
    assert done.returncode == 2 and "reads tables, but dataset 'sequence_folder' holds sequences" in done.stderr
    done = run_script("train", "--model=japanese_vowels_lstm", "--dataset=mnist")
    assert done.returncode == 2 and "reads sequences, but dataset 'mnist' holds images" in done.stderr
