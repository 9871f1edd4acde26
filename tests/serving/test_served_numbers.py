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


@pytest.mark.parametrize(("verb", "words"), [("classify", ":predict and :regress"), ("explain", "no explanations")])
def test_what_needs_classes_is_refused(rents_server, verb, words):
    status, _, answer = rents_server.post(verb, {"instances": [[1, 2, 3]]})
    assert status == 400 and words in answer["error"]


def test_the_metadata_say_what_is_predicted(rents_server):
    _, _, facts = rents_server.request("GET", f"/v1/models/{rents_server.name}/metadata")
    assert facts["metadata"]["zoo"]["task"] == "regression"
    assert facts["metadata"]["zoo"]["target_name"] == "rent" and facts["metadata"]["zoo"]["unit"] == "€"
