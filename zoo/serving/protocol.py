"""HTTP/1.1 on one connection, with bounds on all that a client may hold: time, bytes, requests that wait.

The bytes are read by llhttp, Node.js's parser, in its strict mode. What it lets through is judged here and in
`Service.admit`. Answers go out in the order of the requests, one at a time. What cannot be understood is answered once,
after what came before it, and the connection is closed so that the client can still read that answer.
"""

import asyncio
import collections
import contextlib
import sys
import traceback
from typing import TYPE_CHECKING
from urllib.parse import unquote

import httptools

from zoo.serving.messages import RETRY, Refused, Request, Response, Stream, refusal

if TYPE_CHECKING:
    from zoo.serving.connections import Connections

MAX_HEADER_BYTES = 65_536
MAX_PIPELINED = 256  # requests that a client may send before the first answer; with more, the connection is closed
_REQUEST_BYTES, _HEADER_BYTES = 2048, 128  # what a request, and a header of it, take beside their text
_TOLD_TOO_MANY = 256  # clients over the limit that get an answer; further ones are cut off
_LINGER_SECONDS = 2.0  # during which a client may read the last answer; what it sends is thrown away
_ONCE = {b"host", b"origin", b"authorization", b"content-type", b"sec-fetch-site", b"transfer-encoding", b"expect"}


