"""docs/weights.json: what is known of each published file of weights. Its names reach the disk and the network."""

import json
import pathlib
import re
from typing import Annotated, Any

import pydantic
from pydantic import Field

from zoo.command_words import command, in_words
from zoo.errors import ZooError, nearest
from zoo.run_files import Name, Record, RunRecord, check
from zoo.safe_reading import read_mapping
from zoo.shipped import shipped

PATH = "docs/weights.json"
FORMAT = 1  # of an entry; another version of the zoo may write another one
MOST_BYTES = 2 << 30
_ADVICE = "update the zoo, or take this file from its repository again"


class Entry(pydantic.BaseModel):
    """One published file of weights.

    Attributes:
        file: its name, which holds the beginning of its digest, so that two versions never share one.
        sha256: of its bytes.
        bytes: how many.
        packaged: whether the installed package carries it.
        licence: of the weights, in words.
        base: of weights that are a difference from others: the name of these; else None.
        dataset: that it learned, and on whose test split it was judged.
        metric: of `value`.
        value: the exact figure of this file on test.
        rows: of test.
        config_digest: of the recipe, as in docs/leaderboard.csv.
        run: what the training's run.json says: seed, revision, versions, device, data digest, command, seconds.
    """

    model_config = pydantic.ConfigDict(strict=True, frozen=True, allow_inf_nan=False)

    format: int
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,150}\.(keras|npz)$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=1, le=MOST_BYTES)]
    packaged: bool = False
    licence: Name
    base: Name | None = None
    dataset: Name
    metric: Name
    value: float
    rows: Annotated[int, Field(ge=1)]
    config_digest: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
    run: dict[str, Any]

    @pydantic.model_validator(mode="after")
    def _digest_in_name(self):
        if self.sha256[:8] not in self.file:
            raise ValueError("its name lacks the beginning of its SHA-256")
        return self


def file_name(model: str, sha256: str, suffix: str) -> str:
    """What a model's file of weights is called."""
    return f"{model}-{sha256[:8]}{suffix}"


def entries(path: pathlib.Path | None = None) -> dict[str, dict[str, Any]]:
    """All entries by name, unchecked; `find` checks one.

    Raises:
        ZooError: the record is damaged.
    """
    return _section("weights", path)


def find(name: str, path: pathlib.Path | None = None) -> Entry:
    """What is known of the weights of a name.

    Args:
        name: of a model.
        path: of the record, by default the one of this version of the zoo.

    Raises:
        ZooError: there are none, they are of another version, or their entry is damaged.
    """
    known = entries(path)
    if name not in known:
        raise ZooError(_missing(name, set(known), _section("none", path)))
    where, values = f"{path or shipped(PATH)}: {name}", known[name]
    if not isinstance(values, dict):
        raise ZooError(f"{where}: damaged, no JSON object; {_ADVICE}")
    if values.get("format") != FORMAT:
        raise ZooError(
            f"{where}: of another version (format {str(values.get('format'))[:20]}; this one reads {FORMAT}); "
            "update the zoo"
        )
    check(Record(values, where, _ADVICE), Entry, where, _ADVICE)
    entry = Entry.model_validate(values)
    check(Record(entry.run, where, _ADVICE), RunRecord, f"{where}: run", _ADVICE)
    return entry


def published(path: pathlib.Path | None = None) -> dict[str, Entry]:
    """All entries by name, checked. Raises: ZooError: as `find`."""
    return {name: find(name, path) for name in entries(path)}


def text_of(weights: dict[str, dict[str, Any]], none: dict[str, str]) -> str:
    """A record as it is written.

    Args:
        weights: entries by name.
        none: why a name has no weights.
    """
    return json.dumps({"weights": dict(sorted(weights.items())), "none": none}, indent=1, ensure_ascii=False) + "\n"


def reasons(path: pathlib.Path | None = None) -> dict[str, str]:
    """Why a name of the leaderboard has no weights, by name."""
    return _section("none", path)


def _section(name: str, path: pathlib.Path | None) -> dict[str, Any]:
    path = path or shipped(PATH)
    section = read_mapping(path, _ADVICE).get(name, {})
    if not isinstance(section, dict):
        raise ZooError(f"{path}: damaged, {name} is no JSON object; {_ADVICE}")
    return section


def _missing(name: str, known: set[str], none: dict[str, Any]) -> str:
    if name in none:
        return f"{name}: has no weights: {in_words(str(none[name]))}"
    if re.fullmatch(r"[\w-]+", name) and shipped(f"configs/{name}.yaml").exists():
        return f"{name}: has no published weights; train it: {command('train')} --model={name}"
    return f"{name[:80]!r}: no weights of that name; {nearest(name, known)}"
