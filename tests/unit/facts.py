"""Events as partners send them, in few words: days since `START`, one region, activities by a letter."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec

from shared.contracts import feedback_events, opisto_events, referral_events, region_events
from shared.contracts.data import Data
from shared.contracts.envelope import Event
from shared.engine.model import Decision, Rejected, S, Waits

START = datetime(2026, 9, 1, 8, tzinfo=UTC)
REGION = "/region/06"
OPISTO = "/opisto/tampere"
STRANGER = "/opisto/turku"
ANOTHER_REGION = "/region/01"
"""Another organiser, which the region chose only where a test says so."""
LIBRARY = "/library/metso"
TAMPERE = "837"
ISSUED_ON = "2026-08-31"
_NAMESPACE = UUID("3b0f6a86-5b62-4d0c-8a4e-0d3c0e5d1c11")

Meeting = tuple[str, float]
"""A session's id and the day on which it begins; it lasts an hour."""


def at(days: float) -> datetime:
    """So many days after the start."""
    return START + timedelta(days=days)


def a_referral(name: object = "one") -> str:
    """A referral's id."""
    return str(UUID(int=uuid5(_NAMESPACE, str(name)).int, version=4))


def key(activity: str, organiser: str = OPISTO) -> str:
    """An activity as the aggregates name it."""
    return f"{organiser} {activity}"


def event(data: Data, days: float, source: str, name: str = "", *, synthetic: bool = False) -> Event[Any]:
    """An event; its id is its class, its day and what else tells it apart."""
    details = [type(data).__name__, f"{days:g}", getattr(data, "activity_id", ""), getattr(data, "session_id", "")]
    id_ = name or "-".join(part for part in details if part)
    return Event(id_, source, at(days), data, digest=id_, synthetic=synthetic)


def consent_at(age_band: str, *scopes: str) -> dict[str, Any]:
    """A consent to being referred and to these scopes, given by who may give it at this age."""
    giver = region_events.CONSENT_AT.get(age_band, ("client",))[0]
    return {"recorded_on": ISSUED_ON, "given_by": giver, "scopes": ["referral", *scopes]}


def issued(
    days: float = 0,
    referral: str | None = None,
    *,
    feedback: bool = True,
    source: str = REGION,
    synthetic: bool = False,
    **fields: Any,
) -> Event[Any]:
    """ReferralIssued."""
    said: dict[str, Any] = {
        "referral_id": referral or a_referral(),
        "unit_ref": "unit-1",
        "municipality": TAMPERE,
        "age_band": "65-74",
        "languages": ["fi"],
        "needs": {"friends": 8},
        "consent": consent_at(fields.get("age_band", ""), *(["feedback"] if feedback else [])),
    }
    data = region_events.ReferralIssued.model_validate(said | fields, strict=False)
    return event(data, days, source, synthetic=synthetic)


def allowed(days: float, who: str = "library", routes: Sequence[str] = ("library",), **how: Any) -> Event[Any]:
    """ReferrersAllowed, by the region of Tampere."""
    said = {"region": "08", "referrers": [{"who": who, "routes": routes}]}
    data = region_events.ReferrersAllowed.model_validate(said, strict=False)
    return event(data, days, "/region/08", **how)


def by_a_library(said: Event[Any]) -> Event[Any]:
    """What the region says, as the library would."""
    if said.source != REGION:
        return said
    issues = isinstance(said.data, region_events.ReferralIssued)
    data = said.data.model_copy(update={"route": "library"}) if issues else said.data
    return msgspec.structs.replace(said, source=LIBRARY, data=data)


def chosen(
    days: float,
    activity: str = "a",
    referral: str | None = None,
    *,
    organiser: str = OPISTO,
    source: str = REGION,
) -> Event[Any]:
    """ActivityChosen."""
    data = region_events.ActivityChosen(referral_id=referral or a_referral(), organiser=organiser, activity_id=activity)
    return event(data, days, source)


def withdrawn(
    days: float, reason: Any = "client_wish", referral: str | None = None, *, source: str = REGION
) -> Event[Any]:
    """ReferralWithdrawn."""
    return event(region_events.ReferralWithdrawn(referral_id=referral or a_referral(), reason=reason), days, source)


