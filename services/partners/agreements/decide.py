"""What an event does to an agreement, to an activity's themes and to its counts of a month.

Pure: no clock, no I/O, no logging. The state is the same whatever the order of arrival; how often it was told differs.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from services.partners.agreements.account import overlapping, used_in_all, uses_of
from services.partners.agreements.fold import AgreedVersion, AgreementCourse, course_of
from services.partners.agreements.model import (
    ActivityThemes,
    Agreed,
    Agreement,
    Brought,
    MonthOfUse,
    Surroundings,
    Word,
)
from services.partners.agreements.telling import notices, told_both
from shared.contracts.agreement_events import (
    AgreementChanged,
    AgreementEnded,
    AgreementMade,
    AgreementTerms,
    AgreementToLook,
    UseCounted,
    UseNotice,
)
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.opisto_events import ActivityPublished
from shared.engine.model import Decision, Due, Follow, Rejected, Waits

MAX_WORDS: Final = 40
"""Of each side about one agreement."""
NEARLY: Final = (4, 5)
IDLE: Final = (1, 4)
_changed = msgspec.structs.replace

Decided = Decision[Agreement] | Waits | Rejected


# --- what the parties say


def said(
    state: Agreement | None,
    event: Event[AgreementMade | AgreementChanged | AgreementEnded],
    now: datetime,
    context: object,
) -> Decided:
    """Keeps one side's word, and tells both how the agreement stands by all words."""
    data = event.data
    if event.source not in {data.referrer, data.organiser}:
        return Rejected(f"{event.source} is neither of the two parties, {data.referrer} and {data.organiser}")
    if state is None and not isinstance(data, AgreementMade):
        return Waits("AgreementMade")
    state = state or Agreement(data.subject, data.referrer, data.organiser)
    word = _word(event)
    own = [one for one in state.words if one.source == event.source]
    if any(one.order == word.order for one in own):
        return Decision(state)
    if len(own) >= MAX_WORDS:
        return Rejected(
            f"{event.source} said {MAX_WORDS} words of {data.agreement_id} already; make another agreement, under a new id"
        )
    state = _changed(state, words=tuple(sorted([*state.words, word], key=lambda one: one.order)))
    standing = course_of(state).standing
    if standing == state.told:
        return Decision(state)
    state = _changed(state, told=standing, number=state.number + 1)
    return Decision(state, [*told_both(state, standing), look_at(state)])


def _word(event: Event[AgreementMade | AgreementChanged | AgreementEnded]) -> Word:
    data = event.data
    if isinstance(data, AgreementEnded):
        return Word(event.time, event.rank, event.source, last_day=data.last_day)
    return Word(event.time, event.rank, event.source, terms=_terms(data))


def _terms(data: AgreementTerms) -> Agreed:
    from_day = data.from_day if isinstance(data, AgreementChanged) else data.period.starts_on
    return Agreed(
        starts_on=data.period.starts_on,
        ends_on=data.period.ends_on,
        from_day=from_day,
        of=data.quota.of,
        quota=data.quota.amount,
        unit_ref=data.unit_ref or "",
        activities=tuple(sorted(data.activities)),
        themes=tuple(sorted(data.themes)),
        price_cents=data.price_cents,
        contributions=tuple(sorted(Brought(one.by, one.kind, one.amount) for one in data.contributions)),
    )


# --- what is used


def use_counted(
    state: MonthOfUse | None, event: Event[UseCounted], now: datetime, context: Sequence[Agreement]
) -> Decision[MonthOfUse]:
    """Adds a referral's change to the month. `context`: the agreements between the two, which look again.

    A test's use is in no count.
    """
    data = event.data
    state = state or MonthOfUse(data.referrer, data.unit_ref, data.organiser, data.activity_id, data.month)
    if event.synthetic:
        return Decision(state)
    days = dict(state.days)
    for one in data.days:
        places, sessions = days.pop(one.day.day, (0, 0))
        if (counts := (places + one.places, sessions + one.sessions)) != (0, 0):
            days[one.day.day] = counts
    return Decision(_changed(state, days=dict(sorted(days.items()))), [look_at(one) for one in context])


