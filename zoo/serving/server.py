"""From a run to a server that stops without losing a request."""

import asyncio
import gc
import os
import re
import signal
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

from zoo.errors import ZooError
from zoo.evaluation.predict import open_model
from zoo.runs import open_run
from zoo.serving.limits import Limits

if sys.platform == "win32":
    raise ZooError("serve runs on Linux and macOS; on Windows, start it in WSL")
try:
    import uvloop

    from zoo.serving.application import Service
    from zoo.serving.compiled import spare_threads
    from zoo.serving.connections import Connections
    from zoo.serving.guard import Guard, read_token
except ModuleNotFoundError as error:
    raise ZooError(f"serving needs the package {error.name}: pip install 'keras-model-zoo[serve]'") from None

STOP_SECONDS = 30.0  # for requests that were accepted before the signal
_BACKLOG = 2048


def serve(
    run: str | os.PathLike | None,
    model_file: str | os.PathLike | None,
    limits: Limits,
    model_name: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8501,
    allowed_hosts: Iterable[str] = (),
    token_file: str | os.PathLike | None = None,
) -> int:
    """Serve the model of a run, or of a lone file, until SIGTERM or Ctrl-C.

    Args:
        model_name: what the model is called in addresses; by default as the run's model, or its file.
        port: 0 takes a free one.
        allowed_hosts: names that requests may address it by, beside its own; "*" allows all.
        token_file: holds the token that requests have to bring.

    Returns:
        0, or 1 if requests were left unanswered: `STOP_SECONDS` after the signal, or after a second signal.

    Raises:
        ZooError: there is no such model or token, it is none to serve, or the address cannot be had.
    """
    guard = Guard(host, allowed_hosts, None if token_file is None else read_token(token_file))
    listening = _bind(host, port)
    if model_file or run:
        spare_threads(Path(model_file or open_run(run).model_file))
    loaded_model = open_model(run, model_file)
    name = _name(model_name, run, loaded_model.path)
    print(f"preparing {loaded_model.path} for batches of up to {limits.max_batch_size}", file=sys.stderr)
    if guard.lets_anyone_in:
        print("notice: other machines may ask, without a token; see --token_file", file=sys.stderr)
    service = Service(loaded_model, name, limits, guard)
    gc.collect()
    gc.freeze()  # else each full garbage collection would search TensorFlow and Keras, for a fifth of a second
    try:
        listening.listen(_BACKLOG)
    except OSError as error:
        raise _no_address(host, port, error) from None
    unanswered = uvloop.run(_serve(service, listening))
    if not unanswered:
        return 0
    print(f"{unanswered} requests were left unanswered", file=sys.stderr, flush=True)
    os._exit(1)  # an ordinary exit would wait for threads that still compute


async def _serve(service: "Service", listening: socket.socket) -> int:
    """Answers until a signal comes. Returns how many requests were left unanswered."""
    stop, hurry = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            hurry.set()
        service.stopping = True
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    service.start()
    connections = Connections(service, listening)
    host, port = listening.getsockname()[:2]
    where = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    print(f"{service.name} is served at {where} (Ctrl-C stops)", flush=True)
    await stop.wait()
    print(f"stopping; {service.in_flight} requests to answer", file=sys.stderr, flush=True)
    return await connections.drain(STOP_SECONDS, hurry)


def _bind(host: str, port: int) -> socket.socket:
    """A bound socket, before the model is loaded: a wrong address shows at once. Nobody can connect yet."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.setblocking(False)
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
