"""Files of others are read whole, or refused in one line within bounds."""

import io
import json
import os
import zipfile

import numpy as np
import pytest

from zoo import safe_reading
from zoo.errors import ZooError


def npy(header: str, content: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header.encode("latin-1") + content


def npz(members: dict[str, bytes], compression=zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


HEADERS = {
    "promises too much": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000,)}"),
    "holds more": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", bytes(8)),
    "objects": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"cos\nsystem\n(S'touch proof'\ntR."),
    "negative": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -1)}", bytes(4)),
    "no rows, too many columns": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 2**99)}"),
    "more columns than numbers": npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': (0, {2**99})}}"),
    "a thousand axes": npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({'1,' * 1000})}}", bytes(4)),
    "a boolean": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (True,)}", bytes(4)),
    "fields": npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", bytes(4)),
    "no literal": npy("__import__('os').system('touch proof')"),
    "deep": npy("[" * 9000),
    "long": npy(" " * 60000),
    "no type": npy("{'descr': 'x', 'fortran_order': False, 'shape': (1,)}"),
    "version 9": npy("{'descr': '<f4', 'fortran_order': False, 'shape': ()}", bytes(4), b"\x09\x00"),
    "nothing": b"",
    "text": b"no array",
}


@pytest.mark.parametrize("content", HEADERS.values(), ids=HEADERS)
def test_headers_of_arrays(tmp_path, content):
    for name, read, whole in (
        ("a.npy", safe_reading.read_array, content),
        ("a.npz", safe_reading.read_arrays, npz({"a.npy": content})),
    ):
        (tmp_path / name).write_bytes(whole)
        with pytest.raises(ZooError, match=rf"{name}: .*; copy it again$"):
            read(tmp_path / name)
    assert not (tmp_path / "proof").exists()


def test_arrays_come_back(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3).T, "b": np.array(["x", "grün"]), "c": np.array(True), "d": np.empty(0)}
    np.savez(tmp_path / "stored.npz", **arrays)
    np.savez_compressed(tmp_path / "deflated.npz", **arrays)
    np.save(tmp_path / "a.npy", arrays["a"])
    for name in ("stored.npz", "deflated.npz"):
        read = safe_reading.read_arrays(tmp_path / name)
        assert list(read) == list(arrays)
        for key, array in arrays.items():
            np.testing.assert_array_equal(read[key], array)
            assert read[key].dtype == array.dtype and read[key].flags.writeable
    np.testing.assert_array_equal(safe_reading.read_array(tmp_path / "a.npy"), arrays["a"])


def test_zip_files_that_are_no_arrays(tmp_path):
    whole = npz({"a.npy": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (50,)}", os.urandom(200))}, 8)
    bomb = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (200000000,)}", bytes(200_000_000))
    local, central = whole.index(b"PK\x03\x04"), whole.index(b"PK\x01\x02")

    def with_bytes(content, *changes):
        changed = bytearray(content)
        for place, byte in changes:
            changed[place] = byte
        return bytes(changed)

    damaged = {
        "cut": whole[:-30],
        "flipped": with_bytes(whole, (150, whole[150] ^ 255)),
        "bzip2": npz({"a.npy": bytes(100)}, zipfile.ZIP_BZIP2),
        "bomb": npz({"a.npy": bomb}, zipfile.ZIP_DEFLATED),
        "encrypted": with_bytes(whole, (local + 6, 1), (central + 8, 1)),
        "method": with_bytes(whole, (local + 8, 99), (central + 10, 99)),
    }
    for name, content in damaged.items():
        assert content != whole
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ZooError, match=rf"{name}: .*; copy it again$"):
            safe_reading.read_arrays(tmp_path / name)


JSON = {
    "deep": b"[" * 100_000,
    "deep and whole": b"[" * 60 + b"]" * 60,
    "surrogate": b'{"label_names": ["\\ud800"]}',
    "surrogate key": b'{"\\udfff": 1}',
    "digits": b'{"epochs": ' + b"9" * 5000 + b"}",
    "64 bits": b"100000000000000000000",
    "latin-1": '{"name": "grün"}'.encode("latin-1"),
    "cut": b'{"a": [1, 2',
    "empty": b"",
    "nul": b'"\x00"',
}


@pytest.mark.parametrize("content", JSON.values(), ids=JSON)
def test_json(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ZooError, match=r"a.json: [^\n]*; train again$") as caught:
        safe_reading.read_json(tmp_path / "a.json", "train again")
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


def test_json_comes_back(tmp_path):
    value = {"a": [1, -2.5, None, True, "grün"], "b": {"c": [[[]]]}}
    (tmp_path / "a.json").write_text(json.dumps(value))
    assert safe_reading.read_mapping(tmp_path / "a.json") == value
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(ZooError, match="no JSON object"):
        safe_reading.read_mapping(tmp_path / "a.json")


def aliases(levels: int) -> str:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    return "\n".join(lines + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)])


YAML = {
    "nine levels of aliases": aliases(9),
    "merges": aliases(9).replace("[1, 1, 1, 1, 1, 1, 1, 1, 1]", "{b: 1}").replace("[", "{<<: [").replace("]", "]}"),
    "cycle": "&a [*a]",
    "depth": "[" * 40_000,
    "depth and whole": "[" * 60 + "]" * 60,
    "size": "- a\n" * 100_000,
    "digits": "epochs: " + "9" * 5000,
    "hexadecimal": "epochs: 0x" + "f" * 5000,
    "surrogate": '"\\ud800"',
    "tag": "!!binary aaaa",
    "python": "!!python/object/apply:os.system ['touch proof']",
    "own tag": "!a 3",
    "list as key": "? [a]\n: b",
    "two documents": "a: 1\n---\nb: 2",
    "version": "%YAML 1.9\n---\na: 1",
    "escape": "a: \x1b[31m",
    "boolean": "!!bool x",
    "repeated": "a: 1\na: 2",
}


@pytest.mark.parametrize("text", YAML.values(), ids=YAML)
def test_yaml(tmp_path, text):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ZooError, match=r"a.yaml[^\n]*; mend it$") as caught:
        safe_reading.read_yaml(tmp_path / "a.yaml")
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


def test_yaml_comes_back():
    text = "a: &x [1, 1e-3, on, ~]\nb: *x\nc: {<<: {d: 1}, e: 2025-99-99}\n2025-01-01: 0x10"
    expected = {"a": [1, 1e-3, "on", None], "c": {"d": 1, "e": "2025-99-99"}, "2025-01-01": 16}
    assert safe_reading.parse_yaml(text, "here") == expected | {"b": expected["a"]}
    assert safe_reading.parse_yaml("# nothing", "here") is None


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to a device").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "large").open("wb").truncate(1 << 40)
    for name in ("pipe", "to a device", "loop", "large", "not there", "."):
        for read in (safe_reading.read_text, safe_reading.read_json, safe_reading.read_yaml, safe_reading.read_arrays):
            with pytest.raises(ZooError, match=r"; copy it again$"):
                read(tmp_path / name, advice="copy it again")
