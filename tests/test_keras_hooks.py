"""What the zoo uses of Keras beyond its documentation is still there, still takes effect, and is used in one file."""

import ast
import functools
import inspect
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import keras_hooks

ZOO = pathlib.Path(keras_hooks.__file__).parent
# Attributes with a leading underscore of objects that are not Keras's.
PRIVATE_OF_OTHERS = {
    "os._exit",  # a documented function in spite of its name
    "builder._split_generators", "builder._generate_examples", "builder._cifar_info",  # TensorFlow Datasets's
    "self.bar._time",  # tqdm's
}  # fmt: skip


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (keras.Model._symbolic_build, "self iterator data_batch"),
        (keras.Model._maybe_symbolic_build, "self iterator data_batch"),
        (keras.Model.make_train_function, "self force"),
        (keras.Model.make_test_function, "self force"),
        (keras.Model._flatten_layers, "self include_self recursive"),
        (keras.optimizers.Optimizer.update_step, "self gradient variable learning_rate"),
        (keras.optimizers.Optimizer._get_variable_index, "self variable"),
        (keras.optimizers.Optimizer._apply_weight_decay, "self variables"),
        (keras.optimizers.Muon._should_use_adamw, "self variable"),
        (keras.optimizers.Muon._muon_update_step, "self gradient variable lr m"),
        (keras.optimizers.Optimizer._all_reduce_sum_gradients, "self grads_and_vars"),
        (keras.optimizers.Optimizer.finalize_variable_values, "self var_list"),
        (keras.layers.BatchNormalization.call, "self inputs training mask"),
        (keras.callbacks.SwapEMAWeights._apply_to_ema_optimizers, "self tf_fn backend_fn"),
    ],
    ids=lambda value: value.__qualname__ if callable(value) else "",
)
def test_keras_still_has_the_function(function, parameters):
    assert list(inspect.signature(function).parameters) == parameters.split()


class Counting(keras_hooks.LoopModel):
    """Each call of its loop takes one element, as `zoo.training.trainer` does."""

    def train_call(self):
        def call(iterator):
            (element,) = next(iterator)
            self.mean_loss.update_state(element)
            return {"loss": self.mean_loss.result()}

        return call

    test_call = train_call


def test_fit_and_evaluate_take_each_element_by_the_loop_and_draw_none_before():
    drawn = []

    def numbers():
        for number in range(4):
            drawn.append(number)
            yield (float(number),)

    inputs = keras.Input((3,))
    model = Counting(inputs, keras.layers.Dense(1)(inputs))
    model.compile("sgd", "mse")
    model.build_state((keras.KerasTensor((2, 3)), keras.KerasTensor((2, 1)), keras.KerasTensor((2,))))
    assert model.optimizer.built and not drawn
    data = tf.data.Dataset.from_generator(numbers, output_signature=(tf.TensorSpec(()),))
    history = model.fit(data, steps_per_epoch=2, epochs=2, shuffle=False, verbose=0).history
    assert history["loss"] == [0.5, 2.5], "an epoch's mean loss starts anew"
    assert drawn == [0, 1, 2, 3]
    assert model.evaluate(data, steps=4, verbose=0) == 1.5


def variable_and_optimizer(wrapper=lambda optimizer: optimizer, **settings):
    variable = keras.Variable(np.float32([1.0, 2.0]))
    optimizer = wrapper(keras.optimizers.SGD(1.0, **settings))
    optimizer.build([variable])
    return variable, optimizer


