"""Which words or pixels an answer rests on: integrated gradients (Sundararajan et al., 2017, Axiomatic attribution).

Gradient times input, with the gradient averaged along the way from an empty input (no words, a black picture) to the
input. At the input itself the gradient of a sure model is almost zero, and says little. Pictures have two other maps,
those of `zoo.evaluation.heat_maps`.
"""

import functools
from typing import TYPE_CHECKING

import numpy as np

from zoo.errors import ZooError, nearest
from zoo.evaluation.attribution import check_attributes
from zoo.evaluation.heat_maps import attention_rollout, grad_cam, two_logits_or_more
from zoo.registry import TABLES, plural

if TYPE_CHECKING:
    from zoo.loading import LoadedModel

_SHOWN_PAIRS = 20
_TEXT_STEPS = 32
_IMAGE_STEPS = 64
Scores = list[tuple[str, float]]
METHODS = ("integrated_gradients", "grad_cam", "attention_rollout")


def check_explains(loaded_model: "LoadedModel", method: str = METHODS[0]) -> None:
    """Raises: ZooError: this explanation cannot be given of the model's answers."""
    if loaded_model.reads in TABLES:
        if method != METHODS[0]:
            raise ZooError(f"--explain={method}: of pictures alone, and {loaded_model.path} reads a table")
        check_attributes(loaded_model)
        return
    _logits_layer(loaded_model)
    if loaded_model.reads == "image":
        shape = [size or 1 for size in loaded_model.input_shape]
        explain_images(loaded_model, np.zeros((0, *shape), "uint8"), method)
    elif method != METHODS[0]:
        raise ZooError(
            f"--explain={method}: of pictures alone, and {loaded_model.path} reads {plural(loaded_model.reads)}"
        )
    else:
        _front(loaded_model)


def explain(loaded_model: "LoadedModel", features: np.ndarray) -> list[Scores]:
    """How much each word of a text speaks for (above 0) or against the label that the model gives it.

    Args:
        features: object[examples] texts.

    Returns:
        For each text its words in order, pieces of a word together, or, of a model of word counts, the words and pairs
        that count most. The scores of a text are divided by its largest.

    Raises:
        ZooError: the model does not read texts.
    """
    import tensorflow as tf

    from zoo.layers.tf_idf import TfIdf

    logits_layer = _logits_layer(loaded_model)
    front = _front(loaded_model)
    vocabulary = np.array(front.vocabulary if hasattr(front, "vocabulary") else front.get_vocabulary(), object)
    layers = loaded_model.model.layers
    inner = next(layer for layer in layers if layer is not front and layer.weights)  # an embedding, or TF-IDF
    rest = _after(front, inner, logits_layer)
    explanations = []
    for text in features:
        ids = front(tf.constant([text]))
        scores = _integrated(_logits_of_text(rest, ids, inner.compute_mask(ids, None)), inner(ids), _TEXT_STEPS)
        if isinstance(inner, TfIdf):
            order = np.argsort(-np.abs(scores), kind="stable")[:_SHOWN_PAIRS]
            words = [(vocabulary[i], float(scores[i])) for i in order if scores[i]]
        else:
            words = _words(vocabulary, np.asarray(ids)[0], scores.sum(axis=-1))
        largest = max((abs(score) for _, score in words), default=0) or 1
        explanations.append([(word, score / largest) for word, score in words])
    return explanations


def explain_images(loaded_model: "LoadedModel", images: np.ndarray, method: str = METHODS[0]) -> np.ndarray:
    """How much each pixel speaks for (above 0) or against the label that the model gives its picture.

    The way begins at a black picture, which is an empty one if pictures are light on dark; a saved model has no
    training pictures to take a mean from. A black pixel therefore always scores 0. That is of `integrated_gradients`;
    the other methods and their units stand in `zoo.evaluation.heat_maps`.

    Args:
        loaded_model: of pictures, with a layer `logits`.
        images: uint8[examples, height, width, channel].
        method: of `METHODS`.

    Returns:
        float32[examples, height, width], summed over the channels. A picture's sum is what the answer's logit over the
        mean of all logits gains from black to the picture (completeness).

    Raises:
        ZooError: the model does not read pictures, has no layer `logits`, or the method is of other networks.
    """
    if loaded_model.reads != "image":
        raise ZooError(
            f"{loaded_model.path} reads {plural(loaded_model.reads)}; explain_images needs a model of pictures"
        )
    if method not in METHODS:
        raise ZooError(f"method={method!r}: no such explanation; {nearest(method, METHODS)}")
    _logits_layer(loaded_model)
    if method != "integrated_gradients":
        return {"grad_cam": grad_cam, "attention_rollout": attention_rollout}[method](loaded_model, images)
    logits_of = _logits_of_pixels(loaded_model.model)
    maps = [_integrated(logits_of, image[None].astype("float32"), _IMAGE_STEPS).sum(axis=-1) for image in images]
    return np.stack(maps) if maps else np.zeros(images.shape[:-1], "float32")


