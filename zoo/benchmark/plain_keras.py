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
    """A `keras.Sequential` from scaled input to logits, with the architecture's weights."""
    from keras import Sequential, layers

    pairs = [(layer, _keras_layer(layer, layers)) for layer in architecture if layer.kind != "rescaling"]
    model = Sequential([layers.Input(architecture[0].input_shape), *(built for _, built in pairs)])
    for layer, built in pairs:
        built.set_weights([np.asarray(weight) for weight in layer.weights])
    return model


def _keras_layer(layer: Layer, layers):
    options, outputs = layer.options, layer.output_shape[-1]
    if layer.kind == "dense":
        return layers.Dense(outputs, use_bias=len(layer.weights) == 2)
    if layer.kind == "convolution":
        kernel, *bias = layer.weights
        return layers.Conv2D(outputs, kernel.shape[:2], padding=options["padding"], use_bias=bool(bias))
    if layer.kind == "max_pooling":
        return layers.MaxPooling2D(options["size"])
    if layer.kind == "batch_normalization":
        return layers.BatchNormalization(**options)
    return layers.Flatten() if layer.kind == "flatten" else layers.ReLU()
