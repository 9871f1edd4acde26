"""The user's own text to learn to write from: a file, or a folder of files, each row a document or a block of one."""

import pathlib
import re

import numpy as np

from zoo.datasets.own_data import Examples, name_of
from zoo.datasets.own_texts import read_utf8
from zoo.datasets.splits import Split
from zoo.datasets.texts import as_array, clean
from zoo.datasets.walk import in_words, walk
from zoo.errors import ZooError
from zoo.safe_reading import one_line, opened

MOST_BYTES = 256 << 20  # of all files: they are held in memory, as up to four bytes a character
_LEAST_CHARACTERS = 2_000
_BLOCK = 5_000  # characters
_LEAST_BLOCKS = 20  # of a short text, so that the held-out splits have some
_ENDINGS = (".txt", ".md")
_READS = f"text_file reads a text in UTF-8, or a folder of {' and '.join(_ENDINGS)} files"


def read_documents(path: pathlib.Path) -> Examples:
    r"""A text file, or the .txt and .md files of a folder at any depth → `object[rows]` documents, without targets.

    A long document is cut into blocks. Ids are names of files, and the numbers of blocks in them. Line ends become
    "\n".

    Raises:
        ZooError: there is no text, it is not UTF-8, it holds NULs, it is too large, or too short to be split.
    """
    files, left_out = [path], {}
    if path.is_dir():
        files, left_out = walk(path, lambda file: file.suffix.lower() in _ENDINGS)
        if not files:
            more = f", but {in_words(left_out)}" if left_out else ""
            raise ZooError(f"--data_dir={path}: holds no text{more}; {_READS}")
    elif not path.exists():
        raise ZooError(f"--data_dir={path}: no such file or folder; {_READS}")
    _refuse_large(path, files)
    names = [name_of(file, path) if path.is_dir() else name_of(file, path.parent) for file in files]
    documents = [_read(file) for file in files]
    total = sum(map(len, documents))
    if total < _LEAST_CHARACTERS:
        raise ZooError(
            f"--data_dir={path}: {total:,} characters are too few to be split into training, validation and test; "
            f"bring {_LEAST_CHARACTERS:,} or more"
        )
    size = min(_BLOCK, total // _LEAST_BLOCKS)
    rows, ids, cut = [], [], 0
    for name, text in zip(names, documents, strict=True):
        blocks = cut_into_blocks(text, size) if len(text) > 4 * size else [text]
        rows += blocks
        ids += [f"{name}, block {number}" for number in range(1, len(blocks) + 1)] if len(blocks) > 1 else [name]
        cut += len(blocks) > 1
    notes = [f"{len(files):,} {'file' if len(files) == 1 else 'files'}, {total:,} characters"]
    if cut:
        notes.append(
            f"{cut:,} longer than {4 * size:,} characters {'is' if cut == 1 else 'are'} cut into blocks of about "
            f"{size:,}; blocks that follow each other may be in different splits"
        )
    split = Split(as_array(rows), None, np.array(ids))
    return Examples(split, {"targets": None}, notes=notes, left_out=left_out)


def cut_into_blocks(text: str, size: int) -> list[str]:
    """Blocks of half to one and a half times `size` characters, which end at an empty line, a line end or a space.

    Where there is none of these, a block has `size`. Empty lines around blocks are left out, and blocks without words.
    """
    blocks, start = [], 0
    while len(text) - start > 3 * size // 2:
        ends = ((text.rfind(mark, start + size // 2, start + 3 * size // 2), mark) for mark in ("\n\n", "\n", " "))
        end, mark = next((found for found in ends if found[0] >= 0), (start + size, ""))
        blocks.append(text[start:end])
        start = end + len(mark)
    blocks.append(text[start:])
    return [re.sub(r"^(\s*\n)+", "", block).rstrip() for block in blocks if block.strip()]


def _refuse_large(path: pathlib.Path, files: list[pathlib.Path]) -> None:
    total = 0
    for file in files:
        with one_line(file, "cannot be read", "check the path"):
            total += file.stat().st_size
    if total > MOST_BYTES:
        raise ZooError(
            f"--data_dir={path}: {total:,} bytes of text; at most {MOST_BYTES:,} are held in memory; bring a part of "
            f"it, such as of head --bytes={MOST_BYTES // 2}"
        )


def _read(file: pathlib.Path) -> str:
    with opened(file, "check the path") as stream, one_line(file, "cannot be read", "check the path"):
        marks = stream.read(2)
    if marks in (b"\xff\xfe", b"\xfe\xff"):
        raise ZooError(f"{file}: is UTF-16; save the file as UTF-8")
    text = read_utf8(file, MOST_BYTES)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ZooError(f"{file}:{line}: holds a NUL, so it is no text, or not UTF-8; save the file as UTF-8")
    text = clean(text.replace("\r\n", "\n").replace("\r", "\n"))
    if not text:
        raise ZooError(f"{file}: is empty; fill it or remove it")
    return text