@pytest.mark.parametrize("wrapper", [lambda optimizer: optimizer, keras.optimizers.LossScaleOptimizer])
def test_steps_stand_around_the_update_of_each_variable(wrapper):
    first, second = keras.Variable(np.float32([4.0])), keras.Variable(np.float32([8.0]))
    optimizer = wrapper(keras.optimizers.SGD(1.0))
    optimizer.build([first, second])
    order = []

    def slower(update, index, variable, learning_rate):
        order.append(("slower", index))
        update(learning_rate * (0.5, 0.25)[index])

    def then_double(update, index, variable, learning_rate):
        order.append(("double", index))
        update(learning_rate)
        variable.assign(2 * variable)

    keras_hooks.stand_around_updates(optimizer, [slower, then_double])
    gradients = [tf.constant([1.0]), tf.constant([1.0])]
    if wrapper is keras.optimizers.LossScaleOptimizer:
        gradients = [optimizer.scale_loss(gradient) for gradient in gradients]
    optimizer.apply_gradients(zip(gradients, [first, second], strict=True))
    assert order == [("double", 0), ("slower", 0), ("double", 1), ("slower", 1)]
    assert (first.numpy(), second.numpy()) == ([7.0], [15.5])


def test_keras_asks_the_optimizer_to_sum_gradients_and_takes_what_it_gets():
    variable, optimizer = variable_and_optimizer()
    keras_hooks.take_summed_gradients(optimizer)
    as_they_are, seen = optimizer._all_reduce_sum_gradients, []

    def noted(pairs):
        seen.extend(pairs)
        return as_they_are(pairs)

    optimizer._all_reduce_sum_gradients = noted
    optimizer.apply_gradients([(tf.constant([1.0, 1.0]), variable)])
    assert len(seen) == 1 and variable.numpy().tolist() == [0.0, 1.0]


def update_twice(variable, optimizer):
    """From 1 and 2 to 0 and 1, where the average begins, then to -1 and 0."""
    for _ in range(2):
        optimizer.apply_gradients([(tf.constant([1.0, 1.0]), variable)])


def test_the_average_is_the_one_that_keras_keeps():
    variable, optimizer = variable_and_optimizer(use_ema=True, ema_momentum=0.75)
    update_twice(variable, optimizer)
    assert keras_hooks.average_of(optimizer, 0).numpy().tolist() == [-0.25, 0.75]
    assert keras_hooks.average_of(variable_and_optimizer()[1], 0) is None


def test_validation_sees_the_averages_of_every_optimizer():
    wrappers = (lambda optimizer: optimizer, keras.optimizers.LossScaleOptimizer)
    pairs = [variable_and_optimizer(wrapper, use_ema=True, ema_momentum=0.75) for wrapper in wrappers]
    model = keras.Sequential()
    model.optimizers = [optimizer for _, optimizer in pairs]
    for variable, optimizer in pairs:
        update_twice(variable, keras_hooks.innermost(optimizer))
    callback = keras_hooks.AverageInValidation()
    callback.set_model(model)

    def values():
        return [variable.numpy().tolist() for variable, _ in pairs]

    assert values() == [[-1.0, 0.0]] * 2
    callback.on_test_begin()
    assert values() == [[-0.25, 0.75]] * 2
    callback.on_test_end()
    callback.on_epoch_end(0)
    assert values() == [[-1.0, 0.0]] * 2


@pytest.mark.parametrize("left_alone", [True, False])
def test_fit_writes_no_average_into_the_model_at_its_end(left_alone):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.25, use_ema=True, ema_momentum=0.75), "mse")
    if left_alone:
        keras_hooks.leave_averages_alone(model.optimizer)
    model.fit(np.ones((2, 1)), np.zeros((2, 1)), batch_size=2, epochs=2, verbose=0)
    average = keras_hooks.average_of(model.optimizer, 0).numpy().item()
    assert average == 0.75 * 0.5 + 0.25 * 0.25
    assert model.get_weights()[0].item() == (0.25 if left_alone else average)


def test_batch_normalization_is_what_it_is_told_and_not_where_it_is_frozen():
    layer = keras.layers.BatchNormalization()
    layer.build((None, 3))
    keras_hooks.normalize_by(layer, lambda inputs, training: inputs + (100.0 if training else 10.0), strict=True)
    for training, trainable, expected in ((True, True, 101), (True, False, 11), (False, True, 11)):
        layer.trainable = trainable
        np.testing.assert_array_equal(layer(tf.ones([2, 3]), training=training), np.full((2, 3), expected))


