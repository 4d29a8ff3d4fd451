"""What the engine keeps and what a decision may return: docs/protocol.md's words, as types.

A service describes its aggregates by `Kind`s and its table of `Handler`s; the engine does the rest.
"""

import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from shared.clock import Clock
from shared.contracts.data import Data
from shared.contracts.envelope import Event
from shared.contracts.fields import What
from shared.contracts.original import Original
from shared.contracts.registry import CLASSES
from shared.store import Collection, Index, Journal, Store
from shared.store.interface import Fields, Outcome

S = TypeVar("S", bound=msgspec.Struct)


class Early(msgspec.Struct, frozen=True):
    """An event that waits in its aggregate for its condition; the engine reads it again from its bytes."""

    source: str
    id: str
    digest: str
    attempt: int
    dl_id: str
    time: datetime
    leaves_at: datetime
    what: str
    original: Original


class OutEvent(msgspec.Struct, tag="event"):
    """An event to publish."""

    topic: str
    key: str
    attributes: dict[str, str]
    data: msgspec.Raw


class OutDead(msgspec.Struct, tag="dead"):
    """A dead letter to publish, the original bytes with the `dl_` headers added."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


class OutRow(msgspec.Struct, tag="row"):
    """A row to insert into a journal. The same (owner, number) always carries the same body."""

    journal: str
    owner: str
    number: int
    about: str
    body: msgspec.Raw


class OutBlank(msgspec.Struct, tag="blank"):
    """Rows of a journal to blank: an owner's about one thing, up to a number, so that later rows stay."""

    journal: str
    owner: str
    about: str
    up_to: int
    body: msgspec.Raw


