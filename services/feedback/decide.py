"""What an event does to the feedback on a referral: who is asked, whose answers hold, what changed.

Pure: no clock, no I/O, no logging. Each function takes (state, event, now, context); there are no look-ups, so
`context` is None. The state is the same whatever the order of arrival, with two exceptions: nobody is asked how it was
before once it is over, and answers by the link of an organiser that has lost the place are refused.
"""

from collections.abc import Collection
from typing import Any, Final

import msgspec

from services.feedback.addressees import RESPONDENTS, addressee_of
from services.feedback.cooperation import figures_of_cooperation
from services.feedback.follow_up import askings_to_come
from services.feedback.instruments import who5_score
from services.feedback.model import (
    COMPLETED,
    FORM,
    Answers,
    ErasedFeedback,
    Figures,
    KnownEnding,
    KnownIssue,
    KnownMatch,
    KnownPlace,
    Link,
    Phase,
    ReferralFeedback,
    form_event_id,
    is_good,
    place_key,
    places_at,
    quarter_of,
)
from shared.contracts import (
    catalogue_events,
    every_service_events,
    feedback_events,
    participant_events,
    referral_events,
    region_events,
)
from shared.contracts.envelope import Event
from shared.contracts.heartbeat import beat_of
from shared.contracts.issues import issue_in
from shared.contracts.participant_events import AFTERWARDS
from shared.contracts.partner_kinds import ORGANISERS, REFERRERS, is_of
from shared.engine.model import Decision, Follow, Rejected, Waits

OWN: Final = "/service/feedback"
MAX_LINKS: Final = 32

Decided = Decision[ReferralFeedback] | Waits | Rejected
_changed = msgspec.structs.replace


# --- the referral


def issued(
    state: ReferralFeedback | None,
    event: Event[region_events.ReferralIssued | referral_events.IssueTaken],
    now: Any,
    context: Any,
) -> Decided:
    """Keeps the issuer and the scopes of the consent; the latest by time holds.

    Of two issuers' the referral service says whose counts. The answers and links that the consent covers no longer go.
    """
    event = issue_in(event)
    data = event.data
    state = state or ReferralFeedback(data.referral_id)
    known, first = state.issued, state.first_issued_at
    if event.source != (state.issuer or (known.source if known else event.source)):
        return Decision(state) if state.issuer else Waits("ReferralOpened")
    latest = _known(event)
    if known and (known.time, known.rank) > (latest.time, latest.rank):
        latest = known
    state = _changed(
        state,
        issued=latest,
        first_issued_at=min(first, event.time) if first else event.time,
        synthetic=state.synthetic or event.synthetic,
    )
    return _asked(_within(state, latest))


def _within(state: ReferralFeedback, issue: KnownIssue) -> ReferralFeedback:
    gone = {phase for phase in FORM if not issue.covers(phase)}
    if not gone:
        return state
    answers = tuple(one for one in state.answers if one.phase not in gone)
    measured = {} if "after" in gone else state.measured
    spent = () if gone == set(FORM) else state.spent
    state = _changed(state, answers=answers, measured=measured, spent=spent)
    return _without_links(state, [one for one in state.links if one.phase in gone])


def _without_links(state: ReferralFeedback, gone: Collection[Link]) -> ReferralFeedback:
    used = {form_event_id(one.token_hash, instrument) for one in gone for instrument in FORM[one.phase]}
    links = tuple(one for one in state.links if one not in gone)
    return _changed(state, links=links, spent=tuple(one for one in state.spent if one not in used))


def _known(event: Event[region_events.ReferralIssued]) -> KnownIssue:
    data = event.data
    return KnownIssue(
        event.time,
        event.rank,
        event.source,
        data.municipality,
        "feedback" in data.consent.scopes,
        data.age_band,
        data.unit_ref,
        data.route or "",
        data.themes,
        data.accessibility,
        data.funding,
        "follow_up" in data.consent.scopes,
    )


def opened(
    state: ReferralFeedback | None, event: Event[referral_events.ReferralOpened], now: Any, context: Any
) -> Decided:
    """The referral's issuer: before that nobody is asked and no answer taken. Forgets another's issue."""
    data = event.data
    state = _changed(state or ReferralFeedback(data.referral_id), issuer=data.issuer)
    if state.issued and state.issued.source != state.issuer:
        state = _changed(state, issued=None, first_issued_at=None, synthetic=False)
    return _asked(state)


