"""Texts that are written for clients, each in a thread: so many at the same time, each for so long, and no more."""

import asyncio
import contextlib
import dataclasses
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson

from zoo.errors import ZooError
from zoo.generation.options import Options, options_of
from zoo.generation.writing import Job, Piece, Writer
from zoo.serving.limits import Limits
from zoo.serving.messages import RETRY, Refused, Request
from zoo.serving.requests import MAX_CHARACTERS, read_object

_SHARE_OF_TIMEOUT = 0.8  # after which a text ends with what is there, so that the answer is in time


class Generations:
    """Places for texts. To be made before the event loop, and used on it.

    Attributes:
        running: how many texts are being written.
    """

    def __init__(self, writer: Writer, limits: Limits):
        writer.prepare()
        self._writer, self._limits, self.running = writer, limits, 0
        self._threads = ThreadPoolExecutor(limits.max_generations, thread_name_prefix="writing")

    def wanted(self, request: Request) -> tuple[str, Options, bool]:
        """Prompt, options, and whether they are to be sent as they come, of `{"prompt": …, option: …, "stream": …}`.

        Raises:
            Refused: the body is not of the form, or wants more than is allowed.
        """
        values = read_object(request.body, '{"prompt": "…"}')
        prompt, stream = values.pop("prompt", ""), values.pop("stream", None)
        if not isinstance(prompt, str) or not isinstance(stream, bool | None):
            raise Refused(400, '"prompt" is to be a text, and "stream" true or false')
        if len(prompt) > MAX_CHARACTERS:
            raise Refused(413, f"a prompt of {len(prompt):,} characters; at most {MAX_CHARACTERS:,} are taken")
        most = self._limits.max_tokens
        values.setdefault("max_tokens", min(Options.max_tokens, most))
        try:
            options = options_of(values)
        except ZooError as error:
            raise Refused(400, str(error)) from None
        if options.max_tokens * options.num_samples > most:
            raise Refused(400, f"max_tokens · num_samples is more than this server's {most:,}; ask for fewer")
        seconds = min(options.max_seconds or float("inf"), _SHARE_OF_TIMEOUT * self._limits.request_timeout)
        accepted = request.headers.get(b"accept", b"").split(b";")[0].strip().lower()
        streams = accepted == b"text/event-stream" if stream is None else stream
        return prompt, dataclasses.replace(options, max_seconds=seconds), streams

    async def begin(self, prompt: str, options: Options) -> tuple[Job, "Pieces"]:
        """Take a place, and begin. The place is free again when the text ends, or at the next token after `aclose`.

        Raises:
            Refused: all places are taken.
        """
        if self.running >= self._limits.max_generations:
            raise Refused(503, f"{self.running} texts are being written, no more at a time; try again", RETRY)
        pieces = Pieces()
        self.running += 1
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._write, prompt, options, pieces)
        work.add_done_callback(self._free)
        try:
            return await anext(pieces), pieces
        except BaseException:
            await pieces.aclose()
            raise

    def _write(self, prompt: str, options: Options, pieces: "Pieces") -> None:
        try:
            job = self._writer.job(prompt, options)
            pieces.add(job)
            for piece in self._writer.write(job, together=1):
                pieces.add(piece)
                if pieces.are_unwanted:
                    return
            pieces.add(StopAsyncIteration())
        except Exception as error:
            pieces.add(error)  # for whoever waits for the text

    def _free(self, _) -> None:
        self.running -= 1


class Pieces(AsyncIterator):
    """What a thread says, a `Job` first, for who listens on the event loop, where this is to be made."""

    def __init__(self):
        self._said, self._loop, self._left = asyncio.Queue(), asyncio.get_running_loop(), threading.Event()

    def add(self, something: Job | Piece | Exception) -> None:
        """Called in the thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._said.put_nowait, something)

    @property
    def are_unwanted(self) -> bool:
        return self._left.is_set()

    async def __anext__(self) -> Any:
        something = await self._said.get()
        if isinstance(something, ZooError):
            raise Refused(500, str(something))
        if isinstance(something, Exception):
            raise something
        return something

    async def aclose(self) -> None:
        """Let the thread end."""
        self._left.set()


async def events(job: Job, pieces: Pieces) -> AsyncGenerator[bytes, None]:
    """Server-sent events: of each piece its sample and text; of a sample's last one, why it ends and the seed too."""
    async with contextlib.aclosing(pieces):
        if job.notices:
            yield _event({"sample": 0, "text": "", "notices": job.notices})
        try:
            async for piece in pieces:
                if piece.finish:
                    yield _event(_named(piece, piece.text) | {"seed": job.options.seed})
                elif piece.text:
                    yield _event({"sample": piece.sample, "text": piece.text})
        except Refused as refused:
            yield _event({"error": refused.message})
    yield b"data: [DONE]\n\n"


async def whole(job: Job, pieces: Pieces) -> dict[str, Any]:
    """The same in one piece."""
    texts, samples = [""] * job.options.num_samples, []
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            texts[piece.sample] += piece.text
            if piece.finish:
                samples.append(_named(piece, texts[piece.sample]))
    return {"samples": samples, "seed": job.options.seed, "notices": job.notices}


def _named(piece: Piece, text: str) -> dict[str, Any]:
    return {"sample": piece.sample, "text": text, "finish": piece.finish, "tokens": piece.tokens}


def _event(value: dict[str, Any]) -> bytes:
    return b"data: %s\n\n" % orjson.dumps(value)
