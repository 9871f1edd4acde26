"""Train with each craft on one device and on two; the largest difference of weights, into FOLDER/differences.json.

python tests/training/one_and_two_devices.py FOLDER
"""

import json
import pathlib
import sys

import numpy as np
from conftest import made_digits
from residual_model import MODEL
from small_trainings import train, weights

CRAFT = {
    "drop path": (),
    "average": ("training.average_last_epochs=2",),
    "one cycle": ("training.schedule={name: one_cycle, momentum_at_peak: 0.6}",),
    "nesterov": ("training.optimizer.nesterov=true",),
    "muon": ("training.optimizer={name: muon, weight_decay: 0.01, clip_norm: 1.0, layer_decay: 0.8}",),
    "lamb": ("training.optimizer={name: lamb, weight_decay: 0.01, ema_momentum: 0.9, lookahead_steps: 3}",),
    "lion": ("training.optimizer={name: lion, learning_rate: 0.0003, weight_decay: 0.1, lookahead_steps: 3}",),
}
# In float32 and without Adam, which makes full steps of gradients that are only rounding.
BASICS = (
    f"model.name={MODEL}", "training.epochs=2", "training.xla=off", "training.selection=last",
    "training.virtual_devices=2", "training.optimizer={name: sgd, learning_rate: 0.05, momentum: 0.9}",
)  # fmt: skip


def main(folder: str) -> None:
    digits, differences = made_digits(), {}
    for craft, settings in CRAFT.items():
        one, two = (
            weights(train(digits, pathlib.Path(folder), *BASICS, *settings, f"training.strategy={strategy}"))
            for strategy in ("default", "mirrored")
        )
        differences[craft] = float(np.abs(one - two).max())
    (pathlib.Path(folder) / "differences.json").write_text(json.dumps(differences))


if __name__ == "__main__":
    main(*sys.argv[1:])
