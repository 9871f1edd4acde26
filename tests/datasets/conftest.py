"""Official files in small: the same formats as the real ones, with a few rows that the tests know."""

import dataclasses
import gzip
import hashlib
import http.server
import io
import pathlib
import tarfile
import threading

import numpy as np
import pytest

from zoo.datasets import sources


@pytest.fixture
def cifar_folder(tmp_path, monkeypatch):
    """A folder with a cifar-10-binary.tar.gz of 6 × 20 random pictures, whose digest the catalog of sources knows."""
    generator = np.random.default_rng(0)
    folder = tmp_path / "official"
    folder.mkdir()
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
    members = {name: generator.integers(0, 256, (20, 3073), "uint8") for name in names}
    for rows in members.values():
        rows[:, 0] = np.arange(20) % 10
    label_names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as archive:
        contents = {name: rows.tobytes() for name, rows in members.items()}
        for name, content in (contents | {"batches.meta.txt": "\n".join(label_names).encode()}).items():
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    digest = hashlib.md5((folder / "cifar-10-binary.tar.gz").read_bytes()).hexdigest()
    registered = dataclasses.replace(
        sources.SOURCES["cifar10"], digests={"cifar-10-binary.tar.gz": f"md5:{digest}"}, content_digest=None
    )
    monkeypatch.setitem(sources.SOURCES, "cifar10", registered)
    return folder


@dataclasses.dataclass
class SmallSource:
    """Two small files, their digests registered as those of mnist, and folders and servers that hold them."""

    contents: dict[str, bytes]
    root: pathlib.Path

    def write(self, folder: str, compressed: bool = False) -> pathlib.Path:
        path = self.root / folder
        path.mkdir()
        for name, content in self.contents.items():
            if compressed:
                (path / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (path / name).write_bytes(content)
        return path


@pytest.fixture
def small_source(tmp_path, monkeypatch):
    contents = {"images": b"\x01" * 5000, "labels": b"\x02" * 500}
    monkeypatch.setitem(
        sources.SOURCES,
        "mnist",
        sources.Source(
            upstream="http://127.0.0.1:9/",  # the discard port: nobody listens
            upstream_suffix=".gz",
            digests={name: f"sha256:{hashlib.sha256(content).hexdigest()}" for name, content in contents.items()},
            by_hand="wget it",
        ),
    )
    return SmallSource(contents, tmp_path)


@pytest.fixture
def serve():
    """A function that serves a folder, or answers with a handler class, on this machine; returns its address."""
    servers = []

    def start(handler):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.socket.close()
