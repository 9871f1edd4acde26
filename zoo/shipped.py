"""Files of the repository that the installed package carries too: configs, receipts, small weights, the commands."""

import pathlib

_PACKAGE = pathlib.Path(__file__).parent
_INSTALLED = _PACKAGE / "repository"


def shipped(relative_path: str) -> pathlib.Path:
    """Where a file of the repository is, such as `configs/mnist_mlp.yaml`: in the checkout, or in the package."""
    return (_INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent) / relative_path
