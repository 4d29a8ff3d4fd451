"""docs/protocol.md, “A batch”: from raw records to what may be committed. Each step stands where the model proved it.

`receive`, then `process`, which returns once all that follows is acknowledged; the caller commits, then calls `clear` at
leisure, at the latest before the next `process`. Any exception means: nothing is committed, the same records will come
again, and that is harmless.
"""

import time
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from aiokafka import ConsumerRecord

from shared import metrics
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.envelope import Event
from shared.contracts.errors import EventError
from shared.contracts.instants import later
from shared.engine import unit_of_work
from shared.engine.circuit_breaker import AggregateKey, CircuitBreaker, CircuitOpen, Failure, origin_of
from shared.engine.dead_letters import DeadLetter, reasons_of, record_of
from shared.engine.documents import decoder_of, read
from shared.engine.forged import Forgeries
from shared.engine.model import Decision, Document, Handler, Kind, Out, OutBlank, OutRow, Rejected, Table, Waits
from shared.engine.outbox import record_of as kafka_record
from shared.engine.receive import HANDLER_FAILED, RoutedEvent, read_again, receive, route, unread
from shared.engine.unit_of_work import Known, UnitOfWork
from shared.kafka.producer import Publisher
from shared.store import Row, Store, StoreUnavailable, Unsaveable, Written

MAX_DOCUMENT_BYTES: Final = 12 * 1024 * 1024  # MongoDB takes 16 MiB of BSON
_RACES: Final = 50

log = structlog.get_logger()


class HandlerFault(Exception):
    """Switched on in the settings for a test: stands for a bug in a handler."""


class Batch:
    """What a batch left behind, to be cleared once it is committed."""

    def __init__(self) -> None:
        self.units: dict[AggregateKey, UnitOfWork] = {}
        self.letters: list[DeadLetter] = []
        self.outcomes: Counter[tuple[str, str]] = Counter()
        """By class, which is empty where it was not looked for, and outcome."""

    @property
    def saved(self) -> dict[tuple[str, str], int]:
        """Of events whose documents remember them by now, whatever becomes of the batch."""
        return {
            (name, one): count for (name, one), count in self.outcomes.items() if name and one != unit_of_work.CONFLICT
        }


class Received:
    """A batch as it was read: what is for which aggregate, in order, and what is refused already."""

    def __init__(self) -> None:
        self.groups: dict[AggregateKey, list[RoutedEvent]] = {}
        self.batch = Batch()


def _rows(
    decided: Mapping[AggregateKey, UnitOfWork], doomed: Container[AggregateKey]
) -> tuple[dict[AggregateKey, Row], dict[AggregateKey, str]]:
    """What is to be saved, and of what nothing can be computed to be found by: a state that a partner's event poisoned."""
    since = time.time()
    rows: dict[AggregateKey, Row] = {}
    unwritable: dict[AggregateKey, str] = {}
    for at, unit in decided.items():
        if not unit.changed:
            continue
        try:
            rows[at] = unit.row(since)
        except Exception as error:  # noqa: BLE001 - it raises at every try: others of the batch must not wait for it
            if at in doomed:
                rows[at] = unit.row(since, found=False)
            else:
                unwritable[at] = f"{type(error).__name__}: {error}"
    return rows, unwritable


