"""What regions and opistos write, to measure with."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from shared.contracts.envelope import kafka_headers
from shared.contracts.topics import INTAKE_HTTP, intake_of
from shared.kafka.producer import Record

DATA = {
    "unit_ref": "unit-1",
    "municipality": "837",
    "age_band": "65-74",
    "languages": ["fi", "sv"],
    "needs": {"friends": 9, "self_esteem": 4},
    "themes": ["singing", "crafts"],
    "formats": ["in_person"],
    "max_price_cents": 5000,
    "consent": {"recorded_on": "2026-01-01", "scopes": ["referral", "feedback"]},
}


def attributes(source: str, class_: str, subject: str, at: datetime) -> dict[str, str]:
    """Those of an event with an id of its own."""
    return {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": source,
        "type": f"fi.kulttuurilahete.{class_}.v1",
        "subject": subject,
        "time": at.isoformat(),
    }


def event_record(
    source: str, class_: str, subject: str, at: datetime, data: Mapping[str, Any], topic: str = INTAKE_HTTP
) -> Record:
    """An event as the door would write it."""
    headers = kafka_headers(attributes(source, class_, subject, at) | {"dataclassification": "confidential"})
    return Record(topic, subject.encode(), json.dumps(data).encode(), headers)


def referral_issued(referral_id: str = "", at: datetime | None = None) -> tuple[str, Record]:
    """A referral's id, a new one unless it is given, and its record."""
    referral_id = referral_id or str(uuid4())
    data = {"referral_id": referral_id, **DATA}
    return referral_id, event_record("/region/08", "ReferralIssued", referral_id, at or datetime.now(UTC), data)


def attended(source: str, referral_id: str) -> Record:
    """A record of attendance on the sender's own topic."""
    data = {"referral_id": referral_id, "activity_id": "choir", "session_id": "1"}
    return event_record(source, "ActivityAttended", referral_id, datetime.now(UTC), data, intake_of(source))


def choir(
    source: str, group: str, capacity: int, sessions: Iterable[tuple[datetime, datetime]], published: datetime
) -> Record:
    """An activity that the referrals fit; its sessions, from and to, are numbered."""
    data = {
        "activity_id": group,
        "title": {"fi": "Kuoro kaikille", "sv": "Kör för alla"},
        "themes": ["singing", "social"],
        "municipality": "837",
        "format": "in_person",
        "languages": ["fi", "sv"],
        "age": {},
        "capacity": capacity,
        "price_cents": 0,
        "enrolment": {"confirm": True},
        "sessions": [
            {"session_id": f"{number}", "starts_at": begins.isoformat(), "ends_at": ends.isoformat()}
            for number, (begins, ends) in enumerate(sessions)
        ],
    }
    return event_record(source, "ActivityPublished", group, published, data)
