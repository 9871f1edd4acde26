"""Damaged copies of each model file: an answer or one line, no crash, nothing written, within bounds."""

import json
import os
import pathlib
import sys

import pytest
from fuzz_model_files import TARGETS
from model_files import write_plain_files
from mutate import how_many

pytestmark = pytest.mark.slow

REPOSITORY = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    write_plain_files(folder)
    return folder


@pytest.mark.parametrize("kind", TARGETS)
def test_damaged_copies(fork_server, plain, tmp_path, kind):
    """HOSTILE_MUTATIONS=2000 tries as many of each kind; some minutes a kind."""
    script = REPOSITORY / "tests" / "hostile" / "fuzz_model_files.py"
    command = [sys.executable, str(script), str(plain), kind, str(how_many(25)), "0"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = fork_server.run(command, cwd=tmp_path, env=environment, timeout=4 * 3600)
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert outcome["wrong"] == []
    assert outcome["answered"] + outcome["refused"] == how_many(25)
    assert outcome["refused"] > 0
