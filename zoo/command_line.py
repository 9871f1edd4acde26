"""What all scripts share: flags, help, and how errors end."""

import importlib.machinery
import os
import pathlib
import sys
from collections.abc import Callable

from absl import flags

from zoo import streams
from zoo.command_words import in_words
from zoo.errors import ZooError
from zoo.escaping import tell

SAFE_PATH, SET_HERE = "PYTHONSAFEPATH", "zoo"

# Settings of a training that have a name of their own, as flags of train.py and in Python; keys of the config.
SETTINGS = {
    "epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "learning_rate": "training.optimizer.learning_rate",
    "seed": "training.seed",
    "task": "dataset.task",
    "dataset": "dataset.name",
    "data_dir": "dataset.data_dir",
    "init_from": "model.init_from",
    "precision": "training.precision",
    "steps_per_call": "training.steps_per_call",
    "xla": "training.xla",
    "strategy": "training.strategy",
    "devices": "training.devices",
    "virtual_devices": "training.virtual_devices",
}


class Choice(flags.EnumParser):
    """Of a flag with `boolean=True` that is off, or one of several values: `--name` alone is the first of them."""

    def parse(self, argument: str) -> str | None:
        """`argument` is "true" for --name, "false" for --noname, else what stands behind the `=`."""
        if argument in ("true", "false"):
            return self.enum_values[0] if argument == "true" else None
        return super().parse(argument)


def run(main: Callable[..., int | None], accepts_arguments: bool = False) -> None:
    """Parse the flags, call `main`, and leave the process with its exit status.

    Args:
        main: called without arguments, or with the list of positional arguments where `accepts_arguments`.

    A `ZooError` or a wrong flag prints one line and gives status 2; a bug shows its traceback. When the reader of the
    output leaves, as `head` does, the work goes on. When the output cannot be written, the status is 1.
    """
    streams.keep()
    # Processes that we or libraries start must not import modules from the folder that the user is in.
    os.environ.setdefault(SAFE_PATH, SET_HERE)
    try:
        if {"--help", "-h", "-help"} & set(sys.argv[1:]):
            about = (sys.modules["__main__"].__doc__ or "").strip()
            own_flags = flags.FLAGS.main_module_help().partition(":\n")[2]  # after the path of the script
            print(in_words(f"{about}\n\nflags:\n{own_flags}"))
            status = 0
        else:
            arguments = _parse_flags(accepts_arguments)
            status = main(arguments) if accepts_arguments else main()
    except ZooError as error:
        tell(f"error: {error}")
        status = 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = 130
    if error := streams.failure():
        tell(f"standard output is not whole: {error.strerror}")
        status = status or 1
    sys.exit(status or 0)


def import_modules(names: list[str]) -> None:
    """Import the user's modules, found in the working directory too, so that they can register their models.

    The working directory is searched last, so that a file in it never replaces an installed package.

    Raises:
        ZooError: there is no such module, or an installed one hides the file of that name.
    """
    if names:
        sys.meta_path.append(_FilesOf(os.getcwd()))
    for name in names:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise ZooError(f"--import={name}: no such module; name a file of this folder without its .py") from None
        file = pathlib.Path(*name.split(".")).with_suffix(".py")
        if file.exists() and not file.samefile(getattr(module, "__file__", None) or os.devnull):
            raise ZooError(f"--import={name}: an installed module has the name of {file}; give the file another name")


class _FilesOf:
    """Finds modules in a folder. At the end of `sys.path` the folder would still hide packages without __init__.py."""

    def __init__(self, folder: str):
        self.folder = folder

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.PathFinder.find_spec(name, [self.folder]) if path is None else None


def _parse_flags(accepts_arguments: bool) -> list[str]:
    try:
        arguments = flags.FLAGS(sys.argv)[1:]
    except flags.Error as error:
        raise ZooError(" ".join(str(error).split()) + " (--help lists the flags)") from None
    if arguments and not accepts_arguments:
        raise ZooError(f"unexpected argument {arguments[0]!r}; flags are written --name=value (--help lists them)")
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        raise ZooError(
            f"KERAS_BACKEND is {backend!r}, but the zoo runs on TensorFlow; unset it or set it to tensorflow"
        )
    return arguments
