"""What an answer rests on: of a linear model, exactly its terms; of pictures, what survives the usual sanity checks."""

import dataclasses

import numpy as np
import pytest
from loaded import named
from PIL import Image
from scipy.stats import spearmanr

import zoo
from zoo import datasets
from zoo.datasets.texts import as_array
from zoo.drawing.highlight import in_words, overlay, write_html
from zoo.errors import ZooError
from zoo.evaluation.explain import explain, explain_images
from zoo.training import preprocessing

TEXTS = as_array(["good book good film", "bad bad film", "a book of bad words", "a good story"])


def loaded(name, **options):
    model = zoo.create_model(name, num_classes=2, **options)
    preprocessing.adapt(model, TEXTS)
    return named(model, "text", ["no", "yes"], "model.keras")


def test_the_terms_of_a_linear_model_add_up_to_its_logit():
    import keras

    model = loaded("linear_text", vocabulary_size=60, length=32)
    kernel = np.zeros((60, 2), "float32")
    words = model.model.layers[1].get_vocabulary()
    kernel[words.index("good"), 1], kernel[words.index("bad"), 0] = 2.0, 1.0
    model.model.get_layer("logits").set_weights([kernel, np.zeros(2, "float32")])
    (scores,) = explain(model, TEXTS[:1])
    assert scores == [("good", 1.0)]
    rows = keras.Model(model.model.input, model.model.layers[2].output).predict(TEXTS[2:3], verbose=0)
    assert explain(model, TEXTS[2:3]) == [[("bad", 1.0)]] and rows[0, words.index("bad")] > 0


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("text_cnn", {"vocabulary_size": 30, "length": 8, "filters": 4}),
        ("text_lstm", {"vocabulary_size": 30, "length": 8, "units": 4}),
        ("bbc_news_bert", {"vocabulary_size": 90, "length": 16, "num_layers": 1, "hidden_size": 16}),
    ],
)
def test_words_come_in_order_and_whole(name, options):
    scores = explain(loaded(name, **options), TEXTS)
    assert [[word for word, _ in of_text] for of_text in scores][:2] == [text.split() for text in TEXTS[:2]]
    assert all(max(abs(score) for _, score in of_text) == pytest.approx(1) for of_text in scores)
    assert explain(loaded(name, **options), as_array([""])) == [[]]


def test_scores_add_up_to_what_the_words_change():
    """Completeness: over the path, they sum to the answer with the words less the answer without."""
    import keras
    import tensorflow as tf

    from zoo.evaluation import explain as module

    model = loaded("text_lstm", vocabulary_size=30, length=8, units=4).model
    front, inner = model.layers[1], model.layers[2]
    rest = keras.Model([front.output, inner.output], model.get_layer("logits").output)
    ids = front(tf.constant(TEXTS[:1].tolist()))
    values, mask = inner(ids), inner.compute_mask(ids, None)
    total = module._integrated(module._logits_of_text(rest, ids, mask), values, steps=200).sum()
    logits = [rest([ids, x], mask=[None, mask]).numpy()[0] for x in (values, values * 0)]
    label = logits[0].argmax()
    changes = [of[label] - of.mean() for of in logits]
    assert total == pytest.approx(changes[0] - changes[1], rel=1e-3)


def test_what_is_shown_is_safe(tmp_path):
    scores = [("<script>", 1.0), ("\x1b[2J", -0.5)]
    assert "\x1b[2J" not in in_words(scores, colored=True)
    assert in_words(scores, colored=False) == r"<script> (+1) \x1b[2J (-0.5)"
    write_html(["a<b"], TEXTS[:1], [{"label": "x&y", "probability": 0.5}], [scores], tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "<script>" not in page and "a&lt;b" in page and "x&amp;y" in page
    with pytest.raises(ZooError, match="cannot be written"):
        write_html([], TEXTS[:0], [], [], tmp_path / "none" / "page.html")


def test_a_model_of_tables_is_refused():
    model = named(zoo.create_model("xor_mlp"), "table", ["0", "1"], "model.keras")
    with pytest.raises(ZooError, match="it has no layer of texts"):
        explain(model, np.zeros((1, 2), "float32"))


@pytest.fixture(scope="module")
def digits():
    """1,000 test digits, and a small network that has learned them: three seconds make it 97 % right."""
    import keras

    keras.utils.set_random_seed(0)
    data = datasets.load("mnist")
    model = zoo.create_model("simple_cnn", filters=(8, 16))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(data.train.features[:12_000], data.train.targets[:12_000], batch_size=64, epochs=2, verbose=0)
    names = [str(number) for number in range(10)]
    return named(model, "image", names, "model.keras"), data.test.features[:1000]


@pytest.mark.slow
def test_pixels_add_up_to_what_the_picture_changes(digits):
    """Completeness, on a path of 64 steps; black pixels, which do not change on it, say nothing."""
    import keras

    model, images = digits
    maps = explain_images(model, images[:20])
    assert maps.shape == (20, 28, 28) and maps.dtype == np.float32 and not maps[images[:20, ..., 0] == 0].any()
    logits = keras.Model(model.model.input, model.model.get_layer("logits").output)
    at_end, at_start = (logits.predict(x, verbose=0) for x in (images[:20], images[:20] * 0))
    labels = at_end.argmax(axis=1)
    changes = [of[np.arange(20), labels] - of.mean(axis=1) for of in (at_end, at_start)]
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), changes[0] - changes[1], rtol=0.02, atol=0.02)


