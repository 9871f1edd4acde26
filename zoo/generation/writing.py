"""Text as it comes: tokens chosen one after the other, in whole characters, up to where a text is to stop."""

import codecs
import dataclasses
import secrets
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from zoo.command_words import command
from zoo.datasets.texts import without_controls
from zoo.errors import ZooError
from zoo.generation.options import Options
from zoo.generation.sampling import choose, probabilities

if TYPE_CHECKING:
    from zoo.loading import LoadedModel

_TOGETHER = 4  # samples that are computed together; the network allows no more


class Piece(NamedTuple):
    """What one token adds to a text; it may be nothing.

    Attributes:
        sample: number of the text.
        text: whole characters.
        finish: why the text ends here: `length`, `stop`, `time`, or `end` where the model ended it; None: it goes on.
        tokens: how many the text has so far.
    """

    sample: int
    text: str
    finish: str | None
    tokens: int


@dataclasses.dataclass(frozen=True)
class Job:
    """A prompt and how to go on with it.

    Attributes:
        tokens: `int32[token]`, as many as the model reads at most.
        options: with a seed.
        notices: what was not done as it was asked, a line each.
    """

    tokens: np.ndarray
    options: Options
    notices: tuple[str, ...]


class Writer:
    """Goes on with texts. The network is traced when it is first used; one writer may write many texts, in turns."""

    def __init__(self, loaded_model: "LoadedModel"):
        """Raises: ZooError: the model does not write, or not any more."""
        if not loaded_model.task.writes:
            raise ZooError(
                f"{loaded_model.path}: a model of {loaded_model.task.words} does not write; "
                f"{command('train')} --model=bible_gpt trains one that does"
            )
        if not hasattr(loaded_model.model, "layers"):
            raise ZooError(f"{loaded_model.path}: an exported model does not write; name the run or its .keras file")
        from zoo.generation.network import Network

        self.network = Network(loaded_model.model, loaded_model.path)
        self.path = loaded_model.path

    def job(self, prompt: str, options: Options) -> Job:
        """Prepare a text.

        Raises:
            ZooError: the prompt is no text, or it cannot be cut into tokens.
        """
        if not isinstance(prompt, str):
            raise ZooError(f"prompt: a text is needed, not a value of type {type(prompt).__name__}")
        tokenizer, most = self.network.tokenizer, self.network.length
        (found,) = tokenizer.encode([without_controls(prompt)])
        tokens, notices = np.concatenate([[tokenizer.end], found]).astype("int32"), []
        if len(tokens) > most:
            begin = tokenizer.decode(tokens[-most:])[:40].replace("\n", " ")
            notices.append(
                f"the prompt has {len(found):,} tokens, and the model reads {most}: the first "
                f"{len(tokens) - most - 1:,} are cut, it reads from {begin!r} on"
            )
        if options.top_k and options.top_k > len(tokenizer.tokens):
            notices.append(f"top_k={options.top_k}: the model has {len(tokenizer.tokens):,} tokens; all are taken")
        if options.seed is None:
            options = dataclasses.replace(options, seed=secrets.randbelow(2**31))
        return Job(tokens[-most:], options, tuple(notices))

    def prepare(self) -> None:
        """Trace the network for single samples, so that none waits for it."""
        self.job("", Options())
        reader = self.network.reader(1)
        for size in self.network.sizes:
            reader.read(np.full((1, size), self.network.tokenizer.end, "int32"))
        reader.read_on(np.full((1, self.network.length), self.network.tokenizer.end, "int32"))

    def write(self, job: Job, cache: bool = True, together: int = _TOGETHER) -> Iterator[Piece]:
        """The pieces of all samples, as they come; each sample ends with a piece that says why.

        A text is the same whichever other samples are written with it, and with the cache or without. When the
        context is full, the model reads the last half of it again and goes on from there.

        Args:
            job: as `job` made it.
            cache: keep what was computed for earlier tokens; without, the model reads the whole context for each.
            together: samples that are computed together, up to 4.

        Raises:
            ZooError: the model's answers are not finite.
        """
        numbers = range(job.options.num_samples)
        deadline = time.monotonic() + (job.options.max_seconds or float("inf"))
        for first in numbers[::together]:
            yield from self._write_together(job, numbers[first : first + together], deadline, cache)

    def _write_together(self, job: Job, numbers: range, deadline: float, cache: bool) -> Iterator[Piece]:
        tokenizer, length = self.network.tokenizer, self.network.length
        voices = [_Voice(number, job, tokenizer) for number in numbers]
        rows = 1 << (len(voices) - 1).bit_length()  # few sizes: each is traced
        context = np.tile(job.tokens, (rows, 1))
        reader = self.network.reader(rows, cache)
        logits = reader.read(context)
        while True:
            if not np.isfinite(logits[: len(voices)]).all():
                raise ZooError(f"{self.path}: its logits are not finite; its training diverged, train it again")
            is_late = time.monotonic() > deadline
            chosen = [voice.go_on(logits[row], is_late) for row, voice in enumerate(voices)]
            yield from (piece for piece in (voice.piece() for voice in voices) if piece)
            if all(voice.finish for voice in voices):
                return
            context = np.concatenate([context, np.resize(chosen, (rows, 1)).astype("int32")], axis=1)
            if context.shape[1] > length:
                context = context[:, -max(length // 2, 1) :]
                logits = reader.read(context)
            else:
                logits = reader.read_on(context)


class _Voice:
    """One sample while it is written."""

    def __init__(self, number: int, job: Job, tokenizer):
        self.number, self.options, self.tokenizer = number, job.options, tokenizer
        self.finish, self.tokens = None, 0
        self._seen = np.isin(np.arange(len(tokenizer.tokens)), job.tokens[job.tokens != tokenizer.end])
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held, self._said, self._is_told = "", "", False

    def go_on(self, logits: np.ndarray, is_late: bool) -> int:
        """Choose the next token from `float32[token]`, and take it up."""
        if self.finish:
            return self.tokenizer.end
        weights = probabilities(logits[: len(self._seen)], self._seen, self.options)
        token = choose(weights, self.options.seed, self.number, self.tokens)
        if token == self.tokenizer.end:
            self.finish = "end"
        else:
            self._seen[token] = True
            self.tokens += 1
            self._hear(self._decoder.decode(self.tokenizer.bytes_of(token)))
            if not self.finish and self.tokens == self.options.max_tokens:
                self.finish = "length"
            elif not self.finish and is_late:
                self.finish = "time"
        if self.finish and self.finish != "stop":  # what was held back is no stop; half a character is left out
            self._said, self._held = self._said + self._held, ""
        return token

    def piece(self) -> Piece | None:
        """What was said since the last one; None after the end."""
        if self._is_told:
            return None
        said, self._said, self._is_told = self._said, "", self.finish is not None
        return Piece(self.number, said, self.finish, self.tokens)

    def _hear(self, text: str) -> None:
        """Hold back what may be the beginning of a stop."""
        text, stops = self._held + text, self.options.stop
        places = [place for place in (text.find(stop) for stop in stops) if place >= 0]
        if places:
            self._said, self._held, self.finish = self._said + text[: min(places)], "", "stop"
            return
        begun = max((_begun(text, stop) for stop in stops), default=0)
        self._said, self._held = self._said + text[: len(text) - begun], text[len(text) - begun :]


def _begun(text: str, stop: str) -> int:
    """How many characters of a stop the text ends with."""
    return next((size for size in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:size])), 0)


def writer_of(loaded_model: "LoadedModel") -> Writer:
    """The writer of a model; made once, since it is traced anew each time.

    Raises:
        ZooError: as `Writer`.
    """
    kept = loaded_model.__dict__  # it is frozen
    return kept.get("_writer") or kept.setdefault("_writer", Writer(loaded_model))
