"""Where a group stands, as the answer to its issuer, ops, or an organiser where it has places. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

from services.referral.groups.fold import GroupView, fold
from services.referral.groups.model import HeldSession, Meeting, UnitGroup
from services.referral.groups.responses import GroupNow, GroupPlacesNow, GroupSessionNow
from services.referral.groups.walk import is_placed
from services.referral.model import split_key
from services.referral.responses import FactShown
from services.referral.view import Durations
from shared.contracts.envelope import written
from shared.contracts.identity import finer_and_id

_CLASS_OF = {
    "chosen": "GroupActivityChosen",
    "confirmed": "GroupPlacesConfirmed",
    "cancelled": "GroupPlacesCancelled",
    "withdrawn": "GroupReferralWithdrawn",
}
_LATE = datetime.max.replace(tzinfo=UTC)


def shown(state: UnitGroup, durations: Durations, now: datetime, organiser: str = "") -> GroupNow:
    """The answer. For an `organiser` alone what concerns it: no choice, session or event of another."""
    assert state.issued is not None
    view = fold(state, durations)
    sessions = sorted(_sessions(state, view, now), key=lambda one: one[0])
    return {
        "group_id": state.id,
        "status": view.status,
        "outcome": view.ended.outcome if view.ended else None,
        "kind": state.issued.kind,
        "size": state.issued.size,
        "premises": state.issued.premises,
        "issued_at": written(state.first_issued_at) if state.first_issued_at else None,
        "place": _place(state, view, organiser),
        "sessions": [one for _, one in sessions if organiser in {"", one["organiser"]}],
        "held": sum(one.participants > 0 for one in state.held if organiser in {"", one.source}),
        "deadlines": [
            {"what": one.what, "due_at": written(one.due_at), "nth": one.nth}
            for one in view.deadlines
            if organiser in {"", one.concerns}
        ],
        "history": [one for one in _history(state) if organiser in {"", one["source"]}],
    }


def may_see(state: UnitGroup, organiser: str) -> bool:
    """Whether an organiser holds places for the group, or has a turn for it on its waiting list, or had."""
    return any(of.startswith(f"{organiser} ") for of in state.told)


def _place(state: UnitGroup, view: GroupView, organiser: str) -> GroupPlacesNow | None:
    if view.chosen is None:
        return None
    of, activity_id = split_key(view.chosen.activity)
    if organiser not in {"", of}:
        return None
    return {
        "organiser": of,
        "activity_id": activity_id,
        "chosen_at": written(view.chosen.at),
        "state": _state(state, view),
        "reason": view.verdict.reason if view.verdict else None,
    }


def _state(state: UnitGroup, view: GroupView) -> Literal["requested", "waitlisted", "reserved", "placed", "refused"]:
    if view.verdict is None or view.chosen is None:
        return "requested"
    return "placed" if is_placed(state, view.chosen) else view.verdict.state


def _sessions(
    state: UnitGroup, view: GroupView, now: datetime
) -> Iterator[tuple[tuple[datetime, str], GroupSessionNow]]:
    """The sessions of the chosen activity, and all that were held, with their order."""
    records = {one.key: one for one in state.held}
    chosen = view.chosen.activity if view.chosen else ""
    meetings = {
        f"{activity} {one.session}": (activity, one)
        for activity, listed in state.listed.items()
        for one in listed.meetings
        if activity == chosen or f"{activity} {one.session}" in records
    }
    for key, (activity, meeting) in meetings.items():
        yield (meeting.starts_at, key), _session(activity, meeting.session, meeting, records.get(key), now)
    for key, record in records.items():
        if key not in meetings:
            yield (_LATE, key), _session(record.activity, record.session, None, record, now)


def _session(
    activity: str, session: str, meeting: Meeting | None, record: HeldSession | None, now: datetime
) -> GroupSessionNow:
    organiser, activity_id = split_key(activity)
    return {
        "organiser": organiser,
        "activity_id": activity_id,
        "session_id": session,
        "starts_at": written(meeting.starts_at) if meeting else None,
        "state": _session_state(meeting, record, now),
        "participants": record.participants if record else None,
        "staff": record.staff if record else None,
    }


def _session_state(
    meeting: Meeting | None, record: HeldSession | None, now: datetime
) -> Literal["upcoming", "held", "not_recorded", "called_off"]:
    if record or meeting is None:
        return "held"
    if meeting.called_off:
        return "called_off"
    return "upcoming" if meeting.starts_at > now else "not_recorded"


def _history(state: UnitGroup) -> list[FactShown]:
    assert state.issued is not None
    facts = [(state.issued.time, state.issued.id, state.issued.source, "GroupReferralIssued")]
    facts += [(one.time, one.id, one.source, _CLASS_OF[one.kind]) for one in state.facts]
    facts += [(one.time, one.id, one.source, "GroupSessionHeld") for one in state.held]
    return [
        {"time": written(time, finer), "type": name, "source": source, "id": id_}
        for time, rank, source, name in sorted(facts)
        for finer, id_ in [finer_and_id(rank)]
    ]
