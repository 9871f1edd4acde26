"""The encoder's step as it is measured is a step of training, and a contender that ends is told of."""

import pytest

from zoo.benchmark import encoder
from zoo.errors import ZooError


def test_a_turn_is_four_updates_of_the_zoos_own_loop(monkeypatch):
    for name, smaller in {"BATCH": 4, "LAYERS": 1, "HIDDEN": 48, "INNER": 96, "VOCABULARY": 1100}.items():
        monkeypatch.setattr(encoder, name, smaller)
    run_steps = encoder._zoo_steps("float32")
    losses = [float(run_steps()) for _ in range(4)]
    assert losses[-1] < losses[0]


def test_rows_compare_with_the_peer(monkeypatch):
    seconds = {"zoo": 0.5, "transformers": 1.0}
    stand_in = "import sys\nfor _ in sys.stdin: print({}, flush=True)"
    start = encoder.subprocess.Popen

    def popen(command, **options):
        return start([command[0], "-c", stand_in.format(seconds[command[4]])], **options)

    monkeypatch.setattr(encoder.subprocess, "Popen", popen)
    rows = encoder.encoder_seconds_per_step(turns=2)
    assert [row["speedup"] for row in rows] == [2, 2, 1, 1]
    assert "0.500" in encoder.format_rows(rows)


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(encoder, "CONTENDERS", {"transformers float32": ("no_such_framework", "float32")})
    with pytest.raises(ZooError, match=r"transformers float32: KeyError: 'no_such_framework'; pip install"):
        encoder.encoder_seconds_per_step(turns=1)
