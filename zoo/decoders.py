"""Decoders that others have published, in the layers of `zoo.models.gpt`: read from GPT-2's files, and taken whole."""

import dataclasses
import pathlib

import numpy as np

from zoo.encoders import few, misfits_of, read_tensors
from zoo.errors import ZooError, shortened
from zoo.safe_reading import read_mapping

# What `zoo.models.gpt` computes, and what a config.json that says nothing means.
_EXPECTED = {
    "model_type": "gpt2", "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False, "reorder_and_upcast_attn": False, "add_cross_attention": False,
    "tie_word_embeddings": True,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A decoder: weights by layer, in the order of `Layer.weights`; tokens by id, pairs to merge; names not used."""

    weights: dict[str, list[np.ndarray]]
    tokens: list[str]
    merges: list[tuple[str, str]]
    unused: list[str]


def initialize(model, folder: pathlib.Path) -> str:
    """Give a GPT the tokens and weights of a checkpoint, and return in words what was taken.

    Args:
        model: from `zoo.models.gpt`.
        folder: with config.json, vocab.json, merges.txt and model.safetensors, as GPT-2's is.

    Raises:
        ZooError: a file is missing or damaged, or something does not fit; the text lists it.
    """
    tokenizer = model.get_layer("tokenizer")
    checkpoint = read_directory(folder, tokenizer.length)
    if misfits := misfits_of(model.layers, checkpoint.weights):
        words, positions = (checkpoint.weights[name][0].shape for name in ("token_embedding", "position_embedding"))
        raise ZooError(
            f"{folder}: {len(misfits)} layers do not fit the model: {few(misfits)}; set model.options "
            f"vocabulary_size={words[0]}, hidden_size={words[1]}, num_layers={_count(checkpoint.weights)}, num_heads, "
            f"context_length of {positions[0]} or less"
        )
    tokenizer.set_vocabulary(checkpoint.tokens, checkpoint.merges, str(folder))
    for name, weights in checkpoint.weights.items():
        model.get_layer(name).set_weights(weights)
    unused = f", not used: {few(checkpoint.unused)}" if checkpoint.unused else ""
    return f"decoder of {len(checkpoint.weights)} layers and {len(checkpoint.tokens):,} tokens from {folder}{unused}"


def read_directory(folder: pathlib.Path, length: int) -> Checkpoint:
    """A GPT-2 checkpoint in the layout that is usual since Wolf et al. (2020), Transformers.

    Args:
        folder: where its files lie.
        length: how many of its positions are wanted.
    """
    from zoo.layers.byte_pair import read_vocabulary

    config = read_mapping(folder / "config.json")
    for key, value in _EXPECTED.items():
        if config.get(key, value) != value:
            raise ZooError(
                f"{folder}: config.json has {key} {shortened(repr(config[key]))}; this decoder computes {value!r} alone"
            )
    for file in ("vocab.json", "merges.txt", "model.safetensors"):
        if not (folder / file).is_file():
            raise ZooError(
                f"{folder}: {file} is missing; a checkpoint of GPT-2 holds config.json, vocab.json, merges.txt, "
                "model.safetensors"
            )
    tensors = {
        name.removeprefix("transformer."): tensor
        for name, tensor in read_tensors(folder / "model.safetensors").items()
        if not name.endswith((".attn.bias", ".attn.masked_bias"))  # masks, which older files hold
    }
    weights = _by_layer(tensors, folder, length)
    return Checkpoint(weights, *read_vocabulary(folder), sorted(tensors))


def _by_layer(tensors: dict[str, np.ndarray], folder: pathlib.Path, length: int) -> dict[str, list[np.ndarray]]:
    """Takes what the layers need out of `tensors`."""
    wrong = []

    def take(name: str, axes: int) -> np.ndarray:
        tensor = tensors.pop(name, None)
        if tensor is None or tensor.ndim != axes or tensor.dtype != "float32":
            wrong.append(name if tensor is None else f"{name} {tensor.dtype}{list(tensor.shape)}")
            return np.zeros((1,) * axes, "float32")
        return tensor

    def pair(name: str, axes: int) -> list[np.ndarray]:
        return [take(f"{name}.weight", axes), take(f"{name}.bias", 1)]

    words = take("wte.weight", 2)
    output = tensors.pop("lm_head.weight", words)
    if output.shape != words.shape or not np.array_equal(output, words):
        raise ZooError(f"{folder}: model.safetensors has a lm_head of its own; this decoder shares it with wte alone")
    weights = {"token_embedding": [words], "position_embedding": [take("wpe.weight", 2)[:length]]}
    numbers = {name.split(".")[1] for name in tensors if name.startswith("h.") and name.count(".") > 1}
    for number in range(len(numbers)):
        theirs, ours = f"h.{number}", f"block_{number}"
        weights[f"{ours}_attention_norm"] = pair(f"{theirs}.ln_1", 1)
        weights[f"{ours}_attention_input"] = pair(f"{theirs}.attn.c_attn", 2)
        weights[f"{ours}_attention_output"] = pair(f"{theirs}.attn.c_proj", 2)
        weights[f"{ours}_mlp_norm"] = pair(f"{theirs}.ln_2", 1)
        weights[f"{ours}_mlp_input"] = pair(f"{theirs}.mlp.c_fc", 2)
        weights[f"{ours}_mlp_output"] = pair(f"{theirs}.mlp.c_proj", 2)
    weights["final_norm"] = pair("ln_f", 1)
    if wrong:
        raise ZooError(f"{folder}: model.safetensors lacks, or has otherwise: {few(wrong)}; it is no whole GPT-2")
    return weights


def _count(weights: dict[str, list[np.ndarray]]) -> int:
    return sum(name.endswith("_mlp_norm") for name in weights)
