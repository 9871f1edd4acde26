"""Work that takes longer than a batch: in a thread of its own, so that neither batches nor connections wait for it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from zoo.serving.messages import RETRY, Refused


class SideThread:
    """One thread, and a bound on how many calls may wait for it."""

    def __init__(self, name: str, max_jobs: int):
        self._thread, self._max_jobs, self._jobs = ThreadPoolExecutor(1, thread_name_prefix=name), max_jobs, 0
        self._name = name

    async def run(self, function: Callable, *arguments: Any) -> Any:
        """What `function(*arguments)` returns or raises. A caller that is cancelled gives up its place in the line.

        Raises:
            Refused: too many calls wait.
        """
        if self._jobs >= self._max_jobs:
            raise Refused(503, f"too many requests for {self._name} wait; try again", RETRY)
        self._jobs += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)
        finally:
            self._jobs -= 1