class OutRecord(msgspec.Struct, tag="record"):
    """A raw record to publish: the monitor sends a dead letter again."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


Out = OutEvent | OutDead | OutRow | OutBlank | OutRecord


class Document(msgspec.Struct, Generic[S], omit_defaults=True):
    """An aggregate's document: its state and what the engine must remember about it.

    `outbox` is exactly what is not yet known to be out, since `outbox_since` (real seconds). `recent_outcomes` holds the newest
    outcomes and, between a save and its clearing, the overflow; `spilled` counts the outcomes that the inbox took.
    """

    state: S | None = None
    recent_outcomes: list[Outcome] = msgspec.field(name="ring", default_factory=list)
    spilled: int = 0
    early: list[Early] = []
    outbox: list[Out] = []
    outbox_since: float | None = None
    synthetic: bool = False
    erased: bool = False


class Follow(msgspec.Struct, frozen=True):
    """An event that follows. `key`, its natural key, tells apart several of one class from one cause.

    `synthetic`: None is as the cause or the aggregate is marked. `once`: the event only says to look again, so the
    engine leaves it out while the outbox still has one of its class and subject.
    """

    data: Data
    key: str = ""
    synthetic: bool | None = None
    once: bool = False


class Decision(msgspec.Struct, Generic[S], frozen=True):
    """The aggregate as it should be, and the events that follow. `erase`: the state is what erasure leaves, for good.

    `scrubs`: a part of the state is erased, while the aggregate goes on; that part leaves the store's files too.
    """

    state: S | None
    follow: Sequence[Follow] = ()
    also: Sequence[OutRow | OutBlank | OutRecord] = ()
    erase: bool = False
    scrubs: bool = False


class Waits(msgspec.Struct, frozen=True):
    """The event's condition is not there yet; the engine keeps the event until then.

    `meanwhile` is what the event changes all the same, once: the service asks for what the event needs.
    """

    what: str
    meanwhile: Decision[Any] | None = None


class Rejected(msgspec.Struct, frozen=True):
    """The domain says no, now and on every repetition; a person may redrive the event once the cause is mended.

    `meanwhile` is what the event changes all the same: the service erases what the event is about.
    """

    why: str
    meanwhile: Decision[Any] | None = None


class Due(msgspec.Struct, frozen=True):
    """A deadline of an aggregate. `concerns` is the partner who was silent."""

    what: What
    due_at: datetime
    nth: int = 1
    referral_id: str | None = None
    concerns: str | None = None


_OF_THE_ENGINE: Final = (Index(("outbox_since",)), Index(("due_at",)), Index(("early_until",)))


@dataclass(frozen=True)
class Kind(Generic[S]):
    """One kind of aggregate: its collection, its state, by which fields the store finds it, and its deadlines.

    `marked`: a synthetic event marks the aggregate, and all that follows from it, as synthetic. `erased_fields`: the
    fields by which the store still finds an erased one; status and dates at most.
    """

    collection: Collection
    state: type[S]
    fields: Callable[[S], Fields] = lambda _: {}
    erased_fields: Callable[[S], Fields] = lambda _: {}
    brief: Callable[[S], bytes] = lambda _: b""
    deadlines: Callable[[S], Sequence[Due]] = lambda _: ()
    marked: bool = True
    meets_erasure: Callable[[S, str, str], str | None] = lambda _state, _source, _name: None
    """Why an erased aggregate refuses an event of this source and class; None: the event does nothing, in silence."""

    @property
    def stored(self) -> Collection:
        """The collection, with the indexes by which outboxes, deadlines and early events are found."""
        return dataclasses.replace(self.collection, indexes=(*_OF_THE_ENGINE, *self.collection.indexes))


Decide = Callable[[Any, Event[Any], datetime, Any], "Decision[Any] | Waits | Rejected"]
LookUp = Callable[[Any, Event[Any], Store, datetime], Awaitable[Any]]


@dataclass(frozen=True)
class Handler:
    """What one class of events does: to which aggregate, by which pure function, after which look-up.

    `aggregate` computes the id from the event alone; None: the event does not concern this service.
    """

    kind: Kind[Any]
    aggregate: Callable[[Event[Any]], str | None]
    decide: Decide
    look_up: LookUp | None = None


Receive = Callable[[Any, "Table", datetime], Any]
Observe = Callable[[Store, Sequence[Any], Clock], Awaitable[None]]
_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)


class _Subject(NamedTuple):
    subject: str


@dataclass(frozen=True)
class Table:
    """A service: its name, topics, handlers by class, and `context`, which the engine hands to every decision."""

    service: str
    topics: tuple[str, ...]
    handlers: Mapping[type[Data], Handler]
    kinds: tuple[Kind[Any], ...]
    deadlines: Mapping[str, Handler] = field(default_factory=dict)
    """The handlers of the service's own DeadlinePassed, by the aggregate's collection."""
    context: Any = None
    receive: Receive | None = None
    """Reads records in the service's own way instead of by the contracts: the monitor stores even what it cannot read.

    Returns a routed event, or a tuple of them where a record concerns several aggregates.
    """
    journals: tuple[Journal, ...] = field(default_factory=tuple)
    gathers: bool = False
    """The loop waits some moments to read more at once, since no step of a referral's road waits for this service."""

    observe: Observe | None = None
    """Takes each part of a batch, once its events are saved and before its offsets are: it may come again."""
    projected: tuple[Collection, ...] = ()
    """The collections that `observe` keeps."""

    @property
    def collections(self) -> list[Collection]:
        """The collections of the service's store."""
        return [*(kind.stored for kind in self.kinds), *self.projected]

    def check(self) -> None:
        """Raises `ValueError` where the registry of classes and this table differ."""
        for one in CLASSES.values():
            handler = self.handlers.get(one.model)
            keeps = handler.kind.collection.name if handler else None
            if one.owner == self.service and (one.public or one.outcome) and keeps != one.outcome:
                raise ValueError(
                    f"{self.service} owns {one.name}, whose outcome is kept in {one.outcome!r}; its table says {keeps!r}"
                )
        missing = sorted(one.__name__ for one in self.handlers.keys() - {one.model for one in CLASSES.values()})
        if missing and not self.receive:
            raise ValueError(f"{self.service} handles {', '.join(missing)}, which shared/contracts/registry.py has not")

    def locate(self, source: str, name: str, subject: str) -> tuple[str, str] | None:
        """Collection and id of the aggregate that keeps an event's outcome; None where this service keeps none."""
        known = CLASSES.get(name)
        if known is None or known.owner != self.service or not known.outcome:
            return None
        # The id follows from source and subject alone: whoever asks knows no more of the event.
        aggregate = self.handlers[known.model].aggregate(Event("", source, _NO_TIME, _Subject(subject)))
        return None if aggregate is None else (known.outcome, aggregate)
