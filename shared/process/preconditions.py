"""A service's preconditions: the Kafka that its state belongs to, with the topics it needs, and its store.

The service checks them before it reads the first event and every few seconds after. A fault (another cluster, a missing
topic, fewer partitions than before) stops consumption until a person mends it; if Kafka or the store does not answer,
the service waits. Readiness says either in one line, with what to do.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaError,
    NoError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.metadata import MetadataRequest

from shared import log_events
from shared.contracts import topics
from shared.engine.model import Table
from shared.kafka.cluster import Cluster
from shared.kafka.reach import diagnose
from shared.store import Collection, Row, Store, StoreUnavailable

PRECONDITIONS: Final = Collection("ground", ())
"""The one document in which a service keeps its preconditions: in its own store, so that both stay together."""

_KEY: Final = "kafka"
_EVERY: Final = 2.0
_ANSWERS_WITHIN: Final = 5.0
_UNCHECKED: Final = "Kafka is not checked yet"

log = structlog.get_logger()


class Known(msgspec.Struct, frozen=True):
    """The cluster, and how many partitions each topic had."""

    cluster: str
    partitions: dict[str, int]


class Preconditions:
    """Checks one service's preconditions. `keeps_log` is False where Kafka's log is in memory: each start is new."""

    def __init__(self, kafka: Cluster, store: Store, table: Table, *, keeps_log: bool) -> None:
        self.fault: str | None = _UNCHECKED
        """The fault that forbids the service to consume."""
        self.away: str | None = None
        """Which of Kafka and the store does not answer now."""
        self._kafka = kafka
        self._store = store
        self._keeps_log = keeps_log
        self._needed = needed(table)
        self._client = AIOKafkaClient(**kafka.options())
        self._connected = False

    def not_ready(self) -> str | None:
        """What keeps the service from working, in one line; None where nothing does."""
        if self.fault == _UNCHECKED:
            return self.away or self.fault
        return self.fault or self.away

    async def close(self) -> None:
        """Disconnects."""
        await self._client.close()

    async def run(self) -> None:
        """Checks until cancelled."""
        while True:
            await asyncio.sleep(_EVERY)
            await self.look()

    async def look(self) -> None:
        """Checks once, and logs a changed result."""
        before = (self.fault, self.away)
        try:
            self.fault = await self._found()
            self.away = None
        except StoreUnavailable as error:
            self.away = str(error)
        except (KafkaError, OSError) as error:
            self.away = await diagnose(self._kafka, error)
        if (self.fault, self.away) == before or before[0] == _UNCHECKED:
            return
        if line := self.not_ready():
            log.warning(log_events.DEPENDENCY_CHECK_FAILED, what=line)
        else:
            log.info(log_events.DEPENDENCY_CHECK_PASSED)

    async def _found(self) -> str | None:
        # A client notices a broker that stands still only after 40 s.
        async with asyncio.timeout(_ANSWERS_WITHIN):
            cluster, there, refused = await self._seen()
        row = (await self._store.load(PRECONDITIONS.name, [_KEY])).get(_KEY)
        known = msgspec.json.decode(row.body, type=Known) if row and self._keeps_log else None
        fault = compare(self._kafka, cluster, there, refused, self._needed, known)
        now = Known(cluster, there)
        if fault is None and now != known:
            await self._store.save(
                PRECONDITIONS.name, [Row(_KEY, row.version + 1 if row else 1, msgspec.json.encode(now))]
            )
        return fault

    async def _seen(self) -> tuple[str, dict[str, int], list[str]]:
        """The cluster's id, the partitions of each needed topic that is there, and the topics that Kafka refuses."""
        if not self._connected:
            await self._client.bootstrap()
            self._connected = True
        # Not by a client's describe_topics: that makes a missing topic, with one partition, where a broker lets it.
        request = MetadataRequest(sorted(self._needed), allow_auto_topic_creation=False)
        answer = (await self._client.send(self._client.get_random_node(), request)).to_object()
        there: dict[str, int] = {}
        refused: list[str] = []
        for topic in answer["topics"]:
            error = for_code(topic["error_code"])
            if error is NoError:
                there[topic["topic"]] = len(topic["partitions"])
            elif error is TopicAuthorizationFailedError:
                refused.append(topic["topic"])
            elif error is not UnknownTopicOrPartitionError:
                raise error(topic["topic"])
        return str(answer["cluster_id"]), there, refused


def needed(table: Table) -> frozenset[str]:
    """The topics a service reads and writes by name; a sender's own topic comes when ops grant it."""
    written = (topics.events_of(table.service), topics.DEAD_LETTERS, topics.AUDIT)
    return frozenset(topic for topic in (*table.topics, *written) if "*" not in topic)


def compare(
    kafka: Cluster,
    cluster: str,
    there: Mapping[str, int],
    refused: Iterable[str],
    needed: Iterable[str],
    known: Known | None,
) -> str | None:
    """The fault, in one line; None where all is as before."""
    bootstrap = kafka.bootstrap
    if known is not None and known.cluster not in {"", cluster}:
        return (
            f"Kafka at {bootstrap} is cluster {cluster}, but this service's state belongs to cluster {known.cluster}: "
            "point LAHETE_KAFKA there; if the log was moved on purpose, run `lahete setup --accept-cluster`"
        )
    if refused := sorted(refused):
        return (
            f"Kafka at {bootstrap} refuses {kafka.user or 'whoever has no login'} the topics {', '.join(refused)}: "
            "let it do what `lahete acls` prints"
        )
    lacking = sorted(set(needed) - set(there))
    if lacking:
        return f"Kafka at {bootstrap} lacks the topics {', '.join(lacking)}: run `lahete topics apply`"
    fewer = [
        f"{topic} has {there[topic]} partitions and had {count}"
        for topic, count in sorted((known.partitions if known else {}).items())
        if there.get(topic, count) < count
    ]
    if fewer:
        return f"{fewer[0]}: events may be lost; restore the topic, or run `lahete setup --accept-cluster`"
    return None


async def forget(store: Store) -> bool:
    """Lets the service accept whatever cluster it finds next; whether it knew one."""
    row: Any = (await store.load(PRECONDITIONS.name, [_KEY])).get(_KEY)
    if row is None:
        return False
    await store.save(PRECONDITIONS.name, [Row(_KEY, row.version + 1, msgspec.json.encode(Known("", {})))])
    return True
