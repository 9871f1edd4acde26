"""Requests made to cost much: bounded in time and memory, and others are answered meanwhile."""

import base64
import concurrent.futures
import io
import json
import struct
import threading
import time
import zlib

import numpy as np
import pytest
from PIL import Image

MEMORY = 1_000_000_000  # above what the server takes at rest


def encoded(file):
    return {"b64": base64.b64encode(file).decode()}


def png_header(width, height):
    """A PNG of a few bytes that says how many pixels it has."""
    chunks = [
        b"IHDR" + struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0),
        b"IDAT" + zlib.compress(bytes(1000)),
        b"IEND",
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(png_chunk, chunks))


def png_chunk(content):
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))


def picture(size, kind="PNG", **options):
    stream = io.BytesIO()
    Image.new("L", size).save(stream, kind, **options)
    return stream.getvalue()


def jpeg_of_many_scans(size, count):
    """A progressive JPEG whose last scan comes again and again, each time over all pixels."""
    file = picture(size, "JPEG", progressive=True)
    start = file.rindex(b"\xff\xda")
    return file[:start] + file[start:-2] * count + file[-2:]


def text_of_a_png(size):
    """A PNG of one pixel, with texts that unfold."""
    file = picture((1, 1))
    return file[:33] + png_chunk(b"zTXta\0\0" + zlib.compress(b" " * size)) * 50 + file[33:]


class Meanwhile:
    """Asks small requests while something else goes on; `slowest` is how long one of them took."""

    def __init__(self, server, verb, body):
        self.server, self.verb, self.body, self.slowest, self.over = server, verb, body, 0.0, threading.Event()
        self.thread = threading.Thread(target=self.ask_on)

    def ask_on(self):
        while not self.over.is_set():
            began = time.monotonic()
            assert self.server.post(self.verb, self.body)[0] == 200
            self.slowest = max(self.slowest, time.monotonic() - began)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("row", "count", "words"),
    [
        (lambda: png_header(20_000, 20_000), 1, "at most 25,000,000 pixels"),
        (lambda: png_header(80_000_000, 1), 1, "at most 25,000,000 pixels"),
        (lambda: png_header(2**31 - 1, 2**31 - 1), 1, "at most 25,000,000 pixels"),
        (lambda: picture((4900, 4900)), 200, "at most 25,000,000 pixels"),
        (lambda: jpeg_of_many_scans((4900, 4900), 60), 1, "at most 25,000,000 pixels"),
        (lambda: text_of_a_png(1_000_000), 100, "take over 5 s"),
    ],
)
def test_pictures_that_unfold_are_judged_before_they_are_decoded(digits_server, row, count, words):
    body = {"instances": [encoded(row())] * count}
    before, began = digits_server.bytes_in_memory(), time.monotonic()
    with Meanwhile(digits_server, "predict", {"instances": [[[0] * 28] * 28]}) as others:
        status, _, answer = digits_server.post("predict", body)
    assert (status, list(answer)) == (413, ["error"]) and words in answer["error"]
    assert time.monotonic() < began + 10 and others.slowest < 3
    assert digits_server.bytes_in_memory() < before + MEMORY


def test_as_many_pixels_as_are_allowed_are_decoded(digits_server):
    began = time.monotonic()
    assert digits_server.post("predict", {"instances": [encoded(picture((5000, 5000)))]})[0] == 200
    assert digits_server.post("predict", {"instances": [encoded(picture((150, 150)))] * 1000})[0] == 200
    assert time.monotonic() < began + 10


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"instances": [' + b"1," * 3_900_000 + b"1]}", 413),
        (b'{"instances": [' + b"[]," * 2_600_000 + b"[]]}", 413),
        (b'{"instances": [' + b"{}," * 2_600_000 + b"{}]}", 400),
        (b'{"instances": [' + b"1.5e-7," * 1_000_000 + b"1]}", 413),
        (b'{"instances": [[' + b"[0]," * 1_900_000 + b"[0]]]}", 400),
        (b'{"instances": ' + b'{"a":' * 1_300_000, 400),
        (b'{"instances": ' + b"[" * 7_900_000, 400),
        (b"{" + b",".join(b'"%07x":0' % number for number in range(600_000)) + b"}", 400),
        (b'{"instances": ["' + b"\\u0000" * 1_300_000 + b'"]}', 400),
        (b'{"instances": [[' + b"9" * 7_900_000 + b", 1]]}", 400),
        (b'{"instances": [[0.' + b"9" * 7_900_000 + b", 1]]}", 200),
    ],
)
def test_large_bodies_hold_up_nobody(table_server, body, status):
    before, began = table_server.bytes_in_memory(), time.monotonic()
    small = {"instances": [[0, 1]]}
    with Meanwhile(table_server, "predict", small) as others, concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: table_server.post("predict", body), range(2)))
    assert {answer[0] for answer in answers} == {status}, answers[0][2]
    assert time.monotonic() < began + 20 and others.slowest < 3
    assert table_server.bytes_in_memory() < before + MEMORY


def test_the_bodies_of_all_clients_together_are_bounded(table_server):
    """100 large requests at once: their bodies are counted, and what is too much is refused."""
    body = (" " * 7_000_000 + json.dumps({"instances": [[0, 1]]})).encode()
    before = table_server.bytes_in_memory()
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        statuses = [answer[0] for answer in pool.map(lambda _: table_server.post("predict", body), range(100))]
    assert set(statuses) <= {200, 503} and statuses.count(200) >= 30
    assert table_server.bytes_in_memory() < before + MEMORY


def test_an_answer_is_the_same_whatever_batch_it_was_computed_in(digits_server, handwriting):
    """To the last bit: nobody learns from an answer whether others were asking."""
    rows = handwriting[0][:64].tolist()
    alone = [digits_server.post("predict", {"instances": [row]})[2]["predictions"][0] for row in rows]
    assert digits_server.post("predict", {"instances": rows})[2]["predictions"] == alone
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        together = pool.map(lambda row: digits_server.post("predict", {"instances": [row]}), rows * 3)
    assert [answer[2]["predictions"][0] for answer in together] == alone * 3
    assert len(np.unique(alone, axis=0)) > 50
