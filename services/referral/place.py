"""The place that a choice asked for: the activity's answers, and until when the place holds. Pure."""

from datetime import datetime
from typing import Literal

import msgspec

from services.referral.model import Answer, AttendanceRecord, PlaceGrant, Referral
from services.referral.view import Choice


def asked_as(choice: Choice) -> str:
    """The name of the choice's request in the activity's answers: `<activity> <request>`."""
    return f"{choice.activity} {choice.request}"


def answer_to(referral: Referral, choice: Choice | None) -> Answer | None:
    """The activity's last answer, if it answers this choice."""
    answer = referral.answers.get(choice.activity) if choice else None
    return answer if answer and choice and answer.request == choice.request else None


def grant_to(referral: Referral, choice: Choice | None) -> PlaceGrant | None:
    """The place that the activity gave the choice, unless it has refused since."""
    grant = None if choice is None or is_refused(referral, choice) else referral.grants.get(asked_as(choice))
    return grant if grant and choice and (choice.enrolled or not grant.by_enrolment) else None


def is_refused(referral: Referral, choice: Choice) -> bool:
    """Whether the last answer is a refusal; the catalogue judges `unknown` and `closed` again."""
    answer = answer_to(referral, choice)
    return _was_cancelled_before(referral, choice) or (answer is not None and answer.state == "refused")


def _was_cancelled_before(referral: Referral, choice: Choice) -> bool:
    answer = referral.answers.get(choice.activity)
    cancelled_at = answer.cancelled_at if answer else None
    return cancelled_at is not None and choice.at >= cancelled_at and not choice.moved


def verdict_on(referral: Referral, choice: Choice) -> Literal["held", "waited", "refused", "closed"] | None:
    """The final answer to the choice, whatever the referral has asked the activity since."""
    asked = asked_as(choice)
    if _was_cancelled_before(referral, choice):
        return "refused"
    if choice.enrolled:
        return "held"
    if grant := referral.grants.get(asked):
        return "closed" if grant.by_enrolment else "held"
    if asked in referral.refused:
        return "refused"
    return "waited" if asked in referral.waited else None


def is_placed(referral: Referral, choice: Choice) -> bool:
    """Whether the place is the choice's own: given and, where that is needed, confirmed."""
    grant = grant_to(referral, choice)
    return grant is not None and (not grant.confirm or choice.confirmed_at is not None)


def last_end(referral: Referral, choice: Choice) -> datetime | None:
    """When the activity's last session ends."""
    answer = referral.answers.get(choice.activity)
    return (
        max((listed.ends_at for listed in answer.sessions if not listed.called_off), default=None) if answer else None
    )


def is_over(referral: Referral, choice: Choice, time: datetime) -> bool:
    """Whether the activity had ended by then."""
    end = last_end(referral, choice)
    return end is not None and time >= end


def lapsed_at(referral: Referral, choice: Choice) -> datetime | None:
    """When the choice's confirmation was overdue for the second time; the referral releases the place then."""
    grant = referral.grants.get(asked_as(choice))
    if grant is None or not grant.confirm or choice.confirmed_at:
        return None
    awaited = ("confirmation", asked_as(choice))
    return next((one.due_at for one in referral.fired if (one.what, one.awaited) == awaited and one.nth >= 2), None)


def attendance_of(referral: Referral, choice: Choice) -> list[AttendanceRecord]:
    """The records of the choice's activity, and of those that it replaced."""
    return [record for record in referral.attendance if record.activity in choice.activities]


def attended_without_place(referral: Referral, choice: Choice | None) -> AttendanceRecord | None:
    """The oldest record of a session attended at an activity that never gave the referral a place, as it holds now."""
    placed = {asked.rpartition(" ")[0] for asked in referral.grants}
    if choice and grant_to(referral, choice):
        placed.update(choice.activities)
    stray = (record for record in referral.attendance if record.attended and record.activity not in placed)
    oldest = min(stray, key=lambda one: (one.time, one.id), default=None)
    return msgspec.structs.replace(oldest, records=()) if oldest else None
