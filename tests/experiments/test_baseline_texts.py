"""Baselines of models of language: what is charged for a text is what the n-grams and the compressors need for it."""

import bz2
import itertools
import json
import lzma
import math
import random

import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.experiments import baseline, baseline_texts
from zoo.experiments.baseline_models import Data
from zoo.settings import DatasetSection

WORDS = ["chapter", "of", "the", "lady", "walked", "slowly", "and", "said", "nothing", "é", "\n\n"]


def texts_of(count, length, seed):
    generator = random.Random(seed)
    return [" ".join(generator.choices(WORDS, k=length)) for _ in range(count)]


@pytest.fixture(scope="module")
def data():
    return Data(texts_of(30, 100, 1), None, texts_of(3, 50, 2), None, 0)


def bytes_of(answers):
    return answers[:, 0] / math.log(2) / 8


@pytest.mark.parametrize("name", ["xz", "bz2", "zstd", "ppmd"])
def test_a_text_costs_the_bytes_that_it_adds_to_the_training_text_whatever_was_judged_before(name, data):
    if not baseline._is_installed(name):
        pytest.skip("the package is not installed")
    settings = baseline.BASELINES[name].grid["text"][0]
    given, alone = (baseline.BASELINES[each].fit(settings, data, 0) for each in (name, f"{name}_alone"))
    tests = [*texts_of(3, 60, 3), "é"]
    first = given.predict(tests)
    assert np.array_equal(given.predict(tests[::-1])[::-1], first)
    assert first[:, 1].tolist() == [len(text.encode()) for text in tests]
    assert first[:, 2].tolist() == [len(text) for text in tests]
    assert (bytes_of(first)[:3] < bytes_of(alone.predict(tests))[:3]).all()


def test_sizes_are_those_of_the_programs(data):
    before = b"".join(text.encode() + b"\n\n" for text in data.rows)
    text = texts_of(1, 60, 3)
    encoded = text[0].encode()
    whole = {
        "bz2": lambda content: len(bz2.compress(content)),
        "xz": lambda content: len(lzma.compress(content, check=lzma.CHECK_NONE, preset=9 | lzma.PRESET_EXTREME)),
    }
    for name, size in whole.items():
        given, alone = (baseline.BASELINES[each].fit({"level": 9}, data, 0) for each in (name, f"{name}_alone"))
        assert bytes_of(given.predict(text))[0] == pytest.approx(size(before + encoded) - size(before), abs=1e-3)
        assert bytes_of(alone.predict(text))[0] == pytest.approx(size(encoded), abs=1e-3)


def test_without_copies_of_processes_the_sizes_are_the_same(data, monkeypatch):
    tests = texts_of(2, 60, 3)
    candidates = [baseline.BASELINES["xz"].fit({"level": 9}, data, 0)]
    copied = candidates[0].predict(tests)
    monkeypatch.delattr(baseline_texts.os, "fork")
    assert np.array_equal(baseline.BASELINES["xz"].fit({"level": 9}, data, 0).predict(tests), copied)


def test_runs_of_a_text_of_the_users_are_comparable(tmp_path):
    text = tmp_path / "book.txt"
    text.write_text("\n\n".join(itertools.chain(texts_of(40, 120, 5))))
    section = DatasetSection(name="text_file", data_dir=str(text))
    assert {"kneser_ney", "xz", "bz2_alone"} <= set(baseline.baselines_of(section))
    runs = [baseline.train_baseline(name, section, tmp_path / "runs") for name in ("kneser_ney", "bz2_alone")]
    figures = [run.results["test"]["bits_per_character"]["value"] for run in runs]
    assert 0 < figures[0] < figures[1]
    test_rows = [run.read_predictions() for run in runs]
    assert np.array_equal(*(predictions.ids for predictions in test_rows))
    for predictions, figure in zip(test_rows, figures, strict=True):
        assert -predictions.scores.mean() == pytest.approx(figure, rel=1e-4)
    assert runs[0].record["parameters"] > 100 and json.loads((runs[0].path / "labels.json").read_text())["task"]


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(baseline, "_is_installed", lambda name: False)
    with pytest.raises(ZooError, match=r"--models=ppmd needs the package pyppmd: pip install .*\[compression\]"):
        baseline.train_baseline("ppmd", DatasetSection(name="austen"))
