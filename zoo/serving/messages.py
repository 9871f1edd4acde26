"""What comes over HTTP, and what goes back."""

import dataclasses
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import orjson

RETRY = {"Retry-After": "1"}
# No browser guesses another type, nor lets the page of another origin hold an answer in its process.
_ALWAYS = b"x-content-type-options: nosniff\r\ncross-origin-resource-policy: same-origin\r\n"
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Refused(Exception):  # noqa: N818, the client's error
    """A request that is answered with a status of 4xx or 5xx and one sentence."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers


@dataclasses.dataclass(slots=True)
class Request:
    """One request; `body` grows as it arrives.

    Attributes:
        path: percent-decoded, without the query.
        version: "1.0" or "1.1".
        headers: names in lower case.
        endpoint: what answers it; set when the headers are there.
        refusal: why it is not answered; the body is then thrown away.
        began, arrived: by the event loop's clock, when its first byte and its last one came.
        held: bytes that count against what the server holds.
        is_counted: whether it counts among the requests in flight.
    """

    began: float
    headers: dict[bytes, bytes] = dataclasses.field(default_factory=dict)
    target: bytes = b""
    method: str = ""
    path: str = ""
    version: str = "1.1"
    keep_alive: bool = True
    body: bytearray = dataclasses.field(default_factory=bytearray)
    endpoint: Callable[["Request"], Awaitable["Response | Stream"]] | None = None
    refusal: Refused | None = None
    arrived: float = 0.0
    held: int = 0
    is_counted: bool = False


@dataclasses.dataclass(slots=True)
class Response:
    """An answer. `headers` are lines as they are sent, each with its CR LF."""

    status: int
    content: bytes
    content_type: bytes = b"application/json"
    headers: bytes = b""

    def encoded(self, date: bytes, close: bool, without_body: bool = False) -> bytes:
        """The bytes to send. `without_body`: to a HEAD request."""
        return b"HTTP/1.1 %d %s\r\ndate: %s\r\ncontent-type: %s\r\ncontent-length: %d\r\n%s%s%s\r\n%s" % (
            self.status, _PHRASES.get(self.status, "").encode(), date, self.content_type, len(self.content), _ALWAYS,
            b"connection: close\r\n" if close else b"", self.headers, b"" if without_body else self.content,
        )  # fmt: skip


@dataclasses.dataclass(slots=True)
class Stream:
    """An answer whose parts are sent as they come. `headers` as of a `Response`."""

    parts: AsyncGenerator[bytes, None]
    content_type: bytes = b"text/event-stream"
    headers: bytes = b"cache-control: no-store\r\n"

    def head(self, date: bytes, close: bool, chunked: bool) -> bytes:
        """The bytes to send first. Not `chunked`: to a client of HTTP/1.0, which takes the end of the connection."""
        return b"HTTP/1.1 200 OK\r\ndate: %s\r\ncontent-type: %s\r\n%s%s%s%s\r\n" % (
            date, self.content_type, _ALWAYS, b"transfer-encoding: chunked\r\n" if chunked else b"",
            b"connection: close\r\n" if close else b"", self.headers,
        )  # fmt: skip


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    lines = "".join(f"{name.lower()}: {text}\r\n" for name, text in headers.items()).encode() if headers else b""
    return Response(status, orjson.dumps(value), headers=lines)


def refusal(refused: Refused) -> Response:
    # A message may quote what a client sent, and so have lone surrogates, which UTF-8 cannot say.
    message = refused.message.encode(errors="replace").decode()
    return json_response({"error": message}, refused.status, refused.headers)
