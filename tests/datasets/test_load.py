"""The catalog, the generated tables, cross-validation, and the command that prepares data ahead."""

import dataclasses
import itertools
import json
import math
import subprocess
import sys

import numpy as np
import pytest

from zoo import datasets
from zoo.datasets import sources, summary
from zoo.errors import ZooError


def test_the_catalog_says_where_everything_comes_from():
    infos = datasets.list_datasets()
    assert len({info.name for info in infos}) == len(infos)
    for info in infos:
        assert datasets.dataset_info(info.name) is info
        if not info.needs_data_dir:
            assert info.source and info.licence and info.citation
            assert info.schema if info.kind == "columns" else info.feature_shape is not None
            if info.targets == "number":
                assert info.target_name and info.num_classes is None and not info.label_names
            elif info.documents:
                assert info.targets is None and not info.label_names
            else:
                assert info.num_classes == len(info.label_names) >= 2


def test_a_mistyped_name_is_answered_with_the_nearest():
    with pytest.raises(ZooError, match=r"unknown dataset 'fashion-mnist'; did you mean fashion_mnist"):
        datasets.load("fashion-mnist")


def test_the_catalog_needs_no_tensorflow():
    code = "import sys; from zoo.datasets import catalog; catalog.list_datasets(); print('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.parametrize("fraction", [-0.1, 0, 1, 2])
def test_bad_validation_fractions(fraction):
    with pytest.raises(ZooError, match="validation_fraction is"):
        datasets.load("mnist", validation_fraction=fraction)


def test_xor_is_the_four_points_three_times_and_says_so():
    dataset = datasets.load("xor")
    for split in (dataset.train, dataset.validation, dataset.test):
        assert {(*map(int, x), int(y)) for x, y in zip(split.features, split.targets, strict=True)} == {
            (0, 0, 0),
            (0, 1, 1),
            (1, 0, 1),
            (1, 1, 0),
        }
    assert "four points" in dataset.report["note"]


def test_synthetic_binary_is_the_same_everywhere_and_as_hard_as_it_says():
    dataset = datasets.load("synthetic_binary")
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [20_000, 5_000, 10_000]
    assert dataset.train.features.shape[1:] == (100,) and dataset.train.features.dtype == "float32"
    assert dataset.digest == datasets.load("synthetic_binary").digest
    assert dataset.digest == "sha256:41bb3161972e4e6ffbed0cf15cb03ab1f3f84280b822132f73ed78f69df92079"
    # The difference of the class means is the best direction there is; its accuracy must agree with the formula.
    train, test = dataset.train, dataset.test
    direction = train.features[train.targets == 1].mean(0) - train.features[train.targets == 0].mean(0)
    reached = ((test.features @ direction > 0) == test.targets).mean()
    bayes = dataset.known["bayes_accuracy"]
    standard_error = math.sqrt(bayes * (1 - bayes) / 10_000)
    assert abs(reached - bayes) < 4 * standard_error
    assert round(bayes, 4) == 0.9332


def test_folds_hold_out_every_row_once_as_test_and_leave_the_official_test_alone():
    dataset = datasets.load("synthetic_binary")
    folds = list(datasets.cross_validation_folds(dataset, 5))
    held_out = np.concatenate([fold.test.features for fold in folds])
    whole = np.concatenate([dataset.train.features, dataset.validation.features])
    np.testing.assert_array_equal(np.sort(held_out, axis=0), np.sort(whole, axis=0))
    for fold in folds:
        assert (len(fold.test), len(fold.validation), len(fold.train)) == (5_000, 4_000, 16_000)
        for first, second in itertools.combinations((fold.train, fold.validation, fold.test, dataset.test), 2):
            assert not np.isin(first.hashes, second.hashes).any()


def test_folds_say_what_was_guessed(tmp_path):
    rows = [f"{number % 7},{number},{'ab'[number % 2]}" for number in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["x,user_id,kind", *rows]))
    dataset = datasets.load("csv", tmp_path / "t.csv")
    for fold in datasets.cross_validation_folds(dataset, 2):
        assert fold.report["notes"] == dataset.report["notes"] != []


@pytest.mark.parametrize(("num_folds", "words"), [(1, "at least 2"), (0, "at least 2"), (5, "too few for 5 parts")])
def test_bad_numbers_of_folds(num_folds, words):
    with pytest.raises(ZooError, match=words):
        list(datasets.cross_validation_folds(datasets.load("xor"), num_folds))


def test_the_command_reports_one_dataset(run_script):
    done = run_script("prepare_data", "--dataset=synthetic_binary", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = json.loads(done.stdout)
    assert row["rows"] == {"train": 20_000, "validation": 5_000, "test": 10_000}
    assert row["digest"] == datasets.load("synthetic_binary").digest
    assert (
        "20,000 train / 5,000 validation / 10,000 test"
        in run_script("prepare_data", "--dataset=synthetic_binary").stdout
    )


def test_the_command_names_a_wrong_dataset_in_one_line(run_script):
    done = run_script("prepare_data", "--dataset=mnits")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: unknown dataset 'mnits'; did you mean mnist?\n"


def test_preparing_from_files_of_the_user_keeps_json_clean(cifar_folder):
    """A whole preparation, in which TFDS likes to print."""
    code = (
        "import dataclasses, sys; from zoo.datasets import sources; from scripts import prepare_data\n"
        "digests = {'cifar-10-binary.tar.gz': sys.argv.pop()}\n"
        "sources.SOURCES['cifar10'] = dataclasses.replace(sources.SOURCES['cifar10'], digests=digests)\n"
        "import zoo.datasets; zoo.datasets._VALIDATION_ROWS = 20\n"
        "prepare_data.command_line.run(prepare_data.main)\n"
    )
    flags = ["--dataset=cifar10", f"--data_dir={cifar_folder}", "--json"]
    digest = sources.SOURCES["cifar10"].digests["cifar-10-binary.tar.gz"]
    done = subprocess.run([sys.executable, "-c", code, *flags, digest], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert row["rows"] == {"train": 80, "validation": 20, "test": 20}
    assert row["folder"] == str(cifar_folder / "cifar10" / "3.0.2")
    assert done.stderr == ""


def test_all_goes_on_past_what_cannot_be_had(monkeypatch, tmp_path):
    for name, source in list(sources.SOURCES.items()):
        unreachable = {"upstream": "http://127.0.0.1:9/", "package": None, "fetch_package": None}
        monkeypatch.setitem(sources.SOURCES, name, dataclasses.replace(source, **unreachable))
    rows = {row["name"]: row for row in summary.prepare("all", str(tmp_path))}
    assert set(rows) == {info.name for info in datasets.list_datasets() if not info.needs_data_dir}
    fetched = set(rows) & set(sources.SOURCES)
    assert len(fetched) == 16 and all("cannot be had" in rows[name]["error"] for name in fetched)
    assert rows["xor"]["error"] is None and rows["synthetic_binary"]["error"] is None
    assert "mnist: the files of mnist cannot be had" in summary.format_table(list(rows.values()))
