"""Exceptions that are no bugs: the user's mistakes, and interruptions."""

import difflib
import signal
from collections.abc import Iterable, Sequence


class ZooError(Exception):
    """Something the user can mend. Its text is one line: what is wrong, where, and what to do.

    The scripts print it as `error: …` and exit with status 2. Bugs raise anything else and show their traceback.
    """


class Interrupted(BaseException):  # noqa: N818, no error
    """Ctrl-C, SIGTERM or SIGHUP ended a training, in `run`, after its state was saved if the disk took it.

    Like KeyboardInterrupt it is no `Exception`, so that code that catches the errors of a library does not catch it.
    """

    def __init__(self, signal_number: int, state_saved: bool):
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number
        self.state_saved = state_saved
        self.run = None


def nearest(name: str, candidates: Iterable[str]) -> str:
    """A sentence that names the candidates nearest to a mistyped name, or all of them if none is near."""
    candidates = sorted(candidates)
    if same := [candidate for candidate in candidates if candidate.casefold() == name.casefold()]:
        return f"did you mean {' or '.join(same)}?"
    matches = difflib.get_close_matches(name, candidates, n=3, cutoff=0.5)
    if matches:
        return f"did you mean {' or '.join(matches)}?"
    return f"known: {', '.join(candidates)}"


def shortened(text: str, length: int = 80) -> str:
    """The beginning of a text from a file, for a message: the text may have any length."""
    return text if len(text) <= length else f"{text[:length]}…"


def first_few(names: Sequence[str], most: int) -> str:
    """The first names of a list that may be long, for a message."""
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
