"""The table is one that boosting and networks can learn from, and each tells what it took."""

import importlib.util

import pyarrow.parquet
import pytest

from zoo.benchmark import large_table
from zoo.errors import ZooError


def test_the_table_is_the_same_again_and_has_gaps(tmp_path, monkeypatch):
    monkeypatch.setattr(large_table, "_ROWS_A_GROUP", 2_000)
    tables = []
    for name in ("first", "second"):
        large_table.write_table(tmp_path / name, 5_000)
        tables.append(pyarrow.parquet.read_table(tmp_path / name))
    assert tables[0].equals(tables[1]) and tables[0].num_rows == 5_000
    assert all(300 < tables[0][name].null_count < 700 for name in ("number 0", "category 3"))
    assert tables[0]["label"].null_count == tables[0]["date"].null_count == 0


@pytest.mark.slow
def test_each_contender_learns_and_says_what_it_took(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    names = ["linear_table", "hist_gradient_boosting"] + ["lightgbm"] * bool(importlib.util.find_spec("lightgbm"))
    result = large_table.measure_table(20_000, names, epochs=1)
    assert list(result["contenders"]) == names and result["threads"] == 1
    for found in result["contenders"].values():
        assert 0.6 < found["accuracy"] < 1
        assert all(found[part]["seconds"] > 0 < found[part]["cpu_seconds"] for part in ("read", "prepare", "learn"))
        assert found["peak_memory_mib"] >= found["read_memory_mib"] > 50
    lines = large_table.table_costs(result).splitlines()
    assert lines[0].startswith("20,000 rows") and [line.split()[0] for line in lines[2:]] == names


def test_what_cannot_be_measured_is_refused_before_any_work():
    for rows, names, epochs, text in (
        (4_999, None, 1, "--table_rows=4999: at least 5,000"),
        (5_000, ["mnist_mlp"], 1, "--models=mnist_mlp: not measured on a large table"),
        (5_000, None, 0, "--rounds=0"),
    ):
        with pytest.raises(ZooError, match=text):
            large_table.measure_table(rows, names, epochs)
