"""The formulas of recommendation, against NumPy."""

import itertools

import numpy as np
import pytest

import zoo
from zoo.errors import ZooError

SHAPE = {"categories": [4], "numbers": [2]}


@pytest.fixture(scope="module")
def rows():
    generator = np.random.default_rng(0)
    categories = np.stack([generator.choice(list("abcde"), 64).astype(object) for _ in range(4)], axis=1)
    return {"categories": categories, "numbers": generator.normal(size=(64, 2)).astype("float32")}


def built(rows, name, **options):
    """A model whose weights are all drawn, so that no term of a formula is 0."""
    from zoo.training import preprocessing

    model = zoo.create_model(name, input_shape=SHAPE, category_counts=[5] * 4, **options)
    preprocessing.adapt(model, rows)
    generator = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(generator.normal(size=variable.shape, scale=0.5))
    return model


def part(model, rows, name):
    import keras

    from zoo.datasets.on_disk import as_tensors

    return keras.Model(model.input, model.get_layer(name).output).predict(as_tensors(rows), verbose=0)


def test_a_factorization_machine_is_the_sum_over_all_pairs():
    from zoo.layers.interactions import FactorizationMachine

    vectors = np.random.default_rng(0).normal(size=(7, 6, 5)).astype("float32")
    pairs = sum((vectors[:, i] * vectors[:, j]).sum(axis=1) for i, j in itertools.combinations(range(6), 2))
    np.testing.assert_allclose(np.asarray(FactorizationMachine()(vectors))[:, 0], pairs, rtol=1e-4, atol=1e-4)


def test_deepfm_is_weights_and_pairs_and_a_network_on_one_set_of_vectors(rows):
    model = built(rows, "deepfm_regressor", hidden_units=[3], dropout=0.0)
    weights = {variable.path: np.asarray(variable) for variable in model.variables}
    ids = part(model, rows, "category_ids")
    filled = (rows["numbers"] - rows["numbers"].mean(axis=0)) / rows["numbers"].std(axis=0)
    numbers = np.concatenate([filled, np.zeros((64, 2))], axis=1)  # nothing is missing
    of = weights["category_vectors/embeddings"][ids]
    fields = np.concatenate([of, numbers[:, :, None] * weights["number_vectors/kernel"]], axis=1)
    first = (
        weights["category_weights/embeddings"][ids].sum(axis=(1, 2)) + numbers @ weights["number_weights/kernel"][:, 0]
    )
    pairs = sum((fields[:, i] * fields[:, j]).sum(axis=1) for i, j in itertools.combinations(range(8), 2))
    hidden = next(layer for layer in model.layers if layer.name.startswith("dense"))
    kernel, bias = map(np.asarray, hidden.weights)
    deep = np.maximum(np.concatenate([of.reshape(64, -1), numbers], axis=1) @ kernel + bias, 0)
    total = first + pairs + (deep @ weights["deep/kernel"])[:, 0]
    np.testing.assert_allclose(part(model, rows, "total")[:, 0], total, rtol=2e-4, atol=2e-4)


def test_matrix_factorization_of_classes(rows):
    two, three = (built(rows, "matrix_factorization", num_outputs=0, num_classes=count) for count in (2, 3))
    total = part(two, rows, "total")[:, 0]
    kernel, bias = (np.asarray(each) for each in two.get_layer("logits").weights)
    np.testing.assert_allclose(part(two, rows, "logits"), total[:, None] * kernel + bias, rtol=1e-4, atol=1e-4)
    assert part(three, rows, "total").shape == (64, 3) and three.output_shape == (None, 3)


def test_matrix_factorization_is_biases_and_a_product_of_user_and_item(rows):
    model = built(rows, "matrix_factorization", user_and_item=[2, 0])
    weights = {variable.path: np.asarray(variable) for variable in model.variables}
    ids = part(model, rows, "category_ids")
    user, item = ids[:, 2], ids[:, 0]
    biases, vectors = weights["category_weights/embeddings"][:, 0], weights["category_vectors/embeddings"]
    rating = biases[user] + biases[item] + (vectors[user] * vectors[item]).sum(axis=1)
    np.testing.assert_allclose(part(model, rows, "total")[:, 0], rating, rtol=1e-4, atol=1e-4)


def test_crosses_tell_combinations_apart(rows):
    from zoo.layers.interactions import HashedCrosses

    ids = np.array(list(itertools.product(range(20), range(20, 40))), "int32")
    found = np.asarray(HashedCrosses([[0, 1], [1, 0]], 100_000)(ids))
    assert len(np.unique(found[:, 0])) > 395 and found[:, 0].max() < 100_000 <= found[:, 1].min()
    few = np.asarray(HashedCrosses([[0, 1]], 10)(ids))[:, 0]
    assert np.bincount(few, minlength=10).min() > 20  # every bucket has its share
    model = built(rows, "wide_and_deep", crosses="pairs", cross_buckets=50)
    assert part(model, rows, "crosses").shape == (64, 6)
    assert model.get_layer("cross_weights").embeddings.shape == (300, 1)


@pytest.mark.parametrize(
    ("crosses", "words"),
    [([[0, 4]], "from 0 to 3"), ([[1]], "two or more places"), ("all", "pairs, or lists of places")],
)
def test_a_cross_of_columns_that_are_not_there_is_refused(crosses, words):
    with pytest.raises(ZooError, match=words):
        zoo.create_model("wide_and_deep", input_shape=SHAPE, crosses=crosses)


def test_texts_are_refused_in_one_line():
    with pytest.raises(ZooError, match="a column of texts, which this model does not read"):
        zoo.create_model("deepfm", input_shape={"categories": [2], "texts": [1]})


@pytest.mark.parametrize("name", ["deepfm", "wide_and_deep_regressor", "matrix_factorization"])
def test_the_answer_starts_as_the_sum_itself(rows, name):
    from zoo.training import preprocessing

    model = zoo.create_model(name, input_shape=SHAPE, category_counts=[5] * 4)
    preprocessing.adapt(model, rows)
    total = part(model, rows, "total")[:, 0]
    answers = part(model, rows, "logits" if name == "deepfm" else "standardized")
    answer = answers[:, 1] - answers[:, 0] if name == "deepfm" else answers[:, 0]
    np.testing.assert_allclose(answer, total, rtol=1e-5, atol=1e-6)
    assert total.std() > 0
