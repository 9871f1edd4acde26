"""The comparison as a PNG: its rows, ranks and front are those of the table."""

import io
import json
import sys

import numpy as np
import pytest
from PIL import Image
from synthetic_runs import guess, write_run

from zoo.comparison import picture, table
from zoo.errors import ZooError


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Three models, of which the second costs more than the better first; and their table."""
    folder, generator = tmp_path_factory.mktemp("runs"), np.random.default_rng(0)
    labels = generator.integers(0, 3, 2000)
    for model, skill, parameters in (("best", 0.97, 100), ("middle <b>", 0.9, 300), ("small", 0.6, 20)):
        for seed in range(2):
            of_test = (labels, guess(labels, 3, skill, generator))
            write_run(folder, model, seed, of_test, parameters=parameters, wall_seconds=float(parameters))
    results, notices = table.read_results(table.find_runs([str(folder)]))
    assert not notices
    return results, table.compare(results)


def test_rows_ranks_and_front_are_those_of_the_table(compared):
    results, (rows,) = compared
    ranks, costs = picture._section(results, rows)["vconcat"]
    shown = ranks["data"]["values"]
    assert [row["model"] for row in shown] == ["1  best", "2  middle <b>", "3  small"]
    assert [row["words"] for row in shown] == [f"{row['accuracy']:.4f}, rank {n}" for n, row in enumerate(rows, 1)]
    assert [chart["layer"][0]["encoding"]["x"]["title"] for chart in costs["hconcat"]] == [
        "parameters",
        "seconds of training",
    ]
    for chart in costs["hconcat"]:
        front = {row["number"]: row["front"] for row in chart["data"]["values"]}
        assert front == {"1": True, "2": False, "3": True}


def test_it_is_a_picture_in_the_colours_of_the_page(compared):
    with Image.open(io.BytesIO(picture.png(*compared))) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert image.format == "PNG" and 1200 < pixels.shape[1] < 2600
    for colour in ((255, 255, 255), (0, 114, 178), (213, 94, 0), (0, 135, 95)):
        assert (pixels == colour).all(axis=2).sum() > 100, colour
    assert "var(" not in json.dumps(picture._in_light({"fill": "var(--ink)", "layer": [{"stroke": "var(--model-1)"}]}))


def test_one_row_has_no_costs_to_compare(compared):
    results, (rows,) = compared
    assert len(picture._section(results, rows[:1])["vconcat"]) == 1
    assert picture.png(results, [rows[:1]]).startswith(b"\x89PNG")


def test_a_missing_package_is_one_line_with_the_command(compared, monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(ZooError, match=r"--format=png needs .* pip install 'keras-model-zoo\[report\]'"):
        picture.png(*compared)
