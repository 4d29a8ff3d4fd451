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
from shared.engine import book as books
from shared.engine.book import Book, Known
from shared.engine.dead_letters import DeadLetter, reasons_of, record_of
from shared.engine.documents import decoder_of, read
from shared.engine.forged import Forgeries
from shared.engine.fuse import At, Failure, Fuse, FuseOpen, origin_of
from shared.engine.model import Decision, Document, Handler, Kind, Out, OutBlank, OutRow, Rejected, Table, Waits
from shared.engine.outbox import record_of as kafka_record
from shared.engine.receive import HANDLER_FAILED, Arrival, read_again, receive, route, unread
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
        self.books: dict[At, Book] = {}
        self.letters: list[DeadLetter] = []
        self.outcomes: Counter[tuple[str, str]] = Counter()
        """By class, which is empty where it was not looked for, and outcome."""

    @property
    def saved(self) -> dict[tuple[str, str], int]:
        """Of events whose documents remember them by now, whatever becomes of the batch."""
        return {(name, one): count for (name, one), count in self.outcomes.items() if name and one != books.CONFLICT}


class Received:
    """A batch as it was read: what is for which aggregate, in order, and what is refused already."""

    def __init__(self) -> None:
        self.groups: dict[At, list[Arrival]] = {}
        self.batch = Batch()


