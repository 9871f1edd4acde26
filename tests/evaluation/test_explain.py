"""The words that an answer rests on: of a linear model, exactly its terms."""

import numpy as np
import pytest

import zoo
from zoo.datasets.texts import as_array
from zoo.errors import ZooError
from zoo.evaluation.explain import explain
from zoo.evaluation.highlight import colored, write_html
from zoo.loading import LoadedModel
from zoo.training import preprocessing

TEXTS = as_array(["good book good film", "bad bad film", "a book of bad words", "a good story"])


def loaded(name, **options):
    model = zoo.create_model(name, num_classes=2, **options)
    preprocessing.adapt(model, TEXTS)
    return LoadedModel(model, ["no", "yes"], "text_classification", "model.keras")


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
    assert "\x1b[2J" not in colored(scores)
    write_html(["a<b"], [{"label": "x&y", "probability": 0.5}], [scores], tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "<script>" not in page and "a&lt;b" in page and "x&amp;y" in page
    with pytest.raises(ZooError, match="cannot be written"):
        write_html([], [], [], tmp_path / "none" / "page.html")


def test_a_model_of_tables_is_refused():
    model = LoadedModel(zoo.create_model("xor_mlp"), ["0", "1"], "table_classification", "model.keras")
    with pytest.raises(ZooError, match="explains texts alone"):
        explain(model, np.zeros((1, 2), "float32"))
