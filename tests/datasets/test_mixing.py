"""Mixup and CutMix: who is mixed with whom, and that the target says how much of each picture is there."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.datasets.augmentation import Augmentation
from zoo.datasets.mixing import Mixing, beta_quantiles
from zoo.datasets.pipeline import BatchPlan, Shard, training_calls
from zoo.settings import AugmentationSection

N, BATCH, EPOCHS = 50, 12, 3
PICTURES = np.random.default_rng(0).integers(0, 256, (N, 6, 9, 3), "uint8")
ROWS = np.arange(N, dtype="int32")  # each example is its own class: targets tell who is in a picture
LEVELS = np.linspace(0.02, 0.98, 25)
BOTH = AugmentationSection(mixup=1.0, cutmix=1.0, crop_padding=2)


def steps(settings, *, steps_per_call=3, start_step=0, replicas=1, mixes=True, row_weights=None):
    """Each step's global batch: pictures, targets and weights."""
    plan = BatchPlan(N, BATCH, steps_per_call, EPOCHS)
    shares = []
    for replica in range(replicas):
        calls = training_calls(
            PICTURES, ROWS, plan, seed=7, start_step=start_step, augmentation=Augmentation(settings),
            mixing=Mixing(settings, lambda labels: tf.one_hot(labels, N)) if mixes else None,
            row_weights=row_weights, shard=Shard(replica, 1, replicas),
        )  # fmt: skip
        shares.append([np.concatenate(part) for part in zip(*(of_call(call) for call in calls), strict=True)])
    return [np.concatenate(parts, axis=1) for parts in zip(*shares, strict=True)]


def of_call(call):
    *arrays, count = call
    return [np.asarray(array)[: int(count)] for array in arrays]


@pytest.mark.parametrize("settings", [BOTH, AugmentationSection(mixup=0.2), AugmentationSection(cutmix=1.0)])
def test_replicas_calls_and_a_new_start_mix_the_same(settings):
    whole = steps(settings)
    assert len(whole[0]) == EPOCHS * (N // BATCH)
    for cut in ({"steps_per_call": 1}, {"steps_per_call": 4}, {"replicas": 2}, {"replicas": 12}, {"start_step": 5}):
        for found, expected in zip(steps(settings, **cut), whole, strict=True):
            np.testing.assert_array_equal(found, expected[cut.get("start_step", 0) :])


@pytest.mark.parametrize(("mixup", "cutmix"), [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
def test_each_picture_is_what_its_target_says(mixup, cutmix):
    """The pictures that NumPy makes from the unmixed batches and the targets, pixel by pixel."""
    pictures, targets, weights = steps(AugmentationSection(mixup=mixup, cutmix=cutmix, horizontal_flip=True))
    plain, labels, _ = steps(AugmentationSection(horizontal_flip=True), mixes=False)
    np.testing.assert_array_equal(weights, 1)
    kinds = set()
    for step, place in np.ndindex(labels.shape):
        partner = (place + 1) % BATCH
        own, other, mixed = (a.astype(int) for a in (plain[step, place], plain[step, partner], pictures[step, place]))
        part = targets[step, place, labels[step, place]]
        assert part + targets[step, place, labels[step, partner]] == pytest.approx(1)
        if np.abs(mixed - (part * own + (1 - part) * other)).max() <= 0.501:
            kinds.add("mixup")
            continue
        kinds.add("cutmix")
        pasted = (mixed != own).any(axis=2)
        ys, xs = np.nonzero(pasted)
        assert pasted[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1].all(), "a rectangle"
        np.testing.assert_array_equal(mixed[pasted], other[pasted])
        assert 1 - part == pytest.approx(pasted.mean())
    assert kinds >= {name for name, alpha in (("mixup", mixup), ("cutmix", cutmix)) if alpha}


def drawn(settings, shape=(32, 32), count=40_000):
    """The part of each picture that is its own, seen in its pixels and in its target."""
    pictures = np.zeros((1, count + 1, *shape, 1), "uint8")
    pictures[:, ::2] = 200
    targets = np.arange(count + 1)[None] % 2
    mixing = Mixing(AugmentationSection(**settings), lambda labels: tf.one_hot(labels, 2))
    rows, seed = tf.range(count + 1, dtype=tf.int64)[None], tf.constant([3, 1], tf.int64)
    mixed, soft, _ = mixing(tf.constant(pictures), tf.constant(targets), tf.ones((1, count + 1)), rows, seed)
    bright = np.asarray(mixed)[0].mean(axis=(1, 2, 3)) / 200
    np.testing.assert_allclose(np.asarray(soft)[0, :, 0], bright, atol=0.003)
    return np.asarray(soft)[0, np.arange(count), targets[0, :-1]]


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_mixup_draws_from_the_beta_distribution(alpha):
    parts = drawn({"mixup": alpha}, (1, 1))
    expected = np.random.default_rng(0).beta(alpha, alpha, 40_000)
    np.testing.assert_allclose(np.quantile(parts, LEVELS), np.quantile(expected, LEVELS), atol=0.02)


def test_cutmix_cuts_as_the_paper_says():
    """Against the paper's own algorithm: a box of 1 - lambda of the area around any pixel, cut off at the edges."""
    generator, size = np.random.default_rng(0), 32
    side = np.sqrt(1 - generator.beta(1, 1, 40_000)) * size
    kept = []
    for center in (generator.uniform(0, size, 40_000), generator.uniform(0, size, 40_000)):
        kept.append(np.clip(np.round(center + side / 2), 0, size) - np.clip(np.round(center - side / 2), 0, size))
    expected = 1 - kept[0] * kept[1] / size**2
    found = drawn({"cutmix": 1.0}, (size, size), 10_000)
    np.testing.assert_allclose(np.quantile(found, LEVELS), np.quantile(expected, LEVELS), atol=0.02)


def test_probability_and_halves():
    parts = drawn({"mixup": 1.0, "mix_probability": 0.25}, (1, 1))
    assert abs((parts < 1).mean() - 0.25) < 0.01
    whole_pixels = drawn({"mixup": 1000.0, "cutmix": 1.0, "mix_probability": 0.5}, (1, 1))
    assert abs(((whole_pixels > 0.4) & (whole_pixels < 0.6)).mean() - 0.25) < 0.01, "half of the half is mixup"


def test_weights_are_those_of_both_examples():
    row_weights = np.linspace(0, 3, N).astype("float32")
    _, targets, weights = steps(BOTH, row_weights=row_weights)
    _, plain, _ = steps(BOTH)
    np.testing.assert_allclose(targets * weights[..., None], plain * row_weights, atol=1e-6)


@pytest.mark.parametrize("alpha", [1e-300, 1e-3, 1000.0])
def test_extreme_distributions_are_finite(alpha):
    quantiles = beta_quantiles(alpha)
    assert np.isfinite(quantiles).all() and quantiles.min() >= 0 and quantiles.max() <= 1
    assert quantiles.mean() == pytest.approx(0.5, abs=1e-3)
