"""Referrals to measure with."""

import json
from datetime import UTC, datetime
from uuid import uuid4

from shared.contracts.envelope import kafka_headers
from shared.contracts.topics import INTAKE_HTTP
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


def referral_issued() -> tuple[str, Record]:
    """A new referral's id and its record, as the door would write it."""
    referral_id = str(uuid4())
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
