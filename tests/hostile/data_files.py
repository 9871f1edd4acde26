"""Data files that claim or cost more than they weigh, one maker a kind."""

import gzip
import struct
import zlib
from collections.abc import Callable

from record_files import npy


def png(width: int, height: int, rows: int = 0, before: bytes = b"") -> bytes:
    """A grey PNG that claims a size and holds the first rows of it, all black."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(bytes(width + 1)) for _ in range(rows)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def text_chunks(megabytes: int) -> bytes:
    """A compressed comment of a PNG, which unfolds."""
    content = b"Comment\x00\x00" + zlib.compress(bytes(megabytes << 20), 9)
    return struct.pack(">I", len(content)) + b"zTXt" + content + struct.pack(">I", zlib.crc32(b"zTXt" + content))


def eps() -> bytes:
    """What Pillow would hand to Ghostscript, a program of its own."""
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(proof) (w) file closefile\nshowpage\n"


def tiff(width: int, height: int, tags: int = 0) -> bytes:
    """A grey TIFF that claims a size, has so many more tags, and no pixels."""
    entries = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, height), (279, 0)]
    entries += [(40_000 + number % 20_000, number) for number in range(tags)]
    packed = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + bytes(4)


PICTURES = {
    "GIF": b"GIF89a"
    + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0)
    + b"\x2c"
    + bytes(4)
    + b"\xff\xff\xff\xff\0\x08\0;",
    "TIFF": tiff(60_000, 60_000),
    "TIFF without end": tiff(8, 8, tags=60_000),
    "WebP": b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8L" + struct.pack("<I", 17) + b"\x2f\xff\xff\xff\x0f" + bytes(13),
    "BMP": b"BM" + struct.pack("<IIIIiiHHIIIIII", 100, 0, 54, 40, 30_000, 30_000, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(60),
    "80,000,000 x 1": png(80_000_000, 1),
    "1 x 60,000,000": png(1, 60_000_000),
    "300,000 x 1": png(300_000, 1, rows=1),
    "square": png(20_000, 20_000),
    "2 ** 31": png(2**31 - 1, 2**31 - 1),
    "comments": png(8, 8, rows=8, before=text_chunks(100)),
    "EPS": eps(),
    "text": b"no picture",
    "nothing": b"",
    "zeros": bytes(1_000_000),
}

ARRAYS = {
    "promises": npy("(400000000, 28, 28)", "'|u1'", bytes(100)),
    "negative": npy("(-1, 28, 28)", "'|u1'", bytes(784)),
    "objects": npy("(1,)", "'|O'", b"cposix\nsystem\n(S'touch proof'\ntR."),
    "many small ones": npy("(9000000, 1, 1, 1)", "'|u1'", bytes(9_000_000)),
    "fields": npy("(1,)", "[('a', '<f4')]", bytes(4)),
    "texts": npy("(1,)", "'<U784'", bytes(784 * 4)),
    "wide": npy("(1, 9000000)", "'|u1'", bytes(9_000_000)),
}

TABLES: dict[str, tuple[Callable[[], bytes], str]] = {
    "columns of one name": (lambda: b",".join([b"a"] * 100_000) + b",label\n", "names more than one column"),
    "a hundred thousand columns, one twice": (
        lambda: (",".join(map(str, range(100_000))) + ",7\n" + "1," * 100_000 + "1\n").encode(),
        "names more than one column",
    ),
    "a name of a million letters": (lambda: b"a" * 1_000_000 + b",label\nx,1\n", "has 1,000,000 characters"),
    "a field of many lines": (
        lambda: b'a,label\n1,x\n1,"' + (b"x" * 1_000_000 + b"\n") * 20,
        "larger than field limit",
    ),
    "an endless field": (lambda: b'a,label\n"' + b"x" * 5_000_000, "cannot be read as a UTF-8 table"),
    "a line without end": (lambda: b"a" * 20_000_000, "cannot be read as a UTF-8 table"),
    "quotes": (lambda: b"a,label\n" + b'"' * 999_999, "cannot be read as a UTF-8 table"),
    "zeros": (lambda: bytes(5_000_000), "zeros.csv"),
    "a label a row": (
        lambda: b"a,label\n" + b"".join(b"1,%d\n" % number for number in range(500_000)),
        "500,000 different labels",
    ),
    "UTF-16": (lambda: "a,label\n1,x\n".encode("utf-16"), "cannot be read as a UTF-8 table"),
    "a number beyond reason": (lambda: b"a,label\n1e400,x\n2,y\n", "is not a finite number"),
    "five thousand digits": (lambda: b"a,label\n" + b"9" * 5000 + b",x\n2,y\n", "is not a finite number"),
    "ragged": (lambda: b"a,label\n" + b"1,x\n" * 9 + b"1\n", ":11: 1 values"),
    "commas": (lambda: b"," * 9_000_000, "names more than one column"),
    "header alone": (lambda: b"a,label\n", "no rows"),
    "empty lines": (lambda: b"\n" * 9_000_000, "no rows"),
}


def large_table(columns: int, size: int = 9_500_000) -> bytes:
    """A right table of so many columns of one digit, and about so many bytes."""
    header = ",".join([*(f"c{number}" for number in range(columns)), "label"]).encode()
    rows = [b",".join([b"%d" % digit] * columns + [b"ab"[digit % 2 :][:1]]) for digit in range(10)]
    return header + b"\n" + b"\n".join(rows * (size // sum(map(len, rows)) + 1)) + b"\n"


def unfolding_gzip(megabytes: int) -> bytes:
    return gzip.compress(bytes(megabytes << 20), 9)
