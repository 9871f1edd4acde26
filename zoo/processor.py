"""How much of the machine this process may use, and has used. On Windows too, which has no `resource`."""

import contextlib
import os
import pathlib
import sys

try:
    import resource
except ModuleNotFoundError:
    resource = None

PROCESSOR_FILE = pathlib.Path("/proc/cpuinfo")


def usable_cores() -> int:
    """How many cores this process may use, and so how many threads it computes with."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def usable_memory() -> int:
    """Bytes that this process may have: of the machine, of its container, or of its own limit."""
    import psutil

    limits = [psutil.virtual_memory().total]
    if resource and (of_process := resource.getrlimit(resource.RLIMIT_DATA)[0]) != resource.RLIM_INFINITY:
        limits.append(of_process)
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # there is no such control group, or it has no limit
            limits.append(int(pathlib.Path(file).read_text()))
    return min(limits)


def peak_memory() -> int:
    """The most bytes of memory that this process has held."""
    if resource:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    import psutil

    of_process = psutil.Process().memory_info()
    return getattr(of_process, "peak_wset", of_process.rss)


def bfloat16_unit() -> str | None:
    """The name of the processor's instructions for bfloat16; None if it has none, or if nothing says so."""
    try:
        words = set(PROCESSOR_FILE.read_text().split())
    except OSError:  # not Linux
        return None
    names = {"amx_bf16": "AMX", "avx512_bf16": "AVX512_BF16", "bf16": "BF16 (Arm)"}
    return next((name for flag, name in names.items() if flag in words), None)
