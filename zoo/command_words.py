"""What to type: `zoo train`, `python -m zoo train` or `python scripts/train.py`, as the user started this process."""

import os
import pathlib
import re
import shlex
import sys

from zoo.shipped import is_installed, shipped

STARTED_AS = "ZOO_COMMAND"  # an environment variable, so that processes that we start use the user's words too


def command(name: str) -> str:
    """How the user starts a command, for messages; from Python, as it can be started at all."""
    program = os.environ.get(STARTED_AS) or ("zoo" if is_installed() else None)
    return f"{program} {name}" if program else script(name)


def script(name: str) -> str:
    """How a command is started in a checkout, for what is written down: receipts, cards."""
    return f"python scripts/{name}.py"


def in_words(text: str) -> str:
    """A script's help with its commands as the user types them, and guides where the package has them."""
    if command("train") != script("train"):
        names = "|".join(commands())
        text = re.sub(rf"(python )?(scripts/)?\b({names})\.py\b", lambda match: command(match[3]), text)
    if is_installed():
        text = re.sub(r"\bdocs/\w+\.md\b", lambda match: str(shipped(match[0])), text)
    return text


def commands() -> list[str]:
    return sorted(path.stem for path in shipped("scripts").glob("*.py"))


def typed(*more: str) -> str:
    """This process's command line, to be typed again, with `more` at its end."""
    program, path = os.environ.get(STARTED_AS), pathlib.Path(sys.argv[0])
    ours = program and path.parent == shipped("scripts")
    return shlex.join([*([*program.split(), path.stem] if ours else ["python", sys.argv[0]]), *sys.argv[1:], *more])


def name_and_flags(command_line: str) -> tuple[str, list[str]]:
    """The other way round: of `zoo train --epochs=3` or `python scripts/train.py --epochs=3`, train and the flags.

    Raises:
        ValueError: too few words, or an open quote.
    """
    words = shlex.split(command_line)
    for start in (["python", "-m", "zoo"], ["zoo"], ["python"]):
        if words[: len(start)] == start:
            name, *flags = words[len(start) :]
            return pathlib.Path(name).stem, flags
    _, name, *flags = words
    return pathlib.Path(name).stem, flags
