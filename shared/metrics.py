"""The metrics of the engine and of the doors, by name. Labels hold classes, outcomes and statuses, never ids.

A counter begins at 0 for each value its labels may have: Prometheus sees no increase in a counter that begins with its
first event.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from aiokafka import ConsumerRecord
from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

from shared.contracts.errors import REASONS
from shared.contracts.event_class import TYPE_PREFIX
from shared.contracts.heartbeat import STAGES, is_of_a_heartbeat

_OUTCOMES: Final = ("applied", "repetition", "waiting", "erased", "conflict", "rejected", "handler_failed")
_WHY_AGAIN: Final = ("StoreUnavailable", "WritesRefused", "BrokerUnavailable")

# process_start_time_seconds says when the counters began: a second series for each says no more.
disable_created_metrics()  # type: ignore[no-untyped-call]

READY = Gauge("lahete_ready", "1 while /health/ready is 200", ["service"])
EVENTS = Counter("lahete_events", "events by what became of them", ["service", "type", "outcome"])
DEAD_LETTERS = Counter("lahete_dead_letters", "dead letters that Kafka has taken, by why", ["service", "reason"])
DEAD_LETTERS_UNWRITTEN = Counter(
    "lahete_dead_letters_unwritten", "tries to write dead letters that Kafka did not take", ["service"]
)
RETRIES = Counter("lahete_batch_retries", "batches that will come again, by why", ["service", "why"])
BATCH_SECONDS = Histogram("lahete_batch_seconds", "from reading a batch to its commit", ["service"])
OLDEST_OUTBOX_SECONDS = Gauge("lahete_oldest_outbox_seconds", "age of the oldest outbox that is not out", ["service"])
OLDEST_WAITING_SECONDS = Gauge(
    "lahete_oldest_waiting_seconds", "platform seconds since the oldest event came that waits for another", ["service"]
)
CIRCUIT_BREAKER = Gauge("lahete_circuit_breaker_open", "1 while the circuit breaker is open", ["service"])
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
LAG_STATE = Gauge(
    "lahete_lag_state", "1 for how a service keeps up, as the monitor has seen it of late, 0 else", ["reader", "state"]
)
HEARTBEAT_EVERY = Gauge(
    "lahete_heartbeat_every_seconds", "how often a heartbeat is sent; not there if never", ["service"]
)
HEARTBEAT_SEEN = Gauge(
    "lahete_heartbeat_seen_seconds",
    "Unix time at which a service last dealt with this event of a heartbeat; at first when it began to read",
    ["service", "type"],
)
OVERDUE = Gauge(
    "lahete_overdue_referrals",
    "referrals whose next step is late, the 1,000 oldest at most, by whether somebody of the ops team looks after them",
    ["service", "tended"],
)
OVERDUE_BEFORE_SESSION = Gauge(
    "lahete_overdue_before_session",
    "those that nobody looks after and that have a session within seven days",
    ["service"],
)
OVERDUE_UNTENDED_SECONDS = Gauge(
    "lahete_overdue_untended_seconds",
    "platform seconds since the oldest of those that nobody looks after became late; 0: there is none",
    ["service"],
)
ANSWERS = Counter("lahete_http_answers", "answers over HTTP but to probes, by status", ["service", "status"])
DOOR_REFUSALS = Counter(
    "lahete_door_refusals", "requests refused for the events in them, by why", ["service", "reason"]
)
KEY_REFUSALS = Counter("lahete_key_refusals", "requests with no key, or one that is nobody's", ["service", "key"])
DENIED_LOOKS = Counter("lahete_denied_looks", "looks at referrals that were denied, by service", ["service", "action"])
FELL_OUT = Gauge("lahete_events_fell_out", "events that left the log before they were read", ["service"])
REMOVED = Counter("lahete_removed", "documents removed since their term had passed", ["service", "collection"])
UNUSUAL_SENDERS = Gauge("lahete_unusual_senders", "senders that are unusually silent or loud", ["service", "usual"])
UNREAD_SECONDS = Gauge(
    "lahete_feed_unread_seconds", "for how long the feed that is unread for longest has lain so", ["service"]
)
NOT_OBSERVED = Counter("lahete_not_observed", "records that a projection could not count in", ["projection"])
STANDS_STILL_AT = Gauge(
    "lahete_partition_stands_still_at",
    "the offset at which a partition cannot be read on; there while it stands still",
    ["service", "topic", "partition"],
)


def begin(service: str, classes: Iterable[str]) -> None:
    """Sets all counters of a service's loop to 0: `classes` are those it has a handler for."""
    for reason in REASONS:
        DEAD_LETTERS.labels(service, reason)
        EVENTS.labels(service, "", reason)
    for name in ("", *classes):
        for outcome in _OUTCOMES:
            EVENTS.labels(service, name, outcome)
    for name in STAGES.get(service, ()):
        HEARTBEAT_SEEN.labels(service, name).set_to_current_time()
    for why in _WHY_AGAIN:
        RETRIES.labels(service, why)
    DEAD_LETTERS_UNWRITTEN.labels(service)
    CIRCUIT_BREAKER.labels(service)
    FELL_OUT.labels(service)


def see_heartbeats(service: str, records: Iterable[ConsumerRecord]) -> None:
    """Notes which events of heartbeats were among these records."""
    for record in records:
        if is_of_a_heartbeat(record.topic, record.headers):
            name = (dict(record.headers).get("ce_type") or b"").decode().removeprefix(TYPE_PREFIX).partition(".")[0]
            if name in STAGES.get(service, ()):
                HEARTBEAT_SEEN.labels(service, name).set_to_current_time()


def count_outcomes(service: str, outcomes: Iterable[Mapping[tuple[str, str], int]]) -> None:
    """Counts events by class and outcome."""
    for counted in outcomes:
        for (name, outcome), count in counted.items():
            EVENTS.labels(service, name, outcome).inc(count)
