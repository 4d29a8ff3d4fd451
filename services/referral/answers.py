"""Keeps the activities' answers for the fold: about the place, the sessions, and each choice for good. Pure."""

import msgspec

from services.referral.model import Answer, Listed, PlaceGrant, Referral, activity_key
from shared.contracts import catalogue_events

_changed = msgspec.structs.replace

_Listing = catalogue_events.PlaceReserved | catalogue_events.PlaceWaitlisted | catalogue_events.SessionsChanged


def with_answer(state: Referral, data: catalogue_events.PlaceAnswer) -> Referral:
    """The greatest answer of an activity holds; the final answer to a choice is kept beside it."""
    activity = activity_key(data.organiser, data.activity_id)
    known = state.answers.get(activity, Answer())
    answer = known if known.answer > data.answer else _of_the_place(known, data)
    if isinstance(data, _Listing) and data.answer > known.listed:
        answer = _of_the_sessions(answer, data)
    state = _changed(state, answers={**state.answers, activity: answer})
    return _with_verdict(state, f"{activity} {data.request}", data)


def _of_the_place(answer: Answer, data: catalogue_events.PlaceAnswer) -> Answer:
    said = _changed(answer, answer=data.answer, request=data.request, position=0)
    match data:
        case catalogue_events.PlaceReserved():
            return _changed(said, state="reserved")
        case catalogue_events.PlaceWaitlisted():
            return _changed(said, state="waitlisted", position=data.position)
        case catalogue_events.PlaceRefused():
            return _changed(said, state="refused")
        case catalogue_events.PlaceReleased():
            return _changed(said, state="released")
    return answer


def _of_the_sessions(answer: Answer, data: _Listing) -> Answer:
    sessions = tuple(Listed(one.session_id, one.starts_at, one.ends_at, one.called_off) for one in data.sessions)
    answer = _changed(answer, listed=data.answer, sessions=sessions)
    if data.cancelled is None:
        return answer
    # An organiser replaces an activity by another of its own.
    replacement = activity_key(data.organiser, data.cancelled.replaced_by) if data.cancelled.replaced_by else ""
    return _changed(answer, cancelled_at=data.cancelled.time, replaced_by=replacement)


def _with_verdict(state: Referral, asked: str, data: catalogue_events.PlaceAnswer) -> Referral:
    """Keeps the final answer to a choice, also where a later answer of the activity came before this one."""
    match data:
        case catalogue_events.PlaceReserved():
            known = state.grants.get(asked)
            if known is None or known.answer < data.answer:
                grant = PlaceGrant(data.answer, data.given_at, data.promoted, data.confirm, data.by_enrolment)
                return _changed(state, grants={**state.grants, asked: grant})
        case catalogue_events.SessionsChanged() if asked in state.grants and data.confirm is not None:
            return _changed(state, grants={**state.grants, asked: _by_newer_terms(state.grants[asked], data)})
        case catalogue_events.PlaceWaitlisted():
            return _changed(state, waited=_added(state.waited, asked))
        case catalogue_events.PlaceRefused() if data.reason in {"full", "cancelled"}:
            return _changed(state, refused=_added(state.refused, asked))
        case catalogue_events.PlaceRefused() if data.reason == "closed":
            return _changed(state, closed=_added(state.closed, asked))
    return state


def _by_newer_terms(grant: PlaceGrant, data: catalogue_events.SessionsChanged) -> PlaceGrant:
    # A late version may have been in force at the choice's time, though the place is long released.
    if grant.answer > data.answer:
        return grant
    by_enrolment = grant.by_enrolment and bool(data.closed)
    return _changed(grant, answer=data.answer, confirm=bool(data.confirm), by_enrolment=by_enrolment)


def _added(known: tuple[str, ...], asked: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*known, asked]))
