"""Say how a text goes on: token by token, each from those before it."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from zoo.command_words import command
from zoo.errors import ZooError
from zoo.tasks import Metric, Task, Training

_NATS_A_BIT = math.log(2)


class LanguageModel(Task):
    """Each text is its own target. Answers are `float32[rows, 3]`: of each text

    the sum of the losses of its tokens in nats, how many tokens it has, and how many characters. The model itself says
    which token comes next. Of training texts windows are seen that begin elsewhere in each epoch.
    """

    name = "language_model"
    # By character, since tokens of different models are not of the same length.
    headline = Metric("bits_per_character", "less", bounds=(0.0, math.inf))
    figures = (Metric("perplexity", "less", decimals=2, bounds=(1.0, math.inf)),)
    reads = ("text",)
    trains = "final_norm"
    output = "probabilities"
    tokenizes = True
    baselines = (
        "kneser_ney", "kneser_ney_long", "xz", "bz2", "zstd", "ppmd", "xz_alone", "bz2_alone", "zstd_alone",
        "ppmd_alone",
    )  # fmt: skip
    writes = True
    scores_by_row = False

    # ---- the data

    def count_examples(self, split, options: dict[str, Any]) -> int:
        """About as many windows as there will be: tokens are known later, and may be longer than a character."""
        return max(1, sum(map(len, split.features)) // options["context_length"])

    def fitting_options(self, dataset, options: dict[str, Any]) -> dict[str, Any]:
        if options.get("tokens") != "characters" or options.get("vocabulary_size"):
            return {}
        from zoo.layers.byte_pair import BytePairTokenizer

        tokenizer = BytePairTokenizer(1, characters=True)
        tokenizer.adapt(dataset.train.features)
        return {"vocabulary_size": len(tokenizer.tokens)}

    # ---- the training

    def prepare(self, training: Training, split, learning: bool):
        import numpy as np

        from zoo.layers.front import text_layer
        from zoo.layers.next_tokens import pairs_of_windows, windows_of

        tokenizer = text_layer(training.model)
        texts, length = tokenizer.encode(split.features), tokenizer.length
        if not learning:
            windows, rows = windows_of(texts, length, tokenizer.end)
            return dataclasses.replace(split, features=windows, targets=rows, ids=np.arange(len(rows)))
        windows, needed = pairs_of_windows(texts, length, tokenizer.end), training.config.training.batch_size
        if len(windows) < needed:
            raise ZooError(
                f"the training texts have {sum(map(len, texts)):,} tokens, {len(windows)} windows of {length}, and a "
                f"batch has {needed} of them; bring more text, or lower "
                f"{'--batch_size or ' if len(windows) else ''}--set model.options.context_length"
            )
        return dataclasses.replace(split, features=windows, targets=None, ids=np.arange(len(windows)), weights=None)

    def augmentation(self, training: Training, of_data: Callable | None) -> Callable | None:
        from zoo.layers.front import text_layer
        from zoo.layers.next_tokens import MovedWindows

        return MovedWindows(text_layer(training.model).length)

    def graph(self, training: Training, networks: dict[str, Any]) -> tuple[Any, Any]:
        """Windows → sums of each, as `CountBits` says."""
        import keras

        from zoo.layers.front import text_layer
        from zoo.layers.next_tokens import CountBits

        twin, embedding = networks["model"], training.model.get_layer("token_embedding")
        windows = keras.Input((2, twin.input_shape[1]), dtype="int32")
        logits = embedding(twin(windows[:, 0]), reverse=True)
        characters = text_layer(training.model).characters_of(embedding.input_dim)
        return windows, CountBits(characters, dtype="float32")(logits, windows[:, 1])

    def loss(self, training: Training) -> Callable[[Any, Any], Any]:
        from keras import ops

        return lambda _, sums: sums[:, 0] / ops.maximum(sums[:, 1], 1.0)

    def metrics(self, training: Training) -> list:
        import keras
        from keras import ops

        class BitsPerCharacter(keras.metrics.Mean):
            """Over all characters, each counted once, however many a row has."""

            def update_state(self, y_true, y_pred, sample_weight=None):
                bits, characters = y_pred[:, 0] / _NATS_A_BIT, y_pred[:, 2]
                weights = characters if sample_weight is None else characters * sample_weight
                super().update_state(bits / ops.maximum(characters, 1.0), weights)

        return [BitsPerCharacter(name=self.headline.name)]

    # ---- what makes an answer good

    def read_through(self, model, features):
        """Each text from its beginning to its end, in as many windows as it needs."""
        import numpy as np
        import tensorflow as tf

        from zoo.layers.front import part_behind, text_layer
        from zoo.layers.next_tokens import CountBits, windows_of

        if not hasattr(model, "layers"):
            raise ZooError("an exported model says what comes next, not how likely a text is; judge the run itself")
        tokenizer, embedding = text_layer(model), model.get_layer("token_embedding")
        states = part_behind(model, model.get_layer("final_norm").output)
        count = CountBits(tokenizer.characters_of(embedding.input_dim), dtype="float32")

        @tf.function(reduce_retracing=True, autograph=False)
        def sums_of(windows):
            return count(embedding(states(windows[:, 0]), reverse=True), windows[:, 1])

        windows, rows = windows_of(tokenizer.encode(list(features)), tokenizer.length, tokenizer.end)
        sums = [sums_of(tf.constant(windows[first : first + 32])).numpy() for first in range(0, len(windows), 32)]
        answers = np.zeros((len(features), 3))
        np.add.at(answers, rows, np.concatenate(sums))
        return answers.astype("float32")

    def results(self, answers, targets, labels: dict[str, Any]) -> dict[str, Any]:
        """Over all characters; the interval takes texts, not characters, for independent."""
        from zoo.measures.statistics import ratio_interval

        nats, tokens, characters = answers.astype("float64").T
        if not len(answers) or not characters.sum():
            raise ZooError("there is no text to judge the model on")
        bits = nats / _NATS_A_BIT
        return {
            "bits_per_character": {
                "value": bits.sum() / characters.sum(),
                "interval": self.headline.within(ratio_interval(bits, characters)),
            },
            "perplexity": math.exp(min(nats.sum() / tokens.sum(), 700.0)),
            "tokens": int(tokens.sum()),
            "characters": int(characters.sum()),
            "n": len(answers),
        }

    def scores(self, answers, targets, labels: dict[str, Any]):
        """With a minus, how many bits more than all texts of its length each text takes, and the headline.

        Their mean is the headline, and their spread that of a ratio (Cochran, 1977), of differences of two models too:
        the bits themselves would mostly tell how long a text is.
        """
        import numpy as np

        answers = np.asarray(answers, "float64")
        bits, characters = answers[:, 0] / _NATS_A_BIT, answers[:, 2]
        ratio = bits.sum() / characters.sum()
        return -(bits - ratio * characters) / characters.mean() - ratio

    def next_command(self, run_path: str) -> str:
        return f"{command('generate')} --run={run_path}"

    def describe(self, answer, labels: dict[str, Any]) -> dict[str, Any]:
        nats, tokens, characters = map(float, answer)
        bits = nats / _NATS_A_BIT / characters if characters else 0.0
        return {"bits_per_character": bits, "characters": int(characters), "tokens": int(tokens)}
