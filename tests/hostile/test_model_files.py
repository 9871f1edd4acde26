"""Hostile model files, one a kind: each is one line within bounds, and nothing beside it is touched."""

import pytest
from model_files import LABELS, MAKERS, with_labels, write_plain_files

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    write_plain_files(folder)
    return folder


@pytest.fixture
def refuse(run_bounded, assert_one_line, tmp_path):
    """A function that asserts that predict.py refuses a model with the words, and writes nothing."""

    def files():
        """ONNX Runtime leaves an empty `.ses` behind whatever it reads."""
        return {
            path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file() and path.name != ".ses"
        }

    def check(path, *words):
        table = tmp_path / "table.csv"
        table.write_text("a,b,c,d\n1,2,3,4\n")
        temporary = tmp_path / "temporary"
        temporary.mkdir()
        before = files()
        done = run_bounded("predict", "--model_file", path, "--input", table, TMPDIR=str(temporary))
        assert files() == before
        assert_one_line(done, *words)

    return check


# TensorFlow does not answer at all where it gets no memory, so that half a minute goes by.
SLOW = {"fill_of_a_terabyte"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in MAKERS])
def test_a_hostile_model_is_one_line(refuse, plain, tmp_path, name):
    make, words = MAKERS[name]
    (tmp_path / "made").mkdir()
    refuse(make(plain, tmp_path / "made", tmp_path / "proof"), words)


@pytest.mark.parametrize("form", ["keras", "onnx", "litert", "saved_model"])
@pytest.mark.parametrize("kind", LABELS)
def test_wrong_labels_are_one_line(refuse, plain, tmp_path, form, kind):
    (tmp_path / "made").mkdir()
    refuse(with_labels(plain, tmp_path / "made", form, kind), "labels cannot be used", LABELS[kind][1])


@pytest.mark.parametrize("name", ["model.keras", "model.onnx", "model.tflite", "model"])
def test_the_plain_model_is_read(run_bounded, plain, tmp_path, name):
    (tmp_path / "table.csv").write_text("a,b,c,d\n1,2,3,4\n")
    done = run_bounded("predict", "--model_file", plain / name, "--input", tmp_path / "table.csv")
    assert done.returncode == 0 and "yes" in done.stdout, done.stderr
