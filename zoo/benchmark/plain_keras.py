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
        built = _keras_layer(layer, keras.layers)
        outputs[number] = built(given) if layer.kind == "add" else built(*given)
        built.set_weights([np.asarray(weight) for weight in layer.weights])
    return keras.Model(outputs[-1], outputs[len(architecture) - 1])


def _keras_layer(layer: Layer, layers):
    options, width = layer.options, layer.output_shape[-1]
    if layer.kind == "dense":
        return layers.Dense(width, use_bias=len(layer.weights) == 2)
    if layer.kind == "convolution":
        return layers.Conv2D(
            width, options["size"], options["strides"], options["padding"], use_bias=len(layer.weights) == 2
        )
    if layer.kind == "max_pooling":
        return layers.MaxPooling2D(options["size"], options["strides"], options["padding"])
    if layer.kind == "batch_normalization":
        return layers.BatchNormalization(epsilon=options["epsilon"], momentum=options["momentum"])
    if layer.kind == "layer_normalization":
        return layers.LayerNormalization(epsilon=options["epsilon"])
    if layer.kind == "attention":
        return layers.MultiHeadAttention(options["heads"], options["size"])
    if layer.kind == "positions":
        from zoo.layers.positions import PositionEmbedding

        return PositionEmbedding()
    if layer.kind == "mean":
        return layers.GlobalAveragePooling2D() if len(layer.input_shape) == 3 else layers.GlobalAveragePooling1D()
    if layer.kind == "reshape":
        return layers.Reshape(layer.output_shape)
    return {"flatten": layers.Flatten, "add": layers.Add, "relu": layers.ReLU}.get(
        layer.kind, lambda: layers.Activation(layer.kind)
    )()
