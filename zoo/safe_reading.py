"""Files that others wrote, read within bounds: whatever is in them, the answer is plain values or one `ZooError`.

Nothing here runs what a file says, and nothing takes much more memory than the limits below, whatever a file claims.
"""

import contextlib
import hashlib
import json
import math
import os
import stat
import zipfile
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from zoo.errors import ZooError

if TYPE_CHECKING:
    import numpy as np

MOST_JSON_BYTES = 128 << 20
MOST_YAML_BYTES = 100_000  # a second of ruamel.yaml
MOST_YAML_VALUES = 20_000  # with every alias unfolded
MOST_TEXT_BYTES = 64 << 20
MOST_DEPTH = 50
MOST_UNFOLDED_BYTES = 128 << 20  # of a small compressed file; of a larger one:
MOST_UNFOLDED_RATIO = 20
_MOST_ARRAYS = 20_000
_YAML_DATE = "tag:yaml.org,2002:timestamp"
_YAML_TAGS = {
    f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map", "merge", "timestamp")
}


def read_json(path: str | os.PathLike, advice: str = "copy it again") -> Any:
    """What a JSON file in UTF-8 holds.

    Args:
        path: the file.
        advice: ends the message of the error, after what is wrong.

    Raises:
        ZooError: it is not there, no regular file, larger than MOST_JSON_BYTES, or not what `parse_json` takes.
    """
    return parse_json(read_bytes(path, MOST_JSON_BYTES, advice), str(path), advice)


def parse_json(content: str | bytes, where: str, advice: str = "copy it again") -> Any:
    """What JSON text holds; `where` begins the message of the error.

    Raises:
        ZooError: it is no JSON, nested deeper than MOST_DEPTH, or holds an integer of over 64 bits or a text that is
            not Unicode (half a surrogate pair).
    """
    with one_line(where, "damaged, no JSON", advice):
        value = json.loads(content)
    _check(value, where, advice)
    return value


def read_mapping(path: str | os.PathLike, advice: str = "copy it again") -> dict[str, Any]:
    """As `read_json`, of a file that holds a JSON object."""
    value = read_json(path, advice)
    if not isinstance(value, dict):
        raise ZooError(f"{path}: damaged, no JSON object; {advice}")
    return value


def read_yaml(path: str | os.PathLike, advice: str = "mend it") -> Any:
    """What a YAML 1.2 file in UTF-8 holds, None where it holds nothing.

    Raises:
        ZooError: it cannot be read, is larger than MOST_YAML_BYTES, or not what `parse_yaml` takes.
    """
    return parse_yaml(read_text(path, MOST_YAML_BYTES, advice), str(path), advice)


def parse_yaml(text: str, where: str, advice: str = "mend it") -> Any:
    """What YAML 1.2 text holds: mappings, lists, texts, numbers, booleans and None. Dates are texts.

    Raises:
        ZooError: it is no YAML, or has other tags, a cycle, a key that is a collection, or is nested deeper than
            MOST_DEPTH or has more than MOST_YAML_VALUES values once its aliases are unfolded.
    """
    import ruamel.yaml

    if len(text) > MOST_YAML_BYTES:
        raise ZooError(f"{where}: {len(text):,} characters of YAML; at most {MOST_YAML_BYTES:,} are read; {advice}")
    yaml = ruamel.yaml.YAML(typ="safe", pure=True)  # in YAML 1.2, 1e-3 is a number and `on` is a string
    yaml.Constructor = type("Constructor", (yaml.Constructor,), {})
    yaml.Constructor.add_constructor(_YAML_DATE, yaml.Constructor.construct_yaml_str)  # 2025-99-99 is none
    with one_line(where, "not valid YAML", advice):
        node = yaml.compose(text)
    if node is None:
        return None
    _check_yaml(node, where, advice)
    with one_line(where, "not valid YAML", advice):
        value = yaml.constructor.construct_document(node)
    _check(value, where, advice)
    return value


