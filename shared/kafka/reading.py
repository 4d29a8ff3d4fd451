"""Reads the partitions, and knows how far each is done. No exception of Kafka's client gets past here.

aiokafka hands out records of several partitions at once; if it fails at one of them, the records that it had taken from
the others are gone, and their positions have moved on. So after any failure every partition goes back to what is done,
and the loop asks each one alone for the one that failed, to read it apart from then on.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any, Final

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError, IllegalStateError

from shared import log_events, metrics
from shared.kafka import codecs
from shared.kafka.apart import Apart
from shared.kafka.cluster import Cluster
from shared.kafka.raw import legible
from shared.kafka.reach import told

_LOOKS_UP_EVERY_MS: Final = 1_000
_LOOKS_UP_FOR_THOSE_APART_MS: Final = 50
_SEARCHED_FOR: Final = 5.0
_POSITIONS_EVERY: Final = 1.0
_POSITIONS_WITHIN: Final = 0.05
_BETWEEN_ROUNDS: Final = 0.02
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0

log = structlog.get_logger()

Records = Mapping[TopicPartition, list[ConsumerRecord]]


class Reading:
    """Reads for one service. `assignment` answers the number of the assignment that is in force."""

    def __init__(self, service: str, kafka: Cluster, assignment: Callable[[], int]) -> None:
        self.done: dict[TopicPartition, int] = {}
        """By partition held, the offset up to which all is done: the committed one, or where its log begins."""
        self.ends: Mapping[TopicPartition, int] = {}
        """By partition, the offset up to which all is done once the records in hand are."""
        self.assignment = -1
        """The assignment under which the records in hand were read."""
        self.fails: str | None = None
        """Why Kafka's client gives no records at all, in one line."""
        self.apart = Apart(service, kafka)
        self._service = service
        self._assignment_now = assignment
        self._suspects: list[TopicPartition] = []
        self._searched_until = 0.0
        self._positions_at = 0.0
        self._idle_at: dict[TopicPartition, int] = {}
        self._astray = False
        self._pause = _FIRST_PAUSE

    async def look(self, consumer: Any, most: int) -> Records:
        """The records that came within a moment, or none. Raises `ConsumerStoppedError` and nothing else."""
        assignment, self.ends = self._assignment_now(), {}
        codecs.begin()
        try:
            self._begin_again(consumer)
            found, ends = await self._read(consumer, most)
        except ConsumerStoppedError:
            raise
        except Exception as error:  # noqa: BLE001 - after any failure the records read with it must be read again
            await self._failed(error)
            return {}
        if assignment != self._assignment_now():
            self._astray = True  # some records may be of one assignment, others of the next
            return {}
        self.fails, self._pause = None, _FIRST_PAUSE
        self.ends, self.assignment = ends, assignment
        return {partition: [legible(record) for record in records] for partition, records in found.items()}

    def begin(self, done: Mapping[TopicPartition, int]) -> None:
        """This instance holds these partitions now, and they are done up to these offsets."""
        self.done = dict(done)
        self._suspects = []
        self._idle_at = {}
        self.apart.give_back_all()

    def go_back(self, consumer: Any) -> None:
        """Seeks back, so that the records in hand are read again."""
        for partition in self.ends:
            self._seek(consumer, partition)

    # --- reading

    async def _read(self, consumer: Any, most: int) -> tuple[Records, dict[TopicPartition, int]]:
        for partition in self.apart.sound():
            self._seek(consumer, partition)
            consumer.resume(partition)
        apart = await self.apart.read(self.done, most) if self.apart.partitions else {}
        found = {partition: list(stretch.records) for partition, stretch in apart.items() if stretch.records}
        wait = 0 if found else _LOOKS_UP_FOR_THOSE_APART_MS if self.apart.partitions else _LOOKS_UP_EVERY_MS
        found |= await self._together(consumer, most, wait)
        ends = {partition: stretch.end for partition, stretch in apart.items()}
        return found, ends | await self._positions(consumer, [one for one in found if one not in ends])

    async def _together(self, consumer: Any, most: int, wait_ms: int) -> Records:
        if self._suspects and time.monotonic() < self._searched_until:
            return await self._one_by_one(consumer, most)
        found: Records = await consumer.getmany(timeout_ms=wait_ms, max_records=most)
        return found

    async def _one_by_one(self, consumer: Any, most: int) -> Records:
        """The records of the first suspect that has any. The search ends at the one that fails: it is read apart."""
        for partition in list(self._suspects):
            try:
                found: Records = await consumer.getmany(partition, timeout_ms=0, max_records=most)
            except (ConsumerStoppedError, IllegalStateError):
                raise
            except Exception as error:  # noqa: BLE001 - a sender's bytes can raise anything
                consumer.pause(partition)
                self._suspects = []
                self.apart.take(partition, error)
                return {}
            self._suspects.append(self._suspects.pop(0))
            if found:
                return found
        await asyncio.sleep(_BETWEEN_ROUNDS)
        return {}

    async def _positions(self, consumer: Any, found: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """The positions of the partitions in `found` now, and those of the others a while ago.

        A position moves on without a record over markers of transactions, or where compaction took the records. The
        second look believes that: aiokafka steps over a record that is too large before it says so.
        """
        positions = {partition: await consumer.position(partition) for partition in found}
        if self._positions_at < time.monotonic():
            self._positions_at = time.monotonic() + _POSITIONS_EVERY
            gone_on = {one: at for one, at in self._idle_at.items() if one not in found and at > self.done.get(one, at)}
            positions |= gone_on
            self._idle_at = await self._stand_at(consumer, consumer.assignment() - {*found, *self.apart.partitions})
        return positions

    async def _stand_at(self, consumer: Any, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        positions: dict[TopicPartition, int] = {}
        # aiokafka would wait for a partition whose beginning Kafka has not said yet.
        with suppress(TimeoutError):
            async with asyncio.timeout(_POSITIONS_WITHIN):
                for partition in partitions:
                    positions[partition] = await consumer.position(partition)
        return positions

    # --- going back

    async def _failed(self, error: Exception) -> None:
        """Lets the loop read the lost records again, and begins the search for the partition that failed."""
        metrics.RETRIES.labels(self._service, type(error).__name__).inc()
        log.warning(log_events.FETCH_FAILED, why=told(error), pause=self._pause)
        self._astray = True
        self._idle_at = {}
        self._suspects = sorted(self.done.keys() - set(self.apart.partitions))
        self._searched_until = time.monotonic() + _SEARCHED_FOR
        if self._pause > _FIRST_PAUSE:  # the second failure in a row: no partition's fault
            self.fails = f"Kafka's client gives nothing: {told(error)}"
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def _begin_again(self, consumer: Any) -> None:
        if self._astray:
            for partition in self.done:
                self._seek(consumer, partition)
        self._astray = False

    def _seek(self, consumer: Any, partition: TopicPartition) -> None:
        if partition in consumer.assignment() and partition in self.done:
            consumer.seek(partition, self.done[partition])
