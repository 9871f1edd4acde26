"""Pruning: as sparse as asked, in every kernel, at every step, whatever else trains beside it."""

import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from small_trainings import interrupted, train, weights

import zoo
from zoo.training import weight_pruning
from zoo.training.callbacks import Checkpoints

pytestmark = pytest.mark.slow

PRUNING = "training.pruning={final_sparsity: 0.7, begin_epoch: 0.5, end_epoch: 2, steps_between: 3}"


def kernels(run):
    return weight_pruning.pruned_variables(zoo.load_model(run).model.trainable_variables)


def is_sparse(run, sparsity=0.7):
    return [float((np.asarray(kernel) == 0).mean()) for kernel in kernels(run)] == pytest.approx(
        [sparsity] * 3, abs=0.02
    )


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(0, 2**100, width=32, allow_subnormal=False), min_size=1, max_size=40).flatmap(
        lambda values: st.tuples(st.just(values), st.integers(1, len(values)))
    )
)
def test_the_threshold_is_the_one_that_sorting_gives(values_and_count):
    values, count = values_and_count
    found = weight_pruning._smallest(tf.constant(values, tf.float32), tf.constant(count))
    assert found.numpy() == np.sort(np.float32(values))[count - 1]


@pytest.mark.parametrize(
    "other",
    [
        ["training.optimizer={name: adamw, weight_decay: 0.1, ema_momentum: 0.9}"],
        ["training.optimizer={name: sgd, momentum: 0.9, clip_norm: 1.0}", "training.selection=last"],
        ["training.optimizer.layer_decay=0.5", "training.precision=mixed_float16"],
    ],
)
def test_every_kernel_is_as_sparse_as_asked(digits, tmp_path, other):
    run = train(digits, tmp_path, PRUNING, *other)
    assert is_sparse(run)
    assert all((np.asarray(kernel) != 0).any() for kernel in kernels(run))
    assert run.results["best_epoch"] >= 2, "the first epoch ends with more weights than were asked for"
    pruned = run.record["pruned"]
    assert pruned["sparsity"] == pytest.approx(0.7, abs=0.01)
    assert pruned["bytes"] == 4 * sum(w.size for w in zoo.load_model(run).model.get_weights())
    assert pruned["bytes_compressed"] < 0.45 * pruned["bytes"]
    assert run.model_file.stat().st_size < 0.5 * (pruned["bytes"] + 20_000), "it is deflated"


def test_steps_a_call_and_xla_prune_the_same_weights(digits, tmp_path):
    zeros = [
        weights(train(digits, tmp_path, PRUNING, setting)) == 0
        for setting in ("training.steps_per_call=4", "training.steps_per_call=1", "training.xla=off")
    ]
    assert (zeros[0] == zeros[1]).mean() > 0.999 and (zeros[0] == zeros[2]).mean() > 0.999


def test_zeros_come_by_the_cubic_and_stay(digits, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        Checkpoints, "_save_if_due", lambda self, step: seen.append(np.asarray(self.model.trainable_variables[0]) == 0)
    )
    section = "{final_sparsity: 0.8, begin_epoch: 0, end_epoch: 2, steps_between: 1}"
    train(digits, tmp_path, f"training.pruning={section}", "training.steps_per_call=1")
    assert len(seen) == 30
    assert all((after | ~before).all() for before, after in zip(seen, seen[1:], strict=False))
    for step, expected in ((0, 0), (10, 0.8 * (1 - (1 - 10 / 19) ** 3)), (19, 0.8), (29, 0.8)):
        assert seen[step].mean() == pytest.approx(expected, abs=0.002)


def test_a_resumed_run_prunes_the_same(digits, tmp_path):
    everything = (
        PRUNING, "training.deterministic=true", "training.steps_per_call=1",
        "training.optimizer={name: adamw, weight_decay: 0.01, ema_momentum: 0.9}",
    )  # fmt: skip
    whole = train(digits, tmp_path, *everything)
    run = interrupted(16, digits, tmp_path, *everything)
    resumed = train(digits, tmp_path, *everything, resume=run)
    np.testing.assert_array_equal(weights(resumed), weights(whole))
    assert is_sparse(resumed)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("training.pruning={final_sparsity: 1.0}", "less than 1"),
        ("training.pruning={end_epoch: 9}", "from epoch 0 to 9 does not lie within 3 epochs"),
        ("training.pruning={begin_epoch: 2, end_epoch: 2}", "from epoch 2 to 2"),
        ("training.pruning={sparsity: 0.5}", "final_sparsity"),
        ("training.frozen_layers=['*']", "no kernel"),
    ],
)
def test_what_cannot_be_pruned_is_one_line(digits, tmp_path, setting, words):
    with pytest.raises(zoo.ZooError, match=words) as refused:
        train(digits, tmp_path, *({PRUNING} if "frozen" in setting else ()), setting)
    assert "\n" not in str(refused.value)


def test_the_last_lines_tell_how_small_the_model_became(run_script, tmp_path):
    done = run_script(
        "train", "--model=xor_mlp", "--epochs=2", "--set=training.pruning={final_sparsity: 0.5}",
        "--set=model.options={hidden_units: [8]}", "--set=training.schedule={}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "pruned: 50.0% of 24 kernel weights are 0" in done.stdout
    (record,) = (tmp_path / "runs").rglob("run.json")
    assert json.loads(record.read_text())["pruned"]["sparsity"] == 0.5
