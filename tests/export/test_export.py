"""export.py as a user runs it, and the scripts that read what it leaves."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.export import formats
from zoo.export.export import export
from zoo.tasks.classification import Classification

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def script(fork_server, tmp_path_factory):
    """`run_script` in one folder for all tests of this file."""
    folder = tmp_path_factory.mktemp("work")
    scripts = os.path.join(os.path.dirname(__file__), "..", "..", "scripts")

    def run(name, *flags):
        command = [sys.executable, os.path.join(scripts, f"{name}.py"), *map(str, flags)]
        return fork_server.run(command, cwd=folder, env=fork_server.environment, timeout=900)

    run.folder = folder
    return run


def train(script, *flags):
    done = script("train", *flags)
    assert done.returncode == 0, done.stderr
    return next((script.folder / "runs").glob(f"{flags[0].split('=')[1]}/*"))


@pytest.fixture(scope="module")
def table_run(script):
    """A run and its export to ONNX."""
    run = train(script, "--model=binary_mlp", "--epochs=2")
    done = script("export", f"--run={run}", "--format=onnx")
    assert done.returncode == 0, done.stderr
    assert "onnx " in done.stdout and "passed" in done.stdout
    return run


def test_an_export_stands_in_the_comparison_and_in_evaluation(script, table_run):
    folder = table_run / "exports" / "onnx"
    record = json.loads((folder / "parity.json").read_text())
    assert record["max_abs_difference"] <= 1e-4 and record["failed"] == []
    assert set(record["latency_ms"]["predict"]) == {"p50", "p99"}
    rows = json.loads(
        script("compare", table_run.parent, folder, "--format=json", "--columns=model,accuracy,size_mib").stdout
    )[0]
    assert {row["model"] for row in rows} == {"binary_mlp", "binary_mlp [onnx]"}
    assert len({row["accuracy"] for row in rows}) == 1 and all(row["size_mib"] > 0 for row in rows)
    for flag in (f"--run={folder}", f"--model_file={folder / 'model.onnx'}", f"--model_file={folder}"):
        done = script("evaluate", flag, "--json")
        assert done.returncode == 0, done.stderr
        results = json.loads((folder / "results.json").read_text())
        assert json.loads(done.stdout)["results"]["confusion_matrix"] == results["test"]["confusion_matrix"]
    assert [row["model"] for row in json.loads(script("compare", table_run.parent, "--format=json").stdout)[0]] == [
        "binary_mlp"
    ]


def test_several_formats_are_all_made(table_run, tmp_path):
    made = export(table_run, ["keras", "onnx", "keras"], output=tmp_path)
    assert [facts["name"] for facts in made] == ["keras", "onnx"] and not any(facts["failed"] for facts in made)
    assert {path.name for path in tmp_path.iterdir()} == {"keras", "onnx"}


def test_several_formats_none_of_which_can_be_had_are_an_error():
    import keras

    from zoo.errors import ZooError
    from zoo.export.export import _possible
    from zoo.export.formats import targets

    inputs = [keras.Input((1,), name=name) for name in "ab"]
    model = keras.Model(inputs, keras.layers.Add()(inputs))
    both = targets("onnx", None) + targets("saved_model", None)
    with pytest.raises(ZooError, match=r"--format=onnx: a list of several inputs \(a, b\)"):
        _possible(both, model)
    assert _possible(both + targets("keras", None), model) == targets("keras", None)


def test_a_file_outside_its_limit_is_not_left_under_its_name(table_run, tmp_path, monkeypatch):
    monkeypatch.setattr(Classification, "parity_limits", lambda *_: {"max_abs_difference": -1.0})
    (facts,) = export(table_run, "litert", output=tmp_path)
    assert "max abs difference" in facts["failed"][0]
    assert [path.name for path in tmp_path.iterdir()] == ["litert.failed"]
    with pytest.raises(zoo.ZooError, match="this export failed: max abs difference"):
        zoo.load_model(tmp_path / "litert.failed")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--format=all", "--quantize=int8"], "name one format"),
        (["--format=saved_model", "--quantize=int8"], "computes in float32"),
        (["--format=onnx", "--quantize=float16"], "--format=litert"),
        (["--format=litert_int8", "--quantize=float16"], "--format=litert"),
        (["--run=nowhere"], "no such run"),
        (["--output=/dev/null/x", "--format=keras"], "--output"),
        (["--format=keras", "--format_=x"], "format_"),
    ],
)
def test_mistakes_end_in_one_line(script, table_run, flags, words):
    run = [] if any(flag.startswith("--run") for flag in flags) else [f"--run={table_run}"]
    done = script("export", *run, *flags)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: ") and words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(zoo.ZooError, match=r"keras-model-zoo\[export\]"):
        formats.targets("onnx", None)


def run_example(folder, *arguments):
    done = subprocess.run([sys.executable, "example.py", *arguments], cwd=folder, capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": os.getcwd()})  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two kinds of 28×28 pictures: bright above, bright below."""
    generator, folder = np.random.default_rng(0), tmp_path_factory.mktemp("pictures")
    for name, rows in (("above", slice(0, 14)), ("below", slice(14, 28))):
        (folder / name).mkdir()
        for number in range(150):
            pixels = generator.integers(0, 80, (28, 28))
            pixels[rows] += 150
            Image.fromarray(pixels.astype("uint8")).save(folder / name / f"{number}.png")
    return folder