def erased(
    state: ReferralFeedback | None, event: Event[referral_events.ReferralErased], now: Any, context: Any
) -> Decided:
    """Erases at the referral service's word, also where nothing is kept yet; ReferralClosed tells of a withdrawal."""
    data = event.data
    state = state or ReferralFeedback(data.referral_id)
    closed_at = state.closed.time if state.closed else now
    left = ErasedFeedback(_status(state), state.first_issued_at, closed_at, data.issuer, f"/region/{data.region}")
    return Decision(ReferralFeedback(state.id, erased=left), erase=True)


def _status(state: ReferralFeedback) -> Any:
    last = state.closed or state.ended
    if last is None or last.outcome == "withdrawn":
        return "withdrawn"
    return "completed" if last.outcome in COMPLETED else "lapsed"


def matched(
    state: ReferralFeedback | None,
    event: Event[catalogue_events.ActivitiesProposed | catalogue_events.NoActivityFound],
    now: Any,
    context: Any,
) -> Decided:
    """Keeps whether the catalogue proposed something; the answer to the latest question holds."""
    data = event.data
    if state is None or state.issued is None:
        return Waits("ReferralIssued")
    proposed = isinstance(data, catalogue_events.ActivitiesProposed)
    latest = KnownMatch(data.number, event.time, event.id, proposed)
    known = state.matched
    if known and (known.number, known.time, known.id) > (latest.number, latest.time, latest.id):
        latest = known
    return Decision(_changed(state, matched=latest, proposed=state.proposed or proposed))


def place_answered(
    state: ReferralFeedback | None, event: Event[catalogue_events.PlaceAnswer], now: Any, context: Any
) -> Decided:
    """Keeps who has, or had, the place. With the first place the participant is asked how things are before."""
    data = event.data
    if state is None or state.issued is None:
        return Waits("ReferralIssued")
    key = place_key(data.organiser, data.activity_id)
    known = state.places.get(key)
    place = _place(event, data)
    had = place.had or (known is not None and known.had)
    if known and known.answer > place.answer:
        place = known
    places = {**state.places, key: _changed(place, had=had)}
    return _asked(_changed(state, places=dict(sorted(places.items()))))


def _place(event: Event, data: catalogue_events.PlaceAnswer) -> KnownPlace:
    match data:
        case catalogue_events.PlaceReserved():
            return KnownPlace(data.answer, "reserved", event.time, had=True)
        case catalogue_events.PlaceWaitlisted():
            return KnownPlace(data.answer, "waitlisted", event.time)
        case catalogue_events.PlaceRefused():
            return KnownPlace(data.answer, "refused", event.time, data.reason)
        case _:
            return KnownPlace(data.answer, "released", event.time)


def ended(state: ReferralFeedback | None, event: Event[referral_events.ReferralEnd], now: Any, context: Any) -> Decided:
    """Completed or lapsed, by the latest event. At the first completion the participant and the partners are asked."""
    if state is None or state.issued is None:
        return Waits("ReferralIssued")
    if state.reopened_at and event.time < state.reopened_at:
        return Decision(state)
    return _asked(_changed(state, ended=_later(state.ended, _ended(event))))


def closed(
    state: ReferralFeedback | None, event: Event[referral_events.ReferralEnd], now: Any, context: Any
) -> Decided:
    """The loop is closed, by the latest event."""
    if state is None or state.issued is None:
        return Waits("ReferralIssued")
    if state.reopened_at and event.time <= state.reopened_at:
        return Decision(state)
    return Decision(_changed(state, closed=_later(state.closed, _ended(event))))


def reopened(
    state: ReferralFeedback | None, event: Event[referral_events.ReferralReopened], now: Any, context: Any
) -> Decided:
    """The referral goes on: its closing, and its end unless it is still completed, hold no more."""
    data = event.data
    if state is None or state.issued is None:
        return Waits("ReferralIssued")
    at = max(event.time, state.reopened_at or event.time)
    closed = state.closed if state.closed and state.closed.time > at else None
    ended = state.ended if data.completed or (state.ended and state.ended.time >= at) else None
    return Decision(_changed(state, closed=closed, ended=ended, reopened_at=at))


def _ended(event: Event[referral_events.ReferralEnd]) -> KnownEnding:
    data = event.data
    counts = data.sessions
    return KnownEnding(
        data.outcome,
        counts.attended,
        event.time,
        event.id,
        counts.missed,
        counts.told_ahead,
        counts.not_recorded,
        data.closed_at if isinstance(data, referral_events.ReferralClosed) else None,
    )


