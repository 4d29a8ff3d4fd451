"""What the engine keeps and what a decision may return. docs/protocol.md's words, as types.

A service describes its aggregates by `Kind`s and its table of `Handler`s; the engine does the rest.
"""

import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from shared.contracts.envelope import Event
from shared.contracts.fields import Data
from shared.contracts.original import Original
from shared.contracts.registry import CLASSES
from shared.contracts.service_events import What
from shared.store import Collection, Index, Journal, Store
from shared.store.interface import Fields, Outcome

S = TypeVar("S", bound=msgspec.Struct)


class Early(msgspec.Struct, frozen=True):
    """An event that waits in its aggregate for what it depends on, to be read again from its bytes."""

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
    """Rows of a journal to blank: an owner's about one thing, up to a number, so that what is told later stays."""

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
    """An aggregate's document: its state and what the engine must not forget about it.

    `outbox` is exactly what is not yet known to be out, since `outbox_since` (real seconds). `recent_outcomes` holds the newest
    outcomes and, between a save and its clearing, what overflows; `spilled` counts what went on to the inbox.
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

    `synthetic`: None is as the cause or the aggregate is marked. `once`: it says nothing but to look anew, so that it is
    left out where one of its class and subject is in the outbox still.
    """

    data: Data
    key: str = ""
    synthetic: bool | None = None
    once: bool = False


class Decision(msgspec.Struct, Generic[S], frozen=True):
    """The aggregate as it should be, and what follows. `erase`: the state is what erasure leaves, for good.

    `scrubs`: something is taken away for good, without the aggregate being at its end; it leaves the store's files too.
    """

    state: S | None
    follow: Sequence[Follow] = ()
    also: Sequence[OutRow | OutBlank | OutRecord] = ()
    erase: bool = False
    scrubs: bool = False


class Waits(msgspec.Struct, frozen=True):
    """The event needs something that is not there yet; it is kept until then.

    `meanwhile` is what its coming changes all the same, once: that what it needs is asked for.
    """

    what: str
    meanwhile: Decision[Any] | None = None


class Rejected(msgspec.Struct, frozen=True):
    """The domain says no, now and on every repetition; a person may redrive it once the cause is mended.

    `meanwhile` is what its coming changes all the same: that what it is about is erased.
    """

    why: str
    meanwhile: Decision[Any] | None = None


class Due(msgspec.Struct, frozen=True):
    """A deadline of an aggregate. `concerns` is the partner whose silence it is."""

    what: What
    due_at: datetime
    nth: int = 1
    referral_id: str | None = None
    concerns: str | None = None


_OF_THE_ENGINE: Final = (Index(("outbox_since",)), Index(("due_at",)))


@dataclass(frozen=True)
class Kind(Generic[S]):
    """One kind of aggregate: its collection, its state, what of it can be found, and when its silence ends.

    `marked`: a synthetic event marks the aggregate, and all that follows from it, as synthetic. `erased_fields`: by what
    an erased one is still found; status and dates at most.
    """

    collection: Collection
    state: type[S]
    fields: Callable[[S], Fields] = lambda _: {}
    erased_fields: Callable[[S], Fields] = lambda _: {}
    brief: Callable[[S], bytes] = lambda _: b""
    deadlines: Callable[[S], Sequence[Due]] = lambda _: ()
    marked: bool = True
    meets_erasure: Callable[[S, str, str], str | None] = lambda _state, _source, _name: None
    """Why an event of this source and class is refused that comes to what was erased; None: it does nothing, untold."""

    @property
    def stored(self) -> Collection:
        """The collection with the indexes by which the engine itself finds outboxes and deadlines."""
        return dataclasses.replace(self.collection, indexes=(*_OF_THE_ENGINE, *self.collection.indexes))


Decide = Callable[[Any, Event[Any], datetime, Any], "Decision[Any] | Waits | Rejected"]
LookUp = Callable[[Any, Event[Any], Store, datetime], Awaitable[Any]]


@dataclass(frozen=True)
class Handler:
    """What one class of events does: to which aggregate, by which pure function, with what looked up before.

    `aggregate` computes the id from the event alone; None: the event is nothing to this service.
    """

    kind: Kind[Any]
    aggregate: Callable[[Event[Any]], str | None]
    decide: Decide
    look_up: LookUp | None = None


Receive = Callable[[Any, "Table", datetime], Any]
_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)


class _Subject(NamedTuple):
    subject: str


@dataclass(frozen=True)
class Table:
    """A service: its name, what it reads, its handlers by class, and `context`, which every decision is handed."""

    service: str
    topics: tuple[str, ...]
    handlers: Mapping[type[Data], Handler]
    kinds: tuple[Kind[Any], ...]
    deadlines: Mapping[str, Handler] = field(default_factory=dict)
    """What its own DeadlinePassed does, by the aggregate's collection."""
    context: Any = None
    receive: Receive | None = None
    """Reads records in its own way instead of by the contracts: the monitor, who stores what it cannot read.

    It gives a routed event, or a tuple of them where a record is something to several aggregates.
    """
    journals: tuple[Journal, ...] = field(default_factory=tuple)
    gathers: bool = False
    """Reads what came within some moments together, since no step of a referral's road waits for this service."""

    @property
    def collections(self) -> list[Collection]:
        """What its store holds."""
        return [kind.stored for kind in self.kinds]

    def check(self) -> None:
        """Raises `ValueError` where the registry of classes and this table do not fit."""
        for one in CLASSES.values():
            handler = self.handlers.get(one.model)
            keeps = handler.kind.collection.name if handler else None
            if one.owner == self.service and (one.public or one.outcome) and keeps != one.outcome:
                raise ValueError(
                    f"{self.service} owns {one.name}, whose outcome is kept in {one.outcome!r}; its table says {keeps!r}"
                )
        lacking = sorted(one.__name__ for one in self.handlers.keys() - {one.model for one in CLASSES.values()})
        if lacking and not self.receive:
            raise ValueError(f"{self.service} handles {', '.join(lacking)}, which shared/contracts/registry.py lacks")

    def locate(self, source: str, name: str, subject: str) -> tuple[str, str] | None:
        """Collection and id of the aggregate that keeps what became of an event; None where that is not kept here."""
        known = CLASSES.get(name)
        if known is None or known.owner != self.service or not known.outcome:
            return None
        # The id follows from source and subject alone, since no more of the event is kept to ask with.
        aggregate = self.handlers[known.model].aggregate(Event("", source, _NO_TIME, _Subject(subject)))
        return None if aggregate is None else (known.outcome, aggregate)
