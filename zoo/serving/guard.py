"""Who may ask: no page of another site through a visitor's browser, and only those with the token, if there is one."""

import hmac
import ipaddress
import os
import re
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from zoo.errors import ZooError
from zoo.serving.messages import Refused, Request

_LARGEST_TOKEN_FILE = 4096
_SHORTEST_TOKEN = 16


class Guard:
    """Decides on the headers of a request.

    The page of another site can make a browser send requests to this machine, and, if that site's name is made to
    point here (DNS rebinding), read the answers. So the Host must be one that such a site cannot have, and the browser
    must say that the request comes from this server's own page, or from no page.

    Args:
        address: what the server listens at. At a loopback address only loopback hosts are answered; at another,
            any address of digits too, since nobody can rebind that, and the machine's own names.
        allowed_hosts: more names, without ports; "*" allows all.
        token: that requests have to bring, as `Authorization: Bearer TOKEN`; None asks for none.

    Raises:
        ZooError: one of `allowed_hosts` is no name.
    """

    def __init__(self, address: str, allowed_hosts: Iterable[str] = (), token: bytes | None = None):
        self._names = {"localhost", *map(_allowed_name, allowed_hosts)}
        self._any_address = not _is_loopback(address)
        if self._any_address:
            self._names |= {address.lower(), os.uname().nodename.lower()}
        self._hosts_seen: set[bytes] = set()
        self._credentials = None if token is None else b"bearer " + token

    @property
    def asks_token(self) -> bool:
        return self._credentials is not None

    @property
    def lets_anyone_in(self) -> bool:
        """Whether other machines may ask, without a token."""
        return self._any_address and not self.asks_token

    def check_origin(self, request: Request) -> None:
        """Raises: Refused: the Host is not this server's, or the page of another origin sends the request."""
        headers = request.headers
        host = headers.get(b"host")
        if host not in self._hosts_seen:
            self._check_host(host, request)
        site = headers.get(b"sec-fetch-site", b"none").lower()
        if site not in (b"none", b"same-origin") and not _follows_a_link(request):
            raise Refused(403, "this server answers its own page and programs, not the pages of other sites")
        origin = headers.get(b"origin")
        if origin is not None and origin.lower().partition(b"://")[2] != (host or b"").lower():
            raise Refused(403, "the Origin is another than this server; it answers its own page and programs")

    def check_token(self, request: Request) -> None:
        """Raises: Refused: the token is missing or wrong."""
        if self._credentials is None:
            return
        scheme, _, token = request.headers.get(b"authorization", b"").partition(b" ")
        if not hmac.compare_digest(scheme.lower() + b" " + token.strip(), self._credentials):
            message = "this server asks for its token: send the header 'Authorization: Bearer TOKEN'"
            raise Refused(401, message, {"WWW-Authenticate": "Bearer"})

    def _check_host(self, host: bytes | None, request: Request) -> None:
        if host is None:
            if request.version == "1.0":
                return
            raise Refused(400, "the request has no Host header")
        name = _without_port(host.decode("latin-1").lower())
        if name not in self._names and "*" not in self._names and not self._is_own_address(name):
            known = "its own addresses" if self._any_address else "localhost, 127.0.0.1 and [::1]"
            raise Refused(421, f"the Host {name[:100]!r} is none of this server's; it is {known}, or --allowed_hosts")
        if len(self._hosts_seen) < 100:
            self._hosts_seen.add(host)

    def _is_own_address(self, name: str) -> bool:
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._any_address or address.is_loopback


def read_token(path: str | os.PathLike) -> bytes:
    """The token in a file, without the white space around it. Says on stderr if others may read the file.

    Raises:
        ZooError: the file cannot be read, or holds no token.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_LARGEST_TOKEN_FILE + 1)
    except OSError as error:
        raise ZooError(f"--token_file={path}: cannot be read ({error.strerror}); name a file with a token") from None
    token = content.strip()
    if not _SHORTEST_TOKEN <= len(token) <= _LARGEST_TOKEN_FILE or not all(33 <= byte <= 126 for byte in token):
        raise ZooError(
            f"--token_file={path}: holds no token; write {_SHORTEST_TOKEN} to {_LARGEST_TOKEN_FILE:,} letters, digits "
            "and signs, for example: openssl rand -hex 32"
        )
    if stat.S_ISREG(mode) and mode & 0o077:
        print(f"notice: {path}: others may read the token; chmod 600 {path}", file=sys.stderr)
    return token


def _allowed_name(host: str) -> str:
    name = _without_port(host.strip().lower())
    if not re.fullmatch(r"[\w.:-]+|\*", name):
        raise ZooError(f"--allowed_hosts={host}: is no name of a host; write it as in example.com, or * for any")
    return name


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address.lower() == "localhost"


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    without = name if colon and port.isdigit() and (":" not in name or name.endswith("]")) else host
    return without.strip("[]")


def _follows_a_link(request: Request) -> bool:
    """Whether a visitor follows a link to the page: harmless, because the other site can neither read nor frame it."""
    headers = request.headers
    return (
        request.method in ("GET", "HEAD")
        and request.path == "/"
        and headers.get(b"sec-fetch-mode") == b"navigate"
        and headers.get(b"sec-fetch-dest") == b"document"
    )
