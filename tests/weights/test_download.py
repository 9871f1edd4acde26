"""Fetching from servers that do all that servers do: nothing wrong is used, nothing hangs, each fault is a line."""

import http.server
import time

import published_file as given
import pytest

from zoo.errors import ZooError
from zoo.weights import download
from zoo.weights.store import weights_file

CONTENT = given.CONTENT
HTML = b"<!doctype html><title>Please log in</title>"


def left(places):
    """Files in the cache, but for locks."""
    return sorted(path.name for path in places.cache.rglob("*") if path.is_file() and path.suffix != ".lock")


def test_what_is_fetched_is_right_and_fetched_once(server, places):
    path = weights_file("tiny")
    assert path == places.cached and path.read_bytes() == CONTENT and left(places) == [given.FILE]
    assert weights_file("tiny") == path and len(server.requests) == 1
    assert server.requests[0][0] == f"/{given.FILE}"


def cut(handler):
    """Ends each answer after 100,000 bytes."""
    begin = int(handler.headers.get("Range", "bytes=0-")[6:-1])
    headers = {"Content-Length": len(CONTENT) - begin}
    if begin:
        headers["Content-Range"] = f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}"
    given.send(handler, 206 if begin else 200, headers, CONTENT[begin : begin + 100_000])
    handler.close_connection = True


def test_a_cut_answer_is_taken_up_where_it_ended(server, places):
    server.answer = cut
    assert weights_file("tiny").read_bytes() == CONTENT
    assert server.ranges[0] is None and len(server.ranges) > 2
    begins = [int(asked[6:-1]) for asked in server.ranges[1:]]
    assert begins == sorted(set(begins)) and begins[0] > 0


def test_the_next_call_goes_on_from_what_the_last_one_brought(server, places, monkeypatch):
    monkeypatch.setattr(download, "_ATTEMPTS", 1)
    server.answer = cut
    with pytest.raises(ZooError, match="ended after|ended early"):
        weights_file("tiny")
    assert not places.cached.exists() and left(places) == [f"{given.FILE}.part"]
    server.answer = given.whole
    assert weights_file("tiny").read_bytes() == CONTENT and left(places) == [given.FILE]
    assert server.ranges[-1] != "bytes=0-" and server.ranges[-1] is not None


def test_a_server_without_ranges_sends_all_again(server, places):
    part = places.cache / "partial" / f"{given.FILE}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:1000])
    server.answer = lambda handler: given.send(handler, 200, {"Content-Length": len(CONTENT)}, CONTENT)
    assert weights_file("tiny").read_bytes() == CONTENT and server.ranges == ["bytes=1000-"]


@pytest.mark.parametrize("beginning", [b"x" * 1000, b"x" * len(CONTENT), b"x" * (len(CONTENT) + 1)])
def test_a_beginning_of_another_file_is_thrown_away(server, places, beginning):
    part = places.cache / "partial" / f"{given.FILE}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(beginning)
    assert weights_file("tiny").read_bytes() == CONTENT and left(places) == [given.FILE]


def redirect(handler):
    given.send(handler, 302, {"Location": "/again", "Content-Length": 0})


def elsewhere(handler):
    given.send(handler, 302, {"Location": "file:///etc/passwd", "Content-Length": 0})


def drip(handler):
    given.send(handler, 200, {"Content-Length": len(CONTENT)})
    while True:
        handler.wfile.write(b"x")
        time.sleep(0.05)


def drip_of_headers(handler):
    handler.wfile.write(b"HTTP/1.0 200 OK\r\n")
    while True:
        handler.wfile.write(b"X")
        time.sleep(0.05)


def endless(handler):
    given.send(handler, 200, {})
    while True:
        handler.wfile.write(bytes(65536))


def silent(handler):
    time.sleep(2)


def sends(status, headers, *parts):
    return lambda handler: given.send(handler, status, headers, *parts)


ALTERED = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (sends(404, {"Content-Length": 0}), "answers 404 Not Found"),
        (sends(500, {"Content-Length": 0}), "answers 500"),
        (sends(204, {}), "answers 204"),
        (sends(200, {"Content-Type": "text/html; charset=utf-8", "Content-Length": len(HTML)}, HTML), "page of HTML"),
        (sends(200, {"Content-Length": len(HTML)}, HTML), f"has {len(HTML)} bytes where the record says 300,000"),
        (sends(200, {}, CONTENT[:1000]), "ended after 1,000 of 300,000 bytes"),
        (sends(200, {"Content-Length": 0}), "has 0 bytes where"),
        (sends(206, {"Content-Range": "bytes 5-10/300000"}, b"abcdef"), "another part of the file"),
        (sends(200, {"Content-Length": len(CONTENT)}, ALTERED), "its SHA-256 is not that of the record"),
        (sends(200, {}, CONTENT + b"x"), "sends more than the 300,000 bytes"),
        (sends(200, {"Content-Encoding": "gzip"}, CONTENT), "not reachable|ended early"),
        (endless, "sends more than the 300,000 bytes"),
        (redirect, "more than 5 redirects"),
        (elsewhere, "not reachable"),
        (drip, "given up after 2 s"),
        (drip_of_headers, "given up after 2 s"),
        (silent, "silent for 1 s"),
    ],
)
def test_a_wrong_answer_is_one_line(server, places, answer, words):
    server.answer = answer
    begun = time.monotonic()
    with pytest.raises(ZooError, match=words) as raised:
        weights_file("tiny")
    assert "\n" not in str(raised.value) and "python scripts/train.py --model=tiny" in str(raised.value)
    assert time.monotonic() - begun < 15 and not places.cached.exists()
    assert left(places) in ([], [f"{given.FILE}.part"])  # a beginning of the right length is gone on from next time


def test_no_server(places, monkeypatch):
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as gone:
        port = gone.server_port
    monkeypatch.setenv("ZOO_WEIGHTS_URL", f"http://user:secret@127.0.0.1:{port}/weights?key=secret")
    with pytest.raises(ZooError, match="Connection refused") as raised:
        weights_file("tiny")
    assert "secret" not in str(raised.value) and left(places) == []


def test_a_base_with_a_path_and_a_query(server, places, monkeypatch):
    monkeypatch.setenv("ZOO_WEIGHTS_URL", f"{server.url}/models/v1/?token=abc")
    weights_file("tiny")
    assert server.requests[0][0] == f"/models/v1/{given.FILE}?token=abc"


def test_a_server_that_cuts_and_alters_for_ever_is_given_up(server, places):
    def alternate(handler):
        begin = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        part = bytes(min(100_000, len(CONTENT) - begin))
        headers = {"Content-Range": f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}"} if begin else {}
        given.send(handler, 206 if begin else 200, headers, part)

    server.answer = alternate
    with pytest.raises(ZooError, match="ended after|SHA-256"):
        weights_file("tiny")
    assert len(server.requests) < 10 and not places.cached.exists()