def read_arrays(path: str | os.PathLike, advice: str = "copy it again") -> dict[str, "np.ndarray"]:
    """The arrays of an `.npz` file by name: of numbers, booleans or texts, never of pickled objects.

    Raises:
        ZooError: it is not there, damaged, or an array does not have the size that its header claims; or all unfold to
            more than MOST_UNFOLDED_BYTES and MOST_UNFOLDED_RATIO times the file.
    """
    with opened(path, advice) as stream:
        return arrays_of(stream, str(path), advice)


def arrays_of(stream: IO[bytes], where: str, advice: str = "copy it again") -> dict[str, "np.ndarray"]:
    """As `read_arrays`, of an open file."""
    with one_line(where, "damaged, no npz file", advice):
        archive = zipfile.ZipFile(stream)
        stored = stream.seek(0, os.SEEK_END)
    members = archive.infolist()
    unfolded = sum(member.file_size for member in members)
    if len(members) > _MOST_ARRAYS or unfolded > max(MOST_UNFOLDED_BYTES, MOST_UNFOLDED_RATIO * stored):
        raise ZooError(f"{where}: {len(members)} arrays that unfold to {unfolded:,} bytes are refused; {advice}")
    arrays = {}
    for member in members:
        name = member.filename.removesuffix(".npy")
        with one_line(where, f"array {name!r} is damaged", advice):
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError("of an unknown compression")
            with archive.open(member) as header:
                _check_header(header, member.file_size)
            with archive.open(member) as opened:
                arrays[name] = _array(opened)
                opened.read(1)  # the checksum is compared at the end
    return arrays


def read_array(path: str | os.PathLike, advice: str = "copy it again", mapped: bool = False) -> "np.ndarray":
    """The array of an `.npy` file, as `read_arrays`; where it is `mapped`, rows are read when they are asked for."""
    import numpy as np

    with opened(path, advice) as stream, one_line(path, "damaged, no npy file of numbers", advice):
        _check_header(stream, os.fstat(stream.fileno()).st_size)
        if mapped:
            return np.load(path, mmap_mode="r")
        stream.seek(0)
        return _array(stream)


def read_text(path: str | os.PathLike, most_bytes: int = MOST_TEXT_BYTES, advice: str = "copy it again") -> str:
    """A text file in UTF-8, without its byte order mark.

    Raises:
        ZooError: it is not there, no regular file, too large, or not UTF-8.
    """
    content = read_bytes(path, most_bytes, advice)
    with one_line(path, "damaged, not UTF-8", advice):
        return content.decode("utf-8-sig")


def read_bytes(path: str | os.PathLike, most_bytes: int, advice: str = "copy it again") -> bytes:
    """A file whole.

    Raises:
        ZooError: it is not there, no regular file (a pipe, a device or a folder), or larger than `most_bytes`.
    """
    with opened(path, advice) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > most_bytes:
            raise ZooError(f"{path}: {size:,} bytes; at most {most_bytes:,} are read; {advice}")
        with one_line(path, "cannot be read", advice):
            return stream.read()


