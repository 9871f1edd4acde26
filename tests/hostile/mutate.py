"""Damaged copies of a file, the same ones for the same seed: a fuzz target feeds them to a parser."""

import os
import random
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO

_NUMBERS = ["0", "-1", "1", "2147483648", "-9223372036854775808", "18446744073709551616", "1e999", "1e-400", "9" * 400]
_SIZES = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**63, 2**64 - 1]


def how_many(few: int) -> int:
    """Mutations a target: `few` in the suite, more where HOSTILE_MUTATIONS says so."""
    return int(os.environ.get("HOSTILE_MUTATIONS", few))


def mutations(content: bytes, seed: int = 0) -> Iterator[bytes]:
    """Damaged copies of `content`, without end; each has one damage to four."""
    number = 0
    while True:
        chance = random.Random(f"{seed}/{number}")
        damaged = content
        for _ in range(chance.choice([1, 1, 1, 2, 4])):
            damaged = chance.choice(_DAMAGES)(damaged, chance)
        yield damaged
        number += 1


def zip_mutations(content: bytes, seed: int = 0) -> Iterator[bytes]:
    """Damaged copies of a zip: every other one is a whole zip with right checksums and a damaged member."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    raw = mutations(content, seed)
    inner = {name: mutations(member, seed) for name, member in members.items() if member}
    chance = random.Random(f"{seed}/zip")
    while True:
        yield next(raw)
        name = chance.choice(list(inner))
        yield zip_of(members | {name: next(inner[name])})


def zip_of(members: dict[str, bytes]) -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _flip_bits(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 4, 16])):
        if changed:
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _set_bytes(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content) + 1)
    some = bytes(chance.choice([0, 255, chance.randrange(256)]) for _ in range(chance.choice([1, 2, 4, 8, 64])))
    return content[:start] + some + content[start + len(some) :]


def _set_size(content: bytes, chance: random.Random) -> bytes:
    """A number of 1 to 8 bytes, as the length fields of binary formats are."""
    form = chance.choice(["<B", "<H", "<I", "<Q", ">I"])
    size = struct.calcsize(form)
    value = chance.choice(_SIZES) % 2 ** (8 * size)
    start = chance.randrange(max(1, len(content) - size))
    return content[:start] + struct.pack(form, value) + content[start + size :]


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _leave_out(content: bytes, chance: random.Random) -> bytes:
    start, end = _span(content, chance)
    return content[:start] + content[end:]


def _repeat(content: bytes, chance: random.Random) -> bytes:
    start, end = _span(content, chance)
    return content[:end] + content[start:end] * chance.choice([1, 2, 50]) + content[end:]


def _splice(content: bytes, chance: random.Random) -> bytes:
    start, end = _span(content, chance)
    at = chance.randrange(len(content) + 1)
    return content[:at] + content[start:end] + content[at + end - start :]


def _change_number(content: bytes, chance: random.Random) -> bytes:
    """Another number in a text, or another of JSON's words."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?|\btrue\b|\bfalse\b|\bnull\b", content))
    if not found:
        return _set_size(content, chance)
    match = chance.choice(found)
    words = [*_NUMBERS, "null", "true", '"text"', "[]", "{}", "[" * 2000, '{"a":' * 2000, "NaN"]
    return content[: match.start()] + chance.choice(words).encode() + content[match.end() :]


def _change_word(content: bytes, chance: random.Random) -> bytes:
    """Another text between quotation marks: of this file, or one that breaks encodings, paths and terminals."""
    found = list(re.finditer(rb'"([^"\\]{0,80})"', content))
    if not found:
        return _flip_bits(content, chance)
    match, other = chance.choice(found), chance.choice(found)
    words = [
        other.group(1),
        b"",
        b"\\ud800",
        b"\xff\xfe",
        b"../../../outside",
        b"/etc/passwd",
        b"\\u001b[31m",
        b"a\\nb",
    ]
    return content[: match.start(1)] + chance.choice(words) + content[match.end(1) :]


def _span(content: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(content) + 1)
    return start, min(len(content), start + chance.choice([1, 4, 16, 256, 4096]))


_DAMAGES: list[Callable[[bytes, random.Random], bytes]] = [
    _flip_bits, _flip_bits, _set_bytes, _set_size, _set_size, _cut, _leave_out, _repeat, _splice, _change_number,
    _change_word,
]  # fmt: skip
