"""What a record does to the monitor's picture: an event is seen, a dead letter arrives, is sent again, settles.

Pure: no clock, no I/O, no logging.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from services.monitor.model import Dead, DeadLetterSeen, DeadState, Partner, RecordSeen, Traced
from shared.contracts import from_services as services
from shared.contracts import topics
from shared.contracts.envelope import Event
from shared.contracts.topics import redrive_to
from shared.engine.model import Decision, Follow, OutRecord, Rejected, Waits

OPEN: Final[DeadState] = "open"

_changed = msgspec.structs.replace


def seen(state: Traced | None, event: Event, now: datetime, given: Sequence[str]) -> Decision[Traced]:
    """Counts the record. `given`: dead letters of the referral, where consent was withdrawn by this event."""
    data: RecordSeen = event.data  # type: ignore[assignment]
    if state is None:
        state = Traced(
            source=data.source,
            id=data.event_id,
            type=data.type,
            time=data.time,
            subject=data.about,
            correlation=data.correlation,
            causation=data.causation,
            codes=data.codes,
            first=data.sighting,
        )
    follow = [Follow(services.DeadLetterToErase(dl_id=dl_id), dl_id) for dl_id in given]
    return Decision(_changed(state, seen=state.seen + 1), follow)


def dead_letter(state: Dead | None, event: Event, now: datetime, given: object) -> Decision[Dead]:
    """A new dead letter, or one that was sent again and is still refused: the same entry, one attempt more."""
    data: DeadLetterSeen = event.data  # type: ignore[assignment]
    added, attributes = data.added, data.attributes
    attempts = _number(added.get("dl_attempts"), 1)
    if state is not None and state.attempts >= attempts:
        return Decision(state)
    if state is not None:
        again: DeadState = "discarded" if state.state == "discarded" else OPEN
        return Decision(
            _changed(
                state,
                attempts=attempts,
                reason=added.get("dl_reason", state.reason),
                error=added.get("dl_error", state.error),
                state=again,
            )
        )
    original = data.original
    topic = added.get("dl_topic", original.topic)
    return Decision(
        Dead(
            dl_id=added["dl_id"],
            reason=added.get("dl_reason", ""),
            error=added.get("dl_error", ""),
            service=added.get("dl_service", ""),
            topic=topic,
            partition=_number(added.get("dl_partition"), original.partition),
            offset=_number(added.get("dl_offset"), original.offset),
            time=data.sighting.recorded_at,
            attempts=attempts,
            sender=topics.sender_of(topic) or attributes.get("source", ""),
            type=attributes.get("type", ""),
            source=attributes.get("source", ""),
            event_id=attributes.get("id", ""),
            referral_id=attributes.get("subject", "") if len(attributes.get("subject", "")) == 36 else "",
            key=original.key,
            value=original.value,
            headers=original.headers,
        )
    )


def redrive(state: Dead | None, event: Event, now: datetime, given: object) -> Decision[Dead] | Rejected | Waits:
    """Sends it again to the one service that refused it; a second person's request for the same attempt does nothing."""
    data: services.RedriveRequested = event.data  # type: ignore[assignment]
    if state is None:
        return Waits("the dead letter")
    if state.state != OPEN or data.attempt != state.attempts:
        return Decision(state)
    if state.erased or state.service not in topics.SERVICES:
        return Rejected(f"the dead letter {state.dl_id} holds nothing that could be sent again")
    record = OutRecord(redrive_to(state.service), state.key, state.value, [*state.headers, *_added(state)])
    return Decision(_changed(state, state="redriven", by=data.by), also=[record])


def _added(state: Dead) -> list[tuple[str, bytes | None]]:
    return [
        ("dl_id", state.dl_id.encode()),
        ("dl_topic", state.topic.encode()),
        ("dl_partition", str(state.partition).encode()),
        ("dl_offset", str(state.offset).encode()),
        ("dl_attempts", str(state.attempts).encode()),
    ]


def discard(state: Dead | None, event: Event, now: datetime, given: object) -> Decision[Dead] | Waits:
    """Lays an open one aside for good."""
    data: services.DiscardRequested = event.data  # type: ignore[assignment]
    if state is None:
        return Waits("the dead letter")
    return Decision(_changed(state, state="discarded", by=data.by) if state.state == OPEN else state)


def settled(state: Dead | None, event: Event, now: datetime, given: object) -> Decision[Dead] | Waits:
    """The service took it up."""
    if state is None:
        return Waits("the dead letter")
    return Decision(_changed(state, state="resolved"))


def erase(state: Dead | None, event: Event, now: datetime, given: object) -> Decision[Dead] | Waits:
    """Consent was withdrawn: the bytes go, what became of it stays."""
    if state is None:
        return Waits("the dead letter")
    return Decision(_changed(state, key=None, value=None, headers=[], erased=True, error=""))


def registered(state: Partner | None, event: Event, now: datetime, given: object) -> Decision[Partner]:
    """The latest word of a partner about itself holds."""
    data: services.PartnerRegistered = event.data  # type: ignore[assignment]
    if state and (state.time, state.id) > (event.time, event.id):
        return Decision(state)
    return Decision(Partner(data.partner, data.name, data.classes, data.language, event.time, event.id))


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else otherwise
