"""Imports point down, by the floors that pyproject.toml lists."""

import pathlib

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

REPOSITORY = pathlib.Path(__file__).parents[1]


def test_imports_point_down_and_run_in_no_circle(capsys, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    status = lint_imports("pyproject.toml", no_cache=True, no_logo=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out