class Connection(asyncio.Protocol):
    """One client's connection. `connections` holds what all have in common: the service, the bounds, the clock."""

    def __init__(self, connections: "Connections"):
        self._all, self._service = connections, connections.service
        self._parser = httptools.HttpRequestParser(self)
        self._request: Request | None = None  # that arrives
        self._waiting: collections.deque[Request] = collections.deque()
        self._answered: Request | None = None  # that is being answered
        self._task: asyncio.Task | None = None
        self._unparsed_bytes, self._headers_are_there = 0, False
        self._deaf = False  # what still comes is thrown away
        self._streams = False  # the answer is being sent
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._paused = self._reader_is_slow = self._client_is_done = self._lingers = False
        self.since = connections.now()

    # What the event loop calls.

    def connection_made(self, transport) -> None:
        self.transport = transport
        self._all.members.add(self)
        too_many = len(self._all.members) - self._all.max_connections
        if too_many > _TOLD_TOO_MANY:
            transport.abort()
        elif too_many > 0:
            self._refuse(Refused(503, "too many connections; try again", RETRY))

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._unparsed_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            raise  # a fault of ours
        except httptools.HttpParserUpgrade:
            self._deaf = True  # an upgrade to another protocol is not accepted, and its request is the last
        except httptools.HttpParserError as error:
            if not self._deaf:
                self._refuse(Refused(400, f"this is no request of HTTP/1.1: {error}"))
        if self._deaf:
            return
        if self._request is not None and self._request.refusal is not None:
            self._refuse(self._request.refusal)  # without waiting for the rest of its body
        elif self._request is not None and self._unparsed_bytes > MAX_HEADER_BYTES:
            self._refuse(Refused(431, "the request's headers are too long"))
        elif self._waiting:
            self._paused = True
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """A client may close its end after its last request, and still gets its answers."""
        self._deaf = self._client_is_done = True
        self._drop_arriving()
        if self._answered is None and not self._waiting:
            return False
        (self._waiting[-1] if self._waiting else self._answered).keep_alive = False
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self._deaf = True
        self._all.members.discard(self)
        self._drop_arriving()
        for request in self._waiting:
            self._all.finished(request, 499)
        self._waiting.clear()
        if self._answered is not None:
            self._all.finished(self._answered, 499)
            self._answered = None
            self._task.cancel()

    def pause_writing(self) -> None:
        self._reader_is_slow, self.since = True, self._all.now()
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._reader_is_slow, self.since = False, self._all.now()
        self._may_write.set()
        self._answer_next()

    # What the parser calls, within data_received.

    def on_message_begin(self) -> None:
        if self._deaf:
            return
        self._unparsed_bytes, self._headers_are_there = 0, False
        self._request = Request(self._all.now())

    def on_url(self, url: bytes) -> None:
        if not self._deaf:
            self._request.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._deaf or self._headers_are_there:  # trailers are of no use here
            return
        headers, name = self._request.headers, name.lower()
        if name in headers and name in _ONCE:
            self._request.refusal = Refused(400, f"two headers {name.decode()!r}; send one")
        headers[name] = value
        self._request.held += len(name) + len(value) + _HEADER_BYTES

    def on_headers_complete(self) -> None:
        if self._deaf:
            return
        request, self._headers_are_there = self._request, True
        request.method = self._parser.get_method().decode()
        request.version = self._parser.get_http_version()
        stays = self._parser.should_keep_alive() and not self._parser.should_upgrade()
        request.keep_alive = stays and request.version == "1.1"
        request.held += len(request.target)
        request.refusal = request.refusal or _wrong_form(request)
        request.held += _REQUEST_BYTES
        self._all.began(request)
        if request.refusal is not None:
            request.keep_alive = False  # another server may think that it ends elsewhere
            return
        try:
            self._all.check_room(0)
            self._service.admit(request)
        except Refused as refused:
            request.refusal = refused.with_traceback(None)  # which would hold the request itself
            return
        is_next = self._answered is None and not self._waiting
        if b"expect" in request.headers and request.version == "1.1" and is_next:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        request = self._request
        if self._deaf or request.refusal is not None:
            return
        self._unparsed_bytes = 0  # extensions and trailers of a body count as headers do
        try:
            if len(request.body) + len(body) > self._all.limits.max_body_bytes:
                raise Refused(413, f"the body has over {self._all.limits.max_body_bytes:,} bytes")
            self._all.check_room(len(body))
        except Refused as refused:
            request.refusal = refused.with_traceback(None)
            return
        request.body += body
        request.held += len(body)
        self._service.held_bytes += len(body)

    def on_message_complete(self) -> None:
        if self._deaf:
            return
        request, self._request = self._request, None
        request.arrived = self.since = self._all.now()
        self._waiting.append(request)
        if len(self._waiting) >= MAX_PIPELINED or self._all.is_full():
            request.keep_alive = False
        self._deaf = not request.keep_alive
        self._answer_next()

    # Answers.

    def _answer_next(self) -> None:
        """Begins with the request that has waited longest, unless another is being answered."""
        while self._waiting and self._answered is None and not self._reader_is_slow:
            self._answered = self._waiting.popleft()
            if self._answered.refusal is None:
                self._task = self._all.loop.create_task(self._answer(self._answered))
            else:
                self._send(refusal(self._answered.refusal))

    async def _answer(self, request: Request) -> None:
        try:
            response = await request.endpoint(request)
            if isinstance(response, Stream):
                return await self._stream(request, response)
        except Refused as refused:
            response = refusal(refused)
        except Exception as error:
            _log(error)
            if self._streams:  # it is too late for a status; without the last chunk, the client sees that it is not all
                return self.transport.abort()
            response = refusal(Refused(500, "the server failed; its log has the traceback"))
        if self._answered is request:  # if not, its time is over, or its client has left
            self._send(response)
            self._answer_next()

    def _send(self, response: Response) -> None:
        close, without_body = self._closes(), self._answered.method == "HEAD"
        self._end_answer(response.status, response.encoded(self._all.date, close, without_body), close)

    async def _stream(self, request: Request, stream: Stream) -> None:
        """Send the parts as they come; when the client leaves, this task is cancelled."""
        close, chunked = self._closes(), request.version == "1.1"
        self._streams = True
        self.transport.write(stream.head(self._all.date, close, chunked))
        async with contextlib.aclosing(stream.parts) as parts:
            async for part in parts:
                await self._may_write.wait()
                if not self.transport.get_write_buffer_size():
                    self.since = self._all.now()
                self.transport.write(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
        self._end_answer(200, b"0\r\n\r\n" if chunked else b"", close)
        self._answer_next()

    def _closes(self) -> bool:
        """Whether the connection ends with this answer."""
        return not self._answered.keep_alive or (self._service.stopping and not self._waiting)

    def _end_answer(self, status: int, last: bytes, close: bool) -> None:
        request, self._answered, self._task, self._streams = self._answered, None, None, False
        self._all.finished(request, status)
        self.since = self._all.now()
        if not self.transport.is_closing():
            self.transport.write(last)
            if close:
                self._linger()
            elif self._paused and not self._waiting:
                self._paused = False
                self.transport.resume_reading()

    def _refuse(self, refused: Refused) -> None:
        """Answers the broken request in its turn and closes: nobody knows where the next request would begin."""
        request = self._request or Request(self._all.now())
        self._all.began(request)
        self._request, self._deaf = None, True
        request.refusal, request.keep_alive, request.method = refused, False, request.method or "GET"
        self._waiting.append(request)
        self._answer_next()

    # Ends.

    def sweep(self, now: float) -> None:
        """Ends what takes too long; called about every second."""
        seconds = self._all.limits.request_timeout
        if self._reader_is_slow or self.transport.get_write_buffer_size():
            if now > self.since + seconds:
                self.transport.abort()
        elif self._lingers:
            if now > self.since + _LINGER_SECONDS:
                self.transport.abort()
        elif self._answered is not None:
            if now > self._answered.arrived + seconds and self._streams:
                self.transport.abort()
            elif now > self._answered.arrived + seconds:
                self._task.cancel()
                self._send(refusal(Refused(504, f"no answer within {seconds:g} s")))
                self._answer_next()
        elif self._request is not None:
            if now > self._request.began + seconds:
                self._refuse(Refused(408, f"the request did not arrive within {seconds:g} s"))
        elif now > self.since + seconds:
            self.transport.close()

    @property
    def fileno(self) -> int:
        return self.transport.get_extra_info("socket").fileno()

    @property
    def is_idle(self) -> bool:
        return self._request is self._answered is None and not self._waiting and not self._lingers

    def _linger(self) -> None:
        """Closes only our end: closing both with bytes unread would make the client lose the last answer."""
        self._deaf = self._lingers = True
        if self._client_is_done:
            return self.transport.close()
        if self._paused:
            self.transport.resume_reading()
        self.transport.write_eof()

    def _drop_arriving(self) -> None:
        if self._request is not None:
            self._all.finished(self._request, 499)
            self._request = None


def _wrong_form(request: Request) -> Refused | None:
    """What is wrong with a request that is not HTTP/1, or that other servers might read differently."""
    if request.held > MAX_HEADER_BYTES:
        return Refused(431, "the request's headers are too long")
    if request.version not in ("1.1", "1.0"):
        return Refused(505, "this server speaks HTTP/1.1")
    coding = request.headers.get(b"transfer-encoding", b"").strip().lower()
    if coding and (coding != b"chunked" or request.version == "1.0"):
        return Refused(501, "the one Transfer-Encoding is chunked, in HTTP/1.1")
    if request.headers.get(b"expect", b"100-continue").lower() != b"100-continue":
        return Refused(417, "the one expectation is 100-continue")
    if not request.target.startswith(b"/"):
        return Refused(400, "the address is to be a path that begins with /")
    request.path = unquote(request.target.partition(b"?")[0].decode("latin-1"))
    return None


def _log(error: Exception) -> None:
    """Print a traceback. It may quote a client, so nothing in it may control the terminal or look like another line."""
    lines = "".join(traceback.format_exception(error)).splitlines()
    text = "".join(f"{line.encode('unicode_escape').decode()}\n" for line in lines)
    print(text, end="", file=sys.stderr, flush=True)