def _later(known: KnownEnding | None, told_now: KnownEnding) -> KnownEnding:
    return known if known and (known.time, known.id) > (told_now.time, told_now.id) else told_now


# --- who is asked


def _asked(state: ReferralFeedback) -> Decision[ReferralFeedback]:
    """Asks about each phase once, and only where the consent covers it."""
    due = [phase for phase in _due(state) if phase not in state.asked]
    asked = _changed(state, asked=(*state.asked, *due))
    return Decision(asked, [Follow(request(state, phase), phase) for phase in due])


def _due(state: ReferralFeedback) -> list[Phase]:
    if not state.issuer or state.issued is None or not state.issued.feedback:
        return []
    if state.ended and state.ended.outcome in COMPLETED:
        return ["after"]
    return ["before"] if any(place.had for place in state.places.values()) else []


def request(state: ReferralFeedback, phase: Phase) -> feedback_events.FeedbackRequested:
    """The event that asks; the partners are asked after the activity alone."""
    answers = RESPONDENTS[addressee_of(state.issued.age_band if state.issued else "")][0]
    return feedback_events.FeedbackRequested(
        referral_id=state.id,
        phase=phase,
        respondents=(answers, "issuer", "organiser") if phase == "after" else (answers,),
        instruments=FORM[phase],
    )


# --- the form and the answers


def form_link_issued(
    state: ReferralFeedback | None, event: Event[feedback_events.FormLinkIssued], now: Any, context: Any
) -> Decided:
    """A partner got a link; of each partner's links the newest stay, so that none closes another's."""
    data = event.data
    if state is None or state.issued is None or not state.issuer:
        return Waits("ReferralIssued")
    if not state.issued.covers(data.phase):
        return Decision(state)
    link = Link(data.token_hash, data.phase, data.expires, data.issued_to)
    links = sorted({*state.links, link}, key=lambda one: (one.expires, one.token_hash))
    own = [one for one in links if one.issued_to == link.issued_to]
    gone = own[: max(0, len(own) - MAX_LINKS)]
    return Decision(_without_links(_changed(state, links=tuple(links)), gone))


def feedback_submitted(
    state: ReferralFeedback | None, event: Event[participant_events.FeedbackSubmitted], now: Any, context: Any
) -> Decided:
    """Takes answers in; the latest of one respondent, phase and instrument holds. Tells each change once."""
    data = event.data
    if state is None or state.issued is None or not state.issuer:
        return _no_part(event.source)
    if (no := _may_not(state, event)) is not None:
        return no
    answers = Answers(data.respondent, data.phase, data.instrument, data.answers, event.time, event.rank, event.source)
    held = _latest(state.answers, answers)
    taken = [] if held == state.answers else [Follow(_taken(state.id, event))]
    state = _changed(state, answers=held)
    if event.source == OWN:
        spent = tuple(dict.fromkeys(sorted([*state.spent, event.id])))
        state = _changed(state, spent=spent)
    measured = _measured(state)
    return Decision(measured.state, [*taken, *measured.follow])


def _taken(referral_id: str, event: Event[participant_events.FeedbackSubmitted]) -> feedback_events.FeedbackTaken:
    data = event.data
    return feedback_events.FeedbackTaken(
        referral_id=referral_id,
        respondent=data.respondent,
        phase=data.phase,
        event_id=event.id,
        event_source=event.source,
        event_time=event.time,
        event_finer=event.finer,
    )


A_PLACE: Final = "its referral, and a place of it at the sender's"
A_PART: Final = "its referral, issued by the sender or with a place at the sender's"


def _no_part(source: str) -> Waits:
    """The same where there is no such referral: a stranger to a referral learns nothing of it."""
    if not is_of(source, ORGANISERS):
        return Waits("ReferralIssued")
    return Waits(A_PART if is_of(source, REFERRERS) else A_PLACE)


def _may_not(state: ReferralFeedback, event: Event[participant_events.FeedbackSubmitted]) -> Waits | Rejected | None:
    assert state.issued is not None
    from_us = event.source == OWN
    if not from_us and event.source != state.issued.source and not _had_a_place(state, event.source):
        return _no_part(event.source)
    if not state.issued.covers(phase := event.data.phase):
        scope = "follow_up" if phase in AFTERWARDS else "feedback"
        return Rejected(f"the consent of {state.id} does not cover {scope}; issue it again with the scope {scope}")
    return _by_a_dead_link(state, event) if from_us else None