def confirmed(days: float, activity: str = "a", referral: str | None = None, *, organiser: str = OPISTO) -> Event[Any]:
    """EnrolmentConfirmed."""
    data = opisto_events.EnrolmentConfirmed(referral_id=referral or a_referral(), activity_id=activity)
    return event(data, days, organiser)


def off_the_list(
    days: float, activity: str = "a", referral: str | None = None, *, organiser: str = OPISTO
) -> Event[Any]:
    """EnrolmentCancelled."""
    data = opisto_events.EnrolmentCancelled(
        referral_id=referral or a_referral(), activity_id=activity, reason="client_wish"
    )
    return event(data, days, organiser)


def recorded(
    days: float,
    session: str = "s1",
    activity: str = "a",
    *,
    came: bool = True,
    told_ahead: bool | None = None,
    referral: str | None = None,
    organiser: str = OPISTO,
) -> Event[Any]:
    """ActivityAttended, or ActivityMissed."""
    about = {"referral_id": referral or a_referral(), "activity_id": activity, "session_id": session}
    if came:
        return event(opisto_events.ActivityAttended(**about), days, organiser)
    return event(opisto_events.ActivityMissed(**about, told_ahead=told_ahead), days, organiser)


def looked_up(days: float, referral: str | None = None, *, organiser: str = OPISTO) -> Event[Any]:
    """CodeLookedUp."""
    data = referral_events.CodeLookedUp(referral_id=referral or a_referral(), organiser=organiser)
    return event(data, days, "/service/referral", f"CodeLookedUp-{days:g}-{organiser.rpartition('/')[2]}")


def answered(days: float, respondent: Any = "participant", phase: Any = "after") -> Event[Any]:
    """FeedbackTaken: answers came in, about how it was."""
    id_ = f"FeedbackSubmitted-{days:g}"
    data = feedback_events.FeedbackTaken(
        referral_id=a_referral(),
        respondent=respondent,
        phase=phase,
        event_id=id_,
        event_source="/service/feedback",
        event_time=at(days),
    )
    return event(data, days, "/service/feedback", f"taken-{id_}")


def published(
    days: float = -10,
    activity: str = "a",
    *,
    meetings: Iterable[Meeting] = (("s1", 20), ("s2", 30)),
    capacity: int = 10,
    waiting: int = 0,
    opens: float | None = None,
    closes: float | None = None,
    confirm: bool = False,
    synthetic: bool = False,
    organiser: str = OPISTO,
    **fields: Any,
) -> Event[Any]:
    """ActivityPublished: the whole activity."""
    said: dict[str, Any] = {
        "activity_id": activity,
        "title": {"fi": f"Ryhmä {activity}"},
        "themes": ["social"],
        "municipality": TAMPERE,
        "format": "in_person",
        "languages": ["fi"],
        "age": {},
        "capacity": capacity,
        "waiting_list": waiting,
        "price_cents": 0,
        "enrolment": {
            "opens": None if opens is None else at(opens),
            "closes": None if closes is None else at(closes),
            "confirm": confirm,
        },
        "sessions": [
            {"session_id": session, "starts_at": at(day), "ends_at": at(day) + timedelta(hours=1)}
            for session, day in meetings
        ],
    }
    return event(
        opisto_events.ActivityPublished.model_validate(said | fields, strict=False),
        days,
        organiser,
        synthetic=synthetic,
    )


def called_off(
    days: float, activity: str = "a", replaced_by: str | None = None, *, organiser: str = OPISTO
) -> Event[Any]:
    """ActivityCancelled."""
    data = opisto_events.ActivityCancelled(activity_id=activity, reason="merged", replaced_by=replaced_by)
    return event(data, days, organiser)


def taken(decided: Decision[S] | Waits | Rejected) -> Decision[S]:
    """The decision, where the event is taken."""
    assert isinstance(decided, Decision), decided
    return decided


def names(follow: Sequence[Any]) -> list[str]:
    """The classes of what follows."""
    return [type(one.data).__name__ for one in follow]
