"""What all scripts share: flags, help, and how errors end."""

import os
import sys
from collections.abc import Callable

from absl import flags

from zoo.errors import ZooError
from zoo.escaping import tell


def run(main: Callable[..., int | None], accepts_arguments: bool = False) -> None:
    """Parse the flags, call `main`, and leave the process with its exit status.

    Args:
        main: called without arguments, or with the list of positional arguments where `accepts_arguments`.

    A `ZooError` and a wrong flag print one line and give status 2; a bug shows its traceback.
    """
    sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may be bytes that are no text
    try:
        if {"--help", "-h", "-help"} & set(sys.argv[1:]):
            print(f"{(sys.modules['__main__'].__doc__ or '').strip()}\n\nflags:\n{flags.FLAGS.main_module_help()}")
            status = 0
        else:
            arguments = _parse_flags(accepts_arguments)
            status = main(arguments) if accepts_arguments else main()
        sys.stdout.flush()
    except ZooError as error:
        tell(f"error: {error}")
        status = 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = 130
    except BrokenPipeError:  # the reader of our output, such as `head`, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status or 0)


def import_modules(names: list[str]) -> None:
    """Import the user's modules, found from the working directory too, so that they can register their models.

    Raises:
        ZooError: there is no such module.
    """
    sys.path.insert(0, os.getcwd())
    for name in names:
        try:
            __import__(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise ZooError(f"--import={name}: no such module; name a file of this folder without its .py") from None


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
