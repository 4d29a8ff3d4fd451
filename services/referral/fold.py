"""Where a referral stands: a function of the set of its facts and their times, computed again at each step.

Pure. `fold` walks the facts to the choice that holds (`walk.py`), then finds its place (`place.py`), the sessions and
the ending (`ending.py`), the deadlines (`deadlines.py`). docs/contracts.md, “The life of a referral”.
"""

from services.referral.deadlines import (
    awaited_feedback,
    current_match,
    deadlines_of,
    is_silent,
    silent_outcome,
    times_fired,
)
from services.referral.ending import ended_with, ending_of
from services.referral.model import Answer, Ending, PlaceGrant, Referral
from services.referral.place import (
    answer_to,
    attendance_of,
    attended_without_place,
    grant_to,
    is_refused,
    lapsed_at,
)
from services.referral.using import used_by
from services.referral.view import Choice, Durations, PlaceState, View, Want
from services.referral.walk import Walk, walk_of
from shared.contracts.fields import Release
from shared.contracts.referral_events import Status


def fold(referral: Referral, durations: Durations) -> View:
    """Where the referral stands by its facts so far. It must have been issued."""
    walk = walk_of(referral)
    choice = walk.choice
    answer = answer_to(referral, choice)
    grant = grant_to(referral, choice)
    expired = choice is not None and lapsed_at(referral, choice) is not None
    if choice and not walk.withdrawn and (expired or is_refused(referral, choice)):
        walk.tried.append(choice.activity)
        fallen, choice, grant = choice, None, None
    else:
        fallen = None
    sessions, ended = ending_of(referral, walk, choice, grant)
    status = _status(referral, walk, choice, answer, grant, ended)
    if status == "lapsed" and ended is None:
        ended = ended_with(silent_outcome(referral), ())
    closed = _closed(referral, walk, status)
    deadlines = () if closed else tuple(deadlines_of(referral, status, choice, grant, durations))
    return View(
        status=status,
        choice=choice,
        place=None if closed else _place_state(status, choice, answer, grant),
        position=answer.position if status == "waitlisted" and answer else None,
        sessions=sessions,
        ended=ended,
        closed=closed,
        deadlines=deadlines,
        wants=_wants(referral, walk, choice, None if expired else fallen, closed=closed),
        matching=status in {"issued", "proposed", "unmatched"},
        without=tuple(dict.fromkeys(walk.tried)),
        related=frozenset(walk.related),
        unplaced=attended_without_place(referral, choice),
        used=used_by(referral, walk, choice),
    )


# --- the status


def _status(
    referral: Referral,
    walk: Walk,
    choice: Choice | None,
    answer: Answer | None,
    grant: PlaceGrant | None,
    ended: Ending | None,
) -> Status:
    if walk.withdrawn:
        return "withdrawn"
    if ended:
        return "completed" if ended.outcome in {"completed", "discontinued"} else "lapsed"
    if choice is None:
        return _matching_status(referral)
    if grant and (not grant.confirm or choice.confirmed_at):
        return "attending" if attendance_of(referral, choice) else "placed"
    return "waitlisted" if answer and answer.state == "waitlisted" else "requested"


def _matching_status(referral: Referral) -> Status:
    if is_silent(referral, "choice") or is_silent(referral, "match"):
        return "lapsed"
    matched = current_match(referral)
    if matched is None:
        return "issued"
    return "proposed" if matched.proposed else "unmatched"


def _place_state(
    status: Status, choice: Choice | None, answer: Answer | None, grant: PlaceGrant | None
) -> PlaceState | None:
    if choice is None or status == "withdrawn":
        return None
    if grant and (not grant.confirm or choice.confirmed_at):
        return "placed"
    return "waitlisted" if answer and answer.state == "waitlisted" else "requested"


def _closed(referral: Referral, walk: Walk, status: Status) -> bool:
    if status in {"lapsed", "withdrawn"}:
        return True
    if status != "completed":
        return False
    assert referral.issued is not None
    over = referral.told.completed_at is not None and times_fired(referral, "feedback", awaited_feedback(referral)) >= 1
    return not referral.issued.feedback or referral.feedback is not None or walk.ends_wait or over


# --- the orders to activities


def _wants(
    referral: Referral, walk: Walk, choice: Choice | None, refused: Choice | None, *, closed: bool
) -> dict[str, Want]:
    # A request that, by a fact that came late, should never have been made: its place must be freed too.
    wants = {
        activity: Want("follow", why=_why_left(referral, walk, activity)) for activity in (*referral.orders, *walk.ever)
    }
    # A refused choice stays registered: the catalogue judges `unknown` and `closed` again when a version arrives.
    wanted = choice or refused
    asked = [*walk.open.values()]
    if wanted and not closed and not walk.withdrawn:
        asked.append(wanted)
    assert referral.issued is not None
    for one in asked:
        wants[one.activity] = Want("place", one.request, one.at, one.enrolled, one.moved, referral.issued.purse)
    return wants


def _why_left(referral: Referral, walk: Walk, activity: str) -> Release:
    """Why no place is wanted there, if it is so: by the walk's last word on the activity, else by the end of all."""
    if activity in walk.left:
        return walk.left[activity]
    if walk.withdrawn:
        return "withdrawn"
    if walk.choice is None or walk.choice.activity != activity:
        return "moved"
    return "not_confirmed" if lapsed_at(referral, walk.choice) else "loop_closed"
