"""The command `zoo`: `zoo train …` runs scripts/train.py, here or in the installed package."""

import os
import runpy
import sys

from zoo import streams
from zoo.command_words import STARTED_AS, commands
from zoo.errors import nearest, shortened
from zoo.escaping import tell
from zoo.shipped import shipped

GROUPS = {
    "look around": ["list_models", "prepare_data"],
    "train": ["train", "pretrain", "baseline", "sweep", "ablate", "soup", "launch"],
    "use a model": ["predict", "generate", "serve", "export", "embed"],
    "judge it": ["evaluate", "compare", "reproduce", "measure_leak", "benchmark", "verify_distribution"],
    "publish": ["publish", "write_model_cards"],
}


def main(program: str = "zoo") -> None:
    """Run the command that the first argument names, or tell what there is, and leave the process.

    Args:
        program: how the user started it, for messages.
    """
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in commands():
        os.environ[STARTED_AS] = program
        script = str(shipped(f"scripts/{name}.py"))
        sys.argv = [script, *arguments]
        runpy.run_path(script, run_name="__main__")
        return
    streams.keep()
    if name in ("--help", "-h", "-help", "help"):
        print(overview(program))
    elif name == "--version":
        from zoo.version import __version__

        print(f"zoo {__version__}")
    else:
        tell(f"error: {shortened(name)}: no such command; {nearest(name, commands())} ({program} --help)")
        sys.exit(2)
    sys.exit(1 if streams.failure() else 0)


def overview(program: str) -> str:
    """The commands in groups, each with the first sentence of its script, which no one imports for that."""
    names, known = commands(), {name for group in GROUPS.values() for name in group}
    groups = GROUPS | {"and": [name for name in names if name not in known]}
    lines = [
        "Named Keras models that train on real data, with figures that one command measures again.",
        "",
        f"usage: {program} COMMAND --flag=value …",
        f"       {program} COMMAND --help",
    ]
    for title, members in groups.items():
        there = [name for name in members if name in names]
        if there:
            lines += ["", f"{title}:", *(f"  {name:<{max(map(len, names))}}  {_sentence(name)}" for name in there)]
    return "\n".join(lines)


def _sentence(name: str) -> str:
    with shipped(f"scripts/{name}.py").open(encoding="utf-8") as file:
        first_line = file.readline()
    return first_line.strip().strip('"').partition(": python scripts/")[0].rstrip(".")
