"""Files of the repository that the installed package carries too: configs, receipts, small weights, the commands."""

import os
import pathlib

_PACKAGE = pathlib.Path(__file__).parent
_INSTALLED = _PACKAGE / "repository"


def is_installed() -> bool:
    """Whether this is the package from a wheel; a checkout, also one installed by `pip install -e`, is none."""
    return _INSTALLED.is_dir()


def shipped(relative_path: str) -> pathlib.Path:
    """Where a file of the repository is, such as `configs/mnist_mlp.yaml`: in the checkout, or in the package."""
    return (_INSTALLED if is_installed() else _PACKAGE.parent) / relative_path


def found(path: str | pathlib.Path) -> pathlib.Path:
    """The user's file of that path, or else the repository's, such as the examples in configs/sweeps."""
    ours = shipped(path)
    return ours if os.path.isfile(ours) and not os.path.exists(path) else pathlib.Path(path)
