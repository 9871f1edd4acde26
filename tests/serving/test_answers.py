"""Answers over HTTP: those of predict.py, in TensorFlow Serving's form."""

import base64
import concurrent.futures
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.datasets.texts import as_array
from zoo.evaluation.explain import explain_images


@pytest.fixture(scope="module")
def digits(handwriting):
    return handwriting[0][-40:]


@pytest.fixture(scope="module")
def expected(digits_run, digits):
    return zoo.load_model(digits_run).predict_probabilities(digits)


def png(picture):
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return {"b64": base64.b64encode(stream.getvalue()).decode()}


def test_pictures_get_the_answers_of_predict_py(run_script, digits_server, digits_run, digits, tmp_path):
    colour = np.random.default_rng(0).integers(0, 256, (50, 30, 3)).astype("uint8")
    Image.fromarray(colour).save(tmp_path / "a.png")
    Image.fromarray(digits[0, ..., 0]).save(tmp_path / "b.png")
    done = run_script("predict", f"--run={digits_run.path}", "a.png", "b.png", "--json")
    predictions = json.loads(done.stdout)
    status, _, answer = digits_server.post("classify", {"instances": [png(colour), digits[0].tolist()]})
    assert status == 200
    for prediction, pairs in zip(predictions, answer["results"], strict=True):
        assert [label for label, _ in pairs] == list(prediction["probabilities"])
        assert [share for _, share in pairs] == pytest.approx(list(prediction["probabilities"].values()), abs=1e-5)
    assert digits_server.post("classify", {"examples": [png(colour), digits[0].tolist()]})[2] == answer


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (lambda x: {"instances": x.tolist()}, "predictions"),
        (lambda x: {"instances": x[..., 0].tolist(), "signature_name": "serving_default"}, "predictions"),
        (lambda x: {"instances": [{"images": picture.tolist()} for picture in x]}, "predictions"),
        (lambda x: {"instances": [png(picture[..., 0]) for picture in x]}, "predictions"),
        (lambda x: {"inputs": x.tolist()}, "outputs"),
        (lambda x: {"inputs": {"images": x.tolist()}}, "outputs"),
    ],
)
def test_rows_and_columns_named_or_not(digits_server, digits, expected, body, key):
    status, headers, answer = digits_server.post("predict", body(digits))
    assert (status, headers["content-type"], list(answer)) == (200, "application/json", [key])
    np.testing.assert_allclose(answer[key], expected, atol=1e-5)


def test_each_of_many_clients_gets_its_own_answer(digits_server, digits, expected):
    """200 clients at once, some with many rows; their rows were computed together."""

    def ask(client):
        rows = np.arange(client, client + 1 + client % 7) % len(digits)
        status, _, answer = digits_server.post("predict", {"instances": digits[rows].tolist()})
        return status == 200 and np.abs(np.array(answer["predictions"]) - expected[rows]).max() < 1e-5

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        assert all(pool.map(ask, range(200)))
    metrics = digits_server.request("GET", "/metrics")[2]
    assert int(float(re.search(r'zoo_requests_total{operation="predict",status="200"} (\S+)', metrics)[1])) >= 200
    rows, batches = (float(re.search(rf"zoo_batch_rows_{part} (\S+)", metrics)[1]) for part in ("sum", "count"))
    assert rows >= 780 and batches < rows / 2
    assert "\nzoo_queue_rows 0.0" in metrics and 'zoo_request_seconds_bucket{le="0.1",operation="predict"}' in metrics


@pytest.mark.slow
def test_texts_get_the_answers_of_predict_py(run_script, text_server, text_file):
    texts = ["a good book", "bad\u0000 film\ud83d", "", "Füße 犬"]
    done = run_script("predict", f"--model_file={text_file}", "--json", *(f"--text={text}" for text in texts[::2]))
    clean = {"instances": [texts[0], {"b64": base64.b64encode(texts[2].encode()).decode()}]}
    answers = text_server.post("predict", clean)[2]["predictions"]
    for prediction, row in zip(json.loads(done.stdout), answers, strict=True):
        assert row == pytest.approx([prediction["probabilities"][name] for name in ("<b>no</b>", "yes")], abs=1e-5)
    status, _, answer = text_server.post("predict", {"inputs": {"texts": [texts[1].replace("\ud83d", ""), texts[3]]}})
    expected = zoo.load_model(text_file).predict_probabilities(as_array(["bad  film", texts[3]]))
    assert status == 200
    np.testing.assert_allclose(answer["outputs"], expected, atol=1e-5)


def test_tables_of_one_sigmoid_unit_give_both_classes(table_server, table_file):
    rows = [[0, 1], [0.5, -2e3], [1e-30, 3]]
    status, _, answer = table_server.post("predict", {"instances": rows})
    assert status == 200
    expected = zoo.load_model(table_file).predict_probabilities(np.array(rows, "float32"))
    np.testing.assert_allclose(answer["predictions"], expected, atol=1e-6)


def test_status_and_metadata_have_the_form_of_tensorflow_serving(table_server, digits_server):
    status, _, answer = table_server.request("GET", "/v1/models/my.table-1")
    assert (status, answer["model_version_status"][0]["state"]) == (200, "AVAILABLE")
    assert table_server.request("GET", "/v1/models/my.table-1/versions/1")[2] == answer
    answer = table_server.request("GET", "/v1/models/my.table-1/metadata")[2]
    assert answer["model_spec"] == {"name": "my.table-1", "signature_name": "", "version": "1"}
    (tensor,) = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"].values()
    assert tensor["dtype"] == "DT_FLOAT" and [d["size"] for d in tensor["tensor_shape"]["dim"]] == ["-1", "2"]
    assert answer["metadata"]["zoo"]["label_names"] == ["no", "yes"]
    assert answer["metadata"]["zoo"]["feature_names"] == ["left", "right"]
    assert digits_server.name == "mnist_mlp"  # of the run
    assert table_server.request("POST", "/v1/models/my.table-1/versions/1:predict", '{"inputs": [[1, 2]]}')[0] == 200
    for path in ("/health", "/health/live", "/health/ready"):
        assert table_server.request("GET", path)[::2] == (200, {"live": True, "ready": True})


def test_words_are_explained(text_server):
    status, _, answer = text_server.post("explain", {"instances": ["a good book", "bad film"]})
    assert status == 200
    assert [[w["word"] for w in e["words"]] for e in answer["explanations"]] == [["a", "good", "book"], ["bad", "film"]]
    for explanation in answer["explanations"]:
        assert max(abs(word["score"]) for word in explanation["words"]) == pytest.approx(1, abs=1e-3)
        assert explanation["label"] in ("<b>no</b>", "yes") and 0.5 <= explanation["probability"] <= 1


def test_heat_maps_are_those_of_explain_images(digits_server, digits_run, digits):
    status, _, answer = digits_server.post("explain", {"instances": digits[:2].tolist()})
    assert status == 200
    maps = [explanation["heat_map"] for explanation in answer["explanations"]]
    expected = explain_images(zoo.load_model(digits_run), digits[:2])
    np.testing.assert_allclose(maps, expected, atol=1e-3)
    assert np.abs(expected).max() > 0.05
