"""What the server counts, for Prometheus."""

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counters of one server.

    Args:
        sizes: those of batches, the histogram's buckets.
        gauges: what each is and a function that reads it, by name.
    """

    def __init__(self, sizes: list[int], gauges: dict[str, tuple[str, Callable[[], int]]]):
        disable_created_metrics()  # two lines for each counter that nobody reads
        self._registry = CollectorRegistry()
        of_request = {"labelnames": ("operation", "status"), "registry": self._registry}
        self._requests = Counter("zoo_requests", "Requests that were answered.", **of_request)
        self._seconds = Histogram(
            "zoo_request_seconds", "From a request's headers to the end of its answer.", ("operation",),
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        batches = Histogram("zoo_batch_rows", "Rows computed together.", buckets=sizes, registry=self._registry)
        self.observe_batch = batches.observe
        for name, (help_text, value) in gauges.items():
            Gauge(name, help_text, registry=self._registry).set_function(value)
        ProcessCollector(registry=self._registry)

        self._children = {}

    def observe_request(self, operation: str, status: int, seconds: float) -> None:
        key = operation, status
        if key not in self._children:  # looking them up by their labels takes longer than counting
            self._children[key] = self._requests.labels(operation, status), self._seconds.labels(operation)
        counter, histogram = self._children[key]
        counter.inc()
        histogram.observe(seconds)

    def text(self) -> bytes:
        """Prometheus's text format."""
        return generate_latest(self._registry)
