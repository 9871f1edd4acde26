"""Which columns of a row its answer rests on: integrated gradients (Sundararajan et al., 2017, Axiomatic attribution).

The way begins at a row in the middle of what training saw: medians, or means, of numbers as the model's own layers know
them; of categories the mean of a column's vectors; of texts no words; of dates the mean year. It ends at the row. What
moves are the numbers, and the vectors behind what is no number. Columns that say the same share what they add.
"""

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zoo.errors import ZooError
from zoo.registry import TABLES, plural

if TYPE_CHECKING:
    from zoo.loading import LoadedModel

_STEPS = 64
_INSIDE = ("Imputation", "MissingNumbers", "Embedding", "CategoryEncoding", "CalendarFeatures", "TfIdf")


class Explanation(NamedTuple):
    """What an answer is, in words, and how much each column adds to it: names and `float64[columns]`, in their order.

    The sum is what the explained number gains from the middle row to the row (completeness).
    """

    of: str
    columns: tuple[str, ...]
    scores: np.ndarray


def column_names(loaded_model: "LoadedModel") -> tuple[str, ...]:
    """Of what the model reads, by the arrays of its input and their columns."""
    schema = loaded_model.schema
    if schema is not None:
        return tuple(name for key in schema.shapes for name in schema.names_of(key))
    width = loaded_model.input_shape[0]
    return tuple(loaded_model.feature_names or (f"feature_{number}" for number in range(width)))


def check_attributes(loaded_model: "LoadedModel") -> None:
    """Raises: ZooError: columns of this model's rows cannot be explained."""
    if loaded_model.reads not in TABLES:
        raise ZooError(f"{loaded_model.path} reads {plural(loaded_model.reads)}; columns are explained of tables alone")
    if not hasattr(loaded_model.model, "get_layer"):
        raise ZooError(f"{loaded_model.path}: an exported file has no gradients; explain the run's model.keras")
    if isinstance(loaded_model.input_shape, dict) and loaded_model.schema is None:
        raise ZooError(f"{loaded_model.path}: it does not say which columns it reads; explain a model of one table")
    if loaded_model.task.explained is None:
        raise ZooError(f"{loaded_model.path}: answers of {loaded_model.task.words} cannot be explained by columns")
    _network(loaded_model.model, loaded_model.task.explained)


def explain_columns(loaded_model: "LoadedModel", features: Any) -> list[Explanation]:
    """How much each column speaks for (above 0) or against the answer to each row.

    Of classes it is the logit of the label that is said over the mean of all logits; of several labels, the logit of
    the most probable one; of numbers, the first number, in its unit.

    Args:
        loaded_model: of a table.
        features: as a `zoo.datasets.Split` has them.

    Raises:
        ZooError: the model reads no table, or has layers that are not known here.
    """
    import tensorflow as tf

    from zoo.datasets import on_disk

    check_attributes(loaded_model)
    network, names = _network(loaded_model.model, loaded_model.task.explained), column_names(loaded_model)
    found = []
    for row in range(on_disk.count(features)):
        one = on_disk.each(lambda array: tf.constant(array[:]), on_disk.take(features, [row]))
        ends = [tf.cast(end, tf.float32) for end in network.first(one)]
        starts = [tf.cast(start, tf.float32) for start in network.middle(ends)]
        number = network.chosen(ends)
        scores = np.zeros(len(names))
        for key, places, values in _integrated(network, starts, ends, number):
            offset = _offset(loaded_model, key)
            for place, value in zip(places, values, strict=True):
                scores[offset + place] += value
        found.append(Explanation(_words(loaded_model, number), names, scores))
    return found


def _integrated(network: "_Network", starts: list, ends: list, number: int):
    """Of each part: its input's name, the columns of its places, and what each of them adds."""
    import tensorflow as tf

    shares = (tf.range(_STEPS, dtype=tf.float32) + 0.5) / _STEPS
    path = []
    for start, end in zip(starts, ends, strict=True):
        steps = tf.reshape(shares, [-1] + [1] * (len(end.shape) - 1))
        path.append(start + steps * (end - start))
    with tf.GradientTape() as tape:
        tape.watch(path)
        total = tf.reduce_sum(network.explained(path, number))
    gradients = tape.gradient(total, path)
    for part, start, end, gradient in zip(network.parts, starts, ends, gradients, strict=True):
        if gradient is None:  # nothing that is explained depends on it
            continue
        added = ((end - start)[0] * tf.reduce_mean(gradient, axis=0)).numpy().astype("float64")
        yield part.key, *part.by_column(added)


