"""Raw rows of a mixed table as numbers: what a prediction needs of the training rows is in these layers."""

import json
import operator
import pathlib
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.safe_reading import read_text
from zoo.schema import NO_DATE, frequent_categories

_DAY, _DAYS_A_YEAR, _MOST_BYTES = 86_400, 365.2425, 256 << 20
_CYCLES = (("month", 12), ("day", 31), ("weekday", 7), ("hour", 24))


@keras.saving.register_keras_serializable("zoo")
class Imputation(keras.layers.Layer):
    """`float32[batch, column]` → the same, with the median of the training rows where a number is missing (NaN)."""

    def build(self, input_shape):
        self.medians = self.add_weight(
            shape=(input_shape[-1],), initializer="zeros", trainable=False, dtype="float32", name="medians"
        )

    def adapt(self, numbers: np.ndarray) -> None:
        """Take the medians of `float[examples, column]`; 0 for a column that has no number."""
        numbers = np.asarray(numbers, "float64")
        found = ~np.isnan(numbers).all(axis=0)
        medians = np.zeros(numbers.shape[1])
        medians[found] = np.nanmedian(numbers[:, found], axis=0)
        self.medians.assign(medians)

    def call(self, numbers):
        return ops.where(ops.isnan(numbers), self.medians, numbers)


@keras.saving.register_keras_serializable("zoo")
class MissingNumbers(keras.layers.Layer):
    """`float32[batch, column]` → `float32[batch, column]`: 1 where a number is missing (NaN), else 0.

    In a column that missed nothing in the training rows it stays 0: what follows has not learned what 1 means there.
    """

    def build(self, input_shape):
        self.known = self.add_weight(
            shape=(input_shape[-1],), initializer="zeros", trainable=False, dtype="float32", name="known"
        )

    def adapt(self, numbers: np.ndarray) -> None:
        """Look in which columns of `float[examples, column]` numbers are missing."""
        self.known.assign(np.isnan(numbers).any(axis=0))

    def call(self, numbers):
        return ops.cast(ops.isnan(numbers), "float32") * self.known


