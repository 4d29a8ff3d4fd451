"""Where a referral stands, as the answer to its region: docs/contracts.md, “Answers”. Pure."""

from datetime import datetime

from services.referral.fold import fold
from services.referral.model import Referral, split_key
from services.referral.responses import ChoiceMade, FactShown, PlaceNow, ReferralNow, SessionNow
from services.referral.view import Choice, CountedSession, Durations, SessionState, View
from shared.contracts.envelope import written
from shared.contracts.identity import finer_and_id
from shared.contracts.topics import LOG_KEPT_DAYS


def shown(state: Referral, durations: Durations, now: datetime) -> ReferralNow:
    """The answer; for an erased referral what erasure left."""
    return _erased(state) if state.erased else _standing(state, durations, now)


def _erased(state: Referral) -> ReferralNow:
    assert state.erased is not None
    left = state.erased
    return {
        "referral_id": state.id,
        "referral_code": None,
        "status": left.status,
        "outcome": left.outcome,
        "issued_at": _written(left.issued_at),
        "closed_at": _written(left.closed_at),
        "choice": None,
        "place": None,
        "sessions": [],
        "session_counts": {"attended": 0, "missed": 0, "told_ahead": 0, "not_recorded": 0},
        "deadlines": [],
        "history": [],
        # Erasure does not reach Kafka's log until its retention, nor who looked.
        "erased": {"log_kept_days": LOG_KEPT_DAYS, "audit": "own_term"},
    }


def _standing(state: Referral, durations: Durations, now: datetime) -> ReferralNow:
    view = fold(state, durations)
    sessions: list[SessionNow] = [
        {"session_id": one.session, "starts_at": _written(one.starts_at), "state": _session_state(one, now)}
        for one in view.sessions
    ]
    states = [session["state"] for session in sessions]
    return {
        "referral_id": state.id,
        "referral_code": state.code,
        "status": view.status,
        "outcome": view.ended.outcome if view.ended else None,
        "issued_at": _written(state.first_issued_at),
        "closed_at": _written(state.told.closed_at),
        "choice": _choice(view.choice),
        "place": _place(view),
        "sessions": sessions,
        "session_counts": {
            "attended": states.count("attended"),
            "missed": states.count("missed"),
            "told_ahead": states.count("told_ahead"),
            "not_recorded": states.count("not_recorded"),
        },
        "deadlines": [{"what": one.what, "due_at": written(one.due_at), "nth": one.nth} for one in view.deadlines],
        "history": _history(state),
    }


def _session_state(session: CountedSession, now: datetime) -> SessionState:
    if session.state == "upcoming" and session.starts_at and session.starts_at < now:
        return "not_recorded"
    return session.state


def _choice(choice: Choice | None) -> ChoiceMade | None:
    if choice is None:
        return None
    organiser, activity_id = split_key(choice.activity)
    return {
        "organiser": organiser,
        "activity_id": activity_id,
        "time": written(choice.at, finer_and_id(choice.request)[0]),
    }


def _place(view: View) -> PlaceNow | None:
    if view.choice is None or view.place is None:
        return None
    organiser, activity_id = split_key(view.choice.activity)
    return {"organiser": organiser, "activity_id": activity_id, "state": view.place, "position": view.position}


_CLASS_OF = {
    "chosen": "ActivityChosen",
    "confirmed": "EnrolmentConfirmed",
    "cancelled": "EnrolmentCancelled",
    "withdrawn": "ReferralWithdrawn",
}


def _history(state: Referral) -> list[FactShown]:
    facts: list[tuple[datetime, str, str, str]] = []
    if state.issued:
        facts.append((state.issued.time, state.issued.id, state.issued.source, "ReferralIssued"))
    facts += [(fact.time, fact.id, fact.source, _CLASS_OF[fact.kind]) for fact in state.facts]
    for record in state.attendance:
        facts.append(
            (record.time, record.id, record.source, "ActivityAttended" if record.attended else "ActivityMissed")
        )
    if state.feedback:
        facts.append((state.feedback.time, state.feedback.id, state.feedback.source, "FeedbackSubmitted"))
    return [
        {"time": written(time_, finer), "type": name, "source": source, "id": id_}
        for time_, rank, source, name in sorted(facts)
        for finer, id_ in [finer_and_id(rank)]
    ]


def _written(time_: datetime | None) -> str | None:
    return written(time_) if time_ else None
