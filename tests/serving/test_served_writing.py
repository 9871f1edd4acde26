"""A model that writes behind HTTP: whole texts, events as they come, bounds, and clients that leave."""

import contextlib
import json
import re
import socket
import time

import pytest

import zoo


@pytest.fixture
def server(writer_server):
    return writer_server


def events_of(text):
    *events, done, end = text.split("\n\n")
    assert (done, end) == ("data: [DONE]", "")
    assert all(event.startswith("data: ") for event in events)
    return [json.loads(event.removeprefix("data: ")) for event in events]


def running(server):
    return int(float(re.search(r"^zoo_generations (\S+)$", server.request("GET", "/metrics")[2], re.MULTILINE)[1]))


def wait_until_free(server):
    deadline = time.monotonic() + 5  # a text itself would go on for longer
    while running(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running(server) == 0


@contextlib.contextmanager
def streaming(server, **options):
    """A connection on which a long text comes; yields it when the first event is there."""
    body = json.dumps({"prompt": "a", "max_tokens": 100_000, "stream": True} | options).encode()
    head = f"POST /v1/models/{server.name}:generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(head.encode() + body)
        received = b""
        while b"data: " not in received:
            received += connection.recv(1000)
        assert b"200 OK" in received and b"content-type: text/event-stream" in received
        yield connection


def test_whole_texts_and_events_are_those_of_the_library(server, writer_file):
    options = {"max_tokens": 30, "num_samples": 2, "seed": 5, "temperature": 1.0}
    expected = zoo.generate(str(writer_file), "né", **options)
    status, _, answer = server.post("generate", {"prompt": "né", **options})
    assert status == 200 and answer["seed"] == 5 and answer["notices"] == []
    assert [sample["text"] for sample in answer["samples"]] == expected
    assert {sample["finish"] for sample in answer["samples"]} == {"length"}
    status, headers, text = server.post("generate", {"prompt": "né", "stream": True, **options})
    assert status == 200 and headers["content-type"] == "text/event-stream" and headers["cache-control"] == "no-store"
    events = events_of(text)
    for number in range(2):
        assert "".join(event["text"] for event in events if event["sample"] == number) == expected[number]
    assert [event["tokens"] for event in events if event.get("finish")] == [30, 30] and len(events) > 20
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
    body = json.dumps({"prompt": "né", **options})
    assert events_of(server.request("POST", f"/v1/models/{server.name}:generate", body, headers)[2]) == events


def test_connections_go_on_after_events_and_old_clients_get_them_too(server):
    body = b'{"max_tokens": 3, "seed": 1, "stream": true}'
    request = b"POST /v1/models/writer:generate HTTP/1.%d\r\nHost: localhost\r\nContent-Length: 44\r\n%s\r\n%s"
    last = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    received = server.exchange(request % (1, b"", body) * 2 + last)
    assert received.count(b"HTTP/1.1 200 OK") == 3 and received.count(b"\r\n0\r\n\r\n") == 2
    received = server.exchange(request % (0, b"", body))
    assert b"chunked" not in received and received.endswith(b"data: [DONE]\n\n") and b"connection: close" in received


def test_who_leaves_in_mid_stream_frees_the_place(server):
    with streaming(server), streaming(server):
        assert running(server) == 2
        status, headers, answer = server.post("generate", {"prompt": "a", "max_tokens": 1})
        assert status == 503 and headers["retry-after"] == "1" and "2 texts are being written" in answer["error"]
    wait_until_free(server)
    assert server.post("generate", {"prompt": "a", "max_tokens": 1})[0] == 200


@pytest.mark.slow
def test_a_text_ends_in_time_with_what_is_there(server):
    began = time.monotonic()
    status, _, answer = server.post("generate", {"prompt": "a", "max_tokens": 100_000})
    assert status == 200 and answer["samples"][0]["finish"] == "time" and answer["samples"][0]["text"]
    assert time.monotonic() < began + 8
    with streaming(server, max_seconds=0.5) as connection:
        received = b""
        while not received.endswith(b"\r\n0\r\n\r\n"):
            received += connection.recv(65536)
    assert b'"finish":"time"' in received
    wait_until_free(server)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"prompt": 7}, 400, '"prompt" is to be a text'),
        ({"stream": "yes"}, 400, '"stream" true or false'),
        ({"prompt": "a", "temprature": 1}, 400, "temprature: no such option; did you mean temperature?"),
        ({"temperature": -1}, 400, "temperature=-1: a number from 0 on is needed"),
        ({"temperature": "hot"}, 400, "temperature='hot'"),
        ({"stop": ""}, 400, "an empty one would stop at once"),
        ({"max_tokens": 60_000, "num_samples": 2}, 400, "more than this server's 100,000"),
        ({"max_tokens": 0}, 400, "max_tokens=0"),
        ({"instances": ["a"]}, 400, "instances: no such option"),
        ({"prompt": "a" * 200_001}, 413, "200,001 characters"),
        ([1], 400, "no JSON object"),
        (b"{", 400, "cannot be read as JSON"),
        (b'{"temperature": NaN}', 400, "cannot be read as JSON"),
    ],
)
def test_wrong_requests_get_one_sentence(server, body, status, words):
    found, _, answer = server.post("generate", body)
    assert found == status and words in answer["error"] and "\n" not in answer["error"]


def test_verbs_that_a_model_does_not_know(server, table_server):
    for verb in ("predict", "classify", "explain"):
        status, _, answer = server.post(verb, {"instances": ["a"]})
        assert status == 400 and ("answers to :generate" in answer["error"] or "no explanations" in answer["error"])
    status, _, answer = table_server.post("generate", {"prompt": "a"})
    assert status == 400 and "does not generate; it answers to :predict and :classify" in answer["error"]
    about = server.request("GET", f"/v1/models/{server.name}/metadata")[2]["metadata"]["zoo"]
    assert about["writes"] and about["limits"]["max_generations"] == 2 and about["limits"]["max_tokens"] == 100_000


def test_odd_prompts_are_gone_on_with(server):
    for prompt in ("", "né 你好 🙂", "\u0000\u001b[2J"):
        assert server.post("generate", {"prompt": prompt, "max_tokens": 2, "stop": None})[0] == 200
    answer = server.post("generate", {"prompt": "a" * 200_000, "max_tokens": 2, "top_k": 9999})[2]
    assert "the first 199,968 are cut" in answer["notices"][0] and "top_k=9999" in answer["notices"][1]
