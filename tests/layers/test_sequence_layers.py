"""Where a sequence ends, and what its numbers become."""

import numpy as np
import pytest

import zoo
from zoo.layers.sequences import SequenceNormalization, Steps

NAN = np.nan


def test_steps_end_with_the_last_value_and_gaps_belong_to_the_sequence():
    sequences = np.array([
        [[1, 2], [NAN, NAN], [NAN, 3], [NAN, NAN]],
        [[NAN, NAN], [0, NAN], [NAN, NAN], [NAN, NAN]],
        [[1, 1], [1, 1], [1, 1], [1, 1]],
        [[NAN, NAN], [NAN, NAN], [NAN, NAN], [NAN, NAN]],
    ], "float32")  # fmt: skip
    wanted = [[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]]
    np.testing.assert_array_equal(np.asarray(Steps()(sequences)), np.array(wanted, bool))


def test_normalization_counts_values_alone_and_fills_gaps_with_the_mean():
    generator = np.random.default_rng(0)
    sequences = generator.normal([1e6, -3, 5], [2, 0.1, 0], (50, 20, 3)).astype("float32")
    sequences[generator.random(sequences.shape) < 0.3] = NAN
    layer = SequenceNormalization()
    layer.build(sequences.shape)
    layer.adapt(sequences)
    found = np.asarray(layer(sequences))
    missing = np.isnan(sequences)
    assert (found[missing] == 0).all()
    kept = np.where(missing, NAN, found)
    np.testing.assert_allclose(np.nanmean(kept, axis=(0, 1)), 0, atol=0.05)
    np.testing.assert_allclose(np.nanstd(kept, axis=(0, 1)), [1, 1, 0], atol=1e-3)  # a constant channel stays finite


@pytest.mark.parametrize("name", ["japanese_vowels_lstm", "japanese_vowels_transformer"])
def test_padding_changes_no_answer_and_the_last_step_does(name):
    """The same sequences in a model of more steps, its weights the same but for the places that none of them has."""
    generator = np.random.default_rng(0)
    short = generator.normal(size=(4, 10, 3)).astype("float32")
    short[1, 6:] = NAN
    models = [zoo.create_model(name, input_shape=(steps, 3), num_classes=3) for steps in (10, 17)]
    weights = models[0].get_weights()
    for place, (own, other) in enumerate(zip(weights, models[1].get_weights(), strict=True)):
        if own.shape != other.shape:  # learned places
            other[: len(own)] = own
            weights[place] = other
    models[1].set_weights(weights)
    longer = np.concatenate([short, np.full((4, 7, 3), NAN, "float32")], axis=1)
    answers = [model.predict(sequences, verbose=0) for model, sequences in zip(models, (short, longer), strict=True)]
    np.testing.assert_allclose(*answers, atol=1e-6)
    short[1, 5] += 3
    assert np.abs(models[0].predict(short, verbose=0) - answers[0]).max(axis=1)[1] > 1e-3


@pytest.mark.parametrize(("name", "options", "words"), [
    ("japanese_vowels_lstm", {"pooling": "max"}, "last or mean"),
    ("japanese_vowels_lstm", {"units": 0}, "units is 0"),
    ("japanese_vowels_lstm", {"input_shape": (5,)}, "(time, channel)"),
    ("japanese_vowels_transformer", {"num_heads": 3}, "3 heads do not divide"),
])  # fmt: skip
def test_options_that_make_no_network_are_refused(name, options, words):
    with pytest.raises((ValueError, zoo.ZooError)) as error:
        zoo.create_model(name, **options)
    assert words in str(error.value)