def _by_a_dead_link(state: ReferralFeedback, event: Event[participant_events.FeedbackSubmitted]) -> Rejected | None:
    data = event.data
    for link in state.links:
        if form_event_id(link.token_hash, data.instrument) == event.id and not is_good(state, link):
            return Rejected(f"{state.id} was answered by a link of {link.issued_to}, which has the place no longer")
    return None


def _had_a_place(state: ReferralFeedback, source: str) -> bool:
    return any(place.had for place in places_at(state, source))


def _latest(known: tuple[Answers, ...], new: Answers) -> tuple[Answers, ...]:
    same = [one for one in known if one.slot == new.slot]
    others = [one for one in known if one.slot != new.slot]
    return tuple(sorted([*others, max([*same, new], key=lambda one: one.order)], key=lambda one: one.slot))


def _measured(state: ReferralFeedback) -> Decision[ReferralFeedback]:
    changes = changes_of(state)
    follow = [
        Follow(_measurement(state.id, key, change), key)
        for key, change in changes.items()
        if change != state.measured.get(key)
    ]
    return Decision(_changed(state, measured=changes), follow)


def _measurement(referral_id: str, key: str, change: dict[str, int]) -> feedback_events.OutcomeMeasured:
    respondent, _, instrument = key.partition(" ")
    return feedback_events.OutcomeMeasured(
        referral_id=referral_id,
        respondent=respondent,  # type: ignore[arg-type]
        instrument=instrument,
        change=change,
    )


def changes_of(state: ReferralFeedback) -> dict[str, dict[str, int]]:
    """After minus before, an item, by `<respondent> <instrument>`; only items answered both times."""
    changes: dict[str, dict[str, int]] = {}
    by_slot = {one.slot: figures_of(one.instrument, one.answers) for one in state.answers}
    for (respondent, phase, instrument), after in by_slot.items():
        before = by_slot.get((respondent, "before", instrument), {})
        change = {item: after[item] - before[item] for item in sorted(after) if item in before}
        if phase == "after" and respondent in {"participant", "carer"} and change:
            changes[f"{respondent} {instrument}"] = change
    return changes


def figures_of(instrument: str, answers: dict[str, int]) -> dict[str, int]:
    """The numbers to compare: the answers themselves; of who5 its score."""
    return {"score": who5_score(answers)} if instrument == "who5" else answers


def deadline_passed(
    state: ReferralFeedback | None, event: Event[every_service_events.DeadlinePassed], now: Any, context: Any
) -> Decision[ReferralFeedback]:
    """Some months have passed since the loop was closed, if it still is: the participant is asked once more."""
    at = (event.data.due_at, event.data.nth)
    for later in askings_to_come(state) if state else ():
        if (later.due_at, later.nth) == at and state:
            asked = _changed(state, asked=(*state.asked, later.phase))
            return Decision(asked, [Follow(request(state, later.phase), later.phase)])
    return Decision(state)


# --- fields to find it by


def fields(state: ReferralFeedback) -> dict[str, Any]:
    """Finds it by quarter of issue; with answers, for the outcomes; by the hashes of its links' tokens; by what it is about
    beside a referral."""
    quarter = quarter_of(state.first_issued_at) if state.first_issued_at else None
    return {
        "quarter": quarter,
        "answered_in": quarter if state.answers and not state.synthetic else None,
        "token": [link.token_hash for link in state.links],
        "about": state.cooperation.kind if state.cooperation and not state.synthetic else None,
        **(beat_of(state.issued.source, state.issued.time) if state.issued else beat_of()),
    }


def erased_fields(state: ReferralFeedback) -> dict[str, Any]:
    """Finds it by quarter of issue: a date, which erasure leaves."""
    at = state.erased.issued_at if state.erased else None
    return {"quarter": quarter_of(at) if at else None}


def brief(state: ReferralFeedback) -> bytes:
    """The answers as the reports see them; nothing of a synthetic referral."""
    if state.cooperation and not state.synthetic:
        return msgspec.json.encode(figures_of_cooperation(state.cooperation))
    if state.issued is None or state.first_issued_at is None or state.synthetic or not state.answers:
        return b""
    answers = tuple(
        (one.respondent, one.phase, one.instrument, figures_of(one.instrument, one.answers)) for one in state.answers
    )
    quarter = quarter_of(state.first_issued_at)
    return msgspec.json.encode(Figures(state.issued.region, state.issued.municipality, quarter, answers))
