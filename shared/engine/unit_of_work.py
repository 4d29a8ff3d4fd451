"""One aggregate's document during a batch: it remembers each event's outcome, and takes what follows into its outbox.

The step Decide of docs/protocol.md for one aggregate. No I/O: the caller hands over the time and what it looked up.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from shared.contracts.data import traced_under
from shared.contracts.dead_letter import DeadLetter, bare
from shared.contracts.envelope import Event, type_of
from shared.contracts.every_service_events import DeadLetterSettled
from shared.contracts.identity import following_id
from shared.contracts.original import Original, attributes_of
from shared.contracts.registry import class_of
from shared.engine.documents import written
from shared.engine.model import Decision, Document, Early, Follow, Kind, Out, OutEvent, Rejected, Waits
from shared.engine.outbox import outgoing, own_event, refusal, waiting
from shared.engine.receive import RoutedEvent
from shared.store import Row
from shared.store.interface import InboxEntry, Outcome

MAX_EARLY: Final = 64
MAX_EARLY_BYTES: Final = 128 * 1024
"""How much of one sender's may wait in one document, so that nobody fills the room of another."""
REPETITION: Final = "repetition"
APPLIED_BEFORE: Final = "applied before"
CONFLICT: Final = "conflict"
Known = Mapping[tuple[str, str], Sequence[Outcome]]
Tried = RoutedEvent | Early
"""An event under one of its attempts, with its record."""


