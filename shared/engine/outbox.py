"""The entries of an outbox, and the record that each becomes."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from shared.clock import real_now
from shared.contracts import topics
from shared.contracts.data import Data
from shared.contracts.dead_letter import DeadLetter, as_told, one_line
from shared.contracts.dead_letter import record_of as parts_of
from shared.contracts.envelope import MAX_EVENT_BYTES, Event, attributes_of, kafka_headers
from shared.contracts.every_service_events import EventRefused, EventWaits
from shared.contracts.identity import derived_id
from shared.contracts.original import attributes_of as attributes_in
from shared.contracts.original import referral_of, sender_to_tell
from shared.contracts.personal_identity import mask
from shared.contracts.registry import class_of
from shared.engine.model import Early, Out, OutBlank, OutDead, OutEvent, OutRow
from shared.kafka.producer import Record
from shared.store import Store, Written


def outgoing(service: str, event: Event) -> OutEvent:
    """The event as the outbox keeps it. Raises `ValueError` where it is too large."""
    body = event.data.model_dump_json(exclude_none=True).encode()
    if len(body) > MAX_EVENT_BYTES:
        raise ValueError(
            f"{event.name} about {event.data.subject} would have {len(body)} bytes; {MAX_EVENT_BYTES} are allowed"
        )
    return OutEvent(topics.events_of(service), event.data.subject, attributes_of(event), msgspec.Raw(body))


def own_event(service: str, data: Data, now: datetime, *identity: object) -> OutEvent:
    """An event of the service itself, whose id is derived from `identity`."""
    event = Event(
        id=derived_id(service, *identity),
        source=f"/service/{service}",
        time=now,
        data=data,
        correlation=getattr(data, "referral_id", None),
        origin=getattr(data, "sender", None),
    )
    return outgoing(service, event)


def refusal(letter: DeadLetter, now: datetime, *, erased: bool = False) -> list[Out]:
    """A dead letter and, where its sender is known, EventRefused: which event, and why; never its content.

    `erased`: EventRefused names no referral, else the sender's feed would blank the reason with the referral's rows.
    """
    original, dead = letter.original, OutDead(*parts_of(letter, real_now()))
    sender = sender_to_tell(original, topics.sender_of(original.topic))
    if sender is None:
        return [dead]
    attributes = attributes_in(original)
    refused = EventRefused(
        sender=sender,
        service=letter.service,  # type: ignore[arg-type]
        event_id=mask(attributes.get("id", ""))[:64],
        event_type=mask(attributes.get("type", ""))[:120],
        reason=letter.reason,
        errors=(one_line(letter.error),),
        referral_id=None if erased else referral_of(original),
    )
    event = own_event(letter.service, refused, now, "refused", *as_told(letter))
    return [dead, event]


def waiting(service: str, aggregate: str, early: Early, now: datetime, *, waits: bool) -> list[OutEvent]:
    """The word that a partner's event waits here, or no more; none of a service's, of a test's, or of one owned elsewhere."""
    attributes = attributes_in(early.original)
    owned = class_of(attributes["type"]).owner == service
    if not owned or early.source.startswith("/service/") or "synthetic" in attributes:
        return []
    said = EventWaits(
        sender=early.source,
        service=service,  # type: ignore[arg-type]
        event_id=early.id,
        event_type=attributes["type"],
        attempt=early.attempt,
        waits=waits,
        what=mask(early.what)[:300],
        late_at=now + (early.leaves_at - now) / 30,
        leaves_at=early.leaves_at,
        referral_id=referral_of(early.original),
    )
    known_by = (aggregate, early.source, early.id, early.attempt)
    return [own_event(service, said, now, "waits" if waits else "waits no more", *known_by)]


def reasons_of(outs: Iterable[Out]) -> Counter[str]:
    """How many dead letters go out, by their reason."""
    said = [value for out in outs if isinstance(out, OutDead) for name, value in out.headers if name == "dl_reason"]
    return Counter(value.decode() for value in said if value)


def record_of(out: Out) -> Record | None:
    """The record of one entry; None for an entry that goes to the store instead."""
    if isinstance(out, OutEvent):
        return Record(out.topic, out.key.encode(), bytes(out.data), kafka_headers(out.attributes))
    if isinstance(out, OutDead):
        return Record(topics.DEAD_LETTERS, out.key, out.value, out.headers)
    if isinstance(out, OutRow | OutBlank):
        return None
    return Record(out.topic, out.key, out.value, out.headers)


async def write_journals(store: Store, outs: Sequence[Out]) -> None:
    """Writes the rows that go out, then the blanks: a row behind a blank has a higher number than the blank reaches."""
    rows: dict[str, list[Written]] = {}
    for out in outs:
        if isinstance(out, OutRow):
            rows.setdefault(out.journal, []).append(Written(out.owner, out.number, bytes(out.body), out.about))
    for journal, written in rows.items():
        await store.append(journal, written)
    for out in outs:
        if isinstance(out, OutBlank):
            await store.blank(out.journal, out.owner, out.about, out.up_to, bytes(out.body))
