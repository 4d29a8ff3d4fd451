"""Which steps are awaited until when, how often a deadline has passed, and whether silence ended the referral. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from services.referral.model import MatchAnswer, PlaceGrant, Referral
from services.referral.place import asked_as, last_end
from services.referral.view import Choice, Durations, OpenDeadline
from shared.contracts.instants import later
from shared.contracts.referral_events import ReferralOutcome, Status


def deadlines_of(
    referral: Referral, status: Status, choice: Choice | None, grant: PlaceGrant | None, durations: Durations
) -> Iterator[OpenDeadline]:
    """The deadlines of the steps that are awaited now."""
    assert referral.issued is not None
    issuer = referral.issued.source
    if status in {"issued", "unmatched"}:
        since = max(referral.issued.time, referral.matching.asked_at or referral.issued.time)
        yield _next(referral, "match", since, durations.match, _awaited(referral, "match"), issuer)
    elif status == "proposed" and (matched := current_match(referral)):
        yield _next(referral, "choice", matched.time, durations.choice, _awaited(referral, "choice"), issuer)
    elif status == "requested" and choice and grant:
        asked = referral.orders.get(choice.activity)
        since = max(grant.given_at, asked.asked_at if asked and asked.asked_at else grant.given_at)
        awaited = asked_as(choice)
        organiser = choice.activity.partition(" ")[0]
        yield _next(referral, "confirmation", since, durations.confirmation, awaited, organiser)
    elif status in {"placed", "attending"} and choice and (end := last_end(referral, choice)):
        organiser = choice.activity.partition(" ")[0]
        yield _next(referral, "attendance", end, durations.attendance, awaited_records(choice, end), organiser)
    elif status == "completed" and referral.told.completed_at:
        since = referral.told.completed_at
        yield _next(referral, "feedback", since, durations.feedback, awaited_feedback(referral), issuer)


def _next(
    referral: Referral,
    what: Literal["match", "choice", "confirmation", "attendance", "feedback"],
    since: datetime,
    duration: timedelta,
    awaited: str,
    concerns: str,
) -> OpenDeadline:
    nth = times_fired(referral, what, awaited) + 1
    due_at, first = later(since, duration, nth), later(since, duration)
    return OpenDeadline(what, due_at, nth, awaited, concerns, since, first)


# --- silence


def current_match(referral: Referral) -> MatchAnswer | None:
    """The catalogue's answer, if it is to the last question."""
    matched = referral.matched
    return matched if matched and matched.number >= referral.matching.asked else None


def is_silent(referral: Referral, what: Literal["match", "choice"]) -> bool:
    """Whether the deadline has passed twice, so that the referral lapses."""
    matched = current_match(referral)
    if what == "choice" and not (matched and matched.proposed):
        return False
    return times_fired(referral, what, _awaited(referral, what)) >= 2


def silent_outcome(referral: Referral) -> ReferralOutcome:
    """The partner by whose silence the referral lapsed."""
    return "not_chosen" if is_silent(referral, "choice") else "no_activity_found"


def times_fired(referral: Referral, what: str, awaited: str) -> int:
    """How often the deadline of this step has passed."""
    return max((fired.nth for fired in referral.fired if (fired.what, fired.awaited) == (what, awaited)), default=0)


# --- the names of awaited steps


def _awaited(referral: Referral, what: Literal["match", "choice"]) -> str:
    assert referral.issued is not None
    matched = current_match(referral)
    round_ = matched.id if what == "choice" and matched else ""
    return f"{referral.issued.id} {referral.matching.asked} {round_}"


def awaited_records(choice: Choice, end: datetime) -> str:
    """The name of the records of an activity, whose last session has this end."""
    return f"{choice.activity} {end.isoformat()}"


def awaited_feedback(referral: Referral) -> str:
    """The name of the answers after the referral was announced as completed."""
    return str(referral.told.completed_at and referral.told.completed_at.isoformat())
