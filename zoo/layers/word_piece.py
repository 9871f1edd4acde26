"""WordPiece inside the model: raw strings in, ids out."""

import collections
import pathlib
from collections.abc import Sequence

import keras

from zoo.errors import ZooError, shortened
from zoo.safe_reading import read_text

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_NEEDED = SPECIAL_TOKENS[:4]
MOST_VOCABULARY_BYTES, LONGEST_PIECE = 16 << 20, 1000


@keras.saving.register_keras_serializable("zoo")
class WordPieceTokenizer(keras.layers.Layer):
    """`string[batch]` → `int32[batch, length]`: [CLS], the text's pieces, [SEP], then [PAD]; long texts are cut.

    BERT's tokenizer (Devlin et al., 2019) by tensorflow-text. Chinese characters are words of their own. The
    vocabulary comes from `adapt` or `set_vocabulary` and is an asset of the saved model; before that, it is the
    printable ASCII characters.
    """

    def __init__(self, vocabulary_size: int, length: int, lower_case: bool = True, **kwargs):
        """`vocabulary_size` is that of the model's embedding; a smaller vocabulary is filled up."""
        kwargs.pop("autocast", None)
        super().__init__(autocast=False, **kwargs)
        self.vocabulary_size, self.length, self.lower_case = vocabulary_size, length, lower_case
        characters = sorted({chr(code).lower() if lower_case else chr(code) for code in range(33, 127)})
        pieces = [*characters, *(f"##{c}" for c in characters if c.isalnum())]
        self.vocabulary = self._filled([*SPECIAL_TOKENS, *pieces][:vocabulary_size])
        self._tokenizer = None

    def adapt(self, texts: Sequence[str]) -> None:
        """Learn a vocabulary from texts (Schuster & Nakajima, 2012; the merges of BPE, as the package does it).

        Raises:
            ZooError: the package tokenizers is not installed.
        """
        tokenizers = import_text_package("tokenizers")
        reference = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
        reference.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=self.lower_case)
        reference.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
        characters, continuations = self._alphabet(reference, texts)
        # The package numbers characters, and so settles ties, in an order that changes from run to run, except those
        # that are said to be special: workers, and a resumed run, must learn the same vocabulary.
        trainer = tokenizers.trainers.WordPieceTrainer(
            vocab_size=self.vocabulary_size,
            special_tokens=[*SPECIAL_TOKENS, *characters, *continuations],
            initial_alphabet=characters,
            limit_alphabet=len(characters),
            min_frequency=2,
            show_progress=False,
        )
        reference.train_from_iterator(texts, trainer)
        ids = reference.get_vocab()
        self.set_vocabulary(sorted(ids, key=ids.get), "the vocabulary learned")

    def _alphabet(self, reference, texts: Sequence[str]) -> tuple[list[str], list[str]]:
        """Characters, and those seen inside words as `##c`: the most frequent that fit, each sorted."""
        words = collections.Counter()
        for text in texts:
            pieces = reference.pre_tokenizer.pre_tokenize_str(reference.normalizer.normalize_str(text))
            words.update(word for word, _ in pieces)
        counts, inside = collections.Counter(), collections.Counter()
        for word, count in words.items():
            for position, character in enumerate(word):
                counts[character] += count
                if position:
                    inside[f"##{character}"] += count
        room = self.vocabulary_size - len(SPECIAL_TOKENS)
        ranked = sorted(counts, key=lambda character: (-counts[character], character))
        characters = sorted(ranked[: max(room - len(inside), room // 2)])
        kept = set(characters)
        known = sorted((piece for piece in inside if piece[2:] in kept), key=lambda piece: (-inside[piece], piece))
        return characters, sorted(known[: room - len(characters)])

    def set_vocabulary(self, vocabulary: Sequence[str], where: str) -> None:
        """Take a vocabulary; the position of a piece is its id.

        Raises:
            ZooError: a special token is missing, a piece is there twice, or there are more than `vocabulary_size`.
        """
        missing = [token for token in _NEEDED if token not in vocabulary]
        if missing:
            raise ZooError(f"{where}: lacks {', '.join(missing)}; a BERT vocabulary has a line for each")
        if vocabulary[0] != "[PAD]":
            first = shortened(repr(vocabulary[0]))
            raise ZooError(f"{where}: begins with {first}; the padding mask needs [PAD] as the first line")
        if len(set(vocabulary)) != len(vocabulary):
            raise ZooError(f"{where}: a line is there twice; every piece has one id")
        if len(vocabulary) > self.vocabulary_size:
            raise ZooError(f"{where}: {len(vocabulary)} pieces, but the model has {self.vocabulary_size} embeddings")
        longest = max(vocabulary, key=len)
        if len(longest) > LONGEST_PIECE:
            raise ZooError(f"{where}: a piece of {len(longest):,} characters, {longest[:20]!r}…; no word is so long")
        import_text_package(
            "tensorflow_text"
        )  # if the package is missing, one line says so here; inside `call`, Keras would add lines of its own
        self.vocabulary = self._filled(list(vocabulary))
        self._tokenizer = None

    def call(self, texts):
        import tensorflow as tf

        if self._tokenizer is None:
            with tf.init_scope():
                self._tokenizer = import_text_package("tensorflow_text").FastBertTokenizer(
                    self.vocabulary, token_out_type=tf.int32, lower_case_nfd_strip_accents=self.lower_case
                )
        start, end, padding = (
            tf.constant(self.vocabulary.index(token), tf.int32) for token in ("[CLS]", "[SEP]", "[PAD]")
        )
        # A caller may bring bytes that are not UTF-8, which the tokenizer would refuse.
        texts = tf.strings.unicode_transcode(tf.reshape(texts, [-1]), "UTF-8", "UTF-8", errors="replace")
        pieces = self._tokenizer.tokenize(texts)[:, : self.length - 2]
        column = tf.ones([tf.shape(texts)[0], 1], tf.int32)
        ids = tf.concat([column * start, pieces, column * end], axis=1).to_tensor(padding)
        ids = tf.pad(ids, [[0, 0], [0, self.length - tf.shape(ids)[1]]], constant_values=padding)
        return tf.ensure_shape(ids, [None, self.length])

    def compute_output_spec(self, texts):
        return keras.KerasTensor((texts.shape[0], self.length), "int32")

    def save_assets(self, folder):
        pathlib.Path(folder, "vocabulary.txt").write_text("\n".join(self.vocabulary), encoding="utf-8")

    def load_assets(self, folder):
        self.set_vocabulary(read_vocabulary(pathlib.Path(folder, "vocabulary.txt")), "the vocabulary in the file")

    def get_config(self):
        own = {"vocabulary_size": self.vocabulary_size, "length": self.length, "lower_case": self.lower_case}
        return super().get_config() | own

    def _filled(self, vocabulary: list[str]) -> list[str]:
        missing = self.vocabulary_size - len(vocabulary)
        return vocabulary + [f"[unused-{number}]" for number in range(missing)]


def read_vocabulary(path: pathlib.Path) -> list[str]:
    """One piece a line; its id is the line's number. Only a line feed ends a line: a piece may be another separator.

    Raises:
        ZooError: the file cannot be read, is larger than MOST_VOCABULARY_BYTES, or not UTF-8.
    """
    return read_text(path, MOST_VOCABULARY_BYTES).replace("\r\n", "\n").removesuffix("\n").split("\n")


def import_text_package(name: str):
    """Raises: ZooError: the package is not installed."""
    try:
        return __import__(name)
    except ModuleNotFoundError:
        package = name.replace("_", "-")
        raise ZooError(
            f"this model needs the package {package}: pip install 'keras-model-zoo[text]' (or pip install {package})"
        ) from None
