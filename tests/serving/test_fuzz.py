"""Bytes of any make on a connection: each is answered or cut within bounds, and the server is as before.

`HOSTILE_MUTATIONS=2000` sends 2,000 mutations of each request in place of 100.
"""

import asyncio
import json
import os
import random
import re

import pytest

from zoo.serving.protocol import MAX_PIPELINED

MUTATIONS = int(os.environ.get("HOSTILE_MUTATIONS", "100"))
GOOD = b'{"instances": [[0, 1]]}'
HEAD = b"POST /v1/models/my.table-1:predict HTTP/1.1\r\nHost: localhost\r\n"
SEEDS = {
    "post": HEAD + b"Content-Type: application/json\r\nContent-Length: 23\r\n\r\n" + GOOD,
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n10;a=b\r\n" + GOOD[:16] + b"\r\n7\r\n" + GOOD[16:]
    + b"\r\n0\r\nA: b\r\n\r\n",
    "pipeline": b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3
    + b"HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "browser": b"GET /v1/models/my.table-1/metadata?x=%00%ff HTTP/1.1\r\nHost: 127.0.0.1:8501\r\nOrigin: null\r\n"
    b"Sec-Fetch-Site: same-origin\r\nAuthorization: Bearer abc\r\nExpect: 100-continue\r\nUpgrade: h2c\r\n\r\n",
}  # fmt: skip
PIECES = [
    b"\r\n", b"\n", b"\r\n\r\n", b"\x00", b"\xff", b"\x1b[2J", b":", b" ", b"\t", b"%", b"HTTP/1.1", b"HTTP/9.9",
    b"chunked", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Host: evil.example\r\n", b"Connection: close\r\n", b"Connection: upgrade\r\n", b"Expect: 100-continue\r\n",
    b"0\r\n\r\n", b"ffffffff\r\n",
    b"[", b"{", b'{"b64": "AAAA"}', b"1e400", b"NaN", b"-0", b'"\\ud800"', b"\xed\xa0\x80", b"9" * 400, b"[" * 2000,
    b"A: b\r\n" * 500,
]  # fmt: skip


def mutated(seed: bytes, generator: random.Random) -> bytes:
    data = bytearray(seed * generator.choice([1, 1, 1, 2, 30]))
    for _ in range(generator.randint(1, 6)):
        where = generator.randrange(len(data) + 1)
        length = generator.choice([1, 1, 2, 8, 40])
        how = generator.randrange(5)
        if how == 0 and where < len(data):
            data[where] ^= 1 << generator.randrange(8)
        elif how == 1:
            del data[where : where + length]
        elif how == 2:
            data[where:where] = generator.choice(PIECES)
        elif how == 3:
            data[where:where] = data[generator.randrange(len(data) + 1) :][:length]
        else:
            data[where:where] = generator.randbytes(length)
    return bytes(data)


async def exchange(port: int, data: bytes, generator: random.Random) -> bytes:
    """Sends the bytes in one piece or in several; then the client is done sending, or gone."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        cut = generator.randrange(len(data) + 1) if generator.random() < 0.3 else 0
        for part in (data[:cut], data[cut:]):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        if generator.random() < 0.05:
            writer.transport.abort()
            return b""
        writer.write_eof()
        return await asyncio.wait_for(reader.read(), 30)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def check(received: bytes) -> None:
    """Whole answers of HTTP, each with a known status; what is refused has one sentence."""
    count = 0
    while received:
        head, blank, rest = received.partition(b"\r\n\r\n")
        status = int(re.match(rb"HTTP/1\.1 (\d{3}) ", head)[1])
        received = rest
        if status == 100:
            continue
        assert blank and status in (200, 400, 401, 403, 404, 405, 408, 413, 415, 417, 421, 431, 501, 503, 505), head
        length = int(re.search(rb"\r\ncontent-length: (\d+)\r\n", head + b"\r\n")[1])
        if status >= 400 and rest[:1] == b"{":
            assert list(json.loads(rest[:length])) == ["error"]
        if rest and not rest.startswith(b"HTTP/1.1 "):  # else the answer to a HEAD
            assert len(rest) >= length
            received = rest[length:]
        count += 1
    assert count <= MAX_PIPELINED + 2


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_requests(table_server, seed):
    generator = random.Random(f"{seed} {MUTATIONS}")
    before = table_server.bytes_in_memory()

    async def send_all():
        for _ in range(MUTATIONS // 20):
            sent = [mutated(SEEDS[seed], generator) for _ in range(20)]
            for data, received in zip(
                sent, await asyncio.gather(*(exchange(table_server.port, x, generator) for x in sent)), strict=True
            ):
                try:
                    check(received)
                except Exception as error:
                    raise AssertionError(f"{data!r} was answered by {received!r}: {error!r}") from error

    asyncio.run(send_all())
    assert table_server.request("POST", "/v1/models/my.table-1:predict", GOOD)[0] == 200
    assert "Traceback" not in table_server.stderr.read_text()
    assert table_server.bytes_in_memory() < before + 60_000_000
    metrics = table_server.request("GET", "/metrics")[2]
    assert "\nzoo_requests_in_flight 1.0" in metrics  # this one itself
    assert float(re.search(r"\nzoo_requests_bytes (\S+)", metrics)[1]) < 5000