@keras.saving.register_keras_serializable("zoo")
class CalendarFeatures(keras.layers.Layer):
    """`int64[batch, column]` seconds since 1970 → `float32[batch, column * 10]`.

    A date becomes the years since the mean of the training rows, in their deviations; sine and cosine of month, day of
    the month, weekday and hour; and whether it is missing, and then all others are 0. Times are of UTC.
    """

    def build(self, input_shape):
        add = {"shape": (input_shape[-1],), "trainable": False, "dtype": "float32"}
        self.means = self.add_weight(initializer="zeros", name="means", **add)
        self.deviations = self.add_weight(initializer="ones", name="deviations", **add)

    def adapt(self, dates: np.ndarray) -> None:
        """Take mean and deviation of the years of `int64[examples, column]`."""
        # Of days: seconds would need more digits than float32 has.
        years = np.where(dates == NO_DATE, np.nan, dates // _DAY / _DAYS_A_YEAR)
        found = ~np.isnan(years).all(axis=0)
        means, deviations = np.zeros(dates.shape[1]), np.ones(dates.shape[1])
        means[found], deviations[found] = np.nanmean(years[:, found], axis=0), np.nanstd(years[:, found], axis=0)
        self.means.assign(means)
        self.deviations.assign(np.where(deviations > 1e-6, deviations, 1.0))

    def call(self, dates):
        missing = ops.equal(dates, NO_DATE)
        dates = ops.where(missing, ops.zeros_like(dates), dates)
        days, seconds = _days_and_seconds(dates)
        month, day = _month_and_day(days)
        numbers = {
            "month": month - 1,
            "day": day - 1,
            "weekday": _remainder(days + 3, 7),  # 1970 began on a Thursday; 0 is Monday
            "hour": ops.floor_divide(seconds, 3600),
        }
        parts = [(ops.cast(days, "float32") / _DAYS_A_YEAR - self.means) / self.deviations]
        for name, length in _CYCLES:
            angle = (2 * np.pi / length) * ops.cast(numbers[name], "float32")
            parts += [ops.sin(angle), ops.cos(angle)]
        parts = [ops.where(missing, 0.0, part) for part in parts]
        return ops.concatenate([*parts, ops.cast(missing, "float32")], axis=-1)

    def compute_output_spec(self, dates):
        return keras.KerasTensor((dates.shape[0], dates.shape[1] * (2 + 2 * len(_CYCLES))), "float32")


def _days_and_seconds(dates):
    """`int64[…]` seconds → `int32[…]` whole days since 1970, and `int32[…]` seconds of the day.

    LiteRT divides no int64. Whole days as float32 are less than half a day off in all years of four digits.
    """
    seconds = _remainder(dates, _DAY)
    days = ops.round(ops.cast(dates - seconds, "float32") / _DAY)
    return ops.cast(days, "int32"), ops.cast(seconds, "int32")


def _remainder(numbers, divisor: int):
    """From 0 on, also where a converter rounds the quotient of a negative number up, as that to ONNX does."""
    return ops.mod(ops.mod(numbers, divisor) + divisor, divisor)


def _month_and_day(days):
    """`int32[…]` months, 1 to 12, and days, 1 to 31, of days since 1970-01-01 in the Gregorian calendar.

    Years are counted from March on, so that the leap day is the last of a year: 153 days are five months.
    """
    day_of_era = ops.mod(days + 719_468, 146_097)  # 0000-03-01 is 719,468 days before 1970; 400 years are an era
    leap_days = (
        ops.floor_divide(day_of_era, 1460) - ops.floor_divide(day_of_era, 36_524)
        + ops.floor_divide(day_of_era, 146_096)
    )  # fmt: skip
    year_of_era = ops.floor_divide(day_of_era - leap_days, 365)
    day_of_year = day_of_era - (
        365 * year_of_era + ops.floor_divide(year_of_era, 4) - ops.floor_divide(year_of_era, 100)
    )
    month = ops.floor_divide(5 * day_of_year + 2, 153)
    day = day_of_year - ops.floor_divide(153 * month + 2, 5) + 1
    return ops.where(ops.less(month, 10), month + 3, month - 9), day


class _Front(keras.layers.Layer):
    """A layer that alone reads the strings of an input: training computes its ids once, and starts behind it."""

    encodes_ahead = True

    def __init__(self, **arguments):
        arguments.pop("autocast", None)
        super().__init__(autocast=False, **arguments)


@keras.saving.register_keras_serializable("zoo")
class CategoryIds(_Front):
    """`string[batch, column]` → `int32[batch, column]`: rows of one embedding matrix for the categories of all columns.

    A column has a row for categories that training did not see, one for a missing one (""), and one for each of its
    `counts` categories: those that occur at least `least_count` times, the most frequent first. `rows` are all.
    """

    def __init__(self, counts: Sequence[int], least_count: int = 1, **arguments):
        super().__init__(**arguments)
        self.counts, self.least_count = [int(count) for count in counts], least_count
        self.vocabularies: list[list[str]] = [[] for _ in self.counts]
        self._table = None

    @property
    def rows(self) -> int:
        return sum(self.counts) + 2 * len(self.counts)

    @property
    def offsets(self) -> np.ndarray:
        """`int32[column]`: where the rows of each column begin."""
        return np.concatenate([[0], np.cumsum(np.array(self.counts[:-1], "int32") + 2)]).astype("int32")

    def adapt(self, categories: np.ndarray) -> None:
        """Take the categories of `object[examples, column]`."""
        found = frequent_categories(categories, self.least_count, max(self.counts, default=0))
        self.set_vocabularies([words[:count] for words, count in zip(found, self.counts, strict=True)])

    def set_vocabularies(self, vocabularies: Sequence[Sequence[str]]) -> None:
        """Take the categories of each column, in the order of their rows.

        Raises:
            ZooError: there are others than the model has rows for.
        """
        sizes = [len(words) for words in vocabularies]
        if len(sizes) != len(self.counts) or any(map(operator.gt, sizes, self.counts)):
            raise ZooError("the categories in the file are more than the model has rows for; the file is damaged")
        self.vocabularies = [list(words) for words in vocabularies]
        self._table = None

    def call(self, categories):
        import tensorflow as tf

        if self._table is None:
            with tf.init_scope():
                self._table = self._lookup(tf)
        names = tf.constant([f"{column}\x1f" for column in range(len(self.counts))], shape=(1, len(self.counts)))
        keys = tf.strings.join([tf.broadcast_to(names, tf.shape(categories)), categories])
        found, unseen = self._table.lookup(keys), tf.constant(self.offsets)
        return tf.where(found < 0, tf.broadcast_to(unseen, tf.shape(found)), found)

    def _lookup(self, tf):
        """The table from a column's number and a category to a row."""
        keys, rows = [], []
        for column, (offset, words) in enumerate(zip(self.offsets.tolist(), self.vocabularies, strict=True)):
            keys += [f"{column}\x1f{word}" for word in ("", *words)]
            rows += range(offset + 1, offset + 2 + len(words))
        content = tf.lookup.KeyValueTensorInitializer(tf.constant(keys, tf.string), tf.constant(rows, tf.int32))
        return tf.lookup.StaticHashTable(content, default_value=-1)

    def compute_output_spec(self, categories):
        return keras.KerasTensor(categories.shape, "int32")

    def save_assets(self, folder):
        pathlib.Path(folder, "categories.json").write_text(json.dumps(self.vocabularies), encoding="utf-8")

    def load_assets(self, folder):
        try:
            vocabularies = json.loads(read_text(pathlib.Path(folder, "categories.json"), _MOST_BYTES))
            if not all(isinstance(word, str) for words in vocabularies for word in words):
                raise ValueError
        except (ValueError, TypeError):
            raise ZooError("the categories in the file are no lists of texts; the file is damaged") from None
        self.set_vocabularies(vocabularies)

    def get_config(self):
        return super().get_config() | {"counts": self.counts, "least_count": self.least_count}


@keras.saving.register_keras_serializable("zoo")
class TextIds(_Front):
    """`string[batch, column]` → `int64[batch, column, length]` ids of words and of runs of up to `ngrams` words.

    Keras's TextVectorization with one vocabulary for all columns. 0 is padding, 1 a word that training did not see.
    """

    def __init__(self, vocabulary_size: int, length: int, ngrams: int = 2, **arguments):
        super().__init__(**arguments)
        self.vocabulary_size, self.length, self.ngrams = vocabulary_size, length, ngrams
        self.words = keras.layers.TextVectorization(
            max_tokens=vocabulary_size, ngrams=ngrams, output_mode="int", output_sequence_length=length, name="words"
        )

    def build(self, input_shape):
        self.words.build()

    def adapt(self, texts: np.ndarray) -> None:
        """Learn the words of `object[examples, column]`."""
        import tensorflow as tf

        self.words.adapt(tf.constant(texts.ravel(), tf.string))

    def call(self, texts):
        import tensorflow as tf

        ids = self.words(tf.reshape(texts, [-1]))
        return tf.reshape(ids, [-1, texts.shape[1], self.length])

    def compute_output_spec(self, texts):
        return keras.KerasTensor((*texts.shape, self.length), "int64")

    def get_config(self):
        own = {"vocabulary_size": self.vocabulary_size, "length": self.length, "ngrams": self.ngrams}
        return super().get_config() | own
