"""Referrals to measure with."""

import json
from datetime import UTC, datetime
from uuid import uuid4

from shared.contracts.envelope import kafka_headers
from shared.contracts.topics import INTAKE_HTTP, intake_of
from shared.engine.publish import Record

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


def referral_issued(referral_id: str = "") -> tuple[str, Record]:
    """A referral's id, a new one unless it is given, and its record, as the door would write it."""
    referral_id = referral_id or str(uuid4())
    attributes = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/region/08",
        "type": "fi.kulttuurilahete.ReferralIssued.v1",
        "subject": referral_id,
        "time": datetime.now(UTC).isoformat(),
    }
    value = json.dumps({"referral_id": referral_id, **DATA}).encode()
    return referral_id, Record(INTAKE_HTTP, referral_id.encode(), value, kafka_headers(attributes))


def attended(source: str, referral_id: str) -> Record:
    """A record of attendance on the sender's own topic."""
    attributes = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": source,
        "type": "fi.kulttuurilahete.ActivityAttended.v1",
        "subject": referral_id,
        "time": datetime.now(UTC).isoformat(),
    }
    value = json.dumps({"referral_id": referral_id, "activity_id": "choir", "session_id": "1"}).encode()
    return Record(intake_of(source), referral_id.encode(), value, kafka_headers(attributes))