@functools.lru_cache(maxsize=4)  # each graph adds nodes to the layers that it shares
def _logits_of_pixels(model):
    """A function of float32[batch, height, width, channel]: the model's own input would round it to whole numbers."""
    import keras
    import tensorflow as tf

    part = keras.Model(model.inputs[0], model.get_layer("logits").output)
    graph = keras.models.clone_model(part, keras.Input(part.input_shape[1:]), clone_function=lambda layer: layer)
    return tf.function(lambda pixels: graph(pixels, training=False), autograph=False)


def _logits_layer(loaded_model: "LoadedModel"):
    if not loaded_model.task.explains:
        raise ZooError(
            f"{loaded_model.path}: answers of {loaded_model.task.words} cannot be explained, those of classes can"
        )
    if not hasattr(loaded_model.model, "get_layer"):
        raise ZooError(f"{loaded_model.path}: an exported file has no gradients; explain the run's model.keras")
    try:
        return loaded_model.model.get_layer("logits")
    except ValueError:
        raise ZooError(f"{loaded_model.path}: has no layer named logits, which an explanation starts from") from None


def _front(loaded_model: "LoadedModel"):
    """The layer that takes the texts."""
    from zoo.layers.front import text_layer

    front = text_layer(loaded_model.model)
    if front is None:
        raise ZooError(f"--explain: {loaded_model.path} reads {plural(loaded_model.reads)}; it has no layer of texts")
    return front


# Each model made of these layers adds a node to each of them; a server explains without end, so it is made once.
@functools.lru_cache(maxsize=1)
def _after(front, inner, logits_layer):
    """The model from what `front` and `inner` give to the logits."""
    import keras

    rest = keras.Model([front.output, inner.output], logits_layer.output)
    rest.supports_masking = True  # the mask of an embedding comes with its values
    return rest


def _integrated(logits_of, values, steps: int) -> np.ndarray:
    """What each of `values[1, …]` adds, on the way from 0, to the answer's logit over the mean of all logits.

    `logits_of` maps float[batch, …] to logits, float32[batch, num_classes].
    """
    import tensorflow as tf

    label = int(tf.argmax(two_logits_or_more(logits_of(values))[0]))
    shares = tf.reshape((tf.range(steps, dtype=tf.float32) + 0.5) / steps, [-1] + [1] * (len(values.shape) - 1))
    path = tf.cast(shares, values.dtype) * values
    with tf.GradientTape() as tape:
        tape.watch(path)
        logits = two_logits_or_more(logits_of(path))
        contrast = tf.reduce_sum(logits[:, label] - tf.reduce_mean(logits, axis=1))
    gradients = tf.reduce_mean(tf.cast(tape.gradient(contrast, path), tf.float32), axis=0)
    return (tf.cast(values[0], tf.float32) * gradients).numpy()


def _logits_of_text(rest, ids, mask):
    """The logits of a text `ids[1, length]` as a function of its embeddings, or counts, `float[batch, …]`."""
    import tensorflow as tf

    def logits_of(values):
        count = len(values)
        masks = None if mask is None else tf.repeat(mask, count, axis=0)
        return rest([tf.repeat(ids, count, axis=0), values], mask=[None, masks])

    return logits_of


def _words(vocabulary: np.ndarray, ids: np.ndarray, scores: np.ndarray) -> Scores:
    words: Scores = []
    for piece, score in zip(vocabulary[ids], scores.tolist(), strict=True):
        if piece in ("", "[PAD]", "[CLS]", "[SEP]"):
            continue
        if piece.startswith("##") and words:
            words[-1] = (words[-1][0] + piece[2:], words[-1][1] + score)
        else:
            words.append((piece, score))
    return words