@pytest.mark.slow
def test_another_models_map_is_another(digits):
    """Adebayo et al. (2018), Sanity checks for saliency maps: random weights must not draw the same map."""
    import keras

    model, images = digits
    trained = explain_images(model, images[:20])
    stranger = keras.models.clone_model(model.model)
    random = explain_images(dataclasses.replace(model, model=stranger), images[:20])
    correlations = [
        spearmanr(a[image[..., 0] > 0], b[image[..., 0] > 0])[0]
        for a, b, image in zip(trained, random, images[:20], strict=True)
    ]
    assert abs(np.mean(correlations)) < 0.3, correlations
    np.testing.assert_array_equal(explain_images(model, images[:20]), trained)


def test_deleting_marked_pixels_hurts_more_than_deleting_others(digits):
    """Of the pixels that are not black already, a fifth turned black: the most marked, or as many at random."""
    model, images = digits
    images = images[:40]
    generator, marked, others = np.random.default_rng(0), images.copy(), images.copy()
    for number, scores in enumerate(explain_images(model, images)):
        light = np.flatnonzero(images[number])
        count = len(light) // 5
        marked[number].reshape(-1)[light[np.argsort(-scores.reshape(-1)[light])[:count]]] = 0
        others[number].reshape(-1)[generator.permutation(light)[:count]] = 0
    before, after_marked, after_others = map(model.predict_probabilities, (images, marked, others))
    rows, labels = np.arange(40), before.argmax(axis=1)
    losses = [np.mean(before[rows, labels] - after[rows, labels]) for after in (after_marked, after_others)]
    assert losses[0] > 2 * max(losses[1], 0.05), losses


def test_blue_speaks_for_and_orange_against():
    scores = np.array([[1.0, -1.0, 0.0]], "float32")
    assert overlay(np.zeros((1, 3, 1), "uint8"), scores).tolist() == [[[0, 114, 178], [213, 94, 0], [255, 255, 255]]]
    assert (overlay(np.zeros((1, 3, 3), "uint8"), scores * 0) == 255).all()


def test_a_model_without_logits_is_told(digits):
    import keras

    model, images = digits
    lone = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    with pytest.raises(ZooError, match="no layer named logits"):
        explain_images(dataclasses.replace(model, model=lone), images[:1])


def test_predict_draws_what_mattered(run_script, tmp_path, digits):
    from zoo.loading import save_model

    model, images = digits
    save_model(
        model.model,
        tmp_path / "model.keras",
        {"label_names": ["<0>", *"123456789"], "task": model.task.name, "reads": "image"},
    )
    np.save(tmp_path / "batch.npy", images[:3])
    done = run_script("predict", "--model_file=model.keras", "batch.npy", "--explain", "--explain_html=page.html")
    assert done.returncode == 0 and "heat maps: explained.png" in done.stderr, done.stderr
    with Image.open(tmp_path / "explained.png") as sheet:
        assert np.asarray(sheet.convert("RGB")).std() > 20
    page = (tmp_path / "page.html").read_text()
    assert page.count("<img") == 6 and "<0>" not in page
    before = (tmp_path / "explained.png").read_bytes()
    for inputs in (["explained.png"], ["."]):
        refused = run_script("predict", "--model_file=model.keras", *inputs, "--explain")
        assert refused.returncode == 2 and "--explain=explained.png: is an input" in refused.stderr
    refused = run_script("predict", "--model_file=model.keras", "batch.npy", "--output=model.keras")
    assert refused.returncode == 2 and "--output=model.keras: is an input" in refused.stderr
    assert (tmp_path / "explained.png").read_bytes() == before
    refused = run_script("predict", "--model_file=model.keras", "batch.npy", "--explain", "--output=explained.png/x")
    assert refused.returncode == 2 and "Traceback" not in refused.stderr