class _Part(NamedTuple):
    """A tensor of numbers near the input `key`: what stands before it is no way to walk, or leads from it alone."""

    key: str
    kind: str
    layer: Any
    front: Any  # the layer of ids before it, or None
    column: int  # of a tensor that is of one column alone; else -1

    def by_column(self, added: np.ndarray) -> tuple[list[int], list[float]]:
        """The columns and what each adds, of what each number adds."""
        if self.column >= 0:
            return [self.column], [float(added.sum())]
        if self.kind == "CategoryEncoding":
            bounds = [*self.front.offsets.tolist(), self.front.rows]
            sums = [float(added[a:b].sum()) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
            return list(range(len(sums))), sums
        if self.kind == "CalendarFeatures":  # features of a kind stand together, of all columns
            added = added.reshape(-1, self.layer.input.shape[1]).T
        sums = added.reshape(len(added), -1).sum(axis=1)
        return list(range(len(sums))), sums.tolist()

    def middle(self, end):
        """Where the way begins, in the shape of `end`."""
        import tensorflow as tf

        zeros = tf.zeros_like(end)
        if self.kind == "Imputation":
            return zeros + self.layer.medians
        if self.kind == "Input":
            return zeros + self.layer.middle
        if self.front is not None and hasattr(self.front, "offsets"):
            means = []
            for offset, count in zip(self.front.offsets.tolist(), self.front.counts, strict=True):
                rows = range(offset + 2, offset + 2 + count) if count else range(offset, offset + 2)
                if self.kind == "Embedding":
                    means.append(tf.reduce_mean(tf.gather(self.layer.embeddings, list(rows)), axis=0))
                else:
                    means.append(tf.reduce_mean(tf.one_hot(list(rows), self.front.rows), axis=0))
            return zeros + (tf.stack(means) if self.kind == "Embedding" else tf.add_n(means))
        return zeros


class _Numbers(NamedTuple):
    """An input of numbers, which no layer fills, in the place of a layer; and where its way begins."""

    output: Any
    middle: np.ndarray


class _Network(NamedTuple):
    """A model in two halves: to the parts, and from them to what is explained."""

    parts: list[_Part]
    first: Any
    rest: Any
    how: str

    def middle(self, ends: list) -> list:
        return [part.middle(end) for part, end in zip(self.parts, ends, strict=True)]

    def chosen(self, ends: list) -> int:
        """Which number of the last tensor is explained."""
        outputs = np.asarray(self._outputs(ends))
        return 0 if self.how == "value" else int(outputs[0].argmax())

    def explained(self, values: list, number: int):
        """`float32[batch]`."""
        import tensorflow as tf

        outputs = self._outputs(values)
        chosen = outputs[:, number]
        return chosen - tf.reduce_mean(outputs, axis=1) if self.how == "class" else chosen

    def _outputs(self, values: list):
        from zoo.evaluation.heat_maps import two_logits_or_more

        outputs = self.rest(values, training=False)
        return two_logits_or_more(outputs) if self.how == "class" else outputs


@functools.lru_cache(maxsize=2)  # each model made of these layers adds nodes to them
def _network(model, how: str) -> _Network:
    """Raises: ZooError: a column's way to the answer leads through a layer that is not known here."""
    import keras

    parts = _parts(model)
    tensors = [part.layer.output for part in parts]
    try:
        last = model.get_layer("values" if how == "value" else "logits").output
        first, rest = keras.Model(model.input, tensors), keras.Model(tensors, last)
    except ValueError:
        raise ZooError("the columns of this model cannot be explained: its layers are not known here") from None
    as_list = first if len(tensors) > 1 else (lambda inputs: [first(inputs)])
    return _Network(parts, as_list, rest, how)


def _parts(model) -> list[_Part]:
    from zoo.keras_hooks import outputs_of_calls

    inputs = model.input if isinstance(model.input, dict) else {"numbers": model.inputs[0]}
    makers = {id(tensor): operation for operation in model.operations for tensor in outputs_of_calls(operation)}
    keys = {id(makers[id(tensor)]): key for key, tensor in inputs.items()}
    parts, words = [], 0
    for layer in model.layers:
        kind, column = type(layer).__name__, -1
        if kind not in _INSIDE:
            continue
        before = _operations_before(layer, makers)
        key = next((keys[id(each)] for each in before if id(each) in keys), "")
        front = next((each for each in before if hasattr(each, "offsets")), None)
        if kind == "TfIdf":
            column, words = words, words + 1
        parts.append(_Part(key, kind, layer, front, column))
    if not any(part.key == "numbers" for part in parts) and "numbers" in inputs:
        tensor = inputs["numbers"]
        parts.append(_Part("numbers", "Input", _Numbers(tensor, _middle_of_numbers(model, tensor)), None, -1))
    return parts


def _operations_before(operation, makers: dict) -> list:
    """All that an operation depends on, and itself; `makers` has the operation of each tensor by the tensor's id."""
    from zoo.keras_hooks import inputs_of_calls

    found, waiting = [], [operation]
    while waiting:
        one = waiting.pop()
        if not any(one is each for each in found):
            found.append(one)
            waiting += [makers[id(tensor)] for tensor in inputs_of_calls(one) if id(tensor) in makers]
    return found


def _middle_of_numbers(model, tensor):
    """The mean, or the median, of the numbers that enter the model, as the layer behind its input has learned it."""
    from zoo.keras_hooks import inputs_of_calls

    for layer in model.layers:
        if any(taken is tensor for taken in inputs_of_calls(layer)):
            if type(layer).__name__ == "Normalization":
                return np.asarray(layer.mean, "float32").reshape(-1)
            if hasattr(layer, "edges"):
                edges = np.asarray(layer.edges, "float32")
                return edges[:, edges.shape[1] // 2]
    return np.float32(0)


def _offset(loaded_model: "LoadedModel", key: str) -> int:
    """How many columns stand before those of an input."""
    schema = loaded_model.schema
    if schema is None:
        return 0
    before = list(schema.shapes)[: list(schema.shapes).index(key)]
    return sum(len(schema.names_of(each)) for each in before)


def _words(loaded_model: "LoadedModel", number: int) -> str:
    if loaded_model.task.explained == "value":
        return loaded_model.labels.get("target_name") or "value"
    return loaded_model.label_names[number]


def as_json(explanation: Explanation) -> list[dict[str, Any]]:
    """Columns and scores, the largest first, as JSON can hold them."""
    order = np.argsort(-np.abs(explanation.scores), kind="stable")
    return [{"column": explanation.columns[i], "score": float(explanation.scores[i])} for i in order]


def in_words(explanation: Explanation, top: int = 8) -> str:
    """One line for people."""
    said = [f"{one['column']} {one['score']:+.3g}" for one in as_json(explanation)[:top]]
    more = len(explanation.columns) - len(said)
    return f"{explanation.of}: {', '.join(said)}" + (f" and {more:,} more" if more > 0 else "")
