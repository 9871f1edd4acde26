"""What travels in a model's file beside its weights: the names of its classes, its task, its tokenizer."""

import json
import pathlib
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import pydantic

from zoo.errors import ZooError

LABELS = "labels.json"  # the name of the member of a zip, or of the file in assets.extra of a SavedModel
MOST_BYTES = 16 << 20  # a vocabulary of 250,000 pieces takes 4 MB
_MOST_DEPTH = 20


def _readable(text: str) -> str:
    text.encode()  # a lone surrogate is no character: a UnicodeEncodeError, which is a ValueError
    return text


def _short(text: str) -> str:
    if len(text) > 1000:
        raise ValueError(f"has {len(text):,} characters; a name has at most 1,000")
    return text


def _different(names: list[str]) -> list[str]:
    """If two classes had one name, the probability of one would be shown as that of the other."""
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise ValueError(f"the name {repeated[0][:80]!r} stands there twice; each class has a name of its own")
    return names


_Text = Annotated[str, pydantic.Strict(), pydantic.AfterValidator(_readable)]
_Name = Annotated[_Text, pydantic.AfterValidator(_short)]
_Probability = Annotated[float, pydantic.Strict(), pydantic.Field(ge=0, le=1)]
_Size = Annotated[int, pydantic.Strict(), pydantic.Field(ge=1, le=1 << 20)]


class Tokenizer(pydantic.BaseModel):
    """What `zoo.tokens.make_tokenizer` needs to know."""

    model_config = pydantic.ConfigDict(extra="forbid")
    kind: Literal["word_piece", "words"]
    length: _Size
    vocabulary: Annotated[list[_Text], pydantic.Field(max_length=1 << 20)] | None = None
    lower_case: Annotated[bool, pydantic.Strict()] | None = None
    split: Literal["whitespace", "character"] | None = None
    ngrams: Annotated[list[Annotated[_Size, pydantic.Field(le=10)]], pydantic.Field(max_length=10)] | None = None

    @pydantic.model_validator(mode="after")
    def _complete(self):
        if self.kind == "words" and self.vocabulary is not None and (self.split is None or self.ngrams is None):
            raise ValueError("a tokenizer of words needs split and ngrams")
        if self.kind == "word_piece":
            missing = [] if self.vocabulary is None else {"[UNK]", "[CLS]", "[SEP]"} - set(self.vocabulary)
            if missing or self.lower_case is None or self.length < 2:
                raise ValueError("a tokenizer of pieces needs lower_case, two places or more, [UNK], [CLS] and [SEP]")
        return self


class Categories(pydantic.BaseModel):
    """What `zoo.tokens.make_encoder` needs to know of columns of categories."""

    model_config = pydantic.ConfigDict(extra="forbid")
    kind: Literal["categories"]
    offsets: list[Annotated[int, pydantic.Strict(), pydantic.Field(ge=0, lt=1 << 31)]]
    vocabularies: list[Annotated[list[_Text], pydantic.Field(max_length=1 << 20)]]

    @pydantic.model_validator(mode="after")
    def _complete(self):
        if len(self.offsets) != len(self.vocabularies):
            raise ValueError("a column of categories has an offset and a vocabulary")
        return self


class _Column(pydantic.BaseModel):
    """A column of a mixed table, as `zoo.schema.SchemaColumn` has it."""

    name: _Name
    kind: Literal["number", "category", "date", "text"]


class Labels(pydantic.BaseModel):
    """`labels.json`, validated. Keys that this version does not know are kept as they are."""

    model_config = pydantic.ConfigDict(extra="allow")
    label_names: Annotated[list[_Name], pydantic.AfterValidator(_different)] | None = None
    task: Annotated[_Name, pydantic.Field(pattern=r"^[a-z][a-z0-9_]*$")] | None = None
    reads: Annotated[_Name, pydantic.Field(pattern=r"^[a-z][a-z0-9_]*$")] | None = None
    target_name: _Name | None = None
    unit: _Name | None = None
    dataset: _Name | None = None
    feature_names: list[_Name] | None = None
    thresholds: list[_Probability] | None = None
    schema_: Annotated[list[_Column] | None, pydantic.Field(alias="schema")] = None
    tokenizer: Tokenizer | None = None
    encoders: dict[_Name, Annotated[Tokenizer | Categories, pydantic.Field(discriminator="kind")]] | None = None

    def as_dict(self) -> dict[str, Any]:
        return self.model_dump(exclude_none=True, by_alias=True)


def read_labels(content: bytes, where: str | pathlib.Path) -> dict[str, Any]:
    """The content of a `labels.json`; what is not said is not in the result.

    Args:
        content: UTF-8.
        where: the file, for the message.

    Raises:
        ZooError: it is too long or no JSON, or not what labels are.
    """
    if len(content) > MOST_BYTES:
        raise ZooError(f"{where}: labels.json has {len(content):,} bytes; at most {MOST_BYTES:,} are read")
    try:
        value = json.loads(content.decode("utf-8"), parse_constant=_no_number)
    except RecursionError:
        raise _wrong(where, "it is nested too deeply") from None
    except ValueError as error:
        raise _wrong(where, str(error)) from None
    return check_labels(value, where)


def check_labels(value: Any, where: str | pathlib.Path) -> dict[str, Any]:
    """Labels that have been read from JSON already; see `read_labels`.

    Raises:
        ZooError: they are not what labels are.
    """
    if not isinstance(value, dict):
        raise _wrong(where, f"it is a {type(value).__name__}, not an object with label_names")
    _refuse_depth(value, where)
    try:
        return Labels.model_validate(value).as_dict()
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))[:200]
        raise _wrong(where, f"{place}: {first['msg'].removeprefix('Value error, ')}") from None


def _refuse_depth(value: Any, where) -> None:
    level = [value]
    for _ in range(_MOST_DEPTH):
        level = [inner for outer in level if isinstance(outer, (dict, list))
                 for inner in (outer.values() if isinstance(outer, dict) else outer)]  # fmt: skip
    if level:
        raise _wrong(where, "it is nested too deeply")


def check_number(label_names: Sequence[str], num_classes: int, where: str | pathlib.Path) -> None:
    """Raises: ZooError: there are not as many names as classes."""
    if len(label_names) != num_classes:
        raise _wrong(where, f"it has {len(label_names)} label names, but the model answers for {num_classes} classes")


def _no_number(word: str):
    raise ValueError(f"{word} is no number of JSON")


def _wrong(where, reason: str) -> ZooError:
    reason = " ".join(reason.encode("ascii", "backslashreplace").decode().split())[:300]
    return ZooError(f"{where}: its labels cannot be used ({reason}); save or export it again")
