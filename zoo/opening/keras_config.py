"""Judges the `config.json` of a `.keras` file before Keras sees it: it may name nothing but known classes."""

import json
import pathlib
from typing import Any

from zoo.errors import ZooError
from zoo.opening.keras_names import KNOWN

MOST_BYTES = 16 << 20  # that of the largest model of keras.applications has 1.5 MB
_MOST_DEPTH = 100
_MOST_VALUES = 2_000_000
_MOST_TOKENS = 1 << 20  # places of vocabularies that a layer fills before its weights are read
_VALUES = {"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"}
_RUNS_CODE = {
    "Lambda": "a Lambda layer, which runs code from the file or a function that it names",
    "TFSMLayer": "a TFSMLayer, which runs another model from a path",
    "TorchModuleWrapper": "a TorchModuleWrapper, which unpickles code",
    "JaxLayer": "a JaxLayer, which runs code from the file",
    "FlaxLayer": "a FlaxLayer, which runs code from the file",
    "__lambda__": "a Python lambda, which is code from the file",
}


def read_config(path: pathlib.Path, content: bytes) -> dict[str, Any]:
    """`config.json` as Keras will read it.

    Raises:
        ZooError: it is too long or deep, no JSON object, or names what may not be in it.
    """
    if len(content) > MOST_BYTES:
        raise ZooError(f"{path}: refused, its config.json has {len(content):,} bytes; at most {MOST_BYTES:,} are read")
    try:
        config = json.loads(content)
    except RecursionError:
        raise ZooError(f"{path}: refused, its config.json is nested too deeply") from None
    except ValueError as error:
        raise ZooError(f"{path}: its config.json is damaged ({error}); copy or train it again") from None
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise ZooError(f"{path}: its config.json describes no model; copy or train it again")
    _judge({key: value for key, value in config.items() if key != "compile_config"}, path)  # which is not read
    return config


def _judge(config: dict[str, Any], path: pathlib.Path) -> None:
    waiting, values, tokens = [(config, 0, None)], 0, 0
    while waiting:
        value, depth, layer = waiting.pop()
        values += 1
        if depth > _MOST_DEPTH or values > _MOST_VALUES:
            raise ZooError(f"{path}: refused, its config.json is {'nested too deeply' if depth > 9 else 'too long'}")
        if isinstance(value, list):
            waiting += [(item, depth + 1, layer) for item in value]
        elif isinstance(value, dict):
            if "class_name" in value or "registered_name" in value or "spec_name" in value:
                _refuse_unknown(path, value)
                layer = _name_of(value)
            _refuse_paths(path, value, layer)
            tokens += _fills(value)
            if tokens > _MOST_TOKENS:
                raise ZooError(f"{path}: refused, its layer {layer} would make {tokens:,} numbers before any are read")
            waiting += [(item, depth + 1, layer) for item in value.values()]
        elif isinstance(value, str) and not _is_unicode(value):
            raise ZooError(f"{path}: refused, its config.json holds text that is not Unicode at {layer}")


def _refuse_unknown(path: pathlib.Path, value: dict[str, Any]) -> None:
    import keras

    module, name, registered = (value.get(key) for key in ("module", "class_name", "registered_name"))
    if not isinstance(name, str) or not isinstance(module, str | None) or not isinstance(registered, str | None):
        raise ZooError(f"{path}: its config.json is damaged at {_name_of(value)}; copy or train it again")
    if name in _RUNS_CODE:
        raise ZooError(f"{path}: refused, it holds {_RUNS_CODE[name]}; rebuild it from registered layers")
    if name in _VALUES and module is None and registered is None:
        return
    if name == "function":
        function = value.get("config")
        # The functions of Keras's modules include some that write files, fetch data or change the process; its own
        # activations are written as plain strings.
        if isinstance(function, str) and keras.saving.get_registered_object(function) is not None:
            return
        raise ZooError(
            f"{path}: refused, it names the function {_shown(function)} of {_shown(module)}, and functions of a file "
            "are not called; if it is yours, --import the module that registers it"
        )
    if registered and keras.saving.get_registered_object(registered) is not None:
        return
    if (module, name) in KNOWN and registered in (None, name):
        return
    raise ZooError(
        f"{path}: refused, it holds {_shown(registered if registered and '>' in registered else f'{module}.{name}')}, "
        "which is no layer, initializer or other part of a model that is known here; if it is yours, "
        "--import the module that registers it"
    )


def _refuse_paths(path: pathlib.Path, value: dict[str, Any], layer: str | None) -> None:
    for key in ("vocabulary", "idf_weights"):
        if isinstance(value.get(key), str):
            raise ZooError(
                f"{path}: refused, its layer {layer} would read its {key} from the file {_shown(value[key])}; "
                "save it with the words themselves inside"
            )


def _fills(value: dict[str, Any]) -> int:
    """How many numbers or texts a layer creates when it is made, before its weights are compared with the file."""
    sizes = {key: value.get(key) for key in ("vocabulary_size", "num_mel_bins", "fft_length", "sequence_length")}
    sizes = {key: size if isinstance(size, int) else 0 for key, size in sizes.items()}
    return max(sizes["vocabulary_size"], 0) + max(sizes["num_mel_bins"], 0) * max(
        sizes["fft_length"], sizes["sequence_length"], 0
    )


def _name_of(value: dict[str, Any]) -> str:
    inner = value.get("config")
    name = inner.get("name") if isinstance(inner, dict) else None
    return (
        f"{_shown(value.get('class_name'))} {_shown(name)}"
        if isinstance(name, str)
        else _shown(value.get("class_name"))
    )


def _shown(value: Any) -> str:
    """Text of the file as a message can hold it."""
    return "".join(c if c.isprintable() and c.isascii() else "?" for c in str(value))[:80]


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