def published(
    state: ActivityThemes | None, event: Event[ActivityPublished], now: datetime, context: Sequence[Agreement]
) -> Decision[ActivityThemes]:
    """Keeps an activity's themes, as published last. `context`: the organiser's agreements, which look again where they go
    by themes."""
    if state and (state.time, state.rank) > (event.time, event.rank):
        return Decision(state)
    themes = tuple(sorted(event.data.themes))
    known = ActivityThemes(event.time, event.rank, themes)
    if state and state.themes == themes:
        return Decision(known)
    return Decision(known, [look_at(one) for one in context if _by_themes(course_of(one))])


def _by_themes(course: AgreementCourse) -> bool:
    return any(one.terms.themes for one in course.versions)


def look_at(agreement: Agreement) -> Follow:
    """Has an agreement looked at again, once all that changed is saved."""
    agreement_id = agreement.id.rpartition("/")[2]
    again = AgreementToLook(agreement_id=agreement_id, referrer=agreement.referrer, organiser=agreement.organiser)
    return Follow(again, agreement.id, once=True)


# --- what both should look at


def looked(
    state: Agreement | None, event: Event[AgreementToLook], now: datetime, context: Surroundings
) -> Decision[Agreement]:
    """Tells both what of the agreement they should look at, each once of what both agreed on last."""
    if state is None or (latest := course_of(state).latest) is None:
        return Decision(state)
    used = used_in_all(latest, uses_of(state, context))
    found: list[UseNotice] = []
    if used > latest.terms.quota:
        found.append("quota_passed")
    elif used * NEARLY[1] >= latest.terms.quota * NEARLY[0]:
        found.append("quota_nearly_used")
    others = overlapping(state, context)
    decision = _noticed(state, latest, used, found)
    return _with_overlaps(decision, latest, used, [one for one in context.agreements if one.id in others])


def _noticed(state: Agreement, latest: AgreedVersion, used: int, found: Iterable[UseNotice]) -> Decision[Agreement]:
    new = [what for what in found if state.noticed.get(what) != latest.name]
    noticed = {**state.noticed, **dict.fromkeys(new, latest.name)}
    follow = [follow for what in new for follow in notices(state, what, latest, used)]
    return Decision(_changed(state, noticed=noticed), follow)


def _with_overlaps(
    decision: Decision[Agreement], latest: AgreedVersion, used: int, others: Sequence[Agreement]
) -> Decision[Agreement]:
    state = decision.state
    assert state is not None
    ids = [one.id.rpartition("/")[2] for one in others]
    name = f"{latest.name} {' '.join(ids)}" if ids else ""
    if state.noticed.get("overlaps", "") == name:
        return decision
    noticed = {**state.noticed, "overlaps": name}
    told = notices(state, "overlaps", latest, used, ids) if ids else []
    # The others were judged before this one was there, or is as it is now.
    return Decision(_changed(state, noticed=noticed), [*decision.follow, *told, *map(look_at, others)])


# --- days that come


def deadlines(state: Agreement) -> list[Due]:
    """Half of the time, and 60 days before the end, of what both agreed on last; neither if it was agreed later."""
    course = course_of(state)
    latest = course.latest
    if latest is None:
        return []
    days = (("agreement_half", latest.half_at), ("agreement_end", latest.ends_soon_at))
    return [
        Due(what, at)  # type: ignore[arg-type]
        for what, at in days
        if at > latest.agreed_at and state.passed.get(what) != latest.name
    ]


def deadline_passed(
    state: Agreement | None, event: Event[DeadlinePassed], now: datetime, context: Surroundings
) -> Decision[Agreement]:
    """Tells both at half time where less than a quarter is used, and 60 days before the end that it ends."""
    data = event.data
    if state is None or (latest := course_of(state).latest) is None:
        return Decision(state)
    if (data.what, data.due_at) not in [(one.what, one.due_at) for one in deadlines(state)]:
        return Decision(state)
    state = _changed(state, passed={**state.passed, data.what: latest.name})
    used = used_in_all(latest, uses_of(state, context))
    if data.what == "agreement_end":
        return _noticed(state, latest, used, ["ends_soon"])
    idle = used * IDLE[1] < latest.terms.quota * IDLE[0]
    return _noticed(state, latest, used, ["quota_idle"] if idle else [])
