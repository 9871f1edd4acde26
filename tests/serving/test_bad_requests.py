"""What a client can do wrong, or on purpose: a clear refusal, and the server goes on."""

import base64
import concurrent.futures
import io
import json
import struct
import time
import zlib

import pytest
from PIL import Image

PREDICT = "/v1/models/my.table-1:predict"
GOOD = b'{"instances": [[0, 1]]}'


@pytest.fixture(autouse=True)
def server_goes_on(table_server):
    yield
    assert table_server.request("POST", PREDICT, GOOD)[0] == 200


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "JSON"),
        (b"\xff\xfe", 400, "JSON"),
        (b'{"instances": [[0, 1]]', 400, "JSON"),
        (b'{"instances": [[NaN, 1]]}', 400, "NaN"),
        (b'{"instances": [[Infinity, 1]]}', 400, "NaN and Infinity"),
        (b'{"instances": [[1e999, 1]]}', 400, "number is infinity"),
        (b'{"instances": [[1e39, 1]]}', 400, "out of float32's range"),
        (b'{"instances": [[1' + b"0" * 400 + b", 1]]}", 400, "number is infinity"),
        (b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "nested too deeply"),
        (b'{"instances": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}", 400, "nested too deeply"),
        (b'{"instances": ' + b"[" * 150 + b"1" + b"]" * 150 + b"}", 400, "expected float32[row, 2]"),
        (b'{"instances": [[0, 1, 2]]}', 400, "shape [3], or the rows differ; expected float32[row, 2]"),
        (b'{"instances": [[0, 1], [0]]}', 400, "expected float32[row, 2]"),
        (b'{"instances": [0, 1]}', 400, "expected float32[row, 2]"),
        (b'{"instances": [["0", "1"]]}', 400, "type str; expected float32[row, 2], finite numbers"),
        (b'{"instances": [[true, 1]]}', 400, "type bool"),
        (b'{"instances": [[null, 1]]}', 400, "type NoneType"),
        (b'{"instances": [[{}, 1]]}', 400, "type dict"),
        (b'{"instances": []}', 400, "empty"),
        (b'{"instances": 3}', 400, "no list of rows"),
        (b'{"instances": [[0, 1]], "inputs": [[0, 1]]}', 400, "both rows and columns"),
        (b'{"signature_name": "serving_default"}', 400, "no rows"),
        (b'{"instances": [[0, 1]], "signature_name": "other"}', 400, "signature_name"),
        (b'{"instance": [[0, 1]]}', 400, "unknown key 'instance'"),
        (b"[[0, 1]]", 400, "no JSON object"),
        (b'{"inputs": {"other": [[0, 1]]}}', 400, "the one input is called"),
        (b'{"instances": [{"b64": "AAAA"}]}', 400, "for pictures and texts"),
        (b'{"instances": [' + b"[0,1]," * 1024 + b"[0,1]]}", 413, "at most 1024"),
        (b'{"instances": [[0, 1]]}' + b" " * 8_000_000, 413, "over 8,000,000 bytes"),
    ],
)
def test_bad_bodies(table_server, body, status, words):
    found, _, answer = table_server.request("POST", PREDICT, body)
    assert (found, list(answer)) == (status, ["error"])
    assert words in answer["error"] and "\n" not in answer["error"] and len(answer["error"]) < 300


def half_a_picture():
    stream = io.BytesIO()
    Image.effect_noise((28, 28), 60).save(stream, "PNG")
    return stream.getvalue()[:300]


