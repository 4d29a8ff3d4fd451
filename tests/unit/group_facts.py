"""What partners send of a unit's group, in few words: days since `facts.START`, activities by a letter."""

from typing import Any

from shared.contracts import group_events
from shared.contracts.envelope import Event
from tests.unit.facts import OPISTO, REGION, TAMPERE, a_referral, event

SIZE = 6


def a_group(name: object = "choir") -> str:
    """A group's id."""
    return a_referral(f"group {name}")


def group_issued(
    days: float = 0, group: str | None = None, *, size: int = SIZE, source: str = REGION, **fields: Any
) -> Event[Any]:
    """GroupReferralIssued."""
    said: dict[str, Any] = {
        "group_id": group or a_group(),
        "unit_ref": "unit-1",
        "kind": "housing_unit",
        "size": size,
        "municipality": TAMPERE,
        "languages": ["fi"],
        "age": {"min": 60},
        "needs": {"friends": 8},
        "premises": "organiser",
    }
    data = group_events.GroupReferralIssued.model_validate(said | fields, strict=False)
    return event(data, days, source)


def group_chose(
    days: float, activity: str = "a", group: str | None = None, *, organiser: str = OPISTO, source: str = REGION
) -> Event[Any]:
    """GroupActivityChosen."""
    data = group_events.GroupActivityChosen(group_id=group or a_group(), organiser=organiser, activity_id=activity)
    return event(data, days, source)


def group_withdrawn(days: float, group: str | None = None, *, source: str = REGION) -> Event[Any]:
    """GroupReferralWithdrawn."""
    return event(group_events.GroupReferralWithdrawn(group_id=group or a_group(), reason="unit_wish"), days, source)


def group_confirmed(
    days: float, activity: str = "a", group: str | None = None, *, organiser: str = OPISTO
) -> Event[Any]:
    """GroupPlacesConfirmed."""
    data = group_events.GroupPlacesConfirmed(group_id=group or a_group(), activity_id=activity)
    return event(data, days, organiser)


def group_cancelled(
    days: float, activity: str = "a", group: str | None = None, *, organiser: str = OPISTO
) -> Event[Any]:
    """GroupPlacesCancelled."""
    data = group_events.GroupPlacesCancelled(group_id=group or a_group(), activity_id=activity, reason="not_suitable")
    return event(data, days, organiser)


def group_met(
    days: float,
    session: str = "s1",
    activity: str = "a",
    *,
    participants: int = 5,
    staff: int = 1,
    group: str | None = None,
    organiser: str = OPISTO,
) -> Event[Any]:
    """GroupSessionHeld."""
    data = group_events.GroupSessionHeld(
        group_id=group or a_group(),
        activity_id=activity,
        session_id=session,
        participants=participants,
        staff=staff,
    )
    return event(data, days, organiser)