class Processor:
    """Takes batches through the protocol for one service."""

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
    ) -> None:
        self.table = table
        self.store = store
        self.breaker = CircuitBreaker()
        self.forgeries = Forgeries(table.service)
        self._publisher = publisher
        self._clock = clock
        self._recent_outcomes = recent_outcomes
        self._due_early = due_early
        self._failing = failing
        self._between = between
        self._receive = table.receive or receive
        self._decoders = {kind.collection.name: decoder_of(kind) for kind in table.kinds}
        self._to_scrub = False
        self._kinds = {kind.collection.name: kind for kind in table.kinds}

    # --- the batch

    def receive(self, records: Iterable[ConsumerRecord]) -> Received:
        """Receive: what each record holds, and whose it is. Looks at no state."""
        received = Received()
        outcomes: list[tuple[str, str]] = []
        now = self._clock.now()
        for record in records:
            one = self._read(record, now)
            if isinstance(one, DeadLetter):
                received.batch.letters.append(one)
                outcomes.append(("", one.reason))
            elif one is None:
                outcomes.append(("", "skipped"))
            else:
                for routed in one if isinstance(one, tuple) else (one,):
                    received.groups.setdefault(routed.at, []).append(routed)
        received.batch.outcomes.update(outcomes)
        self._between("received")
        return received

    def _read(self, record: ConsumerRecord, now: datetime) -> RoutedEvent | tuple[RoutedEvent, ...] | DeadLetter | None:
        """A fault of ours in reading is laid aside like one in deciding: it must not stop everybody at one record."""
        try:
            return self._receive(record, self.table, now)
        except Exception as error:
            place = f"{record.topic}/{record.partition}/{record.offset}"
            log.error("reading failed", record=place, error=type(error).__name__, exc_info=error)
            self.breaker.saw(("", place), Failure("a record", topics.sender_of(record.topic) or record.topic))
            # One of its own kind would fail as this did, without end.
            return None if record.topic == topics.DEAD_LETTERS else unread(record, self.table.service, error)

    async def process(self, received: Received) -> Batch:
        """Load to Let out. Raises `StoreUnavailable`, `BrokerUnavailable`, `CircuitOpen`."""
        batch = received.batch
        await self._decide_and_save(received.groups, batch)
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
        """What was taken away leaves the store's files, where that is still to be done. Raises `StoreUnavailable`."""
        if not self._to_scrub:
            return
        self._to_scrub = False  # what is taken away meanwhile sets it again
        try:
            await self.store.scrub()
        except StoreUnavailable:
            self._to_scrub = True
            raise

    async def sweep(self, older_than: float, limit: int = 200) -> int:
        """Sweep: publishes what a consumer that died left in its outboxes. Returns how many documents had some."""
        swept = 0
        for kind in self.table.kinds:
            rows = await self.store.find(kind.collection.name, at_most=("outbox_since", older_than), limit=limit)
            if not rows:
                continue
            batch = Batch()
            # Read again by id: what a find gives may be a moment older than what a consumer saved.
            loaded = await self.store.load(kind.collection.name, [row.id for row in rows])
            batch.units = {
                (kind.collection.name, row.id): unit
                for row in loaded.values()
                if (unit := self._unit(kind, row.id, row)).document.outbox
            }
            await self._let_out(batch.units.values(), [])
            await self.clear(batch)
            swept += len(batch.units)
        return swept

    # --- Load to Save

    async def _decide_and_save(self, groups: dict[AggregateKey, list[RoutedEvent]], batch: Batch) -> None:
        pending = groups
        doomed: dict[AggregateKey, str] = {}
        versions: dict[AggregateKey, int] = {}
        for _ in range(_RACES):
            if not pending:
                return
            decided, letters, outcomes = await self._decide(pending, doomed)
            rows, unwritable = _rows(decided, doomed)
            # One whose events were refused already is saved all the same: the bound leaves room for its dead letters.
            too_large = {
                at: f"its document would have more than {MAX_DOCUMENT_BYTES} bytes"
                for at, row in rows.items()
                if len(row.body) + len(row.outbox) > MAX_DOCUMENT_BYTES and at not in doomed
            }
            lost, unsaveable = await self._save({at: row for at, row in rows.items() if at not in too_large})
            unsaveable |= unwritable
            for at in unsaveable.keys() & doomed.keys():
                raise StoreUnavailable(f"{at[0]} {at[1]} cannot even keep what it refuses: {unsaveable[at]}")
            refused = too_large | unsaveable
            for at, unit in decided.items():
                if at in lost and versions.get(at) == unit.version:
                    raise StoreUnavailable(f"{at[0]} {at[1]} lost a race at version {unit.version} that nobody won")
                versions[at] = unit.version
                if at not in lost and at not in refused:
                    unit.version += at in rows
                    batch.units[at] = unit
                    batch.letters += letters.get(at, [])
                    batch.outcomes.update(outcomes[at])
            doomed |= refused
            pending = {at: groups[at] for at in lost | refused.keys()}
        raise StoreUnavailable(f"{len(pending)} documents lost {_RACES} races; the first is {next(iter(pending))}")

    async def _decide(
        self, groups: dict[AggregateKey, list[RoutedEvent]], doomed: dict[AggregateKey, str]
    ) -> tuple[
        dict[AggregateKey, UnitOfWork], dict[AggregateKey, list[DeadLetter]], dict[AggregateKey, list[tuple[str, str]]]
    ]:
        decided = await self._load(groups)
        self._between("loaded")
        inbox = await self._recall(groups, decided)
        self._between("recalled")
        letters: dict[AggregateKey, list[DeadLetter]] = {}
        outcomes: dict[AggregateKey, list[tuple[str, str]]] = {}
        for at, routed_events in groups.items():
            outcomes[at] = []
            for routed in routed_events:
                outcome = await self._take(decided[at], routed, inbox.get(at, {}), doomed.get(at))
                if outcome == unit_of_work.CONFLICT and not routed.owned:
                    outcomes[at].append(("", "skipped"))  # its owner alone counts it, as it alone dead-letters it
                    continue
                outcomes[at].append((routed.event.name, outcome))
                if outcome == unit_of_work.CONFLICT:
                    letters.setdefault(at, []).append(self._conflict(routed))
        return decided, letters, outcomes

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
                # With the attempt: the document may hold a later one only, and the inbox what became of this.
                recent_outcomes = {(seen.source, seen.id, seen.attempt) for seen in document.recent_outcomes}
                keys += [
                    ("/".join(at), routed.event.source, routed.event.id)
                    for routed in routed_events
                    if (routed.event.source, routed.event.id, routed.attempt) not in recent_outcomes
                ]
        found: dict[AggregateKey, dict[tuple[str, str], list[Any]]] = {}
        if not keys:
            return {}
        by_aggregate = {"/".join(at): at for at in groups}
        for aggregate, kept in await self.store.recall(keys):
            known = found.setdefault(by_aggregate[aggregate], {})
            known.setdefault((kept.source, kept.id), []).append(kept)
        return dict(found)

    async def _save(self, rows: dict[AggregateKey, Row]) -> tuple[set[AggregateKey], dict[AggregateKey, str]]:
        """Save: those that lost their race, and those that can never be saved, with why."""
        lost: set[AggregateKey] = set()
        unsaveable: dict[AggregateKey, str] = {}
        for name in {at[0] for at in rows}:
            wanted = [row for at, row in rows.items() if at[0] == name]
            while wanted:
                try:
                    lost |= {(name, id_) for id_ in await self.store.save(name, wanted)}
                    break
                except Unsaveable as error:
                    # Of the others it is unknown what was saved: who was will lose its race, and be a repetition.
                    unsaveable |= {(name, id_): why for id_, why in error.why.items()}
                    wanted = [row for row in wanted if row.id not in error.why]
        return lost, unsaveable

    # --- Decide

    async def _take(self, unit: UnitOfWork, routed: RoutedEvent, inbox: Known, doomed: str | None) -> str:
        now = self._clock.now()
        known = unit.known_as(routed, inbox)
        if known == unit_of_work.APPLIED_BEFORE and routed.attempt:
            # Under another attempt: the redriven letter is resolved all the same.
            unit.remember(routed.event, routed.attempt, "applied")
            unit.settle(routed, now)
        if known == unit_of_work.REPETITION and routed.attempt:
            unit.redrive_early(routed)
        if known:
            return unit_of_work.CONFLICT if known == unit_of_work.CONFLICT else unit_of_work.REPETITION
        outcome = await self._decided(unit, routed, now, doomed)
        if outcome == "applied" and unit.document.early:
            await self._take_early(unit, now)
        return outcome

    async def _decided(self, unit: UnitOfWork, routed: RoutedEvent, now: datetime, doomed: str | None = None) -> str:
        event = routed.event
        if unit.document.erased:
            return self._met_erasure(unit, routed, now)
        try:
            decided = await self._judge(unit, routed.handler, event, now, doomed)
            if isinstance(decided, Waits):
                decided = self._keep_early(unit, routed, decided, now) or decided
            if isinstance(decided, Waits):
                return "waiting"
            if changes := decided if isinstance(decided, Decision) else decided.meanwhile:
                unit.apply(changes, event, now)
        except (StoreUnavailable, CircuitOpen):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a handler raises, it raises twice: it becomes a dead letter
            return self._failed(unit, routed, error, now)
        self.breaker.saw(routed.at, None)
        if isinstance(decided, Rejected):
            return self._refused(unit, routed, "rejected", decided.why, now)
        unit.remember(event, routed.attempt, "applied")
        if routed.attempt:
            unit.settle(routed, now)
        return "applied"

    def _met_erasure(self, unit: UnitOfWork, routed: RoutedEvent, now: datetime) -> str:
        event = routed.event
        if why := unit.kind.meets_erasure(unit.document.state, event.source, event.name):
            return self._refused(unit, routed, "rejected", why, now)
        unit.remember(event, routed.attempt, "applied")
        if routed.attempt:
            unit.settle(routed, now)
        return "erased"

    async def _judge(
        self, unit: UnitOfWork, handler: Handler, event: Event, now: datetime, doomed: str | None
    ) -> "Decision[Any] | Waits | Rejected":
        if event.name in self._failing:
            raise HandlerFault(f"LAHETE_FAULT_FAIL_ON holds {event.name}")
        if doomed:
            raise ValueError(doomed)
        if self._is_time_of_early(event):
            return self._let_early_leave(unit, event, now)
        context = self.table.context
        if handler.look_up:
            context = await handler.look_up(unit.document.state, event, self.store, now)
        return handler.decide(unit.document.state, event, now, context)

    def _failed(self, unit: UnitOfWork, routed: RoutedEvent, error: Exception, now: datetime) -> str:
        log.error(
            "handler failed", type=routed.event.name, id=routed.event.id, error=type(error).__name__, exc_info=error
        )
        self.breaker.saw(routed.at, Failure(routed.event.name, origin_of(routed.event, routed.at)))
        return self._refused(unit, routed, HANDLER_FAILED, f"{type(error).__name__}: {error}", now)

    def _refused(self, unit: UnitOfWork, routed: RoutedEvent, reason: str, why: str, now: datetime) -> str:
        letter = DeadLetter(routed.dl_id, self.table.service, reason, why, routed.original, routed.attempt + 1)
        unit.refuse(letter, routed.event, routed.attempt, now)
        return reason

    def _conflict(self, routed: RoutedEvent) -> DeadLetter:
        event = routed.event
        why = f"{event.source} sent the id {event.id} before with another content; send the new content under a new id"
        return DeadLetter(routed.dl_id, self.table.service, "conflict", why, routed.original, routed.attempt + 1)

    # --- early events

    def _keep_early(self, unit: UnitOfWork, routed: RoutedEvent, waits: Waits, now: datetime) -> Rejected | None:
        refused = unit.keep_early(routed, waits, later(now, self._due_early))
        if refused is None and waits.meanwhile is not None:
            unit.apply(waits.meanwhile, routed.event, now)
        return refused

    async def _take_early(self, unit: UnitOfWork, now: datetime) -> None:
        """Applies what waited and whose turn has come, in order of time, round by round until nothing more does.

        In rounds, so that what many strangers let wait is not judged anew after each that has its turn.
        """
        progress = True
        while progress and not unit.document.erased:
            progress = False
            for early in sorted(unit.document.early, key=lambda one: (one.time, one.id, one.source)):
                if await self._turn_of(unit, early, now):
                    progress = True
                if unit.document.erased:
                    break

    async def _turn_of(self, unit: UnitOfWork, early: Any, now: datetime) -> bool:
        try:
            event = read_again(early.original, self.table, now)
        except EventError as error:
            letter = DeadLetter(
                early.dl_id, self.table.service, error.reason, str(error), early.original, early.attempt + 1
            )
            unit.drop_early(early)
            unit.put_out([record_of(letter), *unit_of_work.told(letter, now)])
            return True
        way = route(event, self.table)
        if way is None:
            return False
        service = self.table.service
        routed = RoutedEvent(
            event, *way, early.original, early.attempt, owned=True, service=service, redriven=early.dl_id
        )
        waiting = unit.document.early
        unit.drop_early(early)
        if await self._decided(unit, routed, now) == "waiting":
            unit.document.early = waiting
            return False
        return True

    def _is_time_of_early(self, event: Event) -> bool:
        # Other services' deadlines are read too, by those whom a partner's silence concerns.
        data: Any = event.data
        return event.name == "DeadlinePassed" and data.what == "early" and data.service == self.table.service

    def _let_early_leave(self, unit: UnitOfWork, event: Event, now: datetime) -> "Decision[Any]":
        due_at = event.data.due_at  # type: ignore[attr-defined]
        for early in [one for one in unit.document.early if one.leaves_at <= due_at]:
            letter = unit_of_work.expired(early, self.table.service)
            unit.drop_early(early)
            cause = Event(early.id, early.source, early.time, event.data, early.digest)
            unit.refuse(letter, cause, early.attempt, now)
        return Decision(unit.document.state)

    # --- Let out

    async def _let_out(self, touched: Iterable[UnitOfWork], letters: Sequence[DeadLetter]) -> None:
        """The whole outbox of every touched document, repetitions' too, in order; and the stateless dead letters."""
        touched = list(touched)
        now = self._clock.now()
        outs: list[Out] = [out for unit in touched for out in unit.document.outbox]
        for letter in letters:
            outs += [record_of(letter), *unit_of_work.told(letter, now), *self.forgeries.of_letter(letter)]
        records = [record for out in outs if (record := kafka_record(out)) is not None]
        await self._write_journals(outs)
        overflow = [kept for unit in touched for kept in unit.for_inbox(self._recent_outcomes)]
        if overflow:
            await self.store.remember(overflow)
        # Before the commit, so that a crash leads here again; behind the overflow, which an earlier save may have begun.
        if erased := [unit.aggregate for unit in touched if unit.has_digests_to_forget(self._recent_outcomes)]:
            await self.store.forget(erased)
        if records:
            await self._publisher.publish(records)
        reasons = reasons_of(outs)
        self.breaker.laid_aside += reasons[HANDLER_FAILED]
        for reason, count in reasons.items():
            metrics.DEAD_LETTERS.labels(self.table.service, reason).inc(count)

    async def _write_journals(self, outs: Iterable[Out]) -> None:
        rows: dict[str, list[Written]] = {}
        for out in outs:
            if isinstance(out, OutRow):
                rows.setdefault(out.journal, []).append(Written(out.owner, out.number, bytes(out.body), out.about))
        for journal, written in rows.items():
            await self.store.append(journal, written)
        # After all rows: what stands behind a blank in an outbox has a higher number than it reaches.
        for out in outs:
            if isinstance(out, OutBlank):
                await self.store.blank(out.journal, out.owner, out.about, out.up_to, bytes(out.body))
