"""Numbers as vectors: against NumPy's own interpolation, and through a saved file."""

import keras
import numpy as np
import pytest

from zoo.layers.numeric_embeddings import PeriodicEncoding, PiecewiseLinearEncoding, QuantileNormalization
from zoo.models.tables import table_regressor


@pytest.fixture(scope="module")
def rows():
    """Two features: far-out values, and few different ones."""
    generator = np.random.default_rng(0)
    return np.stack([generator.lognormal(0, 3, 4001), generator.integers(0, 5, 4001)], axis=1).astype("float32")


def test_bins_fill_from_the_left(rows):
    layer = PiecewiseLinearEncoding(8)
    layer.build((None, 2))
    layer.adapt(rows)
    filled = np.array(layer(rows[:200]))
    assert filled.shape == (200, 2, 8) and filled.min() >= 0 and filled.max() <= 1
    edges = np.quantile(rows[:, 0].astype("float64"), np.linspace(0, 1, 9))
    places = np.interp(rows[:200, 0], edges, np.arange(9))
    np.testing.assert_allclose(filled[:, 0].sum(axis=1), places, atol=1e-4)
    assert ((filled[:, :, 1:] == 0) | (filled[:, :, :-1] == 1)).all()
    assert np.isfinite(filled).all()  # bins without width too


def test_shares_of_rows_are_uniform_whatever_the_feature(rows):
    layer = QuantileNormalization(64)
    layer.build((None, 2))
    layer.adapt(rows)
    shares = np.array(layer(rows))
    assert shares[:, 0].mean() == pytest.approx(0, abs=0.02) and shares[:, 0].std() == pytest.approx(1, abs=0.02)
    far = np.array(layer(np.array([[1e30, 1e30], [-1e30, -1e30]], "float32")))
    np.testing.assert_allclose(far, np.sqrt(3) * np.array([[1, 1], [-1, -1]]), rtol=1e-5)


def test_waves_are_sines_and_cosines_of_their_frequencies(rows):
    layer = PeriodicEncoding(3, 0.5)
    waves = np.array(layer(rows[:50] / 100))
    angles = 2 * np.pi * rows[:50, :, None] / 100 * np.array(layer.rates)
    np.testing.assert_allclose(waves, np.concatenate([np.sin(angles), np.cos(angles)], axis=-1), atol=1e-3)


@pytest.mark.parametrize("encoding", ["none", "piecewise_linear", "periodic"])
@pytest.mark.parametrize("normalization", ["mean_variance", "quantile"])
def test_a_saved_model_answers_the_same(rows, encoding, normalization, tmp_path):
    model = table_regressor((2,), 1, (8,), encoding=encoding, normalization=normalization, bins=8)
    for layer in model.layers:
        if hasattr(layer, "adapt"):
            layer.adapt(rows[:, :1] if layer.name == "values" else rows)
    before = np.array(model(rows[:9]))
    model.save(tmp_path / "model.keras")
    after = np.array(keras.saving.load_model(tmp_path / "model.keras")(rows[:9]))
    assert np.isfinite(before).all() and np.array_equal(before, after)


@pytest.mark.parametrize("options", [{"encoding": "waves"}, {"normalization": "ranks"}])
def test_another_name_is_refused(options):
    with pytest.raises(ValueError, match="is needed"):
        table_regressor((2,), **options)
