"""How a text is to be written; checked, and without TensorFlow."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from zoo.errors import ZooError, nearest, shortened

MOST_TOKENS, MOST_SAMPLES = 1_000_000, 1_000
_MOST_STOPS, _LONGEST_STOP = 16, 1_000


@dataclasses.dataclass(frozen=True)
class Options:
    """What `zoo.generate`, `generate.py` and the server take beside the prompt.

    Attributes:
        max_tokens: of each text.
        num_samples: how many texts are written.
        temperature: what logits are divided by; 0 takes the most probable token, more than 1 evens the odds.
        top_k: choose among so many of the most probable tokens; None: among all.
        top_p: choose among the fewest tokens that have this much of the probability together (Holtzman et al., 2020).
        repetition_penalty: what logits of tokens that are there already are divided by (Keskar et al., 2019, CTRL).
        seed: of the same one comes the same text; None: a new one.
        stop: texts that end a sample; they are no part of it.
        max_seconds: after which all end; None: no bound.

    Raises:
        ZooError: one has no such value.
    """

    max_tokens: int = 256
    num_samples: int = 1
    temperature: float = 0.8
    top_k: int | None = None
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int | None = None
    stop: str | Sequence[str] = ()
    max_seconds: float | None = None

    def __post_init__(self):
        _whole("max_tokens", self.max_tokens, 1, MOST_TOKENS)
        _whole("num_samples", self.num_samples, 1, MOST_SAMPLES)
        _number("temperature", self.temperature, "from 0 on", lambda value: value >= 0)
        if self.top_k is not None:
            _whole("top_k", self.top_k, 1)
        _number("top_p", self.top_p, "above 0, up to 1,", lambda value: 0 < value <= 1)
        _number("repetition_penalty", self.repetition_penalty, "from 0.01 to 100", lambda value: 0.01 <= value <= 100)
        if self.seed is not None:
            _whole("seed", self.seed, 0, 2**63 - 1)
        if self.max_seconds is not None:
            _number("max_seconds", self.max_seconds, "above 0", lambda value: value > 0)
        stops = (self.stop,) if isinstance(self.stop, str) else self.stop
        if not isinstance(stops, list | tuple) or not all(isinstance(each, str) for each in stops):
            raise ZooError(f"stop={shortened(repr(self.stop))}: a text or a list of texts is needed")
        if not all(0 < len(each) <= _LONGEST_STOP for each in stops) or len(stops) > _MOST_STOPS:
            raise ZooError(
                f"stop: up to {_MOST_STOPS} texts of 1 to {_LONGEST_STOP:,} characters are taken; an empty one would "
                "stop at once, leave it out"
            )
        object.__setattr__(self, "stop", tuple(stops))


def options_of(values: dict[str, Any]) -> Options:
    """Options by name; what is None is as if it were not there.

    Raises:
        ZooError: there is no option of that name, or a value is wrong.
    """
    known = [field.name for field in dataclasses.fields(Options)]
    for name in values:
        if name not in known:
            raise ZooError(f"{shortened(str(name), 50)}: no such option; {nearest(str(name)[:50], known)}")
    return Options(**{name: value for name, value in values.items() if value is not None})


def _whole(name: str, value: Any, low: int, high: int | None = None) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < low or (high is not None and value > high):
        bounds = f"from {low} on" if high is None else f"from {low} to {high:,}"
        raise ZooError(f"{name}={shortened(repr(value))}: a whole number {bounds} is needed")


def _number(name: str, value: Any, words: str, is_right) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not (math.isfinite(value) and is_right(value)):
        raise ZooError(f"{name}={shortened(repr(value))}: a number {words} is needed")
