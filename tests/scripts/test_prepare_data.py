"""scripts/prepare_data.py as a user runs it."""

import json


def test_own_table_is_described(run_script, tmp_path):
    rows = [f"{x},{x % 7},{'odd' if x % 2 else 'even'}" for x in range(50)]
    (tmp_path / "numbers.csv").write_text("x,y,label\n" + "\n".join([*rows, rows[0]]) + "\n")
    done = run_script("prepare_data", "--dataset=csv", "--data_dir=numbers.csv", "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert row["rows"] == {"train": 41, "validation": 5, "test": 5}
    assert "1 rows are equal to one before them" in "".join(row["report"]["notes"])


def test_wrong_number_names_file_line_and_column(run_script, tmp_path):
    (tmp_path / "bad.csv").write_text("x,label\n1,a\noops,b\n")
    done = run_script("prepare_data", "--dataset=csv", "--data_dir=bad.csv")
    assert done.returncode == 2
    assert "bad.csv:3: column 'x': 'oops'" in done.stderr
