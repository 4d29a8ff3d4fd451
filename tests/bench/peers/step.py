"""What a peer does with an event, pure: the same judgement as the engine's, the same change, the same that follows.

Imported in a peer's own environment, which holds pydantic and msgspec beside the peer and nothing else of ours.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from shared.contracts.envelope import Event, attributes_of, decode, kafka_headers, read_kafka
from shared.contracts.identity import following_id
from shared.contracts.personal_identity import may_hold_a_code
from shared.contracts.referral_events import ReferralOpened

INTAKE: Final = "intake.http"
EVENTS: Final = "referral.events"
PADDING: Final = "x" * 1_000
RING: Final = 64

State = dict[str, Any]
Headers = Sequence[tuple[str, bytes]]


def judged(key: bytes, value: bytes, headers: Iterable[tuple[str, bytes]]) -> Event:
    """The event in a record. Raises `EventError`."""
    headers = list(headers)
    raw = read_kafka(value, headers)
    clean = not may_hold_a_code(
        b"|".join([key, *(name.encode() + b"\n" + content for name, content in headers), value])
    )
    return decode(raw, now=datetime.now(UTC), searched=clean)


def decided(state: State | None, event: Event) -> tuple[State, bytes, Headers] | None:
    """The state as it should be, and the value and headers of what follows; None for a repetition."""
    known = state or {"count": 0, "padding": PADDING, "ring": []}
    seen = [event.source, event.id, event.digest]
    if seen in known["ring"]:
        return None
    changed = {**known, "count": known["count"] + 1, "ring": [*known["ring"], seen][-RING:]}
    return changed, *_follows(event)


def _follows(cause: Event) -> tuple[bytes, Headers]:
    subject = cause.data.subject
    opened = ReferralOpened(referral_id=subject, issuer="/region/08", region="08", referral_code="", deadlines=())
    id_ = following_id("referral", f"counted/{subject}", (cause.source, cause.id), "ReferralOpened", "")
    event = Event(id_, "/service/referral", datetime.now(UTC), opened, correlation=subject, causation=cause.id)
    return opened.model_dump_json(exclude_none=True).encode(), kafka_headers(attributes_of(event))
