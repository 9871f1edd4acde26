"""From a run to a server that stops without losing a request."""

import asyncio
import gc
import os
import re
import resource
import socket
import sys
import time
from pathlib import Path

from zoo.errors import ZooError
from zoo.evaluation.predict import open_model
from zoo.runs import open_run
from zoo.serving.limits import Limits

try:
    import uvicorn

    from zoo.serving.application import Service
    from zoo.serving.protocol import MAX_CONNECTIONS, BoundedProtocol
except ModuleNotFoundError as error:
    raise ZooError(f"serving needs the package {error.name}: pip install 'keras-model-zoo[serve]'") from None

STOP_SECONDS = 30.0  # for requests that were accepted before the signal
_FAREWELL_SECONDS = 0.5  # in which clients that go on asking get their 503
_BACKLOG = 2048


def serve(
    run: str | os.PathLike | None,
    model_file: str | os.PathLike | None,
    limits: Limits,
    model_name: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8501,
) -> int:
    """Serve the model of a run, or of a lone file, until SIGTERM or Ctrl-C.

    Args:
        model_name: what the model is called in addresses; by default as the run's model, or its file.
        port: 0 takes a free one.

    Returns:
        0, or 1 if requests were left unanswered: `STOP_SECONDS` after the signal, or after a second signal.

    Raises:
        ZooError: there is no such model, it is none to serve, or the address cannot be had.
    """
    listening = _bind(host, port)
    loaded_model = open_model(run, model_file)
    name = _name(model_name, run, loaded_model.path)
    print(f"preparing {loaded_model.path} for batches of up to {limits.max_batch_size}", file=sys.stderr)
    service = Service(loaded_model, name, limits)
    _allow_many_files()
    gc.collect()
    gc.freeze()  # else each full collection would go through all of TensorFlow and Keras, for a fifth of a second
    try:
        listening.listen(_BACKLOG)
    except OSError as error:
        raise _no_address(host, port, error) from None
    protocol = type("Protocol", (BoundedProtocol,), {"seconds": limits.request_timeout})
    config = uvicorn.Config(
        service, http=protocol, ws="none", lifespan="on", log_config=None, log_level="error", access_log=False,
        server_header=False, proxy_headers=False, timeout_keep_alive=int(limits.request_timeout) or 1,
        timeout_graceful_shutdown=5,
    )  # fmt: skip
    server = _Server(config, service)
    server.run(sockets=[listening])
    if not server.unanswered:
        return 0
    print(f"{server.unanswered} requests were left unanswered", file=sys.stderr, flush=True)
    os._exit(1)  # a thread that still computes would hold up an ordinary exit


class _Server(uvicorn.Server):
    """Answers what came before the signal, and 503 to what comes after, before it closes."""

    def __init__(self, config: uvicorn.Config, service: Service):
        super().__init__(config)
        self._service, self.unanswered = service, 0

    async def startup(self, sockets: list[socket.socket]) -> None:
        await super().startup(sockets)
        host, port = sockets[0].getsockname()[:2]
        where = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        print(f"{self._service.name} is served at {where} (Ctrl-C stops)", flush=True)

    def handle_exit(self, sig, frame) -> None:
        # uvicorn would end the process by the same signal once more; a stop on request is no failure.
        self.force_exit = self.should_exit
        self.should_exit = self._service.stopping = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        print(f"stopping; {self._service.in_flight} requests to answer", file=sys.stderr, flush=True)
        started = time.monotonic()
        while self._service.in_flight or time.monotonic() < started + _FAREWELL_SECONDS:
            if self.force_exit or time.monotonic() > started + STOP_SECONDS:
                break
            await asyncio.sleep(0.02)
        self.unanswered = self._service.in_flight
        await super().shutdown(sockets)


def _bind(host: str, port: int) -> socket.socket:
    """Taken before the model is loaded, so that a mistake shows at once; nobody is let in yet."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except (OSError, UnicodeError) as error:
        raise _no_address(host, port, error) from None
    return listening


def _no_address(host: str, port: int, error: Exception) -> ZooError:
    reason = getattr(error, "strerror", None) or error
    return ZooError(f"--host={host} --port={port}: cannot be used ({reason}); name another, --port=0 takes a free one")


def _name(model_name: str | None, run: str | os.PathLike | None, path: Path) -> str:
    if model_name is None:
        recorded = open_run(run).record.get("model") if run else None
        return re.sub(r"[^\w.-]+", "-", recorded or path.stem).strip("-") or "model"
    if not re.fullmatch(r"[\w.-]+", model_name):
        raise ZooError(f"--model_name={model_name}: is a part of addresses; use letters, digits, '_', '-' and '.'")
    return model_name


def _allow_many_files() -> None:
    """Each client takes a file descriptor; shells often allow 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MAX_CONNECTIONS
    wanted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
