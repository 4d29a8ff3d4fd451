"""How the monitor reads records: leniently, since it stores what it cannot read, each record as an event of its own.

Its aggregates are events and dead letters, so a record's identity is its place in Kafka, not the event's id: that is
how the monitor counts repetitions. It reads by the contracts only the events that it acts on itself.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from aiokafka import ConsumerRecord

from services.monitor.model import DeadLetterSeen, RecordSeen, Sighting
from services.monitor.named import is_a_service, names_in, referral_in
from shared.clock import real_now
from shared.contracts import topics
from shared.contracts.data import Data
from shared.contracts.envelope import Event, Raw, attributes_in, decode, read_kafka
from shared.contracts.errors import EventError
from shared.contracts.event_class import TYPE_PREFIX
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.fields import read_referral_id
from shared.contracts.heartbeat import is_of_a_heartbeat
from shared.contracts.identity import dead_letter_id
from shared.contracts.original import Original
from shared.contracts.personal_identity import mask_bytes, mask_each
from shared.contracts.referral_code import digest_of
from shared.contracts.registry import CLASSES
from shared.engine.model import Table
from shared.engine.receive import RoutedEvent, route
from shared.kafka.when import came_at

TRACED_TOO: Final = frozenset(
    {
        *("PartnerRegistered", "ReferralErased"),
        *("PlaceReserved", "PlaceWaitlisted", "PlaceRefused", "PlaceReleased"),
    }
)
"""Classes of which the monitor also keeps a trace: what it acts on otherwise is its own machinery."""
_CODES: Final = (
    *("reason", "outcome", "what", "nth", "position", "phase", "number"),
    *("who", "action", "ground", "allowed", "change", "recipient"),
)
_KEPT: Final = ("source", "id", "type", "time", "subject", "correlationid", "causationid")
_FIELDS: Final = set(RecordSeen.model_fields)
_QUEUED: Final = CLASSES["NotificationQueued"].type


def receive(record: ConsumerRecord, table: Table, now: datetime) -> RoutedEvent | tuple[RoutedEvent, RoutedEvent]:
    """The routed events of a record; never a dead letter. `TRACED_TOO` are acted on and traced."""
    place = (record.topic, record.partition, record.offset)
    original = Original(*place, record.timestamp, record.key, record.value, list(record.headers))
    if record.topic == topics.DEAD_LETTERS:
        data: Data = _dead_letter(original)
    else:
        raw = _read(original)
        if (event := _acted_on(raw, record.topic, table, now)) and (routed := route(event, table)):
            acted_on = RoutedEvent(event, *routed, original, 0, owned=False, service="monitor")
            traced = event.name in TRACED_TOO
            return (acted_on, _stored(_seen(raw, original), original, table, now)) if traced else acted_on
        data = _seen(raw, original)
    return _stored(data, original, table, now)


def _stored(data: Data, original: Original, table: Table, now: datetime) -> RoutedEvent:
    where = f"/record/{original.topic}/{original.partition}"
    synthetic = ("ce_synthetic", b"true") in original.headers
    seen = Event(f"{original.offset}-{original.timestamp}", where, now, data, synthetic=synthetic)
    routed = route(seen, table)
    assert routed is not None
    return RoutedEvent(seen, *routed, original, 0, owned=False, service="monitor")


def _read(original: Original) -> Raw:
    try:
        return read_kafka(original.value, original.headers)
    except EventError:
        return Raw(attributes_in(original.headers), b"")


def _acted_on(raw: Raw, topic: str, table: Table, now: datetime) -> Event | None:
    named = CLASSES.get(raw.type.removeprefix(TYPE_PREFIX).partition(".")[0])
    if named is None or not (named.model in table.handlers or named.model is DeadlinePassed):
        return None
    try:
        event = decode(raw, now=now)
    except EventError:
        return None
    # Only the monitor itself and the services' own topics may carry these.
    proven = topics.sender_of(topic) or ("/service/monitor" if topic == topics.INTAKE_HTTP else "")
    return event if event.source == proven else None


def _sighting(original: Original) -> Sighting:
    at = datetime.fromtimestamp(came_at(original.timestamp, real_now().timestamp()), UTC)
    return Sighting(original.topic, original.partition, original.offset, at)


def _seen(raw: Raw, original: Original) -> RecordSeen:
    said = _said(raw, original)
    data = _data(_sender(original.topic, said), raw)
    known, codes = _masked(said, {name: str(data[name]) for name in _CODES if name in data})
    sender = _sender(original.topic, known)
    # A record that nobody can read has no id of its own: its place in Kafka stands for one.
    nameless = f"{original.topic}/{original.partition}/{original.offset}"
    return _made(
        source=sender,
        event_id=known.get("id", nameless),
        type=known.get("type", ""),
        time=known.get("time", ""),
        about=known.get("subject", ""),
        correlation=_referral(sender, known),
        causation=known.get("causationid", ""),
        codes=codes,
        code_digest=_code_digest(data) if sender == "/service/referral" else "",
        heartbeat=is_of_a_heartbeat(original.topic, original.headers),
        sighting=_sighting(original),
    )


def _made(**said: Any) -> RecordSeen:
    """As unpickling makes one: what is said is our own, and `model_construct` would take a tenth of a record's time."""
    seen = RecordSeen.__new__(RecordSeen)
    whole = {"__dict__": said, "__pydantic_fields_set__": _FIELDS, "__pydantic_extra__": None}
    seen.__setstate__({**whole, "__pydantic_private__": None})
    return seen


