"""Rows that many clients send, computed in batches by one thread."""

import asyncio
import collections
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np


class QueueFull(Exception):  # noqa: N818, no error
    """So many rows wait that no more are taken."""


class _Waiting(NamedTuple):
    rows: np.ndarray
    answer: asyncio.Future
    arrived: float


class Batcher:
    """Computes the first rows that wait, up to `max_batch_size`, then the next.

    A row waits at most `max_wait` seconds for others to fill its batch; time that it spends waiting while another batch
    is computed counts. Everything but `function` runs on the event loop, so that nothing is locked.

    Args:
        function: `[rows, …]` → `[rows, classes]`, for up to `max_batch_size` rows; called in one thread.
        max_batch_size: rows a batch.
        max_wait: seconds.
        max_queue: how many rows may wait, those in computation not counted.
        observe: told the rows of each batch.
    """

    def __init__(
        self,
        function: Callable[[np.ndarray], np.ndarray],
        max_batch_size: int,
        max_wait: float,
        max_queue: int,
        observe: Callable[[int], None],
    ):
        self.max_queue, self.waiting_rows = max_queue, 0
        self._function, self._max_batch_size, self._max_wait, self._observe = (
            function,
            max_batch_size,
            max_wait,
            observe,
        )
        self._queue: collections.deque[_Waiting] = collections.deque()
        self._arrival = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")

    async def compute(self, rows: np.ndarray) -> np.ndarray:
        """`[rows, …]` → `[rows, classes]`, when their turn comes. If the caller is cancelled, they leave the queue.

        Raises:
            QueueFull: there is no room for all of them.
        """
        if self.waiting_rows + len(rows) > self.max_queue:
            raise QueueFull
        size = self._max_batch_size
        answers = [self._append(rows[start : start + size]) for start in range(0, len(rows), size)]
        return await answers[0] if len(answers) == 1 else np.concatenate(await asyncio.gather(*answers))

    async def run(self) -> None:
        """Compute until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._fill()
            batch = self._take()
            if not batch:
                continue
            rows = [waiting.rows for waiting in batch]
            try:
                results = await loop.run_in_executor(self._thread, self._compute, rows)
            except Exception as error:
                for waiting in batch:
                    if not waiting.answer.done():
                        waiting.answer.set_exception(error)
                continue
            self._observe(sum(map(len, rows)))
            for waiting, result in zip(batch, results, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(result)

    def _append(self, rows: np.ndarray) -> asyncio.Future:
        loop = asyncio.get_running_loop()
        waiting = _Waiting(rows, loop.create_future(), loop.time())
        self._queue.append(waiting)
        self.waiting_rows += len(rows)
        self._arrival.set()
        return waiting.answer

    async def _fill(self) -> None:
        """Wait for the first row, then until the batch is full or that row has waited long enough."""
        while not self._queue:
            await self._next_arrival()
        if not self._max_wait:
            return
        deadline = self._queue[0].arrived + self._max_wait
        try:
            async with asyncio.timeout_at(deadline):
                while self.waiting_rows < self._max_batch_size:
                    await self._next_arrival()
        except TimeoutError:
            pass

    async def _next_arrival(self) -> None:
        self._arrival.clear()
        await self._arrival.wait()

    def _take(self) -> list[_Waiting]:
        batch, room = [], self._max_batch_size
        while self._queue and len(self._queue[0].rows) <= room:
            waiting = self._queue.popleft()
            self.waiting_rows -= len(waiting.rows)
            if not waiting.answer.done():  # if it is done, its client has given up
                batch.append(waiting)
                room -= len(waiting.rows)
        return batch

    def _compute(self, parts: list[np.ndarray]) -> list[np.ndarray]:
        """The results of each part."""
        results = self._function(np.concatenate(parts) if len(parts) > 1 else parts[0])
        return np.split(results, np.cumsum([len(part) for part in parts])[:-1])
