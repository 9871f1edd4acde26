"""The script that a newcomer to Keras writes: a Sequential, `compile`, and `fit` on NumPy arrays."""

import numpy as np

from zoo.benchmark.architecture import Layer, scaled
from zoo.benchmark.data import training_examples
from zoo.benchmark.turns import Turns
from zoo.config import Config


def train(turns: Turns, config: Config, architecture: list[Layer]) -> None:
    """`fit` of one epoch a turn. The clock starts with the epoch, after Keras has copied the arrays."""
    from zoo.quiet import import_tensorflow

    import_tensorflow()
    import keras

    split = training_examples(config).train
    x, y = scaled(split.features, architecture), split.targets
    model = build_model(architecture)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam(config.training.optimizer.learning_rate)
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])

    batch_size = config.training.batch_size
    turns.ready(
        parameters=sum(variable.value.shape.num_elements() for variable in model.trainable_variables),
        first_loss=float(loss(y[:batch_size], model(x[:batch_size], training=True))),
    )
    start_clock = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: turns.start_clock())
    while True:
        turns.begin_epoch()
        model.fit(x, y, batch_size=batch_size, epochs=1, verbose=0, callbacks=[start_clock])
        turns.end_epoch()


def build_model(architecture: list[Layer]):
    """A `keras.Model` from scaled input to logits, with the architecture's weights."""
    import keras

    outputs = {-1: keras.Input(architecture[0].input_shape)}
    for number, layer in enumerate(architecture):
        given = [outputs[source] for source in layer.inputs]
        if layer.kind == "rescaling":
            outputs[number] = given[0]
            continue
        outputs[number] = _operation(layer, given)
        if outputs[number] is not None:
            continue
        built = _keras_layer(layer)
        outputs[number] = built(*given * (2 if layer.kind == "attention" else 1))
        shapes = [weight.shape for weight in built.get_weights()]
        built.set_weights([np.reshape(weight, shape) for weight, shape in zip(layer.weights, shapes, strict=True)])
    return keras.Model(outputs[-1], outputs[len(architecture) - 1])


def _operation(layer: Layer, given: list):
    """The output of a step without weights or a layer of its own; None of another."""
    from keras import ops

    options = layer.options
    functions = {
        "add": lambda x, y: x + y,
        "multiply": lambda x, y: x * y,
        "concatenate": lambda *parts: ops.concatenate(parts, **options),
        "softmax": lambda x: ops.softmax(x, **options),
        "sum": lambda x: ops.sum(x, **options),
        "gelu": lambda x: ops.gelu(x, **options),
        "first": lambda x: x[:, 0],
    }
    return functions[layer.kind](*given) if layer.kind in functions else None


def _keras_layer(layer: Layer):
    from keras import layers

    options, width = layer.options, layer.output_shape[-1]
    windows = {"strides": options.get("strides"), "padding": options.get("padding")}
    makers = {
        "dense": lambda: layers.Dense(width, use_bias=len(layer.weights) == 2),
        "convolution": lambda: layers.Conv2D(width, options["size"], **windows, use_bias=len(layer.weights) == 2),
        "max_pooling": lambda: layers.MaxPooling2D(options["size"], **windows),
        "batch_normalization": lambda: layers.BatchNormalization(**options),
        "layer_normalization": lambda: layers.LayerNormalization(**options),
        "attention": lambda: layers.MultiHeadAttention(options["heads"], width // options["heads"]),
        "mean": layers.GlobalAveragePooling2D if len(layer.input_shape) == 3 else layers.GlobalAveragePooling1D,
        "reshape": lambda: layers.Reshape(layer.output_shape),
        "flatten": layers.Flatten,
        "relu": layers.ReLU,
        "learned": lambda: _learned(layer.output_shape),
    }
    return makers[layer.kind]()


def _learned(shape: tuple[int, ...]):
    import keras

    class Learned(keras.layers.Layer):
        def build(self, input_shape):
            self.vectors = self.add_weight(shape=shape)

        def call(self, x):
            return keras.ops.broadcast_to(self.vectors, (keras.ops.shape(x)[0], *shape))

    return Learned()