def _said(raw: Raw, original: Original) -> dict[str, str]:
    """The attributes that are kept. The key replaces a missing subject: both must be the same in a valid event."""
    said = {name: raw.attributes[name] for name in _KEPT if name in raw.attributes}
    if "subject" not in said:
        said["subject"] = mask_bytes(original.key or b"")
    return said


def _masked(said: dict[str, str], codes: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Attributes and codes as they are kept; both in one look for personal identity codes, which costs the most here."""
    masked = mask_each([*said.values(), *codes.values()])
    of_codes = masked[len(said) :]
    return (
        {name: value[:200] for name, value in zip(said, masked, strict=False) if value},
        {name: value[:80] for name, value in zip(codes, of_codes, strict=True)},
    )


def _sender(topic: str, known: dict[str, str]) -> str:
    """The record's sender: whom its topic proves, whatever the record says; else its source, proven by the door."""
    return topics.sender_of(topic) or known.get("source", "")


def _referral(sender: str, known: dict[str, str]) -> str:
    """The referral that an event concerns: its subject is that id; a service may name another by correlation."""
    spelled = (known.get("correlationid", "") if is_a_service(sender) else "", known.get("subject", ""))
    return next((id_ for one in spelled if (id_ := read_referral_id(one))), "")


def _data(sender: str, raw: Raw) -> dict[str, Any]:
    """The event's data, where the monitor may look into it; else nothing."""
    if not is_a_service(sender) and "Withdrawn" not in raw.type and "Cancelled" not in raw.type:
        return {}
    if raw.type == _QUEUED:  # what becomes of it says to whom it goes
        return {}
    try:
        data = msgspec.json.decode(raw.data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return {}
    return data if isinstance(data, dict) and not raw.type.endswith("PartnerRegistered.v1") else {}


def _code_digest(data: Mapping[str, Any]) -> str:
    if code := data.get("referral_code"):
        return digest_of(str(code))
    return str(data.get("code_digest") or "")


def _dead_letter(original: Original) -> DeadLetterSeen:
    added = {name: mask_bytes(value or b"")[:1_000] for name, value in original.headers if name.startswith("dl_")}
    kept = [(name, value) for name, value in original.headers if not name.startswith("dl_")]
    place = (original.topic, original.partition, original.offset, original.timestamp)
    added.setdefault("dl_id", dead_letter_id("monitor", *place))
    stripped = msgspec.structs.replace(original, headers=kept)
    attributes, _ = _masked(_said(_read(stripped), original), {})
    sender = _sender(added.get("dl_topic", original.topic), attributes)
    return DeadLetterSeen.model_construct(
        added=added,
        original=stripped,
        attributes=attributes,
        names=names_in(stripped),
        referral_id=referral_in(stripped, sender, attributes),
        sighting=_sighting(original),
    )
