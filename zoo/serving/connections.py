"""All connections of a server: how they are let in, what they hold together, how they end without losing a request."""

import asyncio
import contextlib
import ctypes
import resource
import select
import socket
import struct
from email.utils import formatdate

from zoo.serving.application import Service
from zoo.serving.messages import RETRY, Refused, Request
from zoo.serving.protocol import Connection

MAX_CONNECTIONS = 4096
_SPARE_FILES = 128  # descriptors for everything that is no connection
_HELD_BODIES = 32  # of the largest size, in memory at once; smaller ones in proportion
_ACCEPTED_AT_ONCE = 64
_FAREWELL_SECONDS = 0.5  # during which clients that go on asking get a 503
_GRACE_SECONDS = 2.0  # during which the last clients may still send their request
_SO_ATTACH_FILTER = 26  # of Linux; Python does not name it


class Connections:
    """Lets clients in from a listening socket. To be made on the event loop.

    Attributes:
        members: the connections that are open.
        date: of this second, as HTTP writes it.
    """

    def __init__(self, service: Service, listening: socket.socket):
        self.service, self.limits = service, service.limits
        self.loop = asyncio.get_running_loop()
        self.now = self.loop.time
        self.members: set[Connection] = set()
        self.date = b""
        self.max_connections = _allow_many_files()
        self._listening, self._opening = listening, set()
        self._sweep()
        self._listen()

    def began(self, request: Request) -> None:
        if not request.is_counted:
            request.is_counted = True
            self.service.in_flight += 1
            self.service.held_bytes += request.held

    def finished(self, request: Request, status: int) -> None:
        if request.is_counted:
            request.is_counted = False
            self.service.in_flight -= 1
            self.service.held_bytes -= request.held
            operation = getattr(request.endpoint, "__name__", "none")
            self.service.metrics.observe_request(operation, status, self.now() - request.began)

    def is_full(self) -> bool:
        return self.service.held_bytes > _HELD_BODIES * self.limits.max_body_bytes

    def check_room(self, size: int) -> None:
        """Raises: Refused: there is no room for so many bytes."""
        if self.service.held_bytes + size > _HELD_BODIES * self.limits.max_body_bytes:
            raise Refused(503, "the server holds as many requests as it can; try again", RETRY)

    async def drain(self, seconds: float, hurry: asyncio.Event) -> int:
        """Answer what was accepted, and 503 to what comes later, before all is closed.

        Args:
            hurry: set when it is to end at once.

        Returns:
            How many requests are left unanswered after so many seconds.
        """
        began = self.now()
        while self.service.in_flight or self.now() < began + _FAREWELL_SECONDS:
            if hurry.is_set() or self.now() > began + seconds:
                break
            await asyncio.sleep(0.02)
        self.loop.remove_reader(self._listening)
        _let_nobody_in(self._listening)
        while self._accept():  # the kernel has let them in already; closing without accepting would reset them
            pass
        self._listening.close()
        while self.members or self._opening:
            if hurry.is_set() or self.now() > began + seconds + _GRACE_SECONDS:
                break
            await asyncio.sleep(0.02)
            self._close_idle()
        return self.service.in_flight

    def _listen(self) -> None:
        if self._listening.fileno() >= 0:
            self.loop.add_reader(self._listening, self._accept)

    def _accept(self) -> bool:
        """Accept the clients that wait, and return whether there may be more."""
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                accepted, _ = self._listening.accept()
            except BlockingIOError:
                return False
            except ConnectionError:
                continue  # it has left already
            except OSError:  # no file descriptor is left: others have to close first
                self.loop.remove_reader(self._listening)
                self.loop.call_later(0.1, self._listen)
                return False
            accepted.setblocking(False)
            task = self.loop.create_task(self._open(accepted))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        return True

    async def _open(self, accepted: socket.socket) -> None:
        try:
            await self.loop.connect_accepted_socket(lambda: Connection(self), accepted)
        except OSError:
            accepted.close()  # it has left already

    def _close_idle(self) -> None:
        """Closes idle connections, except those whose request has arrived and is not read yet."""
        latest = self.now() - _GRACE_SECONDS
        idle = {member.fileno: member for member in self.members if member.is_idle and member.since < latest}
        poll = select.poll()
        for descriptor in idle:
            poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll(0):
            del idle[descriptor]
        for member in idle.values():
            member.transport.close()

    def _sweep(self) -> None:
        self.date = formatdate(usegmt=True).encode()
        for member in list(self.members):
            member.sweep(self.now())
        self.loop.call_later(min(1.0, self.limits.request_timeout / 4), self._sweep)


def _let_nobody_in(listening: socket.socket) -> None:
    """Lets the kernel drop what comes for a listening socket, so that nobody comes between the last one and its end.

    A client whose packet is dropped tries again, and then finds that nobody listens.
    """
    drop_all = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: return 0 bytes of the packet
    program = struct.pack("HL", 1, ctypes.addressof(drop_all))
    with contextlib.suppress(OSError):  # another system than Linux: the gap of some microseconds stays
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def _allow_many_files() -> int:
    """How many connections there may be: each takes a file descriptor, and shells often allow 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + _SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else max(1, min(MAX_CONNECTIONS, soft - _SPARE_FILES))
