"""Strings → ids without TensorFlow, for the formats that take ids: the same ids as the layer of strings gives."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zoo.errors import ZooError

PUNCTUATION = r"[!\"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']"  # what Keras's TextVectorization strips


def describe_tokenizer(front) -> dict[str, Any]:
    """What `make_tokenizer` needs to know of a layer of strings, in values that JSON can hold.

    Raises:
        ZooError: the layer is of a kind, or has a setting, for which there is no plain tokenizer.
    """
    if hasattr(front, "lower_case"):
        return {"kind": "word_piece", "length": front.length, "lower_case": front.lower_case,
                "vocabulary": list(front.vocabulary)}  # fmt: skip
    settings = front.get_config()
    wanted = {"standardize": "lower_and_strip_punctuation", "output_mode": "int"}
    if any(settings.get(name) != value for name, value in wanted.items()) or settings["split"] not in (
        "whitespace",
        "character",
    ):
        raise ZooError(f"layer {front.name!r} splits texts in a way that takes Keras; export to saved_model or keras")
    ngrams = settings["ngrams"] or 1
    return {
        "kind": "words",
        "length": settings["output_sequence_length"],
        "split": settings["split"],
        "ngrams": list(range(1, ngrams + 1) if isinstance(ngrams, int) else ngrams),
        "vocabulary": [str(word) for word in front.get_vocabulary()],
    }


def describe_encoder(front) -> dict[str, Any]:
    """What `make_encoder` needs to know of a layer that reads the strings of a table's columns.

    Raises:
        ZooError: as `describe_tokenizer`.
    """
    if hasattr(front, "vocabularies"):
        return {"kind": "categories", "offsets": front.offsets.tolist(), "vocabularies": front.vocabularies}
    return describe_tokenizer(front.words)


def make_encoder(description: dict[str, Any]) -> Callable[[np.ndarray], np.ndarray]:
    """A function from `object[examples, column]` to the ids of the layer that `describe_encoder` was given.

    Of categories they are `int32[examples, column]`. In each column of the description, a category that training did
    not see is the offset, a missing one the next number, and the vocabulary follows. Of texts they are
    `int64[examples, column, length]`.
    """
    if description["kind"] != "categories":
        tokenize = make_tokenizer(description)
        return lambda texts: tokenize(texts.ravel()).reshape(*texts.shape, -1)
    columns = [
        {word: offset + place for place, word in enumerate(["", *words], start=1)} | {None: offset}
        for offset, words in zip(description["offsets"], description["vocabularies"], strict=True)
    ]

    def encode(categories: np.ndarray) -> np.ndarray:
        ids = np.empty(categories.shape, "int32")
        for place, known in enumerate(columns):
            ids[:, place] = [known.get(word, known[None]) for word in categories[:, place].tolist()]
        return ids

    return encode


def make_tokenizer(description: dict[str, Any]) -> Callable[[Sequence[str]], np.ndarray]:
    """A function from texts to `int64[examples, length]`.

    Raises:
        ZooError: the package tokenizers, which WordPiece takes, is not installed.
    """
    return _word_piece(description) if description["kind"] == "word_piece" else _words(description)


def _word_piece(description: dict[str, Any]) -> Callable[[Sequence[str]], np.ndarray]:
    """BERT's tokenizer (Devlin et al., 2019), in lower case by Unicode's NFKC case folding, as tensorflow-text does it.

    A special token such as [MASK] inside a text is read as plain text, as in the layer.
    """
    try:
        import tokenizers
    except ModuleNotFoundError:
        raise ZooError("this model needs the package tokenizers: pip install 'keras-model-zoo[text]'") from None
    ids = {piece: number for number, piece in enumerate(description["vocabulary"])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(ids, unk_token="[UNK]"))
    lower_case = description["lower_case"]
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=False, strip_accents=lower_case)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    ends = [(token, ids[token]) for token in ("[SEP]", "[CLS]")]
    tokenizer.post_processor = tokenizers.processors.BertProcessing(*ends)
    tokenizer.enable_truncation(description["length"])
    tokenizer.enable_padding(length=description["length"])

    def tokenize(texts: Sequence[str]) -> np.ndarray:
        encodings = tokenizer.encode_batch([_without_marks(_folded(text)) if lower_case else text for text in texts])
        return np.array([encoding.ids for encoding in encodings], "int64").reshape(-1, description["length"])

    return tokenize


def _without_marks(text: str) -> str:
    """Without accents and other marks; the package tokenizers does not know those that Unicode got after 2018."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _words(description: dict[str, Any]) -> Callable[[Sequence[str]], np.ndarray]:
    """Keras's TextVectorization. As in TensorFlow, lower case and white space are those of ASCII only."""
    length, ngrams = description["length"], description["ngrams"]
    ids = {word: number for number, word in enumerate(description["vocabulary"])}

    def row(text: str) -> list[int]:
        plain = re.sub(PUNCTUATION, "", text.encode().lower().decode())
        words = list(plain) if description["split"] == "character" else plain.encode().split()
        words = [word if isinstance(word, str) else word.decode() for word in words]
        grams = [" ".join(words[i : i + n]) for n in ngrams for i in range(len(words) - n + 1)]
        found = [ids.get(gram, 1) for gram in grams[:length]]
        return found + [0] * (length - len(found))

    return lambda texts: np.array([row(text) for text in texts], "int64").reshape(-1, length)
