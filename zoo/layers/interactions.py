"""What pairs of columns say together."""

from collections.abc import Sequence

import keras
from keras import ops

# Odd numbers near 2³¹ times the golden ratio and others: a product spreads its high bits over the buckets.
_MULTIPLIERS = (2_654_435_769, 2_246_822_519, 3_266_489_917, 668_265_263, 374_761_393)


@keras.saving.register_keras_serializable("zoo")
class FactorizationMachine(keras.layers.Layer):
    """`float[batch, field, size]` → `float[batch, 1]`: the sum over all pairs of fields of their vectors' products.

    Rendle (2010), Factorization machines: half of the square of the sum less the sum of the squares, in a time that
    grows with the fields, not with their pairs.
    """

    def call(self, vectors):
        square_of_sum = ops.square(ops.sum(vectors, axis=1))
        sum_of_squares = ops.sum(ops.square(vectors), axis=1)
        return 0.5 * ops.sum(square_of_sum - sum_of_squares, axis=-1, keepdims=True)


@keras.saving.register_keras_serializable("zoo")
class HashedCrosses(keras.layers.Layer):
    """`int32[batch, column]` → `int32[batch, cross]`: a number for what some columns hold together.

    Each cross has `buckets` numbers of its own. Two combinations may share one.

    Args:
        crosses: the columns of each, by their places.
        buckets: of one cross.
    """

    def __init__(self, crosses: Sequence[Sequence[int]], buckets: int, **arguments):
        super().__init__(**arguments)
        self.crosses, self.buckets = [list(map(int, cross)) for cross in crosses], buckets

    def call(self, ids):
        ids = ops.cast(ids, "int64")
        found = []
        for number, cross in enumerate(self.crosses):
            mixed = ops.zeros_like(ids[:, 0])
            for place, column in enumerate(cross):
                multiplier = _MULTIPLIERS[place % len(_MULTIPLIERS)]
                mixed = ops.mod((mixed + ids[:, column] + 1) * multiplier, 2**31 - 1)
            found.append(ops.mod(mixed, self.buckets) + number * self.buckets)
        return ops.cast(ops.stack(found, axis=1), "int32")

    def compute_output_spec(self, ids):
        return keras.KerasTensor((ids.shape[0], len(self.crosses)), "int32")

    def get_config(self):
        return super().get_config() | {"crosses": self.crosses, "buckets": self.buckets}
