"""The HTTP side: routes, answers, errors, limits."""

import asyncio
import contextlib
import dataclasses
import html
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from zoo.errors import ZooError
from zoo.evaluation import explain
from zoo.loading import LoadedModel
from zoo.serving.batching import Batcher, QueueFull
from zoo.serving.compiled import batch_sizes, compiled
from zoo.serving.limits import Limits
from zoo.serving.metrics import Metrics
from zoo.serving.requests import Refused, Signature, decode_picture, is_file, read_rows, to_features

MAX_EXPLAINED = 8  # rows a request
_MAX_SIDE_JOBS = 64  # pictures to decode and rows to explain, of all requests
_HELD_BODIES = 32  # of the largest size, in memory at once; smaller ones in proportion
_RETRY = {"Retry-After": "1"}
_CONTENT_TYPES = {"", "application/json", "application/x-www-form-urlencoded"}  # curl -d sends the last
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
}


class _ModelName(StringConvertor):
    regex = "[^/:]+"  # what follows a colon is a verb


class Service:
    """One model behind HTTP; an ASGI application. Traces and warms up the model when it is made."""

    def __init__(self, loaded_model: LoadedModel, name: str, limits: Limits):
        self.model, self.name, self.limits = loaded_model, name, limits
        self.signature = Signature.of(loaded_model)
        self.stopping, self.in_flight = False, 0
        function = compiled(loaded_model, limits.max_batch_size)
        self._answer_shape = loaded_model.task.answers(np.zeros((1, *loaded_model.model.output_shape[1:]))).shape[1:]
        sizes = batch_sizes(limits.max_batch_size)
        self.metrics = Metrics(sizes, waiting_rows=lambda: self.batcher.waiting_rows, in_flight=lambda: self.in_flight)
        self.batcher = Batcher(
            function, limits.max_batch_size, limits.max_wait_ms / 1000, limits.max_queue, self.metrics.observe_batch
        )
        self._held_bytes = self._side_jobs = 0
        self._side_thread = ThreadPoolExecutor(1, thread_name_prefix="side")
        layers = getattr(loaded_model.model, "layers", [])  # an exported model has none to look into
        possible = loaded_model.task.explains and loaded_model.reads in ("image", "text")
        self._explains = possible and any(layer.name == "logits" for layer in layers)
        page = resources.files("zoo.serving").joinpath("page.html").read_text(encoding="utf-8")
        self._page = page.replace("{{ model_name }}", html.escape(name)).encode()
        self._routes = self._make_routes()

    async def __call__(self, scope, receive, send) -> None:
        """Count a request, see that it may come in, and answer it."""
        if scope["type"] != "http":
            return await self._routes(scope, receive, send)
        started, status = time.perf_counter(), 499  # the client left before an answer began

        async def send_counted(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self.stopping:
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        self.in_flight += 1
        try:
            if self.stopping and not scope["path"].startswith(("/health", "/metrics")):
                response = _refusal(Refused(503, "the server is stopping", _RETRY))
                await response(scope, receive, send_counted)
            else:
                await self._routes(scope, receive, send_counted)
        finally:
            self.in_flight -= 1
            operation = getattr(scope.get("endpoint"), "__name__", "none")
            self.metrics.observe_request(operation, status, time.perf_counter() - started)

    async def predict(self, request: Request) -> Response:
        """Answers as the task gives them: probabilities, in the order of the label names, or numbers."""
        async with self._rows(request) as (columnar, features):
            answers = await self._answers(features)
        return _json({"outputs" if columnar else "predictions": answers.tolist()})

    async def classify(self, request: Request) -> Response:
        """`[label, probability]` pairs of each row, the most probable first."""
        return await self._verb("classify", request)

    async def regress(self, request: Request) -> Response:
        """A number a row."""
        return await self._verb("regress", request)

    async def _verb(self, verb: str, request: Request) -> Response:
        task = self.model.task
        if task.verb != verb:
            offered = " and ".join(filter(None, ("predict", task.verb)))
            raise Refused(400, f"a model of {task.words} does not {verb}; ask it to {offered}")
        async with self._rows(request, row_keys=("instances", "examples")) as (_, features):
            answers = await self._answers(features)
        return _json({"results": task.serve(answers, self.model.labels)})

    async def explain(self, request: Request) -> Response:
        """What each row's answer rests on: a heat map of a picture, the words of a text."""
        if not self._explains:
            raise Refused(400, "no explanations of this model; there are of Keras models of pictures and texts")
        async with self._rows(request, max_rows=MAX_EXPLAINED) as (_, features):
            answers = await self._answers(features)
            found = [await self._on_the_side(self._explain_one, row) for row in np.split(features, len(features))]
        explanations = [
            {"label": self.model.label_names[row.argmax()], "probability": float(row.max()), **explanation}
            for row, explanation in zip(answers, found, strict=True)
        ]
        return _json({"explanations": explanations})

    async def model_status(self, request: Request) -> Response:
        self._check_name(request)
        status = {"error_code": "OK", "error_message": ""}
        return _json({"model_version_status": [{"version": "1", "state": "AVAILABLE", "status": status}]})

    async def metadata(self, request: Request) -> Response:
        """The model's signature in TensorFlow Serving's form; beside it, under `zoo`, labels and limits."""
        self._check_name(request)
        task = self.model.task
        types = {"uint8": "DT_UINT8", "float32": "DT_FLOAT", "string": "DT_STRING"}
        inputs = {self.signature.input_name: _tensor(types[self.signature.dtype], self.signature.shape)}
        signature = {
            "inputs": inputs,
            "outputs": {task.output: _tensor("DT_FLOAT", self._answer_shape)},
            "method_name": "tensorflow/serving/predict",
        }
        ours = {
            "task": task.name,
            "reads": self.model.reads,
            "unit": self.model.labels.get("unit", ""),
            "target_name": self.model.labels.get("target_name", ""),
            "verb": task.verb,
            "dataset": self.model.dataset,
            "label_names": self.model.label_names,
            "feature_names": self.model.feature_names,
            "explains": self._explains,
            "limits": dataclasses.asdict(self.limits) | {"max_explained": MAX_EXPLAINED},
        }
        return _json(
            {
                "model_spec": {"name": self.name, "signature_name": "", "version": "1"},
                "metadata": {"signature_def": {"signature_def": {"serving_default": signature}}, "zoo": ours},
            }
        )

    async def health(self, request: Request) -> Response:
        """`live`: this answer came. `ready`: requests are taken; else 503, but where `/health/live` is asked."""
        state = {"live": True, "ready": not self.stopping and not self._batching.done()}
        return _json(state, 200 if state["ready"] or request.scope["path"] == "/health/live" else 503)

    async def prometheus(self, request: Request) -> Response:
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4")

    async def page(self, request: Request) -> Response:
        return Response(self._page, media_type="text/html", headers=_PAGE_HEADERS)

    def _make_routes(self) -> Starlette:
        verbs = {method.__name__: method for method in (self.predict, self.classify, self.regress, self.explain)}
        routes = [Route("/", self.page), Route("/metrics", self.prometheus)]
        routes += [Route(path, self.health) for path in ("/health", "/health/live", "/health/ready")]
        register_url_convertor("model", _ModelName())
        for prefix in ("/v1/models/{name:model}", "/v1/models/{name:model}/versions/1"):
            routes += [Route(f"{prefix}:{verb}", method, methods=["POST"]) for verb, method in verbs.items()]
            routes += [Route(prefix, self.model_status), Route(f"{prefix}/metadata", self.metadata)]

        async def refuse(_: Request, error: Refused) -> Response:
            return _refusal(error)

        async def no_such_route(request: Request, error: HTTPException) -> Response:
            message = f"{error.detail}: {request.method} {request.scope['path']}"
            return _refusal(Refused(error.status_code, message, error.headers))

        async def bug(_: Request, error: Exception) -> Response:
            return _refusal(Refused(500, "the server failed; its log has the traceback"))

        handlers = {Refused: refuse, HTTPException: no_such_route, Exception: bug}
        application = Starlette(routes=routes, exception_handlers=handlers, lifespan=self._lifespan)
        application.router.redirect_slashes = False  # it would name the host that the client named
        return application

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette):
        self._batching = asyncio.create_task(self.batcher.run())
        yield
        self._batching.cancel()

    @contextlib.asynccontextmanager
    async def _rows(self, request: Request, row_keys=("instances",), max_rows: int | None = None):
        """Yields whether the rows of a request came as columns, and the features that they are.

        The time for an answer runs inside, and the body counts as held.
        """
        self._check_name(request)
        body = bytearray()
        try:
            await self._read_body(request, body)
            async with asyncio.timeout(self.limits.request_timeout):
                rows = read_rows(body, self.signature, row_keys, max_rows or self.limits.max_queue)
                yield rows.columnar, await self._features(rows.values)
        except TimeoutError:
            raise Refused(504, f"no answer within {self.limits.request_timeout:g} s") from None
        except QueueFull:
            raise Refused(503, "too many rows wait for an answer; try again", _RETRY) from None
        finally:
            self._held_bytes -= len(body)

    def _check_name(self, request: Request) -> None:
        name = request.path_params["name"]
        if name != self.name:
            raise Refused(404, f"no model {name[:100]!r} is served here; {self.name!r} is")

    async def _read_body(self, request: Request, body: bytearray) -> None:
        """Appends to `body` what the client sends, within the limits of bytes and seconds."""
        largest = self.limits.max_body_bytes
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind not in _CONTENT_TYPES or "content-encoding" in request.headers:
            raise Refused(415, "the body is to be application/json, not compressed")
        if int(request.headers.get("content-length", 0)) > largest:
            raise Refused(413, f"the body has over {largest:,} bytes")
        try:
            async with asyncio.timeout(self.limits.request_timeout):
                async for chunk in request.stream():
                    if self._held_bytes + len(chunk) > _HELD_BODIES * largest:
                        raise Refused(503, "the server holds as many requests as it can; try again", _RETRY)
                    body += chunk
                    self._held_bytes += len(chunk)
                    if len(body) > largest:
                        raise Refused(413, f"the body has over {largest:,} bytes")
        except TimeoutError:
            message = f"the request did not arrive within {self.limits.request_timeout:g} s"
            raise Refused(408, message, {"Connection": "close"}) from None
        except ClientDisconnect:
            raise Refused(400, "the client left before the end of its request") from None

    async def _features(self, values: list[Any]) -> np.ndarray:
        if not any(is_file(value, self.signature) for value in values):
            return to_features(values, self.signature)
        parts = []
        for value in values:
            if is_file(value, self.signature):
                parts.append((await self._on_the_side(decode_picture, value, self.signature))[None])
            else:
                parts.append(to_features([value], self.signature))
        return np.concatenate(parts)

    async def _answers(self, features: np.ndarray) -> np.ndarray:
        answers = await self.batcher.compute(features)
        if not np.isfinite(answers).all():
            what = self.model.task.output
            raise Refused(500, f"the model's {what} are not finite; its training diverged, train it again")
        return answers

    async def _on_the_side(self, function: Callable, *arguments):
        """Runs what takes longer than a batch where it holds up neither the batches nor the event loop."""
        if self._side_jobs >= _MAX_SIDE_JOBS:
            raise Refused(503, "too many pictures and explanations wait; try again", _RETRY)
        self._side_jobs += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._side_thread, function, *arguments)
        finally:
            self._side_jobs -= 1

    def _explain_one(self, features: np.ndarray) -> dict[str, Any]:
        try:
            if self.model.reads == "text":
                (scores,) = explain.explain(self.model, features)
                return {"words": [{"word": word, "score": round(score, 4)} for word, score in scores]}
            (heat_map,) = explain.explain_images(self.model, features)
            return {"heat_map": np.round(heat_map.astype("float64"), 4).tolist()}
        except ZooError as error:
            raise Refused(400, str(error)) from None


def _tensor(dtype: str, shape: tuple[int, ...]) -> dict[str, Any]:
    sizes = [{"size": str(size), "name": ""} for size in (-1, *shape)]
    return {"dtype": dtype, "tensor_shape": {"dim": sizes, "unknown_rank": False}}


def _json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    content = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Response(content, status, headers, media_type="application/json")


def _refusal(refused: Refused) -> Response:
    return _json({"error": refused.message}, refused.status, refused.headers)
