"""Where weights are looked for, in which order, and that an altered byte is refused in each place."""

import multiprocessing
import os
import pathlib
import subprocess
import sys

import published_file as given
import pytest

import zoo
from zoo.errors import ZooError
from zoo.weights.store import cache_dir, weights_file

CONTENT = given.CONTENT
ALTERED = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])


def test_the_order_is_cache_package_folder_server(server, places, monkeypatch, capsys):
    copies = [places.cached, places.shipped, places.folder / given.FILE]
    for path in copies:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT)
    monkeypatch.setenv("ZOO_WEIGHTS_URL", places.folder.as_uri())
    for path in copies:
        assert weights_file("tiny") == path
        path.unlink()
    monkeypatch.setenv("ZOO_WEIGHTS_URL", server.url)
    assert weights_file("tiny") == places.cached and len(server.requests) == 1
    assert "notice" not in capsys.readouterr().err


@pytest.mark.parametrize("place", ["cache", "package", "folder"])
@pytest.mark.parametrize("content", [ALTERED, CONTENT[:-1], CONTENT + b"x", b""])
def test_an_altered_copy_is_refused_and_left_alone(places, monkeypatch, capsys, place, content):
    path = {"cache": places.cached, "package": places.shipped, "folder": places.folder / given.FILE}[place]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    monkeypatch.setenv("ZOO_WEIGHTS_URL", places.folder.as_uri())
    with pytest.raises(ZooError, match="altered or damaged|where the record says") as raised:
        weights_file("tiny")
    assert str(path) in str(raised.value) and "\n" not in str(raised.value) and path.read_bytes() == content
    assert "it is not used" in capsys.readouterr().err


def test_beside_an_altered_copy_the_right_one_is_taken(server, places, capsys):
    for path in (places.cached, places.shipped):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(ALTERED)
    assert weights_file("tiny") == places.cached and places.cached.read_bytes() == CONTENT
    told = capsys.readouterr().err
    assert str(places.cached) in told and str(places.shipped) in told and places.shipped.read_bytes() == ALTERED


def test_each_load_compares_anew(places):
    places.cache.mkdir()
    places.cached.write_bytes(CONTENT)
    assert weights_file("tiny") == places.cached
    places.cached.write_bytes(ALTERED)
    with pytest.raises(ZooError, match="altered"):
        zoo.load_model("tiny")


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes there")
def test_a_pipe_or_a_folder_in_the_place_of_a_copy_does_not_hang(places):
    places.cache.mkdir()
    os.mkfifo(places.cached)
    places.shipped.mkdir()
    with pytest.raises(ZooError, match="no regular file.*weights.*(directory|regular)"):
        weights_file("tiny")


def test_a_cache_that_cannot_be_written_does_no_harm_where_the_file_is_elsewhere(places, server):
    places.cache.write_text("a file, no folder")
    with pytest.raises(
        ZooError, match=r"the cache .*cache cannot be written .*; set ZOO_CACHE to another folder"
    ) as raised:
        weights_file("tiny")
    assert "\n" not in str(raised.value)
    places.shipped.write_bytes(CONTENT)
    assert weights_file("tiny") == places.shipped


def fetch(results, url):
    os.environ["ZOO_WEIGHTS_URL"] = url
    results.put(weights_file("tiny").read_bytes() == CONTENT)


def test_two_processes_that_fetch_at_once(server, places):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    processes = [context.Process(target=fetch, args=(results, server.url)) for _ in range(4)]
    for process in processes:
        process.start()
    assert [results.get(timeout=30) for _ in processes] == [True] * 4
    for process in processes:
        process.join()
    assert len(server.requests) == 1 and places.cached.read_bytes() == CONTENT