def sha256_of(path: str | os.PathLike) -> str:
    """The digest of a file's bytes, in hexadecimal. Raises: OSError: it cannot be read."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def opened(path: str | os.PathLike, advice: str = "copy it again") -> Iterator[IO[bytes]]:
    """A regular file, open for reading.

    Raises:
        ZooError: it is not there, or a pipe, a device or a folder.
    """
    with one_line(path, "cannot be read", advice):
        # Without O_NONBLOCK, to open a pipe waits until somebody writes to it.
        stream = open(path, "rb", opener=lambda name, how: os.open(name, how | getattr(os, "O_NONBLOCK", 0)))  # noqa: SIM115
    with stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise ZooError(f"{path}: no regular file, but a pipe, a device or the like; {advice}")
        yield stream


@contextlib.contextmanager
def one_line(where: str | os.PathLike, what: str, advice: str) -> Iterator[None]:
    """Turns what a parser raises into a `ZooError`.

    Parsers of the standard library, NumPy and ruamel.yaml raise whatever hostile bytes lead them to, from
    RecursionError to AttributeError. Only they are called inside, never code of the zoo.
    """
    try:
        yield
    except ZooError:
        raise
    except FileNotFoundError:
        raise ZooError(f"{where}: no such file; {advice}") from None
    except Exception as error:
        raise ZooError(f"{where}{_line_of(error)}: {what} ({_reason(error)}); {advice}") from None


def _line_of(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}" if mark else ""


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if "integer string conversion" in str(error):
        return "an integer of thousands of digits"
    text = getattr(error, "problem", None) or getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split())[:200] or type(error).__name__


def _check(value: Any, where: str, advice: str) -> None:
    """Raises: ZooError: values are nested too deeply, or one is of a type or a text that the zoo does not take."""
    level, depth = [value], 0
    while level:
        if depth > MOST_DEPTH:
            raise ZooError(f"{where}: nested deeper than {MOST_DEPTH} levels; {advice}")
        below = []
        for value in level:
            if isinstance(value, dict):
                below += value
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, int):
                if not -(2**63) <= value < 2**64:
                    raise ZooError(f"{where}: an integer of more than 64 bits; {advice}")
            elif isinstance(value, str) and not value.isascii():
                try:
                    value.encode()
                except UnicodeEncodeError:
                    raise ZooError(f"{where}: a text that is not Unicode ({value[:40]!r}); {advice}") from None
        level, depth = below, depth + 1


def _check_yaml(node: Any, where: str, advice: str) -> None:
    """Check a graph of YAML nodes before values are made of it. An alias is an edge to a node that was met before."""
    from ruamel.yaml.nodes import MappingNode, ScalarNode

    left, values = [(node, 0)], 0
    while left:
        node, depth = left.pop()
        values += 1
        line = f"{where}, line {node.start_mark.line + 1}"
        if depth > MOST_DEPTH:
            raise ZooError(f"{line}: nested deeper than {MOST_DEPTH} levels, or in itself; {advice}")
        if values > MOST_YAML_VALUES:
            raise ZooError(f"{where}: more than {MOST_YAML_VALUES:,} values, aliases unfolded; {advice}")
        tag = str(node.tag)
        if tag not in _YAML_TAGS:
            raise ZooError(f"{line}: the tag {tag.removeprefix('tag:yaml.org,2002:')[:40]!r} is not taken; {advice}")
        if isinstance(node, MappingNode):
            for key, value in node.value:
                if not isinstance(key, ScalarNode):
                    raise ZooError(f"{line}: a key that is a collection; {advice}")
                left += [(key, depth), (value, depth + 1)]
        elif not isinstance(node, ScalarNode):
            left += [(part, depth + 1) for part in node.value]


def _check_header(stream: IO[bytes], size: int) -> None:
    """Raises: ValueError: this is no npy header, or it promises more or fewer bytes than there are."""
    import numpy as np

    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"of version {version}")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError("pickled objects")
    if dtype.kind not in "biufUS" or any(type(length) is not int or length < 0 for length in shape):
        raise ValueError(f"of dtype {dtype} and shape {shape}")
    promised, present = math.prod(shape) * dtype.itemsize, size - stream.tell()
    if promised != present:
        raise ValueError(f"{present:,} bytes where its header promises {promised:,}")


def _array(stream: IO[bytes]) -> "np.ndarray":
    import numpy as np

    array = np.lib.format.read_array(stream, allow_pickle=False)
    if array.dtype.kind == "U":
        codes = np.frombuffer(array.astype(array.dtype.newbyteorder("=")).tobytes(), "uint32")
        if ((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))).any():
            raise ValueError("a text that is not Unicode")
    return array
