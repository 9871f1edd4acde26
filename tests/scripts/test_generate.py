"""scripts/generate.py as a user runs it."""

import json
import re

import pytest
from loaded import small_writer

import zoo
from zoo.loading import save_model


@pytest.fixture(scope="module")
def writer_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "writer.keras"
    save_model(small_writer().model, path, {"task": "language_model"})
    return path


def test_text_comes_after_the_prompt_and_the_seed_gives_it_again(run_script, writer_file):
    done = run_script("generate", f"--model_file={writer_file}", "--prompt=né ", "--max_tokens=20", "--num_samples=2")
    assert done.returncode == 0, done.stderr
    told = re.search(r"seed (\d+): (\d+) tokens in .* s, the first after .* s, then \d+ tokens/s", done.stderr)
    heads = re.findall(r"^--- (\d) of 2\nné ", done.stdout, re.MULTILINE)
    assert heads == ["1", "2"] and 0 < int(told[2]) <= 40
    flags = ["--prompt=né ", "--max_tokens=20", "--num_samples=2", f"--seed={told[1]}", "--format=json"]
    found = json.loads(run_script("generate", f"--model_file={writer_file}", *flags).stdout)
    expected = zoo.generate(str(writer_file), "né ", max_tokens=20, num_samples=2, seed=int(told[1]))
    assert [sample["text"] for sample in found["samples"]] == expected
    assert found["prompt"] == "né " and {sample["finish"] for sample in found["samples"]} <= {"length", "end"}
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--temperature=nan"], "temperature=nan: a number from 0 on is needed"),
        (["--max_tokens=0"], "max_tokens=0: a whole number from 1 to 1,000,000 is needed"),
        (["--top_p=0"], "top_p=0.0: a number above 0, up to 1, is needed"),
        (["--stop="], "stop: up to 16 texts of 1 to 1,000 characters are taken; an empty one would stop at once"),
        (["--prompt=a", "--prompt_file=b.txt"], "both --prompt and --prompt_file given"),
        (["--prompt_file=none.txt"], "none.txt: no such file"),
        (["--prompt_file=latin.txt"], "latin.txt:2: byte 0xe9 is not UTF-8"),
        (["--run=nowhere"], "nowhere"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(run_script, tmp_path, writer_file, flags, words):
    (tmp_path / "latin.txt").write_bytes(b"caf\nn\xe9")
    model = [] if flags[0].startswith("--run") else [f"--model_file={writer_file}"]
    done = run_script("generate", *model, *flags)
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and words in line


def test_a_long_prompt_from_a_file_is_cut_and_that_is_told(run_script, tmp_path, writer_file):
    (tmp_path / "long.txt").write_text("a line\n" * 1000)
    done = run_script(
        "generate", f"--model_file={writer_file}", "--prompt_file=long.txt", "--max_tokens=3", "--top_k=999"
    )
    assert done.returncode == 0 and "7,000 tokens, and the model reads 32: the first 6,968 are cut" in done.stderr
    assert "notice: top_k=999" in done.stderr


def test_a_classifier_does_not_write(run_script, tmp_path):
    save_model(zoo.create_model("xor_mlp"), tmp_path / "xor.keras", {"task": "classification"})
    done = run_script("generate", "--model_file=xor.keras", "--prompt=a")
    assert done.returncode == 2 and "xor.keras: a model of classification does not write" in done.stderr