def test_a_normalization_of_constants_has_no_tensor_left_and_answers_the_same():
    layer = keras.layers.Normalization()
    layer.adapt(np.float32([[1, 2], [3, 6]]))

    def captured():
        function = tf.function(lambda x: layer(x)).get_concrete_function(tf.TensorSpec((None, 2)))
        return len(function.graph.captures), function(tf.ones((1, 2))).numpy()

    (count, before), _ = captured(), keras_hooks.store_as_constants(layer)
    assert count and captured()[0] == 0
    np.testing.assert_array_equal(captured()[1], before)


def test_layers_declared_without_memory_get_none_later():
    with keras_hooks.without_memory():
        layer = keras.layers.Dense(10_000_000)
        layer.build((None, 10_000_000))  # 400 terabytes
    with keras.StatelessScope():  # it gives memory to all variables that wait for it
        pass
    small = keras.layers.Dense(1)
    small.build((None, 1))
    assert layer.kernel.shape == (10_000_000, 10_000_000) and small.kernel.numpy().shape == (1, 1)


def test_all_layers_and_what_their_calls_give_are_found():
    inner = keras.Sequential([keras.Input((2,)), keras.layers.Dense(5, name="inner")])
    inputs = keras.Input((2,))
    model = keras.Model(inputs, inner(inputs))
    assert "inner" in [layer.name for layer in keras_hooks.all_layers(model)]
    shapes = [tensor.shape for operation in model.operations for tensor in keras_hooks.outputs_of_calls(operation)]
    assert (None, 5) in shapes
    assert [tensor is inputs for tensor in keras_hooks.inputs_of_calls(inner)][-1]


@functools.cache
def nodes_of(path):
    return list(ast.walk(ast.parse(path.read_text())))


def private_uses(path):
    """(line, text) of each attribute with a leading underscore that a file takes from another object."""
    for node in nodes_of(path):
        if isinstance(node, ast.ImportFrom | ast.Import):
            names = [getattr(node, "module", None) or ""] + [alias.name for alias in node.names]
            for name in names:
                if name.startswith("keras.src"):
                    yield node.lineno, name
        elif isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            owner = ast.unparse(node.value)
            if owner not in ("self", "cls"):
                yield node.lineno, f"{owner}.{node.attr}"


def inherited_private_uses(path):
    """(line, text) of what classes of a file that derive from Keras's take of their base's underscored attributes."""
    for node in nodes_of(path):
        bases = [ast.unparse(base) for base in getattr(node, "bases", ())]
        bases = [eval(base) for base in bases if base.startswith("keras.")]
        for part in ast.walk(node) if bases else ():
            own = isinstance(part, ast.FunctionDef) or (
                isinstance(part, ast.Attribute) and ast.unparse(part.value) in ("self", "cls", "super()")
            )
            name = getattr(part, "attr", getattr(part, "name", "")) if own else ""
            if name.startswith("_") and not name.startswith("__") and any(hasattr(base, name) for base in bases):
                yield part.lineno, f"{node.name}.{name}"


def test_no_other_file_uses_what_keras_does_not_document():
    finders = (private_uses, inherited_private_uses)
    hooks = ZOO / "keras_hooks.py"
    assert all(list(finder(hooks)) for finder in finders), "the search finds nothing even where there is something"
    files = [path for path in ZOO.rglob("*.py") if path != hooks]
    found = [(path, *use) for path in files for finder in finders for use in finder(path)]
    unknown = [f"{path.relative_to(ZOO)}:{line}: {use}" for path, line, use in found if use not in PRIVATE_OF_OTHERS]
    assert not unknown
    assert {use for _, _, use in found} == PRIVATE_OF_OTHERS, "the list names something that is not used any more"
