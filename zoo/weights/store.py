"""Where the file of a name's weights is: on this machine, else fetched. Nothing is used whose digest is not right."""

import hashlib
import os
import pathlib
import urllib.parse
import urllib.request

from zoo.command_words import in_words
from zoo.errors import ZooError
from zoo.escaping import tell
from zoo.locks import FileLock
from zoo.safe_reading import one_line, opened
from zoo.shipped import shipped
from zoo.weights.record import Entry, find

URL, HUB, CACHE = "ZOO_WEIGHTS_URL", "ZOO_WEIGHTS_HUB", "ZOO_CACHE"
_CHUNK = 1 << 20


def cache_dir() -> pathlib.Path:
    """`$ZOO_CACHE`, else the folder that this platform has for caches. It need not exist."""
    import platformdirs

    folder = os.environ.get(CACHE) or platformdirs.user_cache_dir("keras-model-zoo", appauthor=False)
    return pathlib.Path(os.path.expanduser(folder))


def weights_file(name: str) -> pathlib.Path:
    """The file of the weights of a name, its digest just compared.

    It is looked for in the cache, then in the installed package or the checkout, then in `$ZOO_WEIGHTS_URL`, then in
    the repository of the Hugging Face Hub that `$ZOO_WEIGHTS_HUB` names. Only what is fetched goes into the cache. A
    copy that is not the right one is told of and passed over.

    Raises:
        ZooError: there are no weights of that name, or no right copy; the text lists every place and every way.
    """
    entry = find(name)
    local = [cache_dir() / entry.file, shipped(f"weights/{entry.file}")]
    base = os.environ.get(URL, "")
    if base.startswith("file:"):
        local.append(pathlib.Path(urllib.request.url2pathname(_split(base).path)) / entry.file)
        base = ""
    failures = []
    for path in local:
        complaint = _complaint(path, entry)
        if complaint is None:
            return path
        failures.append(f"{path}: {complaint}")
        if os.path.lexists(path):
            tell(f"notice: {failures[-1]}; it is not used")
    for variable, given in ((URL, base), (HUB, os.environ.get(HUB, ""))):
        if given:
            try:
                return _fetched(name, variable, given, entry)
            except ZooError as error:
                failures.append(str(error))
    training = in_words(str(entry.run.get("command") or "train.py"))
    raise ZooError(
        f"{name}: no right copy of its weights, {entry.file} ({entry.bytes:,} bytes): {'; '.join(failures)}; put the "
        f"file into one of these folders, or set {URL} to an http, https or file address of a folder that has it, or "
        f"{HUB} to a repository of the Hugging Face Hub, or train it: {training}"
    )


def _complaint(path: pathlib.Path, entry: Entry) -> str | None:
    """What is wrong with a copy, or None."""
    if not os.path.lexists(path):
        return "not there"
    try:
        with opened(path, "delete it") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size != entry.bytes:
                return f"has {size:,} bytes where the record says {entry.bytes:,}; delete it"
            with one_line(path, "cannot be read", "delete it"):
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except ZooError as error:
        return str(error).removeprefix(f"{path}: ")
    return None if digest == entry.sha256 else "altered or damaged, its SHA-256 is not that of the record; delete it"


def _fetched(name: str, variable: str, given: str, entry: Entry) -> pathlib.Path:
    """Fetch the file into the cache, in which one process at a time fetches it."""
    from zoo.weights import download

    address, headers = _web_address(given, entry.file) if variable == URL else _hub_address(given, entry.file)
    cache, shown = cache_dir(), f"{variable}={download.without_secrets(given)}"
    try:
        partial = cache / "partial"
        partial.mkdir(parents=True, exist_ok=True)
        with FileLock(partial / f"{entry.file}.lock") as lock:
            if not lock.acquire(wait=False):
                tell(f"{name}: another process fetches its weights; waiting for it")
                lock.acquire(wait=True)
            path = cache / entry.file
            if _complaint(path, entry) is not None:
                tell(f"{name}: fetching {entry.bytes / 1e6:,.1f} MB from {shown}")
                part = partial / f"{entry.file}.part"
                download.fetch(address, headers, part, entry.bytes, entry.sha256)
                os.replace(part, path)
            return path
    except ZooError as error:
        raise ZooError(f"{shown}: {error}") from None
    except OSError as error:
        raise ZooError(
            f"{shown}: the cache {cache} cannot be written ({error.strerror or error}); set {CACHE} to another folder"
        ) from None


def _web_address(base: str, file: str) -> tuple[str, dict[str, str]]:
    parts = _split(base)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ZooError(f"{URL}={base[:80]}: no address of the kinds http://, https:// or file://")
    path = f"{parts.path.rstrip('/')}/{file}"
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc, path, parts.query, parts.fragment)), {}


def _split(address: str) -> urllib.parse.SplitResult:
    try:
        return urllib.parse.urlsplit(address)
    except ValueError as error:
        raise ZooError(f"{URL}={address[:80]}: no address ({error})") from None


def _hub_address(repository: str, file: str) -> tuple[str, dict[str, str]]:
    """The address of a file in the Hub, and the headers of the user's login; `repository` may end in @revision."""
    try:
        from huggingface_hub import constants, get_token, hf_hub_url
        from huggingface_hub.errors import HFValidationError
        from huggingface_hub.utils import validate_repo_id
    except ModuleNotFoundError:
        raise ZooError(f"{HUB} needs the package huggingface_hub: pip install 'keras-model-zoo[hub]'") from None
    name, _, revision = repository.partition("@")
    try:
        validate_repo_id(name)
    except HFValidationError:
        raise ZooError(
            f"{HUB}={repository[:80]}: no name of a repository; it is OWNER/NAME or OWNER/NAME@REVISION"
        ) from None
    if constants.is_offline_mode():
        raise ZooError(f"{HUB}={repository}: HF_HUB_OFFLINE is set")
    token = get_token()  # no more of its headers: to make them, it asks the Hub something
    return hf_hub_url(name, file, revision=revision or None), {"Authorization": f"Bearer {token}"} if token else {}
