"""What the catalogue answers to a referral, in few words, and the referral's own handlers to take it in."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from services.referral.fold import fold
from services.referral.handlers import table
from services.referral.model import Referral
from services.referral.view import View
from shared.contracts import catalogue_events, every_service_events
from shared.contracts.data import Data
from shared.contracts.envelope import Event
from shared.engine.model import Decision, Rejected, Waits
from tests.unit.facts import OPISTO, Meeting, a_referral, at, event
from tests.unit.network import DURATIONS, grant_to

TABLE = table(DURATIONS)
TWO_SESSIONS: tuple[Meeting, ...] = (("s1", 20), ("s2", 30))
CATALOGUE = "/service/catalogue"


def listed(meetings: Iterable[Meeting], called_off: Iterable[str] = ()) -> tuple[catalogue_events.ListedSession, ...]:
    """Sessions of an hour."""
    return tuple(
        catalogue_events.ListedSession(
            session_id=session,
            starts_at=at(day),
            ends_at=at(day) + timedelta(hours=1),
            called_off=session in set(called_off),
        )
        for session, day in meetings
    )


def reserved(
    days: float,
    request: str,
    activity: str = "a",
    *,
    answer: int = 1,
    meetings: Iterable[Meeting] = TWO_SESSIONS,
    confirm: bool = False,
    context: float | None = None,
    promoted: bool = False,
    cancelled: catalogue_events.ActivityCall | None = None,
    by_enrolment: bool = False,
    organiser: str = OPISTO,
) -> Event:
    """PlaceReserved: given at the choice, or at `context`."""
    data = catalogue_events.PlaceReserved(
        **_about(activity, answer, request, organiser),
        given_at=at(days if context is None else context),
        promoted=promoted,
        confirm=confirm,
        by_enrolment=by_enrolment,
        sessions=listed(meetings),
        cancelled=cancelled,
    )
    return _said(data, days)


def waitlisted(days: float, request: str, position: int = 1, activity: str = "a", *, answer: int = 1) -> Event:
    """PlaceWaitlisted."""
    data = catalogue_events.PlaceWaitlisted(
        **_about(activity, answer, request), position=position, sessions=listed(TWO_SESSIONS)
    )
    return _said(data, days)


def refused(days: float, request: str, reason: Any = "full", activity: str = "a", *, answer: int = 1) -> Event:
    """PlaceRefused."""
    return _said(catalogue_events.PlaceRefused(**_about(activity, answer, request), reason=reason), days)


def released(days: float, request: str, activity: str = "a", *, answer: int) -> Event:
    """PlaceReleased."""
    return _said(catalogue_events.PlaceReleased(**_about(activity, answer, request), reason="moved"), days)


def changed(
    days: float,
    request: str = "",
    activity: str = "a",
    *,
    answer: int = 2,
    meetings: Iterable[Meeting] = TWO_SESSIONS,
    off: Iterable[str] = (),
    cancelled: float | None = None,
    replaced_by: str | None = None,
    organiser: str = OPISTO,
) -> Event:
    """SessionsChanged: the activity is published, or has other times, or is cancelled."""
    call = None if cancelled is None else catalogue_events.ActivityCall(time=at(cancelled), replaced_by=replaced_by)
    about = _about(activity, answer, request, organiser)
    data = catalogue_events.SessionsChanged(**about, sessions=listed(meetings, off), cancelled=call)
    return _said(data, days)


def proposed(days: float, number: int = 0) -> Event:
    """ActivitiesProposed: one."""
    proposal = catalogue_events.Proposal(
        organiser=OPISTO, activity_id="a", score=90, reasons=("free",), starts_at=at(20), places_left=3
    )
    return _said(
        catalogue_events.ActivitiesProposed(referral_id=a_referral(), number=number, proposals=(proposal,)),
        days,
        number,
    )


def nothing_found(days: float, number: int = 0) -> Event:
    """NoActivityFound."""
    return _said(
        catalogue_events.NoActivityFound(referral_id=a_referral(), number=number, nearest_misses={}), days, number
    )


def _about(activity: str, answer: int, request: str, organiser: str = OPISTO) -> dict[str, Any]:
    return {
        "referral_id": a_referral(),
        "organiser": organiser,
        "activity_id": activity,
        "number": answer,
        "answer": answer,
        "request": request,
    }


def _said(data: Data, days: float, number: int = 0) -> Event:
    return event(data, days, CATALOGUE, f"{type(data).__name__}-{days:g}-{number}")


# --- taking it in


def take(state: Referral | None, came: Event) -> Decision[Referral]:
    """What one event does, at its own time."""
    decided = outcome_of(state, came)
    assert isinstance(decided, Decision), decided
    return decided


def outcome_of(state: Referral | None, came: Event) -> Decision[Referral] | Waits | Rejected:
    """What one event does, a refusal included."""
    handler = TABLE.deadlines["referrals"] if came.name == "DeadlinePassed" else TABLE.handlers[type(came.data)]
    return handler.decide(state, came, came.time, grant_to(came.name))


def after(*events: Event, state: Referral | None = None) -> Referral:
    """The state after these events, in the order in which they stand here."""
    for one in events:
        state = take(state, one).state
    assert state is not None
    return state


def stands(*events: Event) -> View:
    """Where the referral stands after these events."""
    return fold(after(*events), DURATIONS)


def silence(state: Referral, what: str, times: int = 1) -> Referral:
    """The deadline passes, so many times."""
    for _ in range(times):
        state = after(passed(state, what), state=state)
    return state


def passed(state: Referral, what: str) -> Event:
    """DeadlinePassed, of what the referral awaits now."""
    (deadline,) = [one for one in fold(state, DURATIONS).deadlines if one.what == what]
    data = every_service_events.DeadlinePassed(
        service="referral",
        collection="referrals",
        aggregate=state.id,
        what=deadline.what,
        due_at=deadline.due_at,
        nth=deadline.nth,
        referral_id=state.id,
    )
    return Event(f"{what}-{deadline.nth}", "/service/referral", deadline.due_at, data)
