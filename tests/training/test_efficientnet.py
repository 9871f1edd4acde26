"""ImageNet's weights: read without running their pickle, and the network computes what the original computes."""

import collections
import os
import pathlib
import pickle
import struct
import sys
import types

import keras
import numpy as np
import pytest

import zoo
from zoo.errors import ZooError
from zoo.opening.torch_pickle import read_tensors
from zoo.training import efficientnet_weights

GOLDEN = pathlib.Path(__file__).with_name("efficientnet_golden.npz")


def pictures():
    """As make_efficientnet_golden.py makes them."""
    noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3))
    x, y = np.meshgrid(np.arange(224), np.arange(224))
    waves = np.stack([127 + 127 * np.sin((x * a + y * b) / 40) for a, b in ((1, 0), (0, 2), (3, 1))], axis=-1)
    return np.stack([noise, waves]).astype("uint8")


@pytest.mark.slow
def test_imagenet_logits_are_those_of_the_original():
    """Fetches 17 MB the first time. The difference is relative to a picture's largest logit."""
    weights = efficientnet_weights.read("efficientnet_lite0_imagenet")
    model = zoo.create_model("efficientnet_lite0")
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(weights.pop(layer.name))
    assert not weights
    logits = keras.Model(model.input, model.get_layer("logits").output).predict(pictures(), verbose=0)
    expected = np.load(GOLDEN)["logits"]
    assert (np.abs(logits - expected).max(axis=1) / np.abs(expected).max(axis=1)).max() < 1e-5


def test_pictures_of_any_size_and_grey_ones():
    model = zoo.create_model("efficientnet_lite0", input_shape=(40, 50, 1), image_size=32, num_classes=3)
    answers = model.predict(np.zeros((2, 40, 50, 1), "uint8"), verbose=0)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
    assert model.get_layer("stem_conv").kernel.shape == (3, 3, 3, 32)


# ---- the format of torch.save before 1.6, written without torch


class Asked:
    """What unpickling calls `name(*arguments)` for."""

    def __init__(self, name, *arguments):
        self.name, self.arguments = name, arguments


class Pickler(pickle.Pickler):
    def persistent_id(self, thing):
        return thing if isinstance(thing, tuple) and thing and thing[0] == "storage" else None

    def reducer_override(self, thing):
        return (thing.name, thing.arguments) if isinstance(thing, Asked) else NotImplemented


@pytest.fixture
def torch_names(monkeypatch):
    """Names for the pickle to write; torch itself need not be there."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    for module, name in ((torch, "FloatStorage"), (utils, "_rebuild_tensor_v2")):
        made = type(name, (), {"__module__": module.__name__, "__qualname__": name})
        setattr(module, name, made)
    return torch.FloatStorage, utils._rebuild_tensor_v2


def write(path, state, numbers=b"", keys=("0",), magic=0x1950A86A20F9469CFC6C):
    with path.open("wb") as file:
        for part in (magic, 1001, {"little_endian": True}, state, list(keys)):
            Pickler(file, protocol=2).dump(part)
        file.write(numbers)
    return path


def tensor(names, size, stride, offset=0, count=6):
    storage, rebuild = names
    return Asked(
        rebuild, ("storage", storage, "0", "cpu", count, None), offset, size, stride, False, collections.OrderedDict()
    )


NUMBERS = struct.pack("<q6f", 6, *range(6))


def test_tensors_come_with_their_strides(torch_names, tmp_path):
    state = collections.OrderedDict(
        rows=tensor(torch_names, (2, 3), (3, 1)),
        columns=tensor(torch_names, (3, 2), (1, 3)),
        last=tensor(torch_names, (), (), 5),
    )
    found = read_tensors(write(tmp_path / "a.pth", state, NUMBERS))
    np.testing.assert_array_equal(found["rows"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(found["columns"], [[0, 3], [1, 4], [2, 5]])
    assert found["last"] == 5 and found["rows"].dtype == np.float32


def test_a_pickle_that_would_run_code_runs_none(torch_names, tmp_path):
    for number, asked in enumerate(
        [Asked(os.system, f"touch {tmp_path}/owned"), Asked(eval, f"open({str(tmp_path / 'owned')!r}, 'w')"),
         Asked(getattr, torch_names[0], "x"), Asked(pickle.loads, b"cos\nsystem\n.")]
    ):  # fmt: skip
        path = write(tmp_path / f"{number}.pth", {"weight": asked}, NUMBERS)
        with pytest.raises(ZooError, match=rf"{number}.pth: its pickle asks for \S+, which no tensor needs; nothing"):
            read_tensors(path)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda names: {"state": {"w": tensor(names, (2, 4), (4, 1))}},  # beyond its storage
        lambda names: {"state": {"w": tensor(names, (2, 3), (3, -1))}},
        lambda names: {"state": {"w": tensor(names, (2**62,), (2**62,))}},
        lambda names: {"state": {"w": tensor(names, (2,), (1,), offset="x")}},
        lambda names: {"state": {"w": 7}},
        lambda names: {"state": [1]},
        lambda names: {"state": {"w": tensor(names, (2, 3), (3, 1))}, "numbers": struct.pack("<q", 2**62)},
        lambda names: {"state": {"w": tensor(names, (2, 3), (3, 1))}, "numbers": NUMBERS[:20]},
        lambda names: {"state": {"w": tensor(names, (2, 3), (3, 1))}, "keys": ("other",)},
        lambda names: {"state": {}, "magic": 7},
    ],
)
def test_damaged_files_are_one_line(torch_names, tmp_path, change):
    changed = {"numbers": NUMBERS} | change(torch_names)
    path = write(tmp_path / "a.pth", changed.pop("state"), **changed)
    with pytest.raises(ZooError, match=r"a\.pth: damaged, or no state dictionary") as error:
        read_tensors(path)
    assert "\n" not in str(error.value)


def test_an_altered_file_is_refused(tmp_path):
    folder = tmp_path / "weights" / "efficientnet_lite0_imagenet"
    folder.mkdir(parents=True)
    (folder / "efficientnet-lite0-57934424.pth").write_bytes(b"altered")
    with pytest.raises(ZooError, match="57934424.pth: not the file that is meant"):
        efficientnet_weights.read("efficientnet_lite0_imagenet", tmp_path)
