"""What a server takes."""

import dataclasses
import math

from zoo.errors import ZooError


@dataclasses.dataclass(frozen=True)
class Limits:
    """Bounds of one server.

    Attributes:
        max_batch_size: rows that are computed together.
        max_wait_ms: milliseconds that a row waits for others though no batch is computed.
        max_queue: rows that may wait, and the most that one request may bring.
        max_body_mb: 10⁶ bytes of a request.
        request_timeout: seconds for a request to arrive, and again for its answer.
        max_tokens: that one request may have written.
        max_generations: texts that are written at the same time.

    Raises:
        ZooError: one of them is not finite.
    """

    max_batch_size: int = 32
    max_wait_ms: float = 0.0
    max_queue: int = 1024
    max_body_mb: float = 8.0
    request_timeout: float = 30.0
    max_tokens: int = 1024
    max_generations: int = 4

    def __post_init__(self):
        for name, value in dataclasses.asdict(self).items():
            if not math.isfinite(value):
                raise ZooError(f"--{name}={value}: is no bound; give a number")

    @property
    def max_body_bytes(self) -> int:
        return int(self.max_body_mb * 1_000_000)