class UnitOfWork:
    """A document, loaded at `version`, and all that this batch adds to it."""

    def __init__(self, service: str, kind: Kind[Any], id_: str, version: int, document: Document[Any]) -> None:
        self.service = service
        self.kind = kind
        self.id = id_
        self.version = version
        self.document = document
        self.changed = False
        self.scrubs = False
        """Whether something was erased that must leave the store's files too."""
        self.outcomes: list[tuple[str, str]] = []
        """Of each event of this batch its class, empty where another service counts it, and its outcome."""
        self.conflicts: list[DeadLetter] = []
        self._saved: Row | None = None
        self._waited = document.early

    @property
    def aggregate(self) -> str:
        """The aggregate's name in the inbox and in the ids of what follows."""
        return f"{self.kind.collection.name}/{self.id}"

    # --- what is known

    def known_as(self, routed: RoutedEvent, inbox: Known) -> str | None:
        """`repetition`, `applied before` under another attempt, `conflict`, or None: new under its attempt."""
        if not (self.document.recent_outcomes or self.document.early or inbox):
            return None
        event = routed.event
        source, id_ = event.source, event.id
        outcomes: list[Outcome] = [
            one for one in self.document.recent_outcomes if one.id == id_ and one.source == source
        ]
        outcomes += inbox.get((source, id_), ())
        waiting = [one for one in self.document.early if one.id == id_ and one.source == source]
        digests = {one.digest for one in outcomes} | {one.digest for one in waiting}
        # A conflict is a conflict under every attempt; an erased document has no digests to differ from.
        if not self.document.erased and digests - {event.digest}:
            return CONFLICT
        # A later attempt answers for the earlier ones: it began as their dead letter.
        if waiting or any(one.attempt >= routed.attempt for one in outcomes):
            return REPETITION
        return APPLIED_BEFORE if any(one.outcome == "applied" for one in outcomes) else None

    # --- what is remembered

    def remember(self, tried: Tried, outcome: str) -> None:
        """Remembers every outcome, refusals too: the engine must recognise a repetition next year."""
        digest = "" if self.document.erased else tried.digest
        newest = Outcome(tried.source, tried.id, tried.attempt, digest, outcome)
        self.document.recent_outcomes = [*self.document.recent_outcomes, newest]
        self.changed = True

    def applied(self, tried: Tried, now: datetime) -> None:
        """Remembers that the event is done; of a redriven one the monitor hears that its dead letter is settled."""
        self.remember(tried, "applied")
        if tried.attempt:
            self._settle(tried, now)

    def refuse(self, tried: Tried, reason: str, why: str, now: datetime) -> str:
        """Remembers a rejection or a failure, dead-letters it and notifies its sender by the outbox. Returns the reason."""
        self.remember(tried, reason)
        self.put_out_letter(self.letter(tried, reason, why), now)
        return reason

    def letter(self, tried: Tried, reason: str, why: str) -> DeadLetter:
        """The dead letter of an event that this service could not take."""
        return DeadLetter(tried.dl_id, self.service, reason, why, tried.original, tried.attempt + 1)

    def put_out_letter(self, letter: DeadLetter, now: datetime) -> None:
        """Puts the dead letter, and the notice to its sender, into the outbox."""
        erased = self.document.erased
        self.put_out(refusal(bare(letter) if erased else letter, now, erased=erased))

    def _settle(self, redriven: Tried, now: datetime) -> None:
        settled = DeadLetterSettled(
            dl_id=redriven.dl_id,
            service=self.service,  # type: ignore[arg-type]
            attempt=redriven.attempt,
            outcome="resolved",
        )
        self.put_out([own_event(self.service, settled, now, "settled", redriven.dl_id, redriven.attempt)])

    # --- what follows

    def apply(self, decision: Decision[Any], event: Event, now: datetime) -> None:
        """Takes over the decided state; the events that follow join the outbox behind its entries.

        Raises `ValueError` where an event that follows breaks its contract; nothing is changed then.
        """
        synthetic = self._is_synthetic(event)
        events = [self._following(follow, event, now, synthetic=synthetic) for follow in self._unsaid(decision.follow)]
        self.document.synthetic = synthetic and self.kind.marked
        self.document.state = decision.state
        self.scrubs = self.scrubs or decision.erase or decision.scrubs
        self.put_out([*events, *decision.also])
        if decision.erase:
            self.document.erased = True
            self._erase_early(now)
            # A digest of a few answers could be found by trying them all.
            self.document.recent_outcomes = [
                msgspec.structs.replace(seen, digest="") for seen in self.document.recent_outcomes
            ]

    def _unsaid(self, follow: Sequence[Follow]) -> Sequence[Follow]:
        if not any(one.once for one in follow):
            return follow
        said = {(out.attributes["type"], out.key) for out in self.document.outbox if isinstance(out, OutEvent)}
        return [one for one in follow if not (one.once and (type_of(one.data), one.data.subject) in said)]

    def _is_synthetic(self, event: Event) -> bool:
        # An aggregate stays as it was born: one event marked as a test would take a real referral out of every report.
        born = self.document.state is not None
        return self.document.synthetic if born and self.kind.marked else event.synthetic

    def _erase_early(self, now: datetime) -> None:
        # Early events meet the erasure like later ones, and the document remembers that like any other outcome.
        waited, self.document.early = self.document.early, []
        for early in waited:
            name = class_of(attributes_of(early.original)["type"]).name
            if why := self.kind.meets_erasure(self.document.state, early.source, name):
                self.refuse(early, "rejected", why, now)
            else:
                self.applied(early, now)

    def put_out(self, items: Iterable[Out]) -> None:
        """Adds items to the outbox, in order, behind its entries."""
        added = list(items)
        if added:
            self.document.outbox = [*self.document.outbox, *added]
            self.changed = True

    def _following(self, follow: Follow, cause: Event, now: datetime, *, synthetic: bool) -> OutEvent:
        name = type(follow.data).__name__
        event_id = following_id(self.service, self.aggregate, (cause.source, cause.id), name, follow.key)
        return outgoing(
            self.service,
            Event(
                id=event_id,
                source=f"/service/{self.service}",
                time=now,
                data=follow.data,
                correlation=traced_under(follow.data) or cause.correlation,
                causation=cause.id,
                traceparent=cause.traceparent,
                synthetic=synthetic if follow.synthetic is None else follow.synthetic,
                origin=cause.origin,
            ),
        )

    # --- what waits

    def keep_early(self, routed: RoutedEvent, waits: Waits, leaves_at: datetime) -> Rejected | None:
        """Keeps an event until its turn comes; `Rejected` where too many of its sender's wait here already."""
        event = routed.event
        own = [early.original for early in self.document.early if early.source == event.source]
        if len(own) >= MAX_EARLY or sum(map(_size, [*own, routed.original])) > MAX_EARLY_BYTES:
            return Rejected(
                f"{len(own)} events of {event.source} wait here already for {waits.what}; send it when that is there"
            )
        early = Early(
            source=event.source,
            id=event.id,
            digest=event.digest,
            attempt=routed.attempt,
            dl_id=routed.dl_id,
            time=event.time,
            leaves_at=leaves_at,
            what=waits.what,
            original=routed.original,
        )
        self.document.early = [*self.document.early, early]
        if self.document.state is None:  # before its birth, only the early events tell whether an aggregate is a test's
            self.document.synthetic = event.synthetic and self.kind.marked
        self.changed = True
        return None

    def redrive_early(self, routed: RoutedEvent) -> None:
        """Lets an early event take over the attempt of its redrive: its dead letter is settled once its turn comes."""
        for early in self.document.early:
            if (early.source, early.id) == (routed.event.source, routed.event.id) and early.attempt < routed.attempt:
                redriven = msgspec.structs.replace(early, attempt=routed.attempt, dl_id=routed.dl_id)
                self.document.early = [redriven if one is early else one for one in self.document.early]
                self.changed = True

    def expire(self, early: Early, now: datetime) -> None:
        """Refuses an early event that waited too long."""
        self.drop_early(early)
        why = f"waited for {early.what} until {early.leaves_at.isoformat()}; redrive it when that is there"
        self.refuse(early, "rejected", why, now)

    def tell_waiting(self, now: datetime) -> None:
        """Tells which partners' events began to wait since the document was loaded, and which wait no more."""
        if self.document.early is self._waited:
            return
        before, after = ({_attempt(early): early for early in some} for some in (self._waited, self.document.early))
        for at in sorted(before.keys() ^ after.keys()):
            early = after.get(at) or before[at]
            self.put_out(waiting(self.service, self.aggregate, early, now, waits=at in after))

    def drop_early(self, early: Early) -> None:
        """Removes an early event whose turn has come, or whose time is up."""
        self.document.early = [one for one in self.document.early if one is not early]
        self.changed = True

    # --- as the store keeps it

    def row(self, outbox_since: float, *, found: bool = True) -> Row:
        """The next version. The outcomes are not trimmed yet: the overflow must reach the inbox first.

        `found` is False where the fields to find it by cannot be computed; its deadlines wait until they can.
        """
        document = self.document
        if document.outbox and document.outbox_since is None:
            document.outbox_since = outbox_since
        self._saved = self._row(document, self.version + 1) if found else self._bare_row(document)
        return self._saved

    def _bare_row(self, document: Document[Any]) -> Row:
        body, outbox = written(document)
        return Row(self.id, self.version + 1, body, {"outbox_since": document.outbox_since}, b"", outbox)

    def cleared_row(self, keep: int) -> Row:
        """The saved version once all of its outbox is out and its overflow in the inbox."""
        overflow = len(self.overflow(keep))
        document = msgspec.structs.replace(
            self.document,
            outbox=[],
            outbox_since=None,
            recent_outcomes=self.document.recent_outcomes[overflow:],
            spilled=self.document.spilled + overflow,
        )
        # The fields to find it by, and its summary, are as they were saved a moment ago.
        row = self._saved or self._row(document, self.version)
        body, _ = written(document)
        return Row(self.id, self.version, body, {**row.fields, "outbox_since": None}, row.brief)

    def lacks_only_emptying(self, keep: int) -> bool:
        """Whether the saved version differs from the cleared one by its outbox alone, which lies apart in the row."""
        return self._saved is not None and not self.overflow(keep)

    def overflow(self, keep: int) -> list[Outcome]:
        """The outcomes beyond the newest `keep`."""
        beyond = len(self.document.recent_outcomes) - keep
        return self.document.recent_outcomes[:beyond] if beyond > 0 else []

    def for_inbox(self, keep: int) -> list[InboxEntry]:
        """The overflow as the inbox keeps it."""
        return [InboxEntry(self.aggregate, outcome) for outcome in self.overflow(keep)]

    def has_digests_to_forget(self, keep: int) -> bool:
        """Whether the inbox may hold digests of an erased document: those that spilled, or began to before a crash."""
        return self.document.erased and bool(self.document.spilled or self.overflow(keep))

    def _row(self, document: Document[Any], version: int) -> Row:
        state = document.state
        found_by = self.kind.erased_fields if document.erased else self.kind.fields
        fields = dict(found_by(state)) if state is not None else {}
        fields["outbox_since"] = document.outbox_since
        fields["due_at"] = self._due_at(document)
        fields["early_until"] = min((early.leaves_at.timestamp() for early in document.early), default=None)
        brief = self.kind.brief(state) if state is not None and not document.erased else b""
        body, outbox = written(document)
        return Row(self.id, version, body, fields, brief, outbox)

    def _due_at(self, document: Document[Any]) -> float | None:
        times = [early.leaves_at for early in document.early]
        if document.state is not None and not document.erased:
            times += [due.due_at for due in self.kind.deadlines(document.state)]
        return min(times).timestamp() if times else None


def _attempt(early: Early) -> tuple[str, str, int]:
    return early.source, early.id, early.attempt


def _size(original: Original) -> int:
    return len(original.value or b"") + sum(len(name) + len(value or b"") for name, value in original.headers)