def test_every_format_of_a_picture_model_trained_in_bfloat16(script, pictures):
    run = train(script, "--model=mnist_cnn", "--dataset=image_folder", f"--data_dir={pictures}", "--epochs=6",
                "--batch_size=16", "--precision=mixed_bfloat16",
                "--set", "training.optimizer.ema_momentum=0.5")  # fmt: skip
    done = script("export", f"--run={run}", "--format=all", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    files = {facts["name"]: facts for facts in json.loads(done.stdout)[0]}
    assert list(files) == list(formats.FORMATS)
    assert files["litert_int8"]["size_bytes"] <= files["litert"]["size_bytes"] / 3
    assert files["onnx"]["as_trained"]["precision"] == "mixed_bfloat16"
    for quantize in ("int8", "float16"):
        done = script("export", f"--run={run}", "--format=litert", f"--quantize={quantize}")
        assert done.returncode == 0, done.stdout + done.stderr
    picture = pictures / "below" / "7.png"
    for folder in (run / "exports").iterdir():
        with np.load(folder / "predictions.npz") as stored, np.load(run / "predictions.npz") as trained:
            assert set(stored) == set(trained) and (stored["ids"] == trained["ids"]).all()
            assert np.abs(stored["answers"] - trained["answers"]).max() < 0.1
        assert run_example(folder, picture)[0] == "below"


@pytest.mark.parametrize("model", ["bbc_news_bert", "text_cnn"])
def test_every_format_of_a_text_model(script, tmp_path, model):
    generator = np.random.default_rng(0)
    for name, words in (("money", "rates shares bank profit"), ("sport", "goal team match win")):
        (tmp_path / "letters" / name).mkdir(parents=True)
        for number in range(80):
            text = " ".join(generator.choice([*words.split(), "the", "a", "on"], 20))
            (tmp_path / "letters" / name / f"{number}.txt").write_text(f"{text}, {number}.")
    small = "{length: 32, vocabulary_size: 200}"
    run = train(script, f"--model={model}", "--dataset=text_folder", f"--data_dir={tmp_path / 'letters'}",
                "--epochs=4", "--batch_size=16", "--learning_rate=0.003", "--set",
                f"model.options={small}")  # fmt: skip
    done = script("export", f"--run={run}", "--format=all", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [facts["name"] for facts in json.loads(done.stdout)[0]] == list(formats.FORMATS)
    text = "The TEAM, a late goal: [SEP] win!"
    expected = zoo.load_model(run).predict_probabilities(np.array([text], object)).max()
    for folder in (run / "exports").iterdir():
        label, probability = run_example(folder, text)
        assert label == "sport"
        if folder.name != "litert_int8":
            assert abs(float(probability) - expected) < 0.02
    done = script("predict", f"--run={run / 'exports' / 'onnx'}", f"--text={text}", "--explain")
    assert done.returncode == 2 and "has no gradients" in done.stderr


@pytest.mark.parametrize(("model", "options"), [
    ("japanese_vowels_lstm", "{units: 4}"),
    ("japanese_vowels_transformer", "{hidden_size: 8, num_heads: 2, num_layers: 1, mlp_size: 8}"),
])  # fmt: skip
def test_formats_of_a_model_of_sequences_read_padding_and_gaps(script, tmp_path, model, options):
    generator = np.random.default_rng(0)
    for name, slope in (("down", -1), ("up", 1)):
        (tmp_path / "steps" / name).mkdir(parents=True)
        for number in range(30):
            steps = slope * np.arange(3 + number % 4)[:, None] + generator.normal(0, 0.2, (3 + number % 4, 2))
            lines = ["x,y", *(f"{a:.3f},{b:.3f}" for a, b in steps), f"{slope * 9},"]
            (tmp_path / "steps" / name / f"{number}.csv").write_text("\n".join(lines))
    run = train(script, f"--model={model}", "--dataset=sequence_folder", f"--data_dir={tmp_path / 'steps'}",
                "--epochs=8", "--set", f"model.options={options}")  # fmt: skip
    made = export(run, ["saved_model", "onnx", "litert"], output=tmp_path / "made")
    assert [facts["failed"] for facts in made] == [[], [], []]
    steps = tmp_path / "new.csv"
    steps.write_text("x,y\n0,0\n1,\n2,2\n")
    expected = zoo.load_model(run).predict_probabilities(np.array([[0, 0], [1, np.nan], [2, 2]])).max()
    for folder in (tmp_path / "made").iterdir():
        label, probability = run_example(folder, steps)
        assert label == "up" and float(probability) == pytest.approx(expected, abs=1e-3)
