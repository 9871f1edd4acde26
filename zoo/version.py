"""The version of the zoo."""

import configparser
import importlib.metadata

from zoo.shipped import shipped


def _version() -> str:
    """A checkout says it itself, installed or not; a package that came as a wheel has metadata."""
    if (file := shipped("setup.cfg")).exists():
        config = configparser.ConfigParser()
        config.read(file, encoding="utf-8")
        return config["metadata"]["version"]
    return importlib.metadata.version("keras-model-zoo")


__version__ = _version()
