"""The work that no incoming event triggers: outboxes whose consumer died, and deadlines that pass in silence.

A deadline fires only when the group has consumed every record that was there when the clock was past it: after an
outage the sweeper would otherwise beat the backlog and lapse a referral that was answered long ago.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Self

import structlog
from aiokafka.errors import KafkaError

from shared import log_events, metrics
from shared.clock import Clock
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.identity import deadline_id
from shared.engine.batch import Processor
from shared.engine.documents import decoder_of, read
from shared.engine.loop import Loop
from shared.engine.model import Document, Due, Kind
from shared.engine.outbox import outgoing, record_of
from shared.kafka.cluster import Cluster
from shared.kafka.consumed import Consumed
from shared.kafka.producer import BrokerUnavailable, Publisher, Record
from shared.store import Row, StoreUnavailable

OUTBOX_AGE: Final = 2.0
_DUE_AT_ONCE: Final = 500
_REPEAT_AFTER: Final = 10.0

log = structlog.get_logger()


class Sweeper:
    """Sweeps one service, every `every` real seconds, until cancelled; not while the service is `not_ready`."""

    def __init__(
        self,
        loop: Loop,
        processor: Processor,
        publisher: Publisher,
        clock: Clock,
        kafka: Cluster,
        *,
        every: float = 1.0,
        not_ready: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._loop = loop
        self._processor = processor
        self._publisher = publisher
        self._clock = clock
        self._every = every
        self._not_ready = not_ready
        self._table = processor.table
        self._fired: dict[str, float] = {}
        self._outbox_since: float | None = None
        # Asked when it is scraped: a sweep that Kafka keeps waiting would never say so by itself.
        metrics.OLDEST_OUTBOX_SECONDS.labels(self._table.service).set_function(self.outbox_seconds)
        self.consumed = Consumed(kafka, self._table.service, loop.reads, lambda: loop.reading.done)
        self._decoders = {kind.collection.name: decoder_of(kind) for kind in self._table.kinds}

    async def __aenter__(self) -> Self:
        """Connects. Raises `KafkaError` where Kafka does not answer."""
        await self.consumed.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.consumed.__aexit__()

    async def run(self) -> None:
        """Sweeps until cancelled, through every outage."""
        async with self, asyncio.TaskGroup() as each:
            # As tasks: while Kafka stands still the deadlines wait, and the age of an outbox must rise meanwhile.
            each.create_task(self._again(self._sweep_outboxes))
            each.create_task(self._again(self._fire_deadlines))
            each.create_task(self._again(self._processor.scrub))

    async def _again(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except (StoreUnavailable, BrokerUnavailable, KafkaError) as error:
                if not self._not_ready():  # the readiness check logs an outage once
                    log.warning(log_events.SWEEP_FAILED, why=str(error))
                await asyncio.sleep(1)
            await asyncio.sleep(self._every)

    def outbox_seconds(self) -> float:
        """How long ago the oldest outbox that is not out was saved, in real seconds."""
        return max(0.0, time.time() - self._outbox_since) if self._outbox_since is not None else 0.0

    async def _sweep_outboxes(self) -> None:
        self._outbox_since = await self._oldest_outbox()
        if self._not_ready():
            return  # another cluster may answer, and events that went there would be lost
        if self.outbox_seconds() > OUTBOX_AGE and await self._processor.sweep(time.time() - OUTBOX_AGE):
            self._outbox_since = await self._oldest_outbox()

    async def _oldest_outbox(self) -> float | None:
        since: list[float | None] = []
        for kind in self._table.kinds:
            rows = await self._processor.store.find(
                kind.collection.name, at_most=("outbox_since", time.time()), order="outbox_since", limit=1
            )
            since += [self._document(kind, row).outbox_since for row in rows]
        return min((began for began in since if began), default=None)

    # --- deadlines

    async def _fire_deadlines(self) -> None:
        if self._not_ready() or self._loop.lost:
            return
        await self.consumed.look(self._clock.now())
        if (until := self.consumed.to) is None:
            return
        horizon = time.monotonic() - _REPEAT_AFTER
        self._fired = {id_: at for id_, at in self._fired.items() if at > horizon}
        records = []
        for kind in self._table.kinds:
            bound = ("due_at", until.timestamp())
            for row in await self._processor.store.find(
                kind.collection.name, at_most=bound, order="due_at", limit=_DUE_AT_ONCE
            ):
                records += self._due_records(kind, row, until)
        if records:
            await self._publisher.publish(records)

    def _due_records(self, kind: Kind[Any], row: Row, until: datetime) -> list[Record]:
        document = self._document(kind, row)
        dues = [Due("early", early.leaves_at) for early in document.early]
        if document.state is not None and not document.erased:
            dues += self._deadlines(kind, row.id, document.state)
        passed = [due for due in dues if due.due_at <= until]
        return [record for due in passed if (record := self._record(kind, row.id, due, synthetic=document.synthetic))]

    def _deadlines(self, kind: Kind[Any], aggregate: str, state: Any) -> Sequence[Due]:
        try:
            return kind.deadlines(state)
        except Exception:
            # A poisoned state must not stop the deadlines of all others.
            log.exception(log_events.DEADLINES_FAILED, collection=kind.collection.name, aggregate=aggregate)
            return ()

    def _record(self, kind: Kind[Any], aggregate: str, due: Due, *, synthetic: bool) -> Record | None:
        service = self._table.service
        id_ = deadline_id(service, f"{kind.collection.name}/{aggregate}", due.what, due.due_at, due.nth)
        now = time.monotonic()
        if now - self._fired.get(id_, -_REPEAT_AFTER) < _REPEAT_AFTER:
            return None
        self._fired[id_] = now
        data = DeadlinePassed(
            service=service,  # type: ignore[arg-type]
            collection=kind.collection.name,
            aggregate=aggregate,
            what=due.what,
            due_at=due.due_at.astimezone(UTC),
            nth=due.nth,
            referral_id=due.referral_id,
            concerns=due.concerns,
        )
        # The event's time is the deadline, not now: among the facts it stands where the silence ended.
        event = Event(
            id_,
            f"/service/{service}",
            data.due_at,
            data,
            correlation=due.referral_id,
            synthetic=synthetic,
            origin=due.concerns,
        )
        return record_of(outgoing(service, event))

    def _document(self, kind: Kind[Any], row: Row) -> Document[Any]:
        return read(row, self._decoders[kind.collection.name])
