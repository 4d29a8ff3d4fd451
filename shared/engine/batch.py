"""docs/protocol.md, “A batch”: from raw records to what may be committed. Each step stands where the model proved it.

`receive`, then `process`, which returns once all that follows is acknowledged; the caller commits, then calls `clear` at
leisure, at the latest before the next `process`. Any exception means: nothing is committed, the loop will read the same
records again, and that is harmless.
"""

import time
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from aiokafka import ConsumerRecord

from shared import log_events, metrics
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.dead_letter import DeadLetter
from shared.engine.circuit_breaker import AggregateKey, CircuitBreaker, Failure
from shared.engine.deciding import Deciding
from shared.engine.documents import decoder_of, read
from shared.engine.model import Document, Kind, Out, Table
from shared.engine.outbox import reasons_of, record_of, refusal, write_journals
from shared.engine.receive import HANDLER_FAILED, RoutedEvent, receive, unread
from shared.engine.unit_of_work import CONFLICT, Known, UnitOfWork
from shared.kafka.producer import Publisher
from shared.store import Row, Store, StoreUnavailable, save_each

MAX_DOCUMENT_BYTES: Final = 12 * 1024 * 1024  # MongoDB takes 16 MiB of BSON
_RACES: Final = 50

log = structlog.get_logger()


class Batch:
    """The units of work and dead letters of a batch, to be cleared once its offsets are committed."""

    def __init__(self) -> None:
        self.units: dict[AggregateKey, UnitOfWork] = {}
        self.letters: list[DeadLetter] = []
        self.outcomes: Counter[tuple[str, str]] = Counter()
        """By class, which is empty where nobody looked for it, and outcome."""

    @property
    def saved(self) -> dict[tuple[str, str], int]:
        """Outcomes that their documents remember by now, whatever becomes of the batch."""
        return {(name, one): count for (name, one), count in self.outcomes.items() if name and one != CONFLICT}

    def add(self, at: AggregateKey, unit: UnitOfWork) -> None:
        """A unit of work that is saved, or had nothing to save."""
        self.units[at] = unit
        self.letters += unit.conflicts
        self.outcomes.update(unit.outcomes)


class Received:
    """A batch as the loop read it: the events of each aggregate, in order, and the dead letters so far."""

    def __init__(self) -> None:
        self.groups: dict[AggregateKey, list[RoutedEvent]] = {}
        self.batch = Batch()


def _rows(
    units: Mapping[AggregateKey, UnitOfWork], doomed: Container[AggregateKey]
) -> tuple[dict[AggregateKey, Row], dict[AggregateKey, str]]:
    """The rows to save; and why others cannot be saved: too large, or a partner's event poisoned the state."""
    since = time.time()
    rows: dict[AggregateKey, Row] = {}
    refused: dict[AggregateKey, str] = {}
    for at, unit in units.items():
        if not unit.changed:
            continue
        try:
            row = unit.row(since)
        except Exception as error:  # noqa: BLE001 - the row raises at every try: the rest of the batch must not wait
            if at in doomed:
                rows[at] = unit.row(since, found=False)
            else:
                refused[at] = f"{type(error).__name__}: {error}"
            continue
        # A doomed document is saved all the same: the bound leaves room for its dead letters.
        if len(row.body) + len(row.outbox) > MAX_DOCUMENT_BYTES and at not in doomed:
            refused[at] = f"its document would have more than {MAX_DOCUMENT_BYTES} bytes"
        else:
            rows[at] = row
    return rows, refused


