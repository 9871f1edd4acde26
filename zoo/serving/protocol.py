"""HTTP/1.1 as uvicorn speaks it, with bounds on what a client may hold: time, headers, requests, connections."""

import json
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_CONNECTIONS = 4096
_MAX_HEADER_BYTES = 65_536
_MAX_PIPELINED = 16


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection that does not finish its request, or does not read its answer, within `seconds`.

    uvicorn itself waits for headers, and for a slow reader, as long as the client likes, and holds headers of any
    length. The application answers 408 to a body that comes too slowly before this cuts the connection.
    """

    seconds: ClassVar[float] = 30.0

    def connection_made(self, transport) -> None:
        super().connection_made(transport)
        self._header_bytes, self._in_message, self._deadline = 0, False, None
        if len(self.connections) > MAX_CONNECTIONS:
            return self._refuse(503, "too many connections; try again", b"retry-after: 1\r\n")
        self._expect_request()

    def connection_lost(self, exc) -> None:
        self._request_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._header_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_message and self._header_bytes > _MAX_HEADER_BYTES:
            self._refuse(431, "the request's headers are too long")
        elif self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_request()  # an empty line, or the rest of what was refused, ended uvicorn's own wait

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes, self._in_message = 0, True
        self._expect_request()

    def on_body(self, body: bytes) -> None:
        self._header_bytes = 0  # what follows a body, its trailers, counts as headers do
        super().on_body(body)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if len(self.pipeline) > _MAX_PIPELINED:
            self.transport.abort()

    def on_message_complete(self) -> None:
        self._in_message = False
        super().on_message_complete()
        self._request_is_there()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self.loop.call_later(self.seconds, self._cut_reader)

    def _expect_request(self) -> None:
        self._request_is_there()
        # A second more than the application takes to answer 408.
        self._deadline = self.loop.call_later(self.seconds + 1, self.transport.abort)

    def _request_is_there(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut_reader(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _refuse(self, status: int, message: str, headers: bytes = b"") -> None:
        content = json.dumps({"error": message}).encode()
        self.transport.write(
            b"HTTP/1.1 %d \r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n%s\r\n%s"
            % (status, len(content), headers, content)
        )
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, msg)
