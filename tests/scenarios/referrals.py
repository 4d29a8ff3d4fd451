"""Small journeys with seeded ids: referrals that are issued, and what follows them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

from tests.integration.road import OPISTO, REGION, event, issued, now
from tests.scenarios.journeys import JourneyStep
from tests.scenarios.platform import step

ACTIVITY: Final = {"organiser": OPISTO, "activity_id": "choir"}
"""Need not be published: a choice of an unpublished activity is a fact like another."""


def seeded(rng: Random) -> str:
    """An id."""
    return str(UUID(int=rng.getrandbits(128), version=4))


def referral(rng: Random, source: str = REGION, subject: str = "", **expected: Any) -> JourneyStep:
    """ReferralIssued, which opens one."""
    referral_id = subject or seeded(rng)
    one = {**issued(referral_id, source), "id": seeded(rng)}
    return step(one, **({"effects": {"ReferralOpened": 1}, "history_of": referral_id} | expected))


def referrals(rng: Random, count: int, source: str = REGION) -> Sequence[JourneyStep]:
    """Several of different people."""
    return [referral(rng, source) for _ in range(count)]


def chosen(rng: Random, first: JourneyStep, **expected: Any) -> JourneyStep:
    """ActivityChosen, for a referral that was issued."""
    data = {"referral_id": subject_of(first), **ACTIVITY}
    return about(
        rng, first, first.event["source"], "ActivityChosen", data, **({"effects": {"PlaceRequested": 1}} | expected)
    )


def missed(rng: Random, first: JourneyStep, **expected: Any) -> JourneyStep:
    """ActivityMissed, for a referral that was issued; each for a session of its own."""
    data = {"referral_id": subject_of(first), "activity_id": ACTIVITY["activity_id"], "session_id": seeded(rng)[:8]}
    return about(rng, first, OPISTO, "ActivityMissed", data, **expected)


def withdrawn(rng: Random, first: JourneyStep, **expected: Any) -> JourneyStep:
    """ReferralWithdrawn by the region that issued it."""
    data = {"referral_id": subject_of(first), "reason": "client_wish"}
    return about(rng, first, first.event["source"], "ReferralWithdrawn", data, **expected)


def about(
    rng: Random, first: JourneyStep, source: str, name: str, data: Mapping[str, Any], **expected: Any
) -> JourneyStep:
    """Any event about a referral that was issued, a second later."""
    time = datetime.fromisoformat(first.event["time"]) + timedelta(seconds=1)
    one = event(source, name, data, id=seeded(rng), time=min(time, now()).isoformat())
    return step(one, **({"history_of": subject_of(first)} | expected))


def answers(issued: JourneyStep) -> dict[str, Any]:
    """A participant's answers by phone: the data of FeedbackSubmitted."""
    return {
        "about": {"kind": "referral", "id": subject_of(issued)},
        "respondent": "participant",
        "phase": "before",
        "instrument": "experience_v1",
        "answers": {"satisfaction": 4, "recommend": 9},
        "channel": "phone",
    }


def subject_of(one: JourneyStep) -> str:
    """The referral that an event concerns."""
    return str(one.event["subject"])
