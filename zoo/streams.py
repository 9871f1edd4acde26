"""Standard input, output and error that are always there: what cannot be written is lost, and ends no work."""

import contextlib
import errno
import io
import os
import sys

_BYTES = 8192


class _Descriptor(io.RawIOBase):
    """Writes to a file descriptor; after the first failure, what is written is dropped."""

    def __init__(self, descriptor: int):
        self.descriptor, self.failure = descriptor, None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.descriptor

    def isatty(self) -> bool:
        return os.isatty(self.descriptor)

    def write(self, content) -> int:
        try:
            return os.write(self.descriptor, content)
        except OSError as error:
            self.failure = error
            _discard(self.descriptor)
            return len(content)


def keep() -> None:
    """Let the three standard streams outlive whatever they lead to.

    A stream that the user has closed is opened on nothing, else the next file to be opened would take its number. When
    the reader is gone (`head`, a closed terminal) or the disk is full, later output is dropped. Characters that the
    encoding of the stream lacks are escaped.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            _discard(descriptor)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = _lasting(sys.stdout, 1), _lasting(sys.stderr, 2)


def failure() -> OSError | None:
    """Why something that was written to standard output is lost; None also where its reader had seen enough."""
    with contextlib.suppress(ValueError):  # closed
        sys.stdout.flush()
    error = getattr(sys.stdout.buffer.raw, "failure", None)
    return None if error is None or error.errno == errno.EPIPE else error


def _lasting(stream, descriptor: int) -> io.TextIOWrapper:
    if stream is not None:
        stream.flush()
    encoding = getattr(stream, "encoding", None) or "utf-8"
    buffer = io.BufferedWriter(_Descriptor(descriptor), _BYTES)
    lines = descriptor == 2 or os.isatty(descriptor)
    return io.TextIOWrapper(buffer, encoding, errors="backslashreplace", line_buffering=lines)


def _discard(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != descriptor:
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
