"""A published file, and a server of it."""

import pytest
from published_file import Places, Server, entry

from zoo.weights import download, record, store


@pytest.fixture
def places(tmp_path, monkeypatch):
    places = Places(tmp_path / "repository", tmp_path / "cache", tmp_path / "folder")
    for folder in (places.shipped.parent, places.folder):
        folder.mkdir(parents=True)
    places.write_record({"tiny": entry()})
    for module in (record, store):
        monkeypatch.setattr(module, "shipped", places.repository.joinpath)
    monkeypatch.setenv("ZOO_CACHE", str(places.cache))
    for name in ("ZOO_WEIGHTS_URL", "ZOO_WEIGHTS_HUB", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(download, "_SILENCE_SECONDS", 1)
    monkeypatch.setattr(download, "_SECONDS", 2)
    monkeypatch.setattr(download, "_LEAST_BYTES_PER_SECOND", 1_000_000)
    return places


@pytest.fixture
def server(places, monkeypatch):
    server = Server()
    monkeypatch.setenv("ZOO_WEIGHTS_URL", server.url)
    yield server
    server.http.shutdown()
    server.http.server_close()
