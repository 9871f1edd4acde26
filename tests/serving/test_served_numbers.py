"""A served model that predicts numbers: its verbs, and what it refuses."""

import numpy as np
import pytest

import zoo


def test_both_verbs_answer_what_the_model_says(rents_server, rents_run):
    rows = [[1, 2, 3], [9.5, 0, 1]]
    expected = zoo.load_model(rents_run).predict(np.array(rows, "float32"))
    assert expected.shape == (2,) and (np.abs(expected - [375, 1255]) < 200).all()
    status, _, answer = rents_server.post("predict", {"instances": rows})
    assert status == 200 and np.array_equal(np.ravel(answer["predictions"]).astype("float32"), expected)
    status, _, answer = rents_server.post("regress", {"examples": rows})
    assert status == 200 and np.array_equal(np.array(answer["results"], "float32"), expected)


def test_what_needs_classes_is_refused(rents_server):
    status, _, answer = rents_server.post("classify", {"instances": [[1, 2, 3]]})
    assert status == 400 and ":predict and :regress" in answer["error"]


def test_columns_of_a_row_are_explained_and_add_up(rents_server, rents_run):
    rows = [[1, 2, 3], [9.5, 2, 3]]
    status, _, answer = rents_server.post("explain", {"instances": rows})
    assert status == 200
    first, second = answer["explanations"]
    assert first["explained"] == "rent" and first["unit"] == "€" and len(first["columns"]) == 3
    sums = [sum(one["score"] for one in explanation["columns"]) for explanation in (first, second)]
    values = zoo.load_model(rents_run).predict(np.array(rows, "float32"))
    assert sums[1] - sums[0] == pytest.approx(values[1] - values[0], rel=0.02)


def test_the_metadata_say_what_is_predicted(rents_server):
    _, _, facts = rents_server.request("GET", f"/v1/models/{rents_server.name}/metadata")
    assert facts["metadata"]["zoo"]["task"] == "regression"
    assert facts["metadata"]["zoo"]["target_name"] == "rent" and facts["metadata"]["zoo"]["unit"] == "€"
