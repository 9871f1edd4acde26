"""Where in a picture a network looks: Grad-CAM of convolutional networks, attention rollout of vision transformers.

Both are as coarse as the last feature maps, or the patches, that they are made of, and are stretched to the picture.
"""

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.loading import LoadedModel

_SEQUENCE_WEIGHTS = "sequence_weights"  # of zoo.models.vit: how much of each token the head reads
_AT_ONCE = 8  # pictures; a transformer's attention takes memory as the square of its patches


def grad_cam(loaded_model: "LoadedModel", images: np.ndarray) -> np.ndarray:
    """Where the last feature maps speak for the label that the model gives (Selvaraju et al., 2017, Grad-CAM).

    The maps are the output of the last layer that has places, before pooling. Each is weighted by the mean gradient of
    the label's logit, and what is left of their sum above 0 is shown.

    Args:
        loaded_model: with a layer `logits`.
        images: uint8[examples, height, width, channel].

    Returns:
        float32[examples, height, width], none below 0, in the unit of the logits.

    Raises:
        ZooError: the network has no convolutions, or attention after them.
    """
    import tensorflow as tf

    body, head = _around_last_maps(loaded_model.model, str(loaded_model.path))
    found = []
    for start in range(0, len(images), _AT_ONCE):
        maps = body(images[start : start + _AT_ONCE], training=False)
        with tf.GradientTape() as tape:
            tape.watch(maps)
            answer = tf.reduce_sum(tf.reduce_max(two_logits_or_more(head(maps, training=False)), axis=1))
        weights = tf.reduce_mean(tf.cast(tape.gradient(answer, maps), tf.float32), axis=[1, 2], keepdims=True)
        found.append(tf.nn.relu(tf.reduce_sum(weights * tf.cast(maps, tf.float32), axis=-1)).numpy())
    return _stretched(found, images)


def attention_rollout(loaded_model: "LoadedModel", images: np.ndarray) -> np.ndarray:
    """How much of each patch reaches the answer through all layers of attention (Abnar & Zuidema, 2020).

    The mean over the heads, half of it what a layer hands on unchanged, multiplied from layer to layer; then the row of
    the class token, or the mean of all rows where there is none, weighted as the network weights its tokens if it has a
    layer `sequence_weights`. It is the same for all labels.

    Args:
        loaded_model: its attention is in layers `keras.layers.MultiHeadAttention`, or is the output of layers
            `keras.layers.Softmax`, as `zoo.models.attention` has it; not inside another layer.
        images: uint8[examples, height, width, channel].

    Returns:
        float32[examples, height, width]: 0 where a patch has an equal share, 1 where twice as much, -1 where nothing.

    Raises:
        ZooError: the network has no attention, or its patches are no grid of rows and columns.
    """
    import tensorflow as tf

    attention, number, (rows, columns) = _attention(loaded_model.model, str(loaded_model.path))
    found = []
    for start in range(0, len(images), _AT_ONCE):
        outputs = [tf.cast(one, tf.float32) for one in attention(images[start : start + _AT_ONCE], training=False)]
        whole = rollout([tf.reduce_mean(of_heads, axis=1).numpy() for of_heads in outputs[:number]])
        if outputs[number:]:
            reads = tf.nn.softmax(outputs[number], axis=1).numpy()
            shares = (reads * whole).sum(axis=1)
        else:
            shares = whole[:, 0] if whole.shape[2] > rows * columns else whole.mean(axis=1)
        shares = shares[:, -rows * columns :]
        shares = shares / shares.mean(axis=1, keepdims=True) - 1
        found.append(shares.reshape(-1, rows, columns).astype("float32"))
    return _stretched(found, images)


def rollout(attention: list[np.ndarray]) -> np.ndarray:
    """Attention of each layer, `float32[batch, token, token]`, each row of sum 1 → that of the whole, the same."""
    unchanged = np.eye(attention[0].shape[-1], dtype="float32")
    whole = unchanged
    for layer in attention:
        whole = (layer + unchanged) / 2 @ whole
    return whole


def two_logits_or_more(logits):
    """The one logit of a binary answer as those of both labels."""
    import tensorflow as tf

    return tf.concat([-logits / 2, logits / 2], axis=1) if logits.shape[1] == 1 else logits


