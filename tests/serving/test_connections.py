"""What a client does to its connection, by mistake or on purpose: one clear answer, or a close within bounds."""

import re
import select
import socket
import time

import pytest

PREDICT = b"POST /v1/models/my.table-1:predict HTTP/1.1\r\nHost: localhost\r\n"
GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
GOOD = b'{"instances": [[0, 1]]}'
WHOLE = PREDICT + b"Content-Length: 23\r\n\r\n" + GOOD
LAST = PREDICT + b"Connection: close\r\nContent-Length: 23\r\n\r\n" + GOOD
CHUNKED = PREDICT + b"Transfer-Encoding: chunked\r\n"


@pytest.fixture(autouse=True)
def server_goes_on(table_server):
    yield
    assert table_server.request("POST", "/v1/models/my.table-1:predict", GOOD)[0] == 200


def statuses(received):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        (b"\x16\x03\x01 hello\r\n\r\n", 400, b"no request of HTTP/1.1"),
        (b"\x00" * 100, 400, b"no request of HTTP/1.1"),
        (b"GET /health\r\n\r\n", 505, b"speaks HTTP/1.1"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, b"no request of HTTP/1.1"),
        (GET.replace(b"1.1", b"2.0") + b"\r\n", 505, b"speaks HTTP/1.1"),
        (b"GET /health HTTP/1.0\r\n\r\n", 200, b'"live":true'),
        (GET + b"Upgrade: h2c\r\nConnection: upgrade\r\n\r\nGET / ", 200, b'"live":true'),
        (GET.replace(b"/health", b"/\x00") + b"\r\n", 400, b"Invalid char"),
        (GET.replace(b"/health", b"/\xc3\xa4") + b"\r\n", 400, b"Invalid char"),
        (GET.replace(b"/health", b"http://localhost/health") + b"\r\n", 400, b"is to be a path"),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\n\r\nhello", 400, b"is to be a path"),
        (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, b"is to be a path"),
        (GET.replace(b"GET", b"TRACE") + b"Cookie: a\r\nConnection: close\r\n\r\n", 405, b"Method Not Allowed: TRACE"),
        (GET.replace(b"GET", b"OPTIONS") + b"Connection: close\r\n\r\n", 405, b"Method Not Allowed: OPTIONS"),
        # Two lengths, or one that servers read differently: where a next request begins would be a matter of taste.
        (PREDICT + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400, b"Content-Length"),
        (PREDICT + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, b"Transfer-Encoding"),
        (CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n", 400, b"Content-Length"),
        (PREDICT + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, b"is chunked"),
        (PREDICT + b"Transfer-Encoding: gzip\r\n\r\nabc", 400, b"Transfer-Encoding"),
        (CHUNKED.replace(b"1.1", b"1.0") + b"\r\n0\r\n\r\n", 501, b"in HTTP/1.1"),
        (PREDICT + b"Content-Length : 23\r\n\r\n" + GOOD, 400, b"header"),
        (PREDICT + b"Content-Length: +23\r\n\r\n" + GOOD, 400, b"Content-Length"),
        (PREDICT + b"Content-Length: 99999999999999999999\r\n\r\n", 400, b"overflow"),
        (PREDICT + b"Connection: close\r\nContent-Length: " + b"0" * 5000 + b"23\r\n\r\n" + GOOD, 200, b"predictions"),
        (PREDICT + b"Content-Length: 9999999999\r\n\r\n", 413, b"over 8,000,000 bytes"),
        (GET + b"A: b\r\n folded\r\n\r\n", 400, b"whitespace"),
        (GET + b"A: b\x1b[31m\r\n\r\n", 400, b"Invalid header value"),
        (GET.replace(b"\r\n", b"\n") + b"\n", 400, b"CRLF"),
        (CHUNKED + b"\r\n-1\r\n\r\n", 400, b"chunk size"),
        (CHUNKED + b"\r\nffffffffffffffffff\r\n", 400, b"overflow"),
        (CHUNKED + b"\r\n5;" + b"a" * 300_000, 431, b"too long"),
        (CHUNKED + b"Connection: close\r\n\r\n" + b"1\r\n \r\n" * 999 + b"17\r\n" + GOOD + b"\r\n0\r\n\r\n", 200, b""),
        (GET + b"A: " + b"b" * 300_000 + b"\r\n\r\n", 431, b"too long"),
        (GET + b"A: b\r\n" * 30_000 + b"\r\n", 431, b"too long"),
        (b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\n\r\n", 431, b"too long"),
        (PREDICT + b"Expect: much\r\nContent-Length: 23\r\n\r\n", 417, b"100-continue"),
        (PREDICT + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", 413, b"bytes"),
        (GET + b"Host: localhost\r\n\r\n", 400, b"two headers"),
        (PREDICT + b"Content-Length: 50\r\nContent-Type: text/plain\r\n\r\nabc", 415, b"application/json"),
    ],
)
def test_one_clear_answer(table_server, sent, status, words):
    received = table_server.exchange(sent, half_close=status == 431, wait=20)
    assert statuses(received) == [status]
    head, _, content = received.partition(b"\r\n\r\n")
    assert words in content and b"\n" not in content and len(content) < 400
    assert b"\r\nconnection: close" in head and b"access-control" not in head.lower()
    assert b"\r\nx-content-type-options: nosniff\r\n" in head


@pytest.mark.parametrize("count", [1, 18, 100, 256])
def test_pipelined_requests_are_answered_in_order(table_server, count):
    requests = [WHOLE, GET + b"\r\n"] * (count // 2) + [WHOLE] * (count % 2)
    received = table_server.exchange(b"".join(requests), half_close=True)
    assert statuses(received) == [200] * count
    kinds = re.findall(rb"predictions|live", received)
    assert kinds == [b"predictions", b"live"] * (count // 2) + [b"predictions"] * (count % 2)
    assert statuses(table_server.exchange(WHOLE * (count - 1) + LAST, WHOLE)) == [200] * count


def test_a_flood_of_pipelined_requests_is_answered_up_to_a_bound(table_server):
    before = table_server.bytes_in_memory()
    received = table_server.exchange((GET + b"\r\n") * 20_000)
    assert 256 <= len(statuses(received)) < 20_000 and set(statuses(received)) == {200}
    assert b"connection: close" in received[-300:]  # who reads this knows that the rest is to be sent again
    assert table_server.bytes_in_memory() < before + 50_000_000


def test_what_follows_a_good_request_does_not_cost_its_answer(table_server):
    assert statuses(table_server.exchange(WHOLE + b"rubbish\r\n\r\n")) == [200, 400]
    assert statuses(table_server.exchange(WHOLE + b"GET / HT", half_close=True)) == [200]
    assert statuses(table_server.exchange(LAST + b"rubbish")) == [200]
    smuggled = PREDICT + b"Content-Length: 23\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET + b"\r\n"
    assert statuses(table_server.exchange(WHOLE + smuggled)) == [200, 400]
    assert table_server.exchange(WHOLE[:-5], half_close=True) == b""


def test_the_body_is_asked_for_where_it_is_wanted(table_server):
    with socket.create_connection(("127.0.0.1", table_server.port), timeout=60) as connection:
        connection.sendall(PREDICT + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 23\r\n\r\n")
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(GOOD)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("path", ["/", "/health", "/v1/models/my.table-1"])
def test_head_is_get_without_the_body(table_server, path):
    asked = b"HEAD %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % path.encode()
    head, content = table_server.exchange(asked).split(b"\r\n\r\n")
    expected = table_server.exchange(asked.replace(b"HEAD", b"GET")).split(b"\r\n\r\n")
    assert (head.splitlines()[2:], content) == (expected[0].splitlines()[2:], b"")


def test_a_body_without_end_is_cut_at_the_limit(table_server):
    """Chunked, so that no Content-Length tells; the client may send what it likes, but it is not kept."""
    chunk = b"%x\r\n%s\r\n" % (100_000, b" " * 100_000)
    received = table_server.exchange(CHUNKED + b"\r\n", *[chunk] * 150)
    assert statuses(received) == [413]


def test_headers_after_a_body_count_as_headers_do(table_server):
    with socket.create_connection(("127.0.0.1", table_server.port), timeout=60) as connection:
        connection.sendall(CHUNKED + b"\r\n%x\r\n%s\r\n0\r\n" % (len(GOOD), GOOD))
        for _ in range(40):
            connection.sendall(b"a: b\r\n" * 1000)
            if select.select([connection], [], [], 0.05)[0]:
                break
        assert connection.recv(65536).startswith(b"HTTP/1.1 431 ")


@pytest.mark.slow
def test_slow_clients_are_let_go(hasty_server):
    length = PREDICT + b"Content-Length: 23\r\n\r\n"
    began = time.monotonic()
    assert hasty_server.exchange(b"") == b""
    assert statuses(hasty_server.exchange(b"POST / HT")) == [408]
    assert statuses(hasty_server.exchange(GET, *[b"X-a: b\r\n"] * 40, pause=0.05)) == [408]
    answer = hasty_server.exchange(length, GOOD[:10])
    assert statuses(answer) == [408] and b"did not arrive within 0.5 s" in answer
    assert statuses(hasty_server.exchange(length, *[bytes([x]) for x in GOOD], pause=0.05)) == [408]
    endless = [b"100\r\n" + b" " * 256 + b"\r\n"] * 100
    assert statuses(hasty_server.exchange(CHUNKED + b"\r\n", *endless, pause=0.05))[0] // 100 == 4
    assert time.monotonic() < began + 30
    assert hasty_server.request("POST", "/v1/models/my.table-1:predict", GOOD)[0] == 200


def test_a_client_that_reads_nothing_is_let_go(hasty_server):
    """Its answers fill what the kernel holds; then the server waits for it no longer than for others."""
    with socket.create_connection(("127.0.0.1", hasty_server.port), timeout=60) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(5)
        page = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with pytest.raises(OSError):  # noqa: PT011, reset, or a pipe that is broken
            for _ in range(100):
                connection.sendall(page * 200)
                time.sleep(0.1)


def test_many_idle_connections_do_not_keep_others_out(table_server):
    idle = [socket.create_connection(("127.0.0.1", table_server.port), timeout=60) for _ in range(400)]
    try:
        before = table_server.bytes_in_memory()
        for connection in idle:
            connection.sendall(GET)
        assert table_server.request("POST", "/v1/models/my.table-1:predict", GOOD)[0] == 200
        assert table_server.bytes_in_memory() < before + 40_000_000
    finally:
        for connection in idle:
            connection.close()
