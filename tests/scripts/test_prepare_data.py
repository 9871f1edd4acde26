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


def test_what_its_messages_advise_can_be_said(run_script, tmp_path):
    from PIL import Image

    (tmp_path / "table.csv").write_text("y,x,town\n" + "".join(f"{'ab'[x % 2]},{x}.5,{x % 3}\n" for x in range(30)))
    done = run_script("prepare_data", "--dataset=csv", "--data_dir=table.csv", "--set", "dataset.label=y")
    assert done.returncode == 0 and "label 'y', as dataset.label says" in done.stdout, done.stderr
    for name, size in (("cat/1", 8), ("cat/2", 9), ("dog/1", 10), ("dog/2", 11), ("dog/3", 12), ("cat/3", 13)):
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (size, size), 20 * size).save(tmp_path / "pets" / f"{name}.png")
    folder = ("--dataset=image_folder", "--data_dir=pets")
    done = run_script("prepare_data", *folder)
    assert done.returncode == 2 and "--set dataset.image_shape=" in done.stderr
    done = run_script("prepare_data", *folder, "--set", "dataset.image_shape=[8,8,1]")
    assert done.returncode == 0 and "2 classes: cat, dog" in done.stdout, done.stderr
    for assignment, words in (
        ("dataset.labl=y", "did you mean label?"),
        ("training.epochs=3", "training.epochs: dataset alone"),
        ("dataset.augmentation.zoom=x", "augmentation"),
        ("label", "write key=value"),
    ):
        done = run_script("prepare_data", *folder, "--set", assignment)
        assert done.returncode == 2 and words in done.stderr, done.stderr