@functools.lru_cache(maxsize=4)  # each graph adds nodes to the layers that it shares
def _around_last_maps(model, path: str):
    """The model up to its last feature maps, and from them to the logits."""
    import keras

    layers = keras.layers
    convolutions = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.Conv2DTranspose)
    pooling = (layers.MaxPooling2D, layers.AveragePooling2D)
    first = next((n for n, layer in enumerate(model.layers) if isinstance(layer, convolutions)), None)
    if first is None:
        raise ZooError(f"--explain=grad_cam: {path} has no convolutions; take --explain=integrated_gradients")
    last = max(n for n, layer in enumerate(model.layers) if _has_places(layer) and not isinstance(layer, pooling))
    if last < first or any(map(_is_attention, model.layers[last:])):
        raise ZooError(
            f"--explain=grad_cam: the last feature maps of {path} are not its last places: attention comes after them; "
            "take --explain=attention_rollout"
        )
    maps = model.layers[last].output
    try:
        return keras.Model(model.inputs[0], maps), keras.Model(maps, model.get_layer("logits").output)
    except ValueError:
        raise ZooError(
            f"--explain=grad_cam: the answer of {path} does not come from its last feature maps alone; "
            "take --explain=integrated_gradients"
        ) from None


@functools.lru_cache(maxsize=4)
def _attention(model, path: str):
    """A model from pictures to what attends to what, in how many layers, and the rows and columns of the patches.

    Behind the layers it gives how much of each token the head reads, if the network learns that. It adds no operations:
    the names that Keras would give them may be those of a model that was opened from a file.
    """
    import keras

    class WithScores(keras.layers.Layer):
        """The layer itself, which Keras lets no second graph ask for more outputs than its first one did."""

        def __init__(self, attention):
            super().__init__(dtype=attention.dtype_policy)
            self.attention = attention

        def call(self, *inputs, **options):
            return self.attention(*inputs, **options | {"return_attention_scores": True})

    scores, reads, grid = [], [], None

    def clone(layer):
        return WithScores(layer) if isinstance(layer, keras.layers.MultiHeadAttention) else layer

    def call(layer, *inputs, **options):
        nonlocal grid
        output = layer(*inputs, **options)
        of_heads = None
        if isinstance(layer, WithScores):
            output, of_heads = output
        elif _is_attention(layer):
            of_heads = output
        if of_heads is not None:
            scores.append(of_heads)
        elif not scores and isinstance(layer, keras.layers.Layer) and _has_places(layer):
            grid = tuple(layer.output.shape[1:3])
        elif layer.name == _SEQUENCE_WEIGHTS and len(output.shape) == 3 and output.shape[2] == 1:
            reads.append(output)
        return output

    part = keras.Model(model.inputs[0], model.get_layer("logits").output)
    pictures = keras.Input(part.input_shape[1:], dtype=part.inputs[0].dtype)
    keras.models.clone_model(part, pictures, clone_function=clone, call_function=call)
    if not scores:
        raise ZooError(
            f"--explain=attention_rollout: {path} has no layers of attention; take --explain=grad_cam if it has "
            "convolutions, else integrated_gradients"
        )
    tokens = {size for score in scores for size in score.shape[2:]}
    if len(tokens) > 1 or grid is None or None in grid or max(tokens) - math.prod(grid) not in (0, 1):
        raise ZooError(
            f"--explain=attention_rollout: the tokens of {path} are not the patches of a picture, with one token for "
            "the class or none; take --explain=integrated_gradients"
        )
    return keras.Model(pictures, [*scores, *reads]), len(scores), grid


def _is_attention(layer) -> bool:
    """Whether the layer attends, or its output, `[batch, head, token, token]`, is what attends to what."""
    import keras

    if isinstance(layer, keras.layers.Softmax):
        shape = layer.output.shape
        return len(shape) == 4 and shape[2] == shape[3]
    return isinstance(layer, keras.layers.MultiHeadAttention)


def _has_places(layer) -> bool:
    """Whether its output is a grid of more than one place, `[batch, height, width, channel]`."""
    shape = getattr(layer.output, "shape", ())
    return len(shape) == 4 and tuple(shape[1:3]) != (1, 1)


def _stretched(maps: list[np.ndarray], images: np.ndarray) -> np.ndarray:
    """Coarse maps, `float32[batch, row, column]` each, at the size of the pictures, with straight lines between."""
    import tensorflow as tf

    if not maps:
        return np.zeros(images.shape[:3], "float32")
    return tf.image.resize(np.concatenate(maps)[..., None], images.shape[1:3])[..., 0].numpy()
