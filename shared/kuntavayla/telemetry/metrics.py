"""Prometheus metrics of requests, batches and queues, on a port of their own, labels bounded."""

import contextlib
import socket
import threading
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

_LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30)
_BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 500)
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class RequestMetrics:
    """Count and time requests per route template, method and status.

    The label children are kept, because looking one up in the client library costs more than the
    count itself.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        names = ("method", "route", "status")
        self._count = Counter(
            "kuntavayla_http_requests", "Requests answered.", names, registry=registry
        )
        self._latency = Histogram(
            "kuntavayla_http_request_seconds",
            "Seconds from the request's head to the end of its answer.",
            names,
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._children: dict[
            tuple[str, str, int], tuple[Callable[[], None], Callable[[float], None]]
        ] = {}

    def observe(self, key: tuple[str, str, int], *, seconds: float) -> None:
        """Count one answer; `key` is method, route template and status."""
        child = self._children.get(key)
        if child is None:
            child = self._child(key)
        child[0]()
        child[1](seconds)

    def _child(
        self, key: tuple[str, str, int]
    ) -> tuple[Callable[[], None], Callable[[float], None]]:
        method, route, status = key
        labels = (method if method in _METHODS else "other", route, str(status))
        child = (self._count.labels(*labels).inc, self._latency.labels(*labels).observe)
        if method in _METHODS:
            self._children[key] = child
        return child


class BatchMetrics:
    """Sizes of batches and lengths of their queues, per operation and lane."""

    def __init__(self, registry: CollectorRegistry) -> None:
        names = ("operation", "lane")
        self._sizes = Histogram(
            "kuntavayla_batch_items",
            "Items of one batch.",
            names,
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )
        self._waiting = Gauge(
            "kuntavayla_batch_waiting_items", "Items that wait.", names, registry=registry
        )
        self._refused = Counter(
            "kuntavayla_batch_refused_items",
            "Items answered 503 unexecuted.",
            names,
            registry=registry,
        )

    def lane(self, operation: str, lane: str) -> "LaneMetrics":
        """Return the metrics of one lane of an operation."""
        labels = (operation, lane)
        return LaneMetrics(
            observe_size=self._sizes.labels(*labels).observe,
            watch_waiting=self._waiting.labels(*labels).set_function,
            count_refused=self._refused.labels(*labels).inc,
        )


class LaneMetrics:
    """What one lane of a batcher reports.

    `watch_waiting` takes a function that is asked at each look at the metrics: a gauge that is set
    when a batch begins would hide the queue behind one that hangs.
    """

    def __init__(
        self,
        *,
        observe_size: Callable[[float], None],
        watch_waiting: Callable[[Callable[[], float]], None],
        count_refused: Callable[[float], None],
    ) -> None:
        self.observe_size = observe_size
        self.watch_waiting = watch_waiting
        self.count_refused = count_refused


class MetricsServer:
    """The open port that serves `/metrics`; close it at the end."""

    def __init__(self, port: int, close: Callable[[], None]) -> None:
        self.port = port
        self.close = close


def start_metrics_server(port: int, *, registry: CollectorRegistry, host: str) -> MetricsServer:
    """Serve the registry's metrics on a thread of their own; port 0 takes a free one."""
    server, thread = start_http_server(port, addr=host, registry=registry)

    def close() -> None:
        ending = threading.Thread(target=server.shutdown)
        ending.start()
        # The server looks every half second whether to end; a connection wakes it at once.
        with contextlib.suppress(OSError):
            socket.create_connection((host, server.server_port), timeout=1).close()
        ending.join()
        server.server_close()
        thread.join()

    return MetricsServer(port=int(server.server_port), close=close)
