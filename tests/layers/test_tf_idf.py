"""TF-IDF as scikit-learn computes it."""

import numpy as np
from sklearn.feature_extraction.text import TfidfTransformer

from zoo.layers.tf_idf import TfIdf


def test_rows_are_those_of_scikit_learn():
    ids = np.random.default_rng(0).integers(0, 40, (100, 30))
    layer = TfIdf(50)
    layer.build(ids.shape)
    layer.adapt(ids)
    counts = np.stack([np.bincount(row, minlength=50) for row in ids])
    counts[:, :2] = 0  # padding and unknown words
    expected = TfidfTransformer(sublinear_tf=True).fit_transform(counts).toarray()
    np.testing.assert_allclose(layer(ids), expected, atol=1e-6)


def test_an_empty_text_is_a_row_of_zeros():
    layer = TfIdf(50)
    layer.build((None, 3))
    layer.adapt(np.array([[5, 6, 7]]))
    np.testing.assert_array_equal(layer(np.zeros((1, 3), "int64")), np.zeros((1, 50)))
