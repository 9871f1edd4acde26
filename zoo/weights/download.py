"""A file over HTTP, whoever answers: bounded in bytes and seconds, taken up again where it was cut, and verified."""

import contextlib
import os
import pathlib
import queue
import threading
import time
import urllib.parse
from collections.abc import Iterator

import requests
import tqdm

from zoo.errors import ZooError
from zoo.safe_reading import sha256_of

_ATTEMPTS = 5  # as long as each brings something
_SILENCE_SECONDS = 10
_SECONDS, _LEAST_BYTES_PER_SECOND = 20, 20_000  # of one attempt: 20 s, and the time at 20 kB/s
_MOST_REDIRECTS = 5
_CHUNK = 1 << 16


class _Cut(Exception):  # noqa: N818
    """The answer ended early, or nothing came: what has come so far is kept, and may be gone on from."""


class _Unfit(Exception):  # noqa: N818
    """What has come is not, or not the beginning of, the file."""


def fetch(address: str, headers: dict[str, str], part: pathlib.Path, size: int, sha256: str) -> None:
    """Fetch a file into `part`, which may hold the beginning from an earlier time; then it is the right file.

    After a cut, the next attempt, or the next call, asks for the rest only. The digest of the whole says whether the
    pieces belong together.

    Args:
        address: http or https.
        headers: of the request, such as those of a login.
        part: a file, kept where it may be the beginning of the right one, and else removed.
        size: in bytes, which is also the most that is read.
        sha256: of the file.

    Raises:
        ZooError: it cannot be had there; the text is the reason.
        OSError: `part` cannot be written.
    """
    continued = _size(part) > 0
    attempts = _ATTEMPTS
    while True:
        before, attempts = _size(part), attempts - 1
        try:
            if before < size:
                _receive(address, headers, part, size)
            if _size(part) == size and sha256_of(part) == sha256:
                return
            raise _Unfit("sends another file: its SHA-256 is not that of the record")
        except _Cut as cut:
            if _size(part) <= before or attempts <= 0:
                raise ZooError(str(cut)) from None
            continued = True
        except _Unfit as unfit:
            part.unlink()
            if not continued:
                raise ZooError(str(unfit)) from None
            continued = False  # the beginning, from an earlier time, may have been the fault
        finally:
            if _size(part) == 0:
                part.unlink(missing_ok=True)


def without_secrets(address: str) -> str:
    """An address for a message: without name, password and query."""
    parts = urllib.parse.urlsplit(address)
    if not parts.netloc:
        return address
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _size(path: pathlib.Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _receive(address: str, headers: dict[str, str], part: pathlib.Path, size: int) -> None:
    have = _size(part)
    seconds = _SECONDS + (size - have) / _LEAST_BYTES_PER_SECOND
    pieces = _pieces(address, headers, have, size)
    with (
        part.open("ab") as stream,
        contextlib.closing(_within(seconds, pieces)) as pieces,
        # None: on a terminal only
        tqdm.tqdm(total=size, initial=have, unit="B", unit_scale=True, leave=False, delay=1, disable=None) as bar,
    ):
        have = next(pieces)
        stream.truncate(have)
        bar.n = have
        for piece in pieces:
            have += len(piece)
            if have > size:
                raise _Unfit(f"sends more than the {size:,} bytes of the record")
            stream.write(piece)
            bar.update(len(piece))
        stream.flush()
        os.fsync(stream.fileno())
    if have < size:
        raise _Cut(f"ended after {have:,} of {size:,} bytes")


def _pieces(address: str, headers: dict[str, str], have: int, size: int) -> Iterator:
    """The place in the file where the answer begins, then its bytes. It may block for ever."""
    headers = {"Accept-Encoding": "identity"} | headers | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with requests.Session() as session:
            session.max_redirects = _MOST_REDIRECTS
            with session.get(address, headers=headers, stream=True, timeout=_SILENCE_SECONDS) as answer:
                start = _start(answer, have, size)
                yield start
                yield from answer.iter_content(_CHUNK)
    except requests.TooManyRedirects:
        raise ZooError(f"more than {_MOST_REDIRECTS} redirects, perhaps in a circle") from None
    except (requests.RequestException, OSError, ValueError) as error:  # ValueError: a redirect to what is no address
        raise _Cut(_reason(error)) from None


def _start(answer: requests.Response, have: int, size: int) -> int:
    """Where the answer begins in the file."""
    if answer.status_code == 416:
        raise _Unfit("has no more than what an earlier attempt brought")
    if answer.status_code not in (200, 206):
        reason = "".join(c for c in str(answer.reason or "") if c.isprintable())[:40]
        raise ZooError(f"answers {answer.status_code} {reason}".rstrip())
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise ZooError("answers with a page of HTML, not with the file")
    start = 0
    if answer.status_code == 206:
        if not have or not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise _Unfit("answers with another part of the file than was asked for")
        start = have
    length = answer.headers.get("Content-Length", "")
    if length.isdecimal() and int(length[:20]) + start != size:
        raise ZooError(f"has {int(length[:20]) + start:,} bytes where the record says {size:,}")
    return start


def _reason(error: Exception) -> str:
    """The cause in a few words; requests wraps it several times."""
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted"
    if isinstance(error, requests.Timeout):
        return f"silent for {_SILENCE_SECONDS} s"
    cause: BaseException | None = error
    for _ in range(10):
        if cause is None:
            break
        if strerror := getattr(cause, "strerror", None):
            return f"not reachable ({strerror})"
        inner = [each for each in cause.args if isinstance(each, BaseException)]
        cause = getattr(cause, "reason", None) or next(iter(inner), None) or cause.__cause__ or cause.__context__
        cause = cause if isinstance(cause, BaseException) else None
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "its answer ended early"
    return f"not reachable ({type(error).__name__})"


def _within(seconds: float, pieces: Iterator) -> Iterator:
    """The items of an iterator, until `seconds` are over, wherever it blocks: in DNS, or in an endless header."""
    items, given_up = queue.Queue(maxsize=16), threading.Event()

    def put(item) -> None:
        while not given_up.is_set():
            with contextlib.suppress(queue.Full):
                return items.put(item, timeout=1)

    def work() -> None:
        try:
            for piece in pieces:
                put(piece)
                if given_up.is_set():
                    return
            put(None)
        except Exception as error:  # raised again where it is awaited
            put(error)

    threading.Thread(target=work, daemon=True).start()
    end = time.monotonic() + seconds
    try:
        while True:
            try:
                item = items.get(timeout=max(end - time.monotonic(), 0))
            except queue.Empty:
                raise _Cut(
                    f"given up after {seconds:,.0f} s, slower than {_LEAST_BYTES_PER_SECOND:,} bytes/s"
                ) from None
            if item is None:
                return
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        given_up.set()
