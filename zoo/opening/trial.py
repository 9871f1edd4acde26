"""A file tried out in a process of its own, with limits: what crashes a C++ library ends that process, not ours."""

import contextlib
import importlib
import json
import os
import pathlib
import signal
import subprocess
import sys
from typing import Any

from zoo.errors import ZooError

_SECONDS, _SECONDS_A_MEBIBYTE = 4, 0.2
_BYTES, _BYTES_A_BYTE = 512 << 20, 25
_PATIENCE = 5  # times the seconds of the processor, on a busy machine
_SOURCE = str(pathlib.Path(__file__).parents[2])


def try_out(path: pathlib.Path, function: str, size: int, library: str = "") -> Any:
    """What `function(path)` returns, run in a new process that can neither write files nor take all memory or time.

    Args:
        path: of the file.
        function: as `package.module:name`.
        size: bytes of the file; the limits grow with it.
        library: what is imported before the limits count.

    Returns:
        Anything that JSON can hold.

    Raises:
        ZooError: the function raised one, crashed the process, or met a limit.
    """
    seconds = _SECONDS + _SECONDS_A_MEBIBYTE * size / (1 << 20)
    arguments = [function, library, str(seconds), str(_BYTES + _BYTES_A_BYTE * size), str(path)]
    try:
        done = _run(arguments, timeout=10 + _PATIENCE * seconds)
    except subprocess.TimeoutExpired:
        raise ZooError(f"{path}: refused, it does not answer within the time that its size allows") from None
    with contextlib.suppress(ValueError, IndexError):
        answer = json.loads(done.stdout.splitlines()[-1])
        if "refused" in answer:
            raise ZooError(answer["refused"])
        if done.returncode == 0:
            return answer["result"]
    raise ZooError(f"{path}: refused, {_how_it_ended(done, seconds)}; copy or export it again")


def _run(arguments: list[str], timeout: float) -> subprocess.CompletedProcess:
    # -P: modules that lie in the working folder, perhaps beside the file, are not imported.
    start = f"import sys; sys.path.append({_SOURCE!r}); from zoo.opening.trial import main; main()"
    return subprocess.run([sys.executable, "-P", "-c", start, *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace", timeout=timeout)  # fmt: skip


def _how_it_ended(done: subprocess.CompletedProcess, seconds: float) -> str:
    last = done.stderr.strip().splitlines()[-1:] or [""]
    if done.returncode == -signal.SIGXCPU:
        return f"it takes more than the {seconds:.0f} s that its size allows"
    if "MemoryError" in last[0] or "bad_alloc" in done.stderr or "unable to allocate" in done.stderr.lower():
        return "it takes more memory than its size allows"
    if done.returncode < 0:
        return f"its runtime crashes on it ({signal.Signals(-done.returncode).name})"
    reason = "".join(c if c.isprintable() else " " for c in last[0]).strip()[:200]
    return f"its runtime fails on it ({reason or f'status {done.returncode}'})"


def main() -> None:
    """The end of the new process."""
    name, library, seconds, most_bytes, path = sys.argv[1:6]
    module, function = name.split(":")
    try:
        called = getattr(importlib.import_module(module), function)
        if library:
            importlib.import_module(library)
        _limit(float(seconds), int(most_bytes))
        answer = {"result": called(pathlib.Path(path))}
    except ZooError as error:
        answer = {"refused": str(error)}
    print("\n" + json.dumps(answer), flush=True)
    os._exit(0)  # leave at once: a library that the file has confused could hang or crash at exit


def _limit(seconds: float, most_bytes: int) -> None:
    """Set limits, on top of what the process has used already. Systems without such limits get none."""
    try:
        import resource
    except ModuleNotFoundError:
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = usage.ru_utime + usage.ru_stime
    wanted = {
        resource.RLIMIT_CPU: int(used + seconds) + 1,
        resource.RLIMIT_DATA: _data_bytes() + most_bytes,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in wanted.items():
        _, hard = resource.getrlimit(limit)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, value if limit == resource.RLIMIT_CORE else hard))


def _data_bytes() -> int:
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmData:"):
                return int(line.split()[1]) << 10
    return 4 << 30
