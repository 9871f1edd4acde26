"""Books that Debian packages carry, as chapters in plain text: what language models read."""

import html
import pathlib
import re
import struct
import zlib
from collections.abc import Iterator

_CHAPTER = re.compile(r"chapter ([ivxlc]+|\d+)", re.IGNORECASE)
_VOLUME = re.compile(r"volume [ivx]+", re.IGNORECASE)
_END = re.compile(r"the end|finis|a note on the text", re.IGNORECASE)
_EDITORS = re.compile(r"\n\n\[[^\]]*volume[^\]]*\]", re.IGNORECASE)  # where the volumes of other editions end
_REPEATED = ("DanGr", "EsthGr")  # Daniel and Esther once more, from the Greek: half of their sentences are the same


def austen(folder: pathlib.Path) -> Iterator[tuple[str, str]]:
    """(text, name) of each chapter of Jane Austen's six novels: a paragraph a line, an empty line between two.

    Title pages, headings and what follows the end are left out; _italics_ stay. Chapters are counted through volumes.
    """
    for lines in _r_texts((folder / "Rdata.rdb").read_bytes()):
        title, number, chapters = lines[0].title().replace(" And ", " and "), 0, {}
        for line in lines:
            if _END.fullmatch(line.strip()):
                break
            if _CHAPTER.fullmatch(line.strip()):
                number += 1
                chapters[number] = []
            elif number and not _VOLUME.fullmatch(line.strip()):
                chapters[number].append(line.strip())
        for number, of_chapter in chapters.items():
            text = _paragraphs("\n".join(of_chapter), within=" ")
            yield _EDITORS.sub("", text), f"{title}, chapter {number}"


def bible(folder: pathlib.Path) -> Iterator[tuple[str, str]]:
    """(text, name) of each chapter of the World English Bible with its deuterocanonical books, as "Gen 1".

    Prose runs on in paragraphs, a verse of a song is a line. Numbers, headings, notes and introductions are left out,
    and of the two books that are there twice, the second.
    """
    for part in ("ot", "nt"):
        content = " ".join(entry for _, entry in zText_entries(folder, part))
        for found in re.finditer(r'<chapter [^>]*sID="([^"]+)"[^>]*/>(.*?)<chapter eID="\1"', content, re.DOTALL):
            book, number = found[1].split(".")
            if book not in _REPEATED:
                yield plain_osis(found[2]), f"{book} {number}"


def zText_entries(folder: pathlib.Path, part: str) -> Iterator[tuple[int, str]]:  # noqa: N802 (SWORD's name)
    """The verses and headings of a testament, "ot" or "nt", of a SWORD module: place in the index, and OSIS markup.

    `.bzs` says where each book's block lies, 12 bytes a block, `.bzv` where an entry lies in which block, 10 bytes an
    entry, `.bzz` holds the blocks, each compressed by itself.
    """
    blocks, index, content = ((folder / f"{part}.{kind}").read_bytes() for kind in ("bzs", "bzv", "bzz"))
    books = [
        zlib.decompress(content[start : start + size]) if size else b""
        for start, size, _ in struct.iter_unpack("<III", blocks)
    ]
    for place, (book, start, size) in enumerate(struct.iter_unpack("<IIH", index)):
        if size:
            yield place, books[book][start : start + size].decode()


def plain_osis(markup: str) -> str:
    """The words of OSIS markup: paragraphs with an empty line between two, verses of a song a line each."""
    markup = re.sub(r"<(note|title|speaker)\b[^>]*(?<!/)>.*?</\1>", " ", markup, flags=re.DOTALL)
    markup = re.sub(r'<div sID="[^"]*" type="x-p"/>|<lg [^>]*/>|<lb [^>]*/>', "\n\n", markup)
    markup = re.sub(r"<l [^>]*sID=[^>]*/>|<item\b[^>]*>", "\n", markup)
    text = _paragraphs(html.unescape(re.sub(r"<[^>]*>", "", markup)), within="\n")
    return re.sub(r"[ \n]+([,.;:!?”’)\]])", r"\1", text)


def _paragraphs(text: str, within: str) -> str:
    """Paragraphs, which empty lines part, with `within` between their lines, and one space between words."""
    lines = [" ".join(line.split()) for line in text.split("\n")]
    paragraphs = re.split(r"\n\n+", "\n".join(lines).strip())
    return "\n\n".join(paragraph.replace("\n", within) for paragraph in paragraphs)


def _r_texts(content: bytes) -> Iterator[list[str]]:
    """The character vectors of a package's `Rdata.rdb`: blocks that R serialized (version 3, big-endian) and deflated.

    A block starts with its unfolded size. Its 14 bytes of header are followed by the name of the encoding, the type
    STRSXP, a count, and texts of type CHARSXP: flags, length, bytes.
    """
    while content:
        unfolding = zlib.decompressobj()
        block = unfolding.decompress(content[4:])
        content = unfolding.unused_data
        (name_length,) = struct.unpack_from(">i", block, 14)
        kind, count = struct.unpack_from(">Ii", block, 18 + name_length)
        if kind & 0xFF != 16:
            continue
        texts, place = [], 26 + name_length
        for _ in range(count):
            (length,) = struct.unpack_from(">i", block, place + 4)
            place += 8 + length
            texts.append(block[place - length : place].decode())
        yield texts


READERS = {"austen": austen, "bible": bible}
