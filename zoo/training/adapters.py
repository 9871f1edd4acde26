"""Low-rank adapters (Hu et al., 2022, LoRA): a few numbers beside each kernel learn in its place."""

import pathlib

import keras
import numpy as np

from zoo import keras_hooks
from zoo.errors import ZooError


def add_adapters(model: keras.Model, rank: int) -> str:
    """Freeze each kernel below the layer `features` that is larger than its adapters, and let these learn.

    Layers that are frozen altogether get none. Biases and normalizations learn as before.

    Returns:
        In words, what learns now.

    Raises:
        ZooError: no kernel is larger than its adapters would be.
    """
    for layer in _below_the_head(model):
        if layer.trainable and _adapters_pay(layer, rank):
            layer.enable_lora(rank)
    adapted = _adapted(model)
    if not adapted:
        raise ZooError(
            f"training.lora_rank={rank}: {model.name} has no dense or convolutional kernel below its head that "
            "learns and is larger than its adapters; take a lower rank, or leave lora_rank out"
        )
    learned = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    frozen = count_parameters(model) - learned + sum(map(_size_of_adapters, adapted))
    return f"adapters of rank {rank} in {len(adapted)} layers; {learned:,} numbers learn, {frozen:,} are frozen"


def count_parameters(model: keras.Model) -> int:
    """Those of the model that users get, without its adapters."""
    return model.count_params() - sum(map(_size_of_adapters, _adapted(model)))


def learned_arrays(model: keras.Model) -> dict[str, np.ndarray]:
    """What training may have changed: by `layer/number`, in the order of `Layer.weights`, whole or as two factors.

    The factors, `layer/number/a` and `/b`, are those of what is added to a kernel: `float32[in, rank]` and
    `float32[rank, out]` of a dense one.
    """
    arrays = {}
    for layer in model.layers:
        if not layer.trainable:
            continue
        factors = [layer.lora_kernel_a, layer.lora_kernel_b] if _is_adapted(layer) else []
        weights = [variable for variable in layer.weights if not any(variable is factor for factor in factors)]
        for number, variable in enumerate(weights):
            if factors and variable is keras_hooks.stored_kernel(layer):
                arrays |= {f"{layer.name}/{number}/{n}": np.asarray(f) for n, f in zip("ab", factors, strict=True)}
            else:
                arrays[f"{layer.name}/{number}"] = np.asarray(variable)
    return arrays


def merge_adapters(model: keras.Model) -> None:
    """Add the adapters to their kernels and drop them: the model is as plain as before `add_adapters`."""
    for layer in _adapted(model):
        keras_hooks.merge_adapters(layer)


def write_learned(path: pathlib.Path, model: keras.Model) -> None:
    """Write `learned_arrays` into an npz file."""
    np.savez_compressed(path, **learned_arrays(model))


def _adapted(model: keras.Model) -> list[keras.layers.Layer]:
    return [layer for layer in model.layers if _is_adapted(layer)]


def _is_adapted(layer: keras.layers.Layer) -> bool:
    return getattr(layer, "lora_enabled", False)


def _below_the_head(model: keras.Model) -> list[keras.layers.Layer]:
    names = [layer.name for layer in model.layers]
    return model.layers[: names.index("features")] if "features" in names else []


def _adapters_pay(layer: keras.layers.Layer, rank: int) -> bool:
    if not hasattr(layer, "enable_lora") or isinstance(layer, keras.layers.Embedding):
        return False
    shape = layer.kernel.shape
    return rank * (int(np.prod(shape[:-1])) + shape[-1]) < int(np.prod(shape))


def _size_of_adapters(layer: keras.layers.Layer) -> int:
    return sum(int(np.prod(factor.shape)) for factor in (layer.lora_kernel_a, layer.lora_kernel_b))