def bomb():
    """A PNG of a few bytes that says it has 400 million pixels."""
    header = struct.pack(">2I5B", 20_000, 20_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([[0] * 28] * 27, "shape [27, 28], or the rows differ; expected uint8[row, 28, 28, 1], whole numbers 0 to 255"),
        ([[0] * 28] * 27 + [[0] * 27], "expected uint8[row, 28, 28, 1]"),
        ([[[0]] * 28] * 27 + [[[0, 0]] * 28], "expected uint8[row, 28, 28, 1]"),
        ([[0.5] * 28] * 28, "type float"),
        ([[256] * 28] * 28, "out of range"),
        ([[-1] * 28] * 28, "out of range"),
        ("picture.png", "expected uint8[row, 28, 28, 1]"),
        ({"b64": "no base64!"}, "valid base64"),
        ({"b64": 5}, "valid base64"),
        ({"b64": base64.b64encode(b"no picture").decode()}, "unreadable image (not a PNG or JPEG)"),
        ({"b64": base64.b64encode(half_a_picture()).decode()}, "unreadable image"),
        ({"b64": base64.b64encode(bomb()).decode()}, '"b64": '),
    ],
)
def test_bad_pictures(digits_server, row, words):
    status, _, answer = digits_server.post("predict", {"instances": [row]})
    assert status == 400 and words in answer["error"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b'{"instances": [5]}', 400, "type int; expected texts"),
        (b'{"instances": ["\\ud800"]}', 400, "JSON"),
        (b'{"instances": [{"b64": "/w=="}]}', 400, "no UTF-8"),
        (b'{"instances": ["' + b"a" * 200_001 + b'"]}', 413, "200,001 characters"),
    ],
)
def test_bad_texts(text_server, body, status, words):
    found, _, answer = text_server.post("predict", body)
    assert found == status and words in answer["error"]


def test_explanations_are_bounded(table_server, text_server):
    assert table_server.post("explain", {"instances": [[0, 1]] * 9})[0] == 413
    assert text_server.post("explain", {"instances": ["a"] * 9})[0] == 413


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", PREDICT, {}, 405),
        ("PUT", PREDICT, {}, 405),
        ("POST", "/v1/models/my.table-1", {}, 405),
        ("POST", "/v1/models/other:predict", {}, 404),
        ("GET", "/v1/models/other/metadata", {}, 404),
        ("POST", "/v1/models/my.table-1/versions/2:predict", {}, 404),
        ("POST", "/v1/models/my.table-1:rank", {}, 404),
        ("GET", "/../../etc/passwd", {}, 404),
        ("POST", PREDICT, {"Content-Type": "text/plain"}, 415),
        ("POST", PREDICT, {"Content-Type": "multipart/form-data; boundary=x"}, 415),
        ("POST", PREDICT, {"Content-Encoding": "gzip"}, 415),
        ("POST", PREDICT, {"Content-Type": "application/json; charset=utf-8"}, 200),
        ("POST", PREDICT, {"Content-Type": "application/x-www-form-urlencoded"}, 415),  # of forms, and of curl -d
        ("GET", "/", {"X-Long": "a" * 400_000}, 431),
    ],
)
def test_methods_paths_and_headers(table_server, method, path, headers, status):
    found, sent, answer = table_server.request(method, path, GOOD if method != "GET" else None, headers)
    assert found == status
    assert status == 200 or list(answer) == ["error"]
    assert status != 405 or sent["allow"]


def test_an_answer_that_takes_too_long_and_a_queue_that_is_full(hasty_server):
    def ask(seconds):
        return hasty_server.post("predict", {"instances": [[seconds, 1]]})

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        slow = pool.submit(ask, 1.5)
        time.sleep(0.2)
        others = list(pool.map(ask, [0.0] * 6))
        status, _, answer = slow.result()
    assert (status, answer) == (504, {"error": "no answer within 0.5 s"})
    assert {status for status, _, _ in others} == {503, 504}
    full = [(headers, answer) for status, headers, answer in others if status == 503]
    assert len(full) == 4
    assert all(int(headers["retry-after"]) >= 1 and "try again" in answer["error"] for headers, answer in full)
    time.sleep(1.5)
    assert ask(0.0)[0] == 200
    assert hasty_server.post("predict", {"instances": [[0, 1]] * 3})[0] == 413


def test_json_of_any_make_is_never_a_fault_of_the_server(table_server):
    from hypothesis import given, settings
    from hypothesis import strategies as st

    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["b64", "inputs", "instances", "x"]), inner, max_size=2), max_leaves=8,
    )  # fmt: skip
    connection = table_server.connect()

    @settings(deadline=None, max_examples=150)
    @given(st.dictionaries(st.sampled_from(["instances", "inputs", "signature_name"]), values, min_size=1))
    def check(body):
        connection.request("POST", PREDICT, json.dumps(body))
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert response.status in (200, 400, 413), answer

    check()
    connection.close()
