"""How many floating-point operations a prediction takes."""

import contextlib
import io
import math


def count_flops(model) -> int | None:
    """Operations of one forward pass of one example, by TensorFlow's profiler; a product and a sum are two.

    Of models of texts, what follows the tokenizer counts, at the model's full length.

    Returns:
        The count; None where a shape is known only when the model runs: the profiler would leave operations out.
    """
    from zoo.layers.front import inputs_of, part_behind

    recurrent = []
    # The profiler counts the body of a loop once, so recurrent layers are counted apart: one step times their number.
    rest = part_behind(model, model.output, lambda layer: _without_loop(layer, recurrent))
    names = list(inputs) if isinstance(inputs := inputs_of(rest), dict) else None
    tensors = [inputs[name] for name in names] if names else [inputs]

    def forward(*arguments, training):
        return rest(dict(zip(names, arguments, strict=True)) if names else arguments[0], training=training)

    counts = [_profile(forward, [(tensor.shape[1:], tensor.dtype) for tensor in tensors])]
    for cell, (_, steps, size) in recurrent:
        states = [cell.state_size] if isinstance(cell.state_size, int) else cell.state_size
        one_step = _profile(cell, [((size,), "float32"), [((state,), "float32") for state in states]])
        counts.append(None if one_step is None or steps is None else steps * one_step)
    return None if None in counts else sum(counts)


def _without_loop(layer, recurrent: list):
    """The layer itself; a recurrent one is put into `recurrent`, and a layer that does nothing takes its place."""
    import keras
    import tensorflow as tf

    if not isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional):
        return layer.__class__.from_config(layer.get_config())
    directions = [layer.forward_layer, layer.backward_layer] if hasattr(layer, "forward_layer") else [layer]
    inputs = keras.tree.flatten(layer.input)[0]  # a mask may come with it
    recurrent += [(direction.cell, inputs.shape) for direction in directions]

    class Nothing(keras.layers.Layer):
        supports_masking = True

        def call(self, inputs, **others):
            return tf.zeros((1, *layer.output.shape[1:]))

        def compute_output_spec(self, inputs, **others):
            return layer.output

    return Nothing(name=layer.name)


def _profile(function, inputs: list) -> int | None:
    """Operations of `function(*inputs, training=False)` of one example; inputs are (shape, dtype), or lists of them."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2_as_graph

    def specification(of):
        return [specification(one) for one in of] if isinstance(of, list) else tf.TensorSpec((1, *of[0]), of[1])

    if any(None in of[0] for of in inputs if isinstance(of, tuple)):
        return None
    call = tf.function(lambda *arguments: function(*arguments, training=False), autograph=False)
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation() | {"output": "none"}
    said, logger = io.StringIO(), tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")  # it warns of tables that it need not store, and of functions that it calls itself
    try:
        concrete = call.get_concrete_function(*map(specification, inputs))
        frozen, graph = convert_variables_to_constants_v2_as_graph(concrete)
        if any(node.op in ("While", "StatelessWhile", "LoopCond") for node in graph.node):
            return None
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            profile = tf.compat.v1.profiler.profile(frozen.graph, cmd="op", options=options)
    finally:
        logger.setLevel(level)
    einsums = [_of_einsum(node) for node in frozen.graph.get_operations() if node.type == "Einsum"]
    unknown = "incomplete shapes" in said.getvalue() or None in einsums
    return None if unknown else int(profile.total_float_ops) + sum(einsums)


def _of_einsum(node) -> int | None:
    """Operations of a sum of products, such as those of the heads of attention, which the profiler does not count."""
    sizes = {}
    inputs = node.get_attr("equation").decode().partition("->")[0].split(",")
    for letters, tensor in zip(inputs, node.inputs, strict=True):
        if "." in letters or None in tensor.shape:
            return None
        sizes |= dict(zip(letters, tensor.shape, strict=True))
    return 2 * math.prod(sizes.values())
