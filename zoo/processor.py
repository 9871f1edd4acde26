"""How much of the machine this process may use."""

import os


def usable_cores() -> int:
    """How many cores this process may use, and so how many threads it computes with."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
