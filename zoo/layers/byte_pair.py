"""Byte-level BPE inside the model: raw strings in, ids out, and back."""

import functools
import json
import pathlib
from collections.abc import Sequence

import keras
import numpy as np

from zoo.errors import ZooError
from zoo.layers.word_piece import MOST_VOCABULARY_BYTES, import_text_package
from zoo.safe_reading import read_text

END = "<|endoftext|>"  # stands before each text, and so between two
_BYTES = 256
# White space, letters and numbers as the pattern of GPT-2 means them, in the words of TensorFlow's regular expressions.
_SPACE = r"\t-\r\x{85}\p{Z}"
_CUT = "\U0010ffff"  # no character; a text that has it has U+FFFD in its place
_WORDS = rf"('s|'t|'re|'ve|'m|'ll|'d| ?\p{{L}}+| ?\p{{N}}+| ?[^{_SPACE}\p{{L}}\p{{N}}{_CUT}]+|[{_SPACE}]+)"
_BEFORE_LAST_SPACE = rf"([{_SPACE}]+)([{_SPACE}][^{_SPACE}])"


@functools.cache
def printable_bytes() -> list[str]:
    """The character that stands for each byte in GPT-2's files: itself where it can be seen."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(_BYTES) if byte not in seen]
    characters = {byte: chr(byte) for byte in seen} | {byte: chr(256 + number) for number, byte in enumerate(others)}
    return [characters[byte] for byte in range(_BYTES)]


@keras.saving.register_keras_serializable("zoo")
class BytePairTokenizer(keras.layers.Layer):
    """`string[batch]` → `int32[batch, length]`: `END`, the tokens of the text, then `END` again up to the length.

    The tokens of GPT-2 (Radford et al., 2019; Sennrich et al., 2016): bytes, and what is merged of them, so that no
    text is unknown. Of a text with more tokens than fit, the last ones are kept, without the first `END`. Bytes that
    are not UTF-8 are read as U+FFFD.

    What is merged comes from `adapt` or `set_vocabulary` and travels with the saved model in the two files that GPT-2
    has, vocab.json and merges.txt.
    """

    def __init__(self, length: int, vocabulary_size: int | None = None, characters: bool = False, **kwargs):
        """Make a tokenizer of bytes alone, until it is adapted.

        Args:
            length: of the rows of ids.
            vocabulary_size: how many tokens there are at most, `END` among them; None: as many as are needed.
            characters: each character that the texts have becomes a token, and nothing longer.
        """
        kwargs.pop("autocast", None)
        super().__init__(autocast=False, **kwargs)
        self.length, self.vocabulary_size, self.characters = length, vocabulary_size, characters
        self.set_vocabulary([END, *printable_bytes()], [], "bytes")

    def adapt(self, texts: Sequence[str]) -> None:
        """Learn what to merge from texts, the most frequent first.

        Raises:
            ZooError: the package tokenizers is not installed, or the characters are more than `vocabulary_size`.
        """
        if self.characters:
            self._learn_characters(texts)
            return
        tokenizers = import_text_package("tokenizers")
        learner = tokenizers.Tokenizer(tokenizers.models.BPE())
        learner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        # Bytes in a fixed order, as special tokens: ties are settled by their numbers, and workers must learn the same.
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=self.vocabulary_size or 4096, special_tokens=[END, *printable_bytes()], show_progress=False
        )
        learner.train_from_iterator((text.replace(_CUT, "\ufffd") for text in texts), trainer)
        learned = json.loads(learner.to_str())["model"]
        tokens = sorted(learned["vocab"], key=learned["vocab"].get)
        merges = [tuple(pair.split(" ") if isinstance(pair, str) else pair) for pair in learned["merges"]]
        self.set_vocabulary(tokens, merges, "the vocabulary learned")

    def _learn_characters(self, texts: Sequence[str]) -> None:
        merges, known = [], set()
        for character in sorted({character for text in texts for character in text}):
            parts = [printable_bytes()[byte] for byte in character.encode()]
            for end in range(2, len(parts) + 1):  # a character of three bytes is merged twice
                token = "".join(parts[:end])
                if token not in known:
                    known.add(token)
                    merges.append((token[:-1], token[-1]))
        self.set_vocabulary([END, *printable_bytes(), *(a + b for a, b in merges)], merges, "the characters")

    def set_vocabulary(self, tokens: Sequence[str], merges: Sequence[tuple[str, str]], where: str) -> None:
        """Take tokens in the order of their ids, and pairs of them in the order in which they are merged.

        Raises:
            ZooError: a byte or `END` is missing, a token is there twice, a pair makes no token, or there are too many.
        """
        if len(set(tokens)) != len(tokens):
            raise ZooError(f"{where}: a token is there twice; every token has one id")
        ids = {token: number for number, token in enumerate(tokens)}
        missing = [token for token in [END, *printable_bytes()] if token not in ids]
        if missing:
            raise ZooError(f"{where}: {len(missing)} of the 256 bytes and {END} are no tokens, such as {missing[0]!r}")
        if self.vocabulary_size and len(tokens) > self.vocabulary_size:
            raise ZooError(
                f"{where}: {len(tokens):,} tokens, but the model has {self.vocabulary_size:,} embeddings; "
                f"--set model.options.vocabulary_size={len(tokens)}"
            )
        wrong = next((pair for pair in merges if pair[0] + pair[1] not in ids or not set(pair) <= set(ids)), None)
        if wrong:
            raise ZooError(f"{where}: the pair {wrong[0]!r} {wrong[1]!r} makes no token")
        self.tokens, self.merges = list(tokens), [tuple(pair) for pair in merges]
        self.end = ids[END]
        self._tables = self._encoder = None

    @functools.cached_property
    def _byte_of(self) -> dict[str, int]:
        return {character: byte for byte, character in enumerate(printable_bytes())}

    def bytes_of(self, token: int) -> bytes:
        """What a token says; nothing for `END` and for numbers that stand for no token."""
        if token == self.end or token >= len(self.tokens):
            return b""
        return bytes(self._byte_of[character] for character in self.tokens[token])

    def characters_of(self, size: int) -> np.ndarray:
        """How many characters each of `size` tokens has, `float32[size]`; a character counts where it begins."""
        return np.array([sum(byte & 0xC0 != 0x80 for byte in self.bytes_of(token)) for token in range(size)], "float32")

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids; a character that is not whole becomes U+FFFD."""
        return b"".join(map(self.bytes_of, ids)).decode("utf-8", "replace")

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """All tokens of each text, `int32[token]`, by the package tokenizers where it is there: it is fast."""
        if self._encoder is None:
            tokenizers = import_text_package("tokenizers")
            ids = {token: number for number, token in enumerate(self.tokens)}
            self._encoder = tokenizers.Tokenizer(tokenizers.models.BPE(ids, self.merges))
            self._encoder.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        found = self._encoder.encode_batch([text.replace(_CUT, "\ufffd") for text in texts], add_special_tokens=False)
        return [np.array(each.ids, "int32") for each in found]

    # ---- in TensorFlow's graph, so that a saved model needs no package

    def call(self, texts):
        import tensorflow as tf

        texts = tf.strings.unicode_transcode(tf.reshape(texts, [-1]), "UTF-8", "UTF-8", errors="replace")
        ids = self._encode(texts)
        counts = ids.row_lengths()
        ids = tf.concat([tf.fill([tf.shape(texts)[0], 1], self.end), ids], axis=1)
        first, last = (
            part.to_tensor(self.end, shape=[None, self.length])
            for part in (ids[:, : self.length], ids[:, -self.length :])
        )
        return tf.where((counts < self.length)[:, None], first, last)

    def _encode(self, texts):
        """`string[batch]` → ragged `int32[batch, (token)]`."""
        import tensorflow as tf

        texts = tf.strings.regex_replace(texts, _CUT, "\ufffd")
        texts = tf.strings.regex_replace(texts, _BEFORE_LAST_SPACE, rf"\1{_CUT}\2")
        words = tf.strings.split(tf.strings.regex_replace(texts, _WORDS, rf"\1{_CUT}"), _CUT)
        words = tf.ragged.boolean_mask(words, words != "")
        of_bytes, pairs, new_ids = self._lookup_tables()
        spelled = tf.strings.bytes_split(words.values)
        values = tf.gather(of_bytes, tf.cast(tf.reshape(tf.io.decode_raw(spelled.values, tf.uint8), [-1]), tf.int32))
        merged = _merge(spelled.with_values(values).to_tensor(-1), pairs, new_ids)
        tokens = tf.ragged.boolean_mask(tf.RaggedTensor.from_tensor(merged), merged >= 0)
        return words.with_values(tokens).merge_dims(1, 2)

    def _lookup_tables(self):
        import tensorflow as tf

        if self._tables is None:
            ids = {token: number for number, token in enumerate(self.tokens)}
            pairs = [(ids[a] << 32) | ids[b] for a, b in self.merges] or [-1]
            new_ids = [ids[a + b] for a, b in self.merges] or [0]
            with tf.init_scope():
                keys, ranks = tf.constant(pairs, tf.int64), tf.range(len(pairs), dtype=tf.int32)
                table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, ranks), tf.int32.max)
                self._tables = ([ids[character] for character in printable_bytes()], table, new_ids)
        of_bytes, table, new_ids = self._tables
        return tf.constant(of_bytes, tf.int32), table, tf.constant(new_ids, tf.int32)

    def compute_output_spec(self, texts):
        return keras.KerasTensor((texts.shape[0], self.length), "int32")

    def save_assets(self, folder):
        ids = {token: number for number, token in enumerate(self.tokens)}
        pathlib.Path(folder, "vocab.json").write_text(json.dumps(ids, ensure_ascii=False), encoding="utf-8")
        lines = ["#version: 0.2", *(f"{a} {b}" for a, b in self.merges)]
        pathlib.Path(folder, "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def load_assets(self, folder):
        self.set_vocabulary(*read_vocabulary(pathlib.Path(folder)), "the vocabulary in the file")

    def get_config(self):
        own = {"length": self.length, "vocabulary_size": self.vocabulary_size, "characters": self.characters}
        return super().get_config() | own


def _merge(ids, pairs, new_ids):
    """`int32[word, byte]` ids, then -1 → the same after all merges; of the best pairs of a word the first is merged."""
    import tensorflow as tf

    def ranks_of(ids):
        left, right = tf.cast(ids[:, :-1], tf.int64), tf.cast(ids[:, 1:], tf.int64)
        return tf.where(right >= 0, pairs.lookup(tf.bitwise.left_shift(left, tf.constant(32, tf.int64)) | right),
                        tf.int32.max)  # fmt: skip

    def step(ids, ranks):
        place = tf.argmin(ranks, axis=1, output_type=tf.int32)[:, None]
        best = tf.reduce_min(ranks, axis=1)[:, None]
        columns = tf.range(tf.shape(ids)[1])[None]
        moved = tf.concat([ids[:, 1:], tf.fill([tf.shape(ids)[0], 1], -1)], axis=1)
        merged = tf.where(columns == place, tf.gather(new_ids, tf.minimum(best, tf.size(new_ids) - 1)),
                          tf.where(columns > place, moved, ids))  # fmt: skip
        ids = tf.where(best < tf.int32.max, merged, ids)
        return ids, ranks_of(ids)

    ids = tf.pad(ids, [[0, 0], [0, 1]], constant_values=-1)  # a pair is there in words of one byte too
    shape = tf.TensorShape([None, None])
    ids, _ = tf.while_loop(
        lambda _, ranks: tf.reduce_any(ranks < tf.int32.max),
        step,
        (ids, ranks_of(ids)),
        shape_invariants=(shape, shape),
    )
    return ids


def read_vocabulary(folder: pathlib.Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Tokens in the order of their ids, and pairs, of a folder with vocab.json and merges.txt.

    Raises:
        ZooError: a file cannot be read, is too large, or is not what GPT-2's are.
    """
    path = folder / "vocab.json"
    try:
        ids = json.loads(read_text(path, MOST_VOCABULARY_BYTES))
        ordered = sorted(ids, key=ids.get)
        if [ids[token] for token in ordered] != list(range(len(ids))):
            raise ValueError("its numbers are not 0, 1, 2, …")
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ZooError(f"{path}: no vocabulary such as GPT-2's ({error})") from None
    path = folder / "merges.txt"
    lines = read_text(path, MOST_VOCABULARY_BYTES).replace("\r\n", "\n").split("\n")
    pairs = [tuple(line.split(" ")) for line in lines[lines[0].startswith("#version") :] if line]
    wrong = next((pair for pair in pairs if len(pair) != 2), None)
    if wrong:
        raise ZooError(f"{path}: {' '.join(wrong)[:40]!r} is no pair of tokens")
    return ordered, pairs
