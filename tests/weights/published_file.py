"""A repository with one published file, its cache, and a server on this machine that answers as a test says."""

import dataclasses
import hashlib
import http.server
import json
import pathlib
import random
import threading

from zoo.weights import record

CONTENT = random.Random(0).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FILE = f"tiny-{SHA256[:8]}.keras"


def entry(**changes) -> dict:
    known = {
        "format": record.FORMAT,
        "file": FILE,
        "sha256": SHA256,
        "bytes": len(CONTENT),
        "packaged": True,
        "licence": "MIT",
        "base": None,
        "dataset": "mnist",
        "metric": "accuracy",
        "value": 0.5,
        "rows": 4,
        "config_digest": "0123abcd",
        "run": {"command": "python scripts/train.py --model=tiny", "seed": 0, "device": "CPU"},
    }
    return known | changes


@dataclasses.dataclass
class Places:
    """Where copies of the file may lie."""

    repository: pathlib.Path
    cache: pathlib.Path
    folder: pathlib.Path

    def write_record(self, weights: dict, none: dict | None = None) -> None:
        (self.repository / "docs").mkdir(exist_ok=True)
        (self.repository / "docs/weights.json").write_text(json.dumps({"weights": weights, "none": none or {}}))

    @property
    def shipped(self) -> pathlib.Path:
        return self.repository / "weights" / FILE

    @property
    def cached(self) -> pathlib.Path:
        return self.cache / FILE


class Server:
    """Answers each GET by the function `answer(handler)`, and remembers paths and headers."""

    def __init__(self):
        self.requests, self.answer = [], whole
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                server.requests.append((self.path, dict(self.headers)))
                try:
                    server.answer(self)
                except OSError:  # the client has left
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    @property
    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.requests]


def send(handler, status: int, headers: dict, *parts: bytes) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, str(value))
    handler.end_headers()
    for part in parts:
        handler.wfile.write(part)


def whole(handler, content: bytes = CONTENT) -> None:
    """As a file server that knows ranges."""
    begin = int(handler.headers.get("Range", "bytes=0-")[6:-1])
    headers = {"Content-Length": len(content) - begin}
    if "Range" in handler.headers:
        headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
    send(handler, 206 if "Range" in handler.headers else 200, headers, content[begin:])
