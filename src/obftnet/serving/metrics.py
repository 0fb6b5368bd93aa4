"""What the server counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "obftnet_requests", "Requests answered.", ("route", "status"), registry=registry
        )
        self.seconds = Histogram(
            "obftnet_request_seconds",
            "Seconds from a request for an image to its answer.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120),
            registry=registry,
        )
        self.verdicts = Counter("obftnet_images", "Images judged.", ("pack", "verdict"), registry=registry)
        self.batch = Histogram(
            "obftnet_batch_images",
            "Images that were looked at together.",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=registry,
        )
        self.in_hand = Gauge(
            "obftnet_requests_in_hand", "Requests taken in, not answered.", registry=registry
        )
        self.waiting = Gauge("obftnet_images_waiting", "Images that no process is at.", registry=registry)
        self.workers = Gauge("obftnet_workers", "Processes that can look.", registry=registry)
        self.ended = Counter("obftnet_workers_ended", "Processes that ended unasked.", registry=registry)

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._registry)
