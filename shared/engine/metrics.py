"""The engine's metrics, by name. Labels hold classes and outcomes, never ids."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter("lahete_events", "events by what became of them", ["service", "type", "outcome"])
RETRIES = Counter("lahete_batch_retries", "batches that will come again, by why", ["service", "why"])
BATCH_SECONDS = Histogram("lahete_batch_seconds", "from reading a batch to its commit", ["service"])
OLDEST_OUTBOX_SECONDS = Gauge("lahete_oldest_outbox_seconds", "age of the oldest outbox that is not out", ["service"])
FUSE = Gauge("lahete_fuse_open", "1 while the fuse is open", ["service"])
HOP_SECONDS = Histogram(
    "lahete_hop_seconds",
    "from the record's time in Kafka to its commit",
    ["service"],
    buckets=(0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 5, 30),
)
LAG_SECONDS = Gauge(
    "lahete_lag_seconds",
    "real seconds since the oldest event in hand came to Kafka; 0 with nothing in hand",
    ["service"],
)
FELL_OUT = Gauge("lahete_events_fell_out", "events that left the log before they were read", ["service"])