def _rows(decided: Mapping[At, Book], doomed: Container[At]) -> tuple[dict[At, Row], dict[At, str]]:
    """What is to be saved, and of what nothing can be computed to be found by: a state that a partner's event poisoned."""
    since = time.time()
    rows: dict[At, Row] = {}
    unwritable: dict[At, str] = {}
    for at, book in decided.items():
        if not book.changed:
            continue
        try:
            rows[at] = book.row(since)
        except Exception as error:  # noqa: BLE001 - it raises at every try: others of the batch must not wait for it
            if at in doomed:
                rows[at] = book.row(since, found=False)
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
        ring: int,
        due_early: timedelta,
        failing: frozenset[str] = frozenset(),
        between: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.table = table
        self.store = store
        self.fuse = Fuse()
        self.forgeries = Forgeries(table.service)
        self._publisher = publisher
        self._clock = clock
        self._ring = ring
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
                for arrival in one if isinstance(one, tuple) else (one,):
                    received.groups.setdefault(arrival.at, []).append(arrival)
        received.batch.outcomes.update(outcomes)
        self._between("received")
        return received

    def _read(self, record: ConsumerRecord, now: datetime) -> Arrival | tuple[Arrival, ...] | DeadLetter | None:
        """A fault of ours in reading is laid aside like one in deciding: it must not stop everybody at one record."""
        try:
            return self._receive(record, self.table, now)
        except Exception as error:
            place = f"{record.topic}/{record.partition}/{record.offset}"
            log.error("reading failed", record=place, error=type(error).__name__, exc_info=error)
            self.fuse.saw(("", place), Failure("a record", topics.sender_of(record.topic) or record.topic))
            # One of its own kind would fail as this did, without end.
            return None if record.topic == topics.DEAD_LETTERS else unread(record, self.table.service, error)

    async def process(self, received: Received) -> Batch:
        """Load to Let out. Raises `StoreUnavailable`, `BrokerUnavailable`, `FuseOpen`."""
        batch = received.batch
        await self._decide_and_save(received.groups, batch)
        self._between("saved")
        await self._let_out(batch.books.values(), batch.letters)
        self._between("published")
        return batch

    async def clear(self, batch: Batch) -> None:
        """Clear: guarded by the version, so that a miss is fine."""
        self._to_scrub = self._to_scrub or any(book.scrubs for book in batch.books.values())
        full = [book for book in batch.books.values() if book.document.outbox or book.overflow(self._ring)]
        for name in {book.kind.collection.name for book in full}:
            books = [book for book in full if book.kind.collection.name == name]
            emptied = {book.id: book.version for book in books if book.lacks_only_emptying(self._ring)}
            if emptied:
                await self.store.empty(name, emptied)
            if whole := [book.cleared_row(self._ring) for book in books if book.id not in emptied]:
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
            batch.books = {
                (kind.collection.name, row.id): book
                for row in loaded.values()
                if (book := self._book(kind, row.id, row)).document.outbox
            }
            await self._let_out(batch.books.values(), [])
            await self.clear(batch)
            swept += len(batch.books)
        return swept

    # --- Load to Save

    async def _decide_and_save(self, groups: dict[At, list[Arrival]], batch: Batch) -> None:
        pending = groups
        doomed: dict[At, str] = {}
        versions: dict[At, int] = {}
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
            for at, book in decided.items():
                if at in lost and versions.get(at) == book.version:
                    raise StoreUnavailable(f"{at[0]} {at[1]} lost a race at version {book.version} that nobody won")
                versions[at] = book.version
                if at not in lost and at not in refused:
                    book.version += at in rows
                    batch.books[at] = book
                    batch.letters += letters.get(at, [])
                    batch.outcomes.update(outcomes[at])
            doomed |= refused
            pending = {at: groups[at] for at in lost | refused.keys()}
        raise StoreUnavailable(f"{len(pending)} documents lost {_RACES} races; the first is {next(iter(pending))}")

    async def _decide(
        self, groups: dict[At, list[Arrival]], doomed: dict[At, str]
    ) -> tuple[dict[At, Book], dict[At, list[DeadLetter]], dict[At, list[tuple[str, str]]]]:
        decided = await self._load(groups)
        self._between("loaded")
        inbox = await self._recall(groups, decided)
        self._between("recalled")
        letters: dict[At, list[DeadLetter]] = {}
        outcomes: dict[At, list[tuple[str, str]]] = {}
        for at, arrivals in groups.items():
            outcomes[at] = []
            for arrival in arrivals:
                outcome = await self._take(decided[at], arrival, inbox.get(at, {}), doomed.get(at))
                if outcome == books.CONFLICT and not arrival.owned:
                    outcomes[at].append(("", "skipped"))  # its owner alone counts it, as it alone dead-letters it
                    continue
                outcomes[at].append((arrival.event.name, outcome))
                if outcome == books.CONFLICT:
                    letters.setdefault(at, []).append(self._conflict(arrival))
        return decided, letters, outcomes

    async def _load(self, groups: dict[At, list[Arrival]]) -> dict[At, Book]:
        loaded: dict[At, Book] = {}
        for name, kind in self._kinds.items():
            ids = [id_ for collection, id_ in groups if collection == name]
            if not ids:
                continue
            rows = await self.store.load(name, ids)
            for id_ in ids:
                loaded[name, id_] = self._book(kind, id_, rows.get(id_))
        return loaded

    def _book(self, kind: Kind[Any], id_: str, row: Row | None) -> Book:
        document = read(row, self._decoders[kind.collection.name]) if row else Document()
        return Book(self.table.service, kind, id_, row.version if row else 0, document)

    async def _recall(self, groups: dict[At, list[Arrival]], loaded: dict[At, Book]) -> dict[At, Known]:
        """Recall: after the load, never before or beside it, else an outcome on its way to the inbox is in neither."""
        keys: list[tuple[str, str, str]] = []
        for at, arrivals in groups.items():
            document = loaded[at].document
            if document.spilled:
                # With the attempt: the ring may hold a later one only, and the inbox what became of this.
                ring = {(seen.source, seen.id, seen.attempt) for seen in document.ring}
                keys += [
                    ("/".join(at), arrival.event.source, arrival.event.id)
                    for arrival in arrivals
                    if (arrival.event.source, arrival.event.id, arrival.attempt) not in ring
                ]
        found: dict[At, dict[tuple[str, str], list[Any]]] = {}
        if not keys:
            return {}
        by_aggregate = {"/".join(at): at for at in groups}
        for kept in await self.store.recall(keys):
            known = found.setdefault(by_aggregate[kept.aggregate], {})
            known.setdefault((kept.source, kept.id), []).append(kept)
        return dict(found)

    async def _save(self, rows: dict[At, Row]) -> tuple[set[At], dict[At, str]]:
        """Save: those that lost their race, and those that can never be saved, with why."""
        lost: set[At] = set()
        unsaveable: dict[At, str] = {}
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

    async def _take(self, book: Book, arrival: Arrival, inbox: Known, doomed: str | None) -> str:
        now = self._clock.now()
        known = book.known_as(arrival, inbox)
        if known == books.APPLIED_BEFORE and arrival.attempt:
            # Under another attempt: the redriven letter is resolved all the same.
            book.remember(arrival.event, arrival.attempt, "applied")
            book.settle(arrival, now)
        if known == books.REPETITION and arrival.attempt:
            book.redrive_early(arrival)
        if known:
            return books.CONFLICT if known == books.CONFLICT else books.REPETITION
        outcome = await self._decided(book, arrival, now, doomed)
        if outcome == "applied" and book.document.early:
            await self._take_early(book, now)
        return outcome

    async def _decided(self, book: Book, arrival: Arrival, now: datetime, doomed: str | None = None) -> str:
        event = arrival.event
        if book.document.erased:
            return self._met_erasure(book, arrival, now)
        try:
            decided = await self._judge(book, arrival.handler, event, now, doomed)
            if isinstance(decided, Waits):
                decided = self._keep_early(book, arrival, decided, now) or decided
            if isinstance(decided, Waits):
                return "waiting"
            if changes := decided if isinstance(decided, Decision) else decided.meanwhile:
                book.apply(changes, event, now)
        except (StoreUnavailable, FuseOpen):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a handler raises, it raises twice: it becomes a dead letter
            return self._failed(book, arrival, error, now)
        self.fuse.saw(arrival.at, None)
        if isinstance(decided, Rejected):
            return self._refused(book, arrival, "rejected", decided.why, now)
        book.remember(event, arrival.attempt, "applied")
        if arrival.attempt:
            book.settle(arrival, now)
        return "applied"

    def _met_erasure(self, book: Book, arrival: Arrival, now: datetime) -> str:
        event = arrival.event
        if why := book.kind.meets_erasure(book.document.state, event.source, event.name):
            return self._refused(book, arrival, "rejected", why, now)
        book.remember(event, arrival.attempt, "applied")
        if arrival.attempt:
            book.settle(arrival, now)
        return "erased"

    async def _judge(
        self, book: Book, handler: Handler, event: Event, now: datetime, doomed: str | None
    ) -> "Decision[Any] | Waits | Rejected":
        if event.name in self._failing:
            raise HandlerFault(f"LAHETE_FAULT_FAIL_ON holds {event.name}")
        if doomed:
            raise ValueError(doomed)
        if self._is_time_of_early(event):
            return self._let_early_leave(book, event, now)
        given = self.table.given
        if handler.look_up:
            given = await handler.look_up(book.document.state, event, self.store, now)
        return handler.decide(book.document.state, event, now, given)

    def _failed(self, book: Book, arrival: Arrival, error: Exception, now: datetime) -> str:
        log.error(
            "handler failed", type=arrival.event.name, id=arrival.event.id, error=type(error).__name__, exc_info=error
        )
        self.fuse.saw(arrival.at, Failure(arrival.event.name, origin_of(arrival.event, arrival.at)))
        return self._refused(book, arrival, HANDLER_FAILED, f"{type(error).__name__}: {error}", now)

    def _refused(self, book: Book, arrival: Arrival, reason: str, why: str, now: datetime) -> str:
        letter = DeadLetter(arrival.dl_id, self.table.service, reason, why, arrival.original, arrival.attempt + 1)
        book.refuse(letter, arrival.event, arrival.attempt, now)
        return reason

    def _conflict(self, arrival: Arrival) -> DeadLetter:
        event = arrival.event
        why = f"{event.source} sent the id {event.id} before with another content; send the new content under a new id"
        return DeadLetter(arrival.dl_id, self.table.service, "conflict", why, arrival.original, arrival.attempt + 1)

    # --- early events

    def _keep_early(self, book: Book, arrival: Arrival, waits: Waits, now: datetime) -> Rejected | None:
        refused = book.keep_early(arrival, waits, later(now, self._due_early))
        if refused is None and waits.meanwhile is not None:
            book.apply(waits.meanwhile, arrival.event, now)
        return refused

    async def _take_early(self, book: Book, now: datetime) -> None:
        """Applies what waited and whose turn has come, in order of time, round by round until nothing more does.

        In rounds, so that what many strangers let wait is not judged anew after each that has its turn.
        """
        progress = True
        while progress and not book.document.erased:
            progress = False
            for early in sorted(book.document.early, key=lambda one: (one.time, one.id, one.source)):
                if await self._turn_of(book, early, now):
                    progress = True
                if book.document.erased:
                    break

    async def _turn_of(self, book: Book, early: Any, now: datetime) -> bool:
        try:
            event = read_again(early.original, self.table, now)
        except EventError as error:
            letter = DeadLetter(
                early.dl_id, self.table.service, error.reason, str(error), early.original, early.attempt + 1
            )
            book.drop_early(early)
            book.put_out([record_of(letter), *books.told(letter, now)])
            return True
        routed = route(event, self.table)
        if routed is None:
            return False
        service = self.table.service
        arrival = Arrival(
            event, *routed, early.original, early.attempt, owned=True, service=service, redriven=early.dl_id
        )
        waiting = book.document.early
        book.drop_early(early)
        if await self._decided(book, arrival, now) == "waiting":
            book.document.early = waiting
            return False
        return True

    def _is_time_of_early(self, event: Event) -> bool:
        # Other services' deadlines are read too, by those whom a partner's silence concerns.
        data: Any = event.data
        return event.name == "DeadlinePassed" and data.what == "early" and data.service == self.table.service

    def _let_early_leave(self, book: Book, event: Event, now: datetime) -> "Decision[Any]":
        due_at = event.data.due_at  # type: ignore[attr-defined]
        for early in [one for one in book.document.early if one.leaves_at <= due_at]:
            letter = books.expired(early, self.table.service)
            book.drop_early(early)
            cause = Event(early.id, early.source, early.time, event.data, early.digest)
            book.refuse(letter, cause, early.attempt, now)
        return Decision(book.document.state)

    # --- Let out

    async def _let_out(self, touched: Iterable[Book], letters: Sequence[DeadLetter]) -> None:
        """The whole outbox of every touched document, repetitions' too, in order; and the stateless dead letters."""
        touched = list(touched)
        now = self._clock.now()
        outs: list[Out] = [out for book in touched for out in book.document.outbox]
        for letter in letters:
            outs += [record_of(letter), *books.told(letter, now), *self.forgeries.of_letter(letter)]
        records = [record for out in outs if (record := kafka_record(out)) is not None]
        await self._write_journals(outs)
        overflow = [kept for book in touched for kept in book.remembered_overflow(self._ring)]
        if overflow:
            await self.store.remember(overflow)
        # Before the commit, so that a crash leads here again; behind the overflow, which an earlier save may have begun.
        if erased := [book.aggregate for book in touched if book.has_digests_to_forget(self._ring)]:
            await self.store.forget(erased)
        if records:
            await self._publisher.publish(records)
        reasons = reasons_of(outs)
        self.fuse.laid_aside += reasons[HANDLER_FAILED]
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