def test_offline_says_what_is_missing_and_every_way(places):
    with pytest.raises(ZooError) as raised:
        weights_file("tiny")
    for words in (given.FILE, "300,000 bytes", "ZOO_WEIGHTS_URL", "ZOO_WEIGHTS_HUB", str(places.cache), "--model=tiny"):
        assert words in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "address", ["ftp://host/x", "http://[::1", "file://[x", "host/folder", "http://", "javascript:alert(1)"]
)
def test_an_address_of_another_kind(places, monkeypatch, address):
    monkeypatch.setenv("ZOO_WEIGHTS_URL", address)
    with pytest.raises(ZooError, match="ZOO_WEIGHTS_URL=.*: no address"):
        weights_file("tiny")


def test_the_cache_is_where_the_platform_has_it_or_where_the_user_says(monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", "here")
    assert cache_dir() == pathlib.Path("here")
    monkeypatch.setenv("ZOO_CACHE", "")
    assert cache_dir().is_absolute() and "keras-model-zoo" in str(cache_dir())


class TestHub:
    """The path through huggingface_hub, up to a server that speaks the one address that is asked of the Hub."""

    @pytest.fixture(autouse=True)
    def hub(self, server, monkeypatch):
        pytest.importorskip("huggingface_hub")
        from huggingface_hub import constants, file_download

        monkeypatch.delenv("ZOO_WEIGHTS_URL")
        for module in (constants, file_download):  # $HF_ENDPOINT is read at the import
            for name in ("ENDPOINT", "HUGGINGFACE_CO_URL_TEMPLATE"):
                if hasattr(module, name):
                    value = (
                        server.url if name == "ENDPOINT" else server.url + "/{repo_id}/resolve/{revision}/{filename}"
                    )
                    monkeypatch.setattr(module, name, value)
        monkeypatch.setenv("HF_TOKEN", "hf_test")
        monkeypatch.setenv("ZOO_WEIGHTS_HUB", "owner/zoo")

    def test_the_file_comes_from_the_repository_with_the_login(self, server, places):
        assert weights_file("tiny").read_bytes() == CONTENT
        path, headers = server.requests[0]
        assert path == f"/owner/zoo/resolve/main/{given.FILE}"
        assert {name.lower(): value for name, value in headers.items()}["authorization"] == "Bearer hf_test"

    def test_a_revision(self, server, monkeypatch):
        monkeypatch.setenv("ZOO_WEIGHTS_HUB", "owner/zoo@v1.0")
        weights_file("tiny")
        assert server.requests[0][0].startswith("/owner/zoo/resolve/v1.0/")

    def test_the_login_does_not_go_on_to_another_host(self, server, places):
        other = given.Server()
        server.answer = lambda handler: given.send(
            handler, 302, {"Location": f"{other.url.replace('127.0.0.1', 'localhost')}/blob", "Content-Length": 0}
        )
        assert weights_file("tiny").read_bytes() == CONTENT
        assert "authorization" not in {name.lower() for name in other.requests[0][1]}
        other.http.shutdown()

    def test_an_altered_file_is_refused(self, server, places):
        server.answer = lambda handler: given.whole(handler, ALTERED)
        with pytest.raises(ZooError, match="ZOO_WEIGHTS_HUB=owner/zoo: sends another file"):
            weights_file("tiny")
        assert not places.cached.exists()

    @pytest.mark.parametrize("name", ["a/b/c", "own er/zoo", "../.."])
    def test_no_name_of_a_repository(self, server, monkeypatch, name):
        monkeypatch.setenv("ZOO_WEIGHTS_HUB", name)
        with pytest.raises(ZooError, match="ZOO_WEIGHTS_HUB"):
            weights_file("tiny")
        assert not server.requests

    def test_without_the_extra(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "huggingface_hub", None)
        with pytest.raises(ZooError, match=r"pip install 'keras-model-zoo\[hub\]'"):
            weights_file("tiny")


def test_a_name_is_looked_up_without_tensorflow():
    program = (
        "import sys, zoo.published as p; p.PublishedRun('xor_mlp').model_file; "
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras', 'requests', 'huggingface_hub')))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
