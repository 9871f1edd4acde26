"""What is answered: the addresses, and what each of them does."""

import asyncio
import dataclasses
import gc
import html
from importlib import resources
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.evaluation import attribution, explain
from zoo.generation.writing import Writer
from zoo.loading import LoadedModel
from zoo.serving import answers
from zoo.serving.batching import Batcher, QueueFull
from zoo.serving.compiled import batch_sizes, by_kind, compiled
from zoo.serving.generations import Generations, events, whole
from zoo.serving.guard import Guard
from zoo.serving.limits import Limits
from zoo.serving.messages import RETRY, Refused, Request, Response, Stream, json_response
from zoo.serving.metrics import Metrics
from zoo.serving.requests import Features, Signature, read_features
from zoo.serving.side import SideThread

MAX_EXPLAINED = 8  # rows a request
_QUICK_BYTES = 65_536  # of a body that is read at once; a larger one, or one with pictures' files, is read on the side
_MAX_SIDE_JOBS = 64
_PAGE_HEADERS = (
    b"content-security-policy: default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    b"img-src data: blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n"
    b"x-frame-options: DENY\r\nreferrer-policy: no-referrer\r\n"
)


class Service:
    """One model behind HTTP. Traces and warms up the model when it is made."""

    def __init__(self, loaded_model: LoadedModel, name: str, limits: Limits, guard: Guard):
        self.model, self.name, self.limits, self.guard = loaded_model, name, limits, guard
        self.signature = Signature.of(loaded_model)
        self.stopping = False
        self.in_flight = self.held_bytes = 0  # requests that are not answered yet, and what they take
        writes = loaded_model.task.writes
        self.generations = Generations(Writer(loaded_model), limits) if writes else None
        function = None if writes else compiled(loaded_model, limits.max_batch_size)
        sizes = batch_sizes(limits.max_batch_size)
        gauges = {
            "zoo_queue_rows": ("Rows that wait for their batch.", lambda: self.batcher.waiting_rows),
            "zoo_requests_in_flight": ("Requests that are being received or answered.", lambda: self.in_flight),
            "zoo_requests_bytes": ("What these requests hold in memory.", lambda: self.held_bytes),
        }
        if writes:
            gauges["zoo_generations"] = ("Texts that are being written.", lambda: self.generations.running)
        self.metrics = Metrics(sizes, gauges)
        self.batcher = Batcher(
            function, limits.max_batch_size, limits.max_wait_ms / 1000, limits.max_queue, self.metrics.observe_batch
        )
        self._batching: asyncio.Task | None = None
        self._reading = SideThread("reading", _MAX_SIDE_JOBS)
        self._explaining = SideThread("explanations", _MAX_SIDE_JOBS)
        layers = getattr(loaded_model.model, "layers", [])  # an exported model has no layers
        possible = loaded_model.task.explains and loaded_model.reads in ("image", "text")
        of_words_or_pixels = possible and any(layer.name == "logits" for layer in layers)
        self._explains = of_words_or_pixels or _explains_columns(loaded_model)
        self._page = _page(name, guard.asks_token)
        self._get, self._post = self._addresses()

    def start(self) -> None:
        """To be called on the event loop, before the first request."""
        self._batching = asyncio.get_running_loop().create_task(self.batcher.run())

    def admit(self, request: Request) -> None:
        """Finds what answers a request, when its headers are there.

        Raises:
            Refused: it is not to be answered, whatever its body.
        """
        public = request.path == "/" or request.path.startswith("/health")
        self.guard.check_origin(request)
        if not public:
            self.guard.check_token(request)
        if self.stopping and not (public or request.path == "/metrics"):
            raise Refused(503, "the server is stopping", RETRY)
        get, post = self._get.get(request.path), self._post.get(request.path)
        request.endpoint = {"GET": get, "HEAD": get, "POST": post}.get(request.method)
        if request.endpoint is None:
            self._refuse_address(request, "GET, HEAD" if get else "POST" if post else None)
        if request.method == "POST":
            self._check_body(request)

    async def predict(self, request: Request) -> Response:
        """Answers as the task gives them: probabilities, in the order of the label names, or numbers."""
        self._check_verb("predict")
        rows = await self._features(request)
        return json_response(answers.predictions(await self._answers(rows.features), rows.columnar))

    async def classify(self, request: Request) -> Response:
        """`[label, probability]` pairs of each row, the most probable first."""
        return await self._verb("classify", request)

    async def regress(self, request: Request) -> Response:
        """A number a row."""
        return await self._verb("regress", request)

    async def generate(self, request: Request) -> Response | Stream:
        """How a text goes on, whole or, with `"stream": true`, as it comes."""
        self._check_verb("generate")
        prompt, options, streams = self.generations.wanted(request)
        request.body = bytearray()
        job, pieces = await self.generations.begin(prompt, options)
        return Stream(events(job, pieces)) if streams else json_response(await whole(job, pieces))

    async def _verb(self, verb: str, request: Request) -> Response:
        self._check_verb(verb)
        rows = await self._features(request, row_keys=("instances", "examples"))
        return json_response(answers.results(self.model, await self._answers(rows.features)))

    def _check_verb(self, verb: str) -> None:
        task = self.model.task
        known = ["generate"] if task.writes else [name for name in ("predict", task.verb) if name]
        if verb not in known:
            offered = " and ".join(f":{name}" for name in known)
            raise Refused(400, f"a model of {task.words} does not {verb}; it answers to {offered}")

    async def explain(self, request: Request) -> Response:
        """What each row's answer rests on: a heat map of a picture, the words of a text, the columns of a table."""
        if not self._explains:
            raise Refused(400, "no explanations of this model; there are of Keras models of pictures, texts and tables")
        features = (await self._features(request, max_rows=MAX_EXPLAINED)).features
        probabilities = await self._answers(features)
        found = [await self._explaining.run(self._explain_one, row) for row in np.split(features, len(features))]
        return json_response(answers.explanations(self.model, probabilities, found))

    async def model_status(self, request: Request) -> Response:
        return json_response(answers.status())

    async def metadata(self, request: Request) -> Response:
        """The model's signature, labels and limits."""
        limits = dataclasses.asdict(self.limits) | {"max_explained": MAX_EXPLAINED}
        extra = {"explains": self._explains, "limits": limits}
        return json_response(answers.metadata(self.model, self.name, self.signature, extra))

    async def health(self, request: Request) -> Response:
        """`live`: this answer came. `ready`: requests are taken; else 503, but where `/health/live` is asked."""
        state = {"live": True, "ready": not self.stopping and not self._batching.done()}
        return json_response(state, 200 if state["ready"] or request.path == "/health/live" else 503)

    async def prometheus(self, request: Request) -> Response:
        return Response(200, self.metrics.text(), b"text/plain; version=0.0.4; charset=utf-8")

    async def page(self, request: Request) -> Response:
        return Response(200, self._page, b"text/html; charset=utf-8", _PAGE_HEADERS)

    def _addresses(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What is answered to GET, and to POST, by path."""
        get = {"/": self.page, "/metrics": self.prometheus}
        get |= dict.fromkeys(("/health", "/health/live", "/health/ready"), self.health)
        post = {}
        for model in (f"/v1/models/{self.name}", f"/v1/models/{self.name}/versions/1"):
            get |= {model: self.model_status, f"{model}/metadata": self.metadata}
            for method in (self.predict, self.classify, self.regress, self.explain, self.generate):
                post[f"{model}:{method.__name__}"] = method
        return get, post

    def _refuse_address(self, request: Request, allowed: str | None) -> None:
        shown = f"{request.method} {request.path[:200]}"
        if allowed:
            raise Refused(405, f"Method Not Allowed: {shown}", {"Allow": allowed})
        _, models, rest = request.path.partition("/v1/models/")
        name = rest.partition("/")[0].partition(":")[0]
        if models and name != self.name:
            raise Refused(404, f"no model {name[:100]!r} is served here; {self.name!r} is")
        raise Refused(404, f"Not Found: {shown}")

    def _check_body(self, request: Request) -> None:
        """Refuse the content types of HTML forms: browsers let pages of other sites send those without asking first."""
        kind = request.headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if kind not in (b"", b"application/json") or b"content-encoding" in request.headers:
            raise Refused(415, "the body is to be application/json (curl --json), not compressed")
        length = request.headers.get(b"content-length", b"").lstrip(b"0")  # Python reads no number of 5,000 zeros
        if int(length or 0) > self.limits.max_body_bytes:
            raise Refused(413, f"the body has over {self.limits.max_body_bytes:,} bytes")

    async def _features(self, request: Request, row_keys=("instances",), max_rows: int | None = None) -> Features:
        """The features of a body, which is freed: only the features wait for their batch."""
        body, request.body = request.body, bytearray()
        arguments = body, self.signature, row_keys, max_rows or self.limits.max_queue
        if len(body) <= _QUICK_BYTES and b'"b64"' not in body:
            return read_features(*arguments)
        return await self._reading.run(_read_large, *arguments)

    async def _answers(self, features: np.ndarray) -> np.ndarray:
        try:
            computed = await self.batcher.compute(features)
        except QueueFull:
            # Else clients that retry at once would take all the time, and the rows in the queue would wait longer.
            await asyncio.sleep(min(1.0, self.limits.request_timeout / 4))
            raise Refused(503, "too many rows wait for an answer; try again", RETRY) from None
        if not np.isfinite(computed).all():
            what = self.model.task.output
            raise Refused(500, f"the model's {what} are not finite; its training diverged, train it again")
        return computed

    def _explain_one(self, features: np.ndarray) -> dict[str, Any]:
        try:
            if self.model.reads == "text":
                (scores,) = explain.explain(self.model, features)
                return {"words": [{"word": word, "score": round(score, 4)} for word, score in scores]}
            if self.model.reads != "image":
                rows = by_kind(features) if self.model.schema is not None else features
                (explanation,) = attribution.explain_columns(self.model, rows)
                return {"explained": explanation.of, "columns": attribution.as_json(explanation)}
            (heat_map,) = explain.explain_images(self.model, features)
            return {"heat_map": np.round(heat_map.astype("float64"), 4).tolist()}
        except ZooError as error:
            raise Refused(400, str(error)) from None


def _explains_columns(loaded_model: LoadedModel) -> bool:
    try:
        attribution.check_attributes(loaded_model)
    except ZooError:
        return False
    return True


def _read_large(*arguments) -> Features:
    gc.disable()  # the garbage collector would search millions of small lists for cycles, and JSON has none
    try:
        return read_features(*arguments)
    except Refused as refused:
        raise refused.with_traceback(None) from None  # it would keep these lists until the client has its answer
    finally:
        gc.enable()


def _page(name: str, asks_token: bool) -> bytes:
    page = resources.files("zoo.serving").joinpath("page.html").read_text(encoding="utf-8")
    page = page.replace("{{ model_name }}", html.escape(name))
    return page.replace("{{ asks_token }}", "yes" if asks_token else "no").encode()