class Processor:
    """Takes batches through the protocol for one service. `audits`: what the audit keeps of a dead letter."""

    def __init__(
        self,
        table: Table,
        store: Store,
        publisher: Publisher,
        clock: Clock,
        *,
        recent_outcomes: int,
        due_early: timedelta,
        failing: frozenset[str] = frozenset(),
        between: Callable[[str], None] = lambda _: None,
        audits: Callable[[DeadLetter], Sequence[Out]] = lambda _: (),
    ) -> None:
        self.table = table
        self.store = store
        self.breaker = CircuitBreaker()
        self._publisher = publisher
        self.clock = clock
        self._recent_outcomes = recent_outcomes
        self._between = between
        self._audits = audits
        self._deciding = Deciding(table, store, clock, self.breaker, due_early=due_early, failing=failing)
        self._receive = table.receive or receive
        self._decoders = {kind.collection.name: decoder_of(kind) for kind in table.kinds}
        self._to_scrub = False
        self._kinds = {kind.collection.name: kind for kind in table.kinds}

    # --- the batch

    def receive(self, records: Iterable[ConsumerRecord]) -> Received:
        """Receive: what each record holds, and for which aggregate. Looks at no state."""
        received = Received()
        now = self.clock.now()
        for record in records:
            one = self._read(record, now)
            if isinstance(one, DeadLetter):
                received.batch.letters.append(one)
                received.batch.outcomes["", one.reason] += 1
            elif one is None:
                received.batch.outcomes["", "skipped"] += 1
            else:
                for routed in one if isinstance(one, tuple) else (one,):
                    received.groups.setdefault(routed.at, []).append(routed)
        self._between("received")
        return received

    def _read(self, record: ConsumerRecord, now: datetime) -> RoutedEvent | tuple[RoutedEvent, ...] | DeadLetter | None:
        """Lays a record aside that our own code fails to read, like a failed decision: one must not stop all others."""
        try:
            return self._receive(record, self.table, now)
        except Exception as error:
            place = f"{record.topic}/{record.partition}/{record.offset}"
            log.error(log_events.RECORD_UNREAD, record=place, exc_info=error)
            self.breaker.saw(("", place), Failure("a record", topics.sender_of(record.topic) or record.topic))
            # A dead letter of a dead letter would fail like this one, without end.
            return None if record.topic == topics.DEAD_LETTERS else unread(record, self.table.service, error)

    async def process(self, received: Received) -> Batch:
        """Load to Let out. Raises `StoreUnavailable`, `BrokerUnavailable`, `CircuitOpen`."""
        batch = received.batch
        await self.decide_and_save(received.groups, batch)
        self._between("saved")
        await self._let_out(batch.units.values(), batch.letters)
        self._between("published")
        return batch

    async def clear(self, batch: Batch) -> None:
        """Clear: guarded by the version, so that a miss is fine."""
        self._to_scrub = self._to_scrub or any(unit.scrubs for unit in batch.units.values())
        full = [unit for unit in batch.units.values() if unit.document.outbox or unit.overflow(self._recent_outcomes)]
        for name in {unit.kind.collection.name for unit in full}:
            units = [unit for unit in full if unit.kind.collection.name == name]
            emptied = {unit.id: unit.version for unit in units if unit.lacks_only_emptying(self._recent_outcomes)}
            if emptied:
                await self.store.empty(name, emptied)
            if whole := [unit.cleared_row(self._recent_outcomes) for unit in units if unit.id not in emptied]:
                await self.store.clear(name, whole)
        await self.scrub()
        self._between("cleared")

    async def scrub(self) -> None:
        """Takes what was erased out of the store's files too, if anything was. Raises `StoreUnavailable`."""
        if not self._to_scrub:
            return
        self._to_scrub = False  # an erasure meanwhile sets it again
        try:
            await self.store.scrub()
        except StoreUnavailable:
            self._to_scrub = True
            raise

    async def sweep(self, older_than: float, limit: int = 200) -> int:
        """Sweep: publishes the outboxes that a dead consumer left. Returns how many documents had some."""
        swept = 0
        for name, kind in self._kinds.items():
            rows = await self.store.find(name, at_most=("outbox_since", older_than), limit=limit)
            # Loaded by id: a find may answer with an older version than a consumer saved a moment ago.
            loaded = await self.store.load(name, [row.id for row in rows]) if rows else {}
            batch = Batch()
            for row in loaded.values():
                if (unit := self._unit(kind, row.id, row)).document.outbox:
                    batch.units[name, row.id] = unit
            await self._let_out(batch.units.values(), [])
            await self.clear(batch)
            swept += len(batch.units)
        return swept

    # --- Load to Save

    async def decide_and_save(self, groups: dict[AggregateKey, list[RoutedEvent]], batch: Batch) -> None:
        """Load to Save. Raises `StoreUnavailable`, `CircuitOpen`."""
        doomed: dict[AggregateKey, str] = {}
        versions: dict[AggregateKey, int] = {}
        for _ in range(_RACES):
            if not groups:
                return
            units = await self._decide(groups, doomed)
            rows, refused = _rows(units, doomed)
            lost, unsaveable = await self._save(rows)
            refused |= unsaveable
            for at in refused.keys() & doomed.keys():
                raise StoreUnavailable(f"{at[0]} {at[1]} cannot even keep what it refuses")
            for at, unit in units.items():
                if at in lost and versions.get(at) == unit.version:
                    raise StoreUnavailable(f"{at[0]} {at[1]} lost a race at version {unit.version} that nobody won")
                versions[at] = unit.version
                if at not in lost and at not in refused:
                    unit.version += at in rows
                    batch.add(at, unit)
            doomed |= refused
            groups = {at: groups[at] for at in lost | refused.keys()}
        raise StoreUnavailable(f"{len(groups)} documents lost {_RACES} races; the first is {next(iter(groups))}")

    async def _decide(
        self, groups: dict[AggregateKey, list[RoutedEvent]], doomed: dict[AggregateKey, str]
    ) -> dict[AggregateKey, UnitOfWork]:
        units = await self._load(groups)
        self._between("loaded")
        inbox = await self._recall(groups, units)
        self._between("recalled")
        for at, routed_events in groups.items():
            for routed in routed_events:
                await self._deciding.take(units[at], routed, inbox.get(at, {}), doomed.get(at))
            units[at].tell_waiting(self.clock.now())
        return units

    async def _load(self, groups: dict[AggregateKey, list[RoutedEvent]]) -> dict[AggregateKey, UnitOfWork]:
        loaded: dict[AggregateKey, UnitOfWork] = {}
        for name, kind in self._kinds.items():
            ids = [id_ for collection, id_ in groups if collection == name]
            if not ids:
                continue
            rows = await self.store.load(name, ids)
            for id_ in ids:
                loaded[name, id_] = self._unit(kind, id_, rows.get(id_))
        return loaded

    def _unit(self, kind: Kind[Any], id_: str, row: Row | None) -> UnitOfWork:
        document = read(row, self._decoders[kind.collection.name]) if row else Document()
        return UnitOfWork(self.table.service, kind, id_, row.version if row else 0, document)

    async def _recall(
        self, groups: dict[AggregateKey, list[RoutedEvent]], loaded: dict[AggregateKey, UnitOfWork]
    ) -> dict[AggregateKey, Known]:
        """Recall: after the load, never before or beside it, else an outcome on its way to the inbox is in neither."""
        keys: list[tuple[str, str, str]] = []
        for at, routed_events in groups.items():
            document = loaded[at].document
            if document.spilled:
                # With the attempt: the document may hold only a later attempt's outcome, and the inbox this one's.
                recent = {(one.source, one.id, one.attempt) for one in document.recent_outcomes}
                asked = [one for one in routed_events if (one.source, one.id, one.attempt) not in recent]
                keys += [("/".join(at), one.source, one.id) for one in asked]
        found: dict[AggregateKey, dict[tuple[str, str], list[Any]]] = {}
        if keys:
            by_aggregate = {"/".join(at): at for at in groups}
            for aggregate, kept in await self.store.recall(keys):
                known = found.setdefault(by_aggregate[aggregate], {})
                known.setdefault((kept.source, kept.id), []).append(kept)
        return dict(found)

    async def _save(self, rows: dict[AggregateKey, Row]) -> tuple[set[AggregateKey], dict[AggregateKey, str]]:
        """Save: the documents that lost their race, and those that can never be saved, with why."""
        lost: set[AggregateKey] = set()
        unsaveable: dict[AggregateKey, str] = {}
        for name in {at[0] for at in rows}:
            late, never = await save_each(self.store, name, [row for at, row in rows.items() if at[0] == name])
            lost |= {(name, id_) for id_ in late}
            unsaveable |= {(name, id_): why for id_, why in never.items()}
        return lost, unsaveable

    # --- Let out

    async def _let_out(self, touched: Iterable[UnitOfWork], letters: Sequence[DeadLetter]) -> None:
        """Lets out every touched document's whole outbox, repetitions' too, in order, and the stateless dead letters."""
        touched = list(touched)
        now = self.clock.now()
        outs: list[Out] = [out for unit in touched for out in unit.document.outbox]
        for letter in letters:
            outs += [*refusal(letter, now), *self._audits(letter)]
        records = [record for out in outs if (record := record_of(out)) is not None]
        await write_journals(self.store, outs)
        overflow = [kept for unit in touched for kept in unit.for_inbox(self._recent_outcomes)]
        if overflow:
            await self.store.remember(overflow)
        # Before the commit, so that a crash leads here again; after the overflow, which an earlier save may have begun.
        if erased := [unit.aggregate for unit in touched if unit.has_digests_to_forget(self._recent_outcomes)]:
            await self.store.forget(erased)
        if records:
            await self._publisher.publish(records)
        reasons = reasons_of(outs)
        self.breaker.laid_aside += reasons[HANDLER_FAILED]
        for reason, count in reasons.items():
            metrics.DEAD_LETTERS.labels(self.table.service, reason).inc(count)
