"""What an event does to a referral: it adds a fact, folds them all anew, and tells what is now different.

Pure: no clock, no I/O, no logging. Each function takes (state, event, now, durations) and returns the new state with the
events that follow, or that it must wait, or why not.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from services.referral.bounds import with_fact, with_record
from services.referral.fold import fold
from services.referral.model import (
    Access,
    Answer,
    Ended,
    Erased,
    Fact,
    Feedback,
    Fired,
    Given,
    Issued,
    Listed,
    Mark,
    Matched,
    Matching,
    Referral,
    Register,
    activity_key,
    split_key,
)
from services.referral.relation import looked_up, with_look_up
from services.referral.view import Durations, View, Want
from shared.contracts import from_outside as outside
from shared.contracts import from_services as told
from shared.contracts.envelope import Event
from shared.contracts.referral_code import digest_of
from shared.engine.model import Decision, Due, Follow, Rejected, Waits

MAX_FOLLOWED: Final = 64
"""Activities of one organiser that the region did not choose."""

Decided = Decision[Referral] | Waits | Rejected
_changed = msgspec.structs.replace

ITS_ISSUE: Final = Waits("ReferralIssued")
"""The same of another region's referral as where there is none: nobody learns by asking which ids there are."""


# --- what comes from outside


@dataclass(frozen=True)
class Opening:
    """What an issue is judged with: `code` becomes the referral's if it has none."""

    durations: Durations
    code: str


def issued(state: Referral | None, event: Event, now: datetime, opening: Opening) -> Decided:
    """Opens the referral, or replaces what was issued. It takes no place away."""
    data: outside.ReferralIssued = event.data  # type: ignore[assignment]
    durations = opening.durations
    state = state or Referral(data.referral_id)
    if state.issued and state.issued.source != event.source:
        return ITS_ISSUE
    if event.source in state.withdrawn_by:
        return Rejected(WITHDRAWN, _erased(_changed(state, first_issued_at=event.time), event, durations, now))
    latest = Issued(event.time, event.rank, event.source, "feedback" in data.consent.scopes)
    first = state.first_issued_at
    if state.issued and (state.issued.time, state.issued.id) > (latest.time, latest.id):
        latest = state.issued
    opened = not state.issued
    state = _changed(
        state,
        code=state.code or opening.code,
        issued=latest,
        first_issued_at=min(first, event.time) if first else event.time,
    )
    return _told(state, event, now, durations, opened=opened)


def chosen(state: Referral | None, event: Event, now: datetime, durations: Durations) -> Decided:
    """A choice; the last one counts."""
    data: outside.ActivityChosen = event.data  # type: ignore[assignment]
    if state is None or state.issued is None or state.issued.source != event.source:
        return ITS_ISSUE
    return _with_fact(state, event, now, durations, "chosen", activity_key(data.organiser, data.activity_id))


def withdrawn(state: Referral | None, event: Event, now: datetime, durations: Durations) -> Decided:
    """Wins if it was before the end, whenever it arrives; withdrawn consent erases at once."""
    data: outside.ReferralWithdrawn = event.data  # type: ignore[assignment]
    if state is None or state.issued is None or state.issued.source != event.source:
        return _without_its_issue(state or Referral(data.referral_id), event, data.reason)
    if data.reason == "consent_withdrawn":
        return _erased(state, event, durations, now)
    return _with_fact(state, event, now, durations, "withdrawn", "", data.reason)


def _without_its_issue(state: Referral, event: Event, reason: str) -> Decided:
    """Consent is withdrawn for what the same region may issue, and for nobody else's, whether that is there or not."""
    if reason != "consent_withdrawn":
        return ITS_ISSUE
    if state.issued:
        return Decision(state)
    return Decision(_changed(state, withdrawn_by=tuple(sorted({*state.withdrawn_by, event.source}))))


def enrolment_confirmed(state: Referral | None, event: Event, now: datetime, durations: Durations) -> Decided:
    """The opisto has the participant on its list."""
    data: outside.EnrolmentConfirmed = event.data  # type: ignore[assignment]
    return _enrolment(state, event, now, durations, "confirmed", data.activity_id)


def enrolment_cancelled(state: Referral | None, event: Event, now: datetime, durations: Durations) -> Decided:
    """The opisto took the participant off its list, at any time."""
    data: outside.EnrolmentCancelled = event.data  # type: ignore[assignment]
    return _enrolment(state, event, now, durations, "cancelled", data.activity_id, data.reason)


def _enrolment(
    state: Referral | None,
    event: Event,
    now: datetime,
    durations: Durations,
    kind: Literal["confirmed", "cancelled"],
    activity_id: str,
    reason: outside.EnrolmentEnd | Literal[""] = "",
) -> Decided:
    activity = activity_key(event.source, activity_id)
    if (no := _does_not_count(state, event, durations)) is not None:
        return no
    assert state is not None
    if not (_chosen(state, activity) or _sessions(state, activity)):
        return _until_published(state, event, activity, now)
    decided = _with_fact(state, event, now, durations, kind, activity, reason)
    if not isinstance(decided, Decision):
        return decided
    taken = told.EnrolmentTaken(
        referral_id=state.id,
        organiser=event.source,
        activity_id=activity_id,
        cancelled=reason or None,
        event_id=event.id,
        event_time=event.time,
        event_finer=event.finer,
    )
    return Decision(decided.state, [Follow(taken), *decided.follow])


def session_recorded(state: Referral | None, event: Event, now: datetime, durations: Durations) -> Decided:
    """A session attended or missed; of several records of one session the latest `time` holds."""
    data: outside.ActivityAttended | outside.ActivityMissed = event.data  # type: ignore[assignment]
    activity = activity_key(event.source, data.activity_id)
    if (no := _does_not_count(state, event, durations)) is not None:
        return no
    assert state is not None
    if data.session_id not in _sessions(state, activity):
        return _until_published(state, event, activity, now, data.session_id)
    mark = Mark(
        activity,
        data.session_id,
        isinstance(data, outside.ActivityAttended),
        event.time,
        event.rank,
        event.source,
        records=((event.time, event.rank),),
    )
    with_it = with_record(state, mark)
    return _told(with_it, event, now, durations) if with_it else _no_room(state, event)


def feedback_taken(state: Referral | None, event: Event, now: datetime, durations: Durations) -> Decided:
    """The participant's answer after the activity, which the feedback service took in, ends the wait for it."""
    data: told.FeedbackTaken = event.data  # type: ignore[assignment]
    if state is None or state.issued is None:
        return ITS_ISSUE
    if data.phase != "after" or data.respondent not in {"participant", "carer"} or state.feedback:
        return Decision(state)
    answer = Feedback(data.event_time, data.event_id, data.event_source)
    return _told(_changed(state, feedback=answer), event, now, durations)


# --- what an organiser's word needs


RELATION: Final = (
    "its referral, and the region's choice of an activity of the sender's or the sender's look-up of its code"
)
"""The same where there is no such referral: nothing is disclosed to one who is nobody to it."""


def code_looked_up(state: Referral | None, event: Event, now: datetime, durations: Durations) -> Decided:
    """An organiser that read the code may speak of the referral for 30 days."""
    data: told.CodeLookedUp = event.data  # type: ignore[assignment]
    if state is None or state.issued is None:
        return ITS_ISSUE
    known = state.looked_up.get(data.organiser, ())
    looked_up = {**state.looked_up, data.organiser: with_look_up(known, event.time)}
    return _told(_changed(state, looked_up=looked_up), event, now, durations)


def _does_not_count(state: Referral | None, event: Event, durations: Durations) -> Waits | None:
    if state is None or state.issued is None:
        return Waits(RELATION)
    related = looked_up(state, event.source, event.time) or event.source in fold(state, durations).related
    return None if related else Waits(RELATION)


def _chosen(state: Referral, activity: str) -> bool:
    return any(fact.kind == "chosen" and fact.activity == activity for fact in state.facts)


def _sessions(state: Referral, activity: str) -> set[str]:
    """What the catalogue told of it; an activity that is published has sessions."""
    answer = state.answers.get(activity)
    return {listed.session for listed in answer.sessions} if answer else set()


def _until_published(
    state: Referral, event: Event, activity: str, now: datetime, session: str = ""
) -> Waits | Rejected:
    """Of what nobody published nothing counts. The catalogue is asked to tell, should it be published."""
    what = f"the session {session} of {activity} to be published" if session else f"{activity} to be published"
    if activity in state.registers:
        return Waits(what)
    organiser = event.source
    followed = [one for one in state.registers if split_key(one)[0] == organiser and not _chosen(state, one)]
    if len(followed) >= MAX_FOLLOWED:
        return Rejected(
            f"{organiser} named {len(followed)} activities for {state.id} that were not chosen; no more are taken"
        )
    register = Register(1, "follow", asked_at=now)
    asking = _registration(state.id, activity, register, event.time)
    state = _changed(state, registers={**state.registers, activity: register})
    # Its own key: what the event does in its turn may concern the same activity.
    return Waits(what, Decision(state, [Follow(asking, f"{activity} until published")]))


def _with_fact(
    state: Referral,
    event: Event,
    now: datetime,
    durations: Durations,
    kind: Any,
    activity: str,
    name: str = "",
) -> Decided:
    fact = Fact(kind, event.time, event.rank, event.source, activity, name)
    with_it = with_fact(state, fact)
    return _told(with_it, event, now, durations) if with_it else _no_room(state, event)


def _no_room(state: Referral, event: Event) -> Rejected:
    return Rejected(f"{event.source} said so much of {state.id} that counts that no more {event.name} is kept")


# --- what the catalogue answers


def matched(state: Referral | None, event: Event, now: datetime, durations: Durations) -> Decided:
    """Proposals, or none; an answer to an older question counts for nothing."""
    data: told.ActivitiesProposed | told.NoActivityFound = event.data  # type: ignore[assignment]
    if state is None or state.issued is None:
        return ITS_ISSUE
    known = state.matched
    if known and (data.number, event.time, event.id) < (known.number, known.time, known.id):
        return Decision(state)
    answer = Matched(data.number, event.id, event.time, isinstance(data, told.ActivitiesProposed))
    return _told(_changed(state, matched=answer), event, now, durations)


def place_answered(state: Referral | None, event: Event, now: datetime, durations: Durations) -> Decided:
    """What an activity answers; the greatest answer holds."""
    data: told.PlaceAnswer = event.data  # type: ignore[assignment]
    if state is None or state.issued is None:
        return ITS_ISSUE
    activity = activity_key(data.organiser, data.activity_id)
    known = state.answers.get(activity, Answer())
    answer = known if known.answer > data.answer else _of_the_place(known, data)
    if isinstance(data, _Listing) and data.answer > known.listed:
        answer = _of_the_sessions(answer, data)
    state = _changed(state, answers={**state.answers, activity: answer})
    return _told(_with_verdict(state, f"{activity} {data.request}", data), event, now, durations)


_Listing = told.PlaceReserved | told.PlaceWaitlisted | told.SessionsChanged


def _of_the_place(answer: Answer, data: told.PlaceAnswer) -> Answer:
    said = _changed(answer, answer=data.answer, request=data.request, position=0, reason="")
    match data:
        case told.PlaceReserved():
            return _changed(said, state="reserved")
        case told.PlaceWaitlisted():
            return _changed(said, state="waitlisted", position=data.position)
        case told.PlaceRefused():
            return _changed(said, state="refused", reason=data.reason)
        case told.PlaceReleased():
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


def _with_verdict(state: Referral, asked: str, data: told.PlaceAnswer) -> Referral:
    """Keeps what a choice was answered for good, also where a later answer of the activity came before this one."""
    match data:
        case told.PlaceReserved():
            known = state.given.get(asked)
            if known is None or known.answer < data.answer:
                given = Given(data.answer, data.given_at, data.promoted, data.confirm, data.by_enrolment)
                return _changed(state, given={**state.given, asked: given})
        case told.SessionsChanged() if asked in state.given and data.confirm is not None:
            return _changed(state, given={**state.given, asked: _by_newer_terms(state.given[asked], data)})
        case told.PlaceWaitlisted():
            return _changed(state, waited=_added(state.waited, asked))
        case told.PlaceRefused() if data.reason in {"full", "cancelled"}:
            return _changed(state, refused=_added(state.refused, asked))
        case told.PlaceRefused() if data.reason == "closed":
            return _changed(state, closed=_added(state.closed, asked))
    return state


def _by_newer_terms(given: Given, data: told.SessionsChanged) -> Given:
    # A version that came late was in force at the choice's time, though the place is long released.
    if given.answer > data.answer:
        return given
    by_enrolment = given.by_enrolment and bool(data.closed)
    return _changed(given, answer=data.answer, confirm=bool(data.confirm), by_enrolment=by_enrolment)


def _added(known: tuple[str, ...], asked: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*known, asked]))


def deadline_passed(state: Referral | None, event: Event, now: datetime, durations: Durations) -> Decided:
    """Silence, if it is still what is awaited."""
    data: told.DeadlinePassed = event.data  # type: ignore[assignment]
    if state is None or state.issued is None:
        return Decision(state)
    for deadline in fold(state, durations).deadlines:
        if (deadline.what, deadline.due_at, deadline.nth) == (data.what, data.due_at, data.nth):
            fired = Fired(deadline.what, deadline.awaited, deadline.nth, deadline.due_at)
            return _told(_changed(state, fired=(*_still_named(state, fired), fired)), event, now, durations)
    return Decision(state)


def _still_named(state: Referral, fired: Fired) -> tuple[Fired, ...]:
    """Those that may yet count. A question of the matching is never asked again under its old number."""
    return tuple(
        one
        for one in state.fired
        if one.what not in {"match", "choice"} or one.what != fired.what or one.awaited == fired.awaited
    )


# --- telling what is different


def _told(
    state: Referral, event: Event, now: datetime, durations: Durations, *, opened: bool = False
) -> Decision[Referral]:
    view = fold(state, durations)
    follow: list[Follow] = []
    for tell in (_tell_ending, _tell_matching):
        state, events = tell(state, view, now)
        follow += events
    state, events = _tell_activities(state, view, event.time, now)
    follow += events
    if opened:
        follow.insert(0, Follow(_opening(state, durations)))
    return Decision(state, follow)


def _opening(state: Referral, durations: Durations) -> told.ReferralOpened:
    assert state.issued is not None
    deadlines = fold(state, durations).deadlines
    return told.ReferralOpened(
        referral_id=state.id,
        region=state.issued.source.rpartition("/")[2],
        referral_code=state.code,
        deadlines=tuple(told.Deadline(what=deadline.what, due_at=deadline.due_at) for deadline in deadlines),
    )


_Telling = tuple[Referral, list[Follow]]


def _tell_ending(state: Referral, view: View, now: datetime) -> _Telling:
    known = state.told
    completed = view.ended if view.status == "completed" else None
    lapsed = view.ended if view.status == "lapsed" else None
    closed = view.ended if view.closed else None
    follow: list[Follow] = []
    over = known.completed or known.lapsed
    if not closed and (known.closed or (over and not (completed or lapsed))):
        follow.append(Follow(told.ReferralReopened(referral_id=state.id, completed=completed is not None)))
    if completed and completed != known.completed:
        follow.append(Follow(_ending_event(told.ReferralCompleted, state.id, completed)))
    if lapsed and lapsed != known.lapsed:
        follow.append(Follow(_ending_event(told.ReferralLapsed, state.id, lapsed)))
    if closed and closed != known.closed:
        follow.append(Follow(_ending_event(told.ReferralClosed, state.id, closed)))
    completed_at = (known.completed_at or now) if completed else None
    closed_at = (known.closed_at or now) if closed else None
    told_now = _changed(
        known, completed=completed, completed_at=completed_at, lapsed=lapsed, closed=closed, closed_at=closed_at
    )
    return _changed(state, told=told_now), follow


def _ending_event(event_class: type[told.Ended], referral_id: str, ended: Ended) -> told.Ended:
    counts = told.SessionCounts(attended=ended.attended, missed=ended.missed, not_recorded=ended.not_recorded)
    return event_class(referral_id=referral_id, outcome=ended.outcome, sessions=counts)


def _tell_matching(state: Referral, view: View, now: datetime) -> _Telling:
    known = state.matching
    without = view.without if view.matching else known.without
    if (known.wanted, known.without) == (view.matching, without):
        return state, []
    number = known.number + 1
    if not view.matching:
        state = _changed(state, matching=_changed(known, number=number, wanted=False))
        return state, [Follow(told.MatchingEnded(referral_id=state.id, number=number))]
    state = _changed(state, matching=Matching(number, number, wanted=True, without=without, asked_at=now))
    left_out = tuple(_key_model(activity) for activity in without)
    return state, [Follow(told.RematchRequested(referral_id=state.id, number=number, without=left_out))]


def _key_model(activity: str) -> told.ActivityKey:
    organiser, activity_id = split_key(activity)
    return told.ActivityKey(organiser=organiser, activity_id=activity_id)


def _tell_activities(state: Referral, view: View, freed_at: datetime, now: datetime) -> _Telling:
    follow = []
    for activity, want in view.wants.items():
        known = state.registers.get(activity)
        if known and _same(known, want):
            continue
        register = Register(
            number=(known.number if known else 0) + 1,
            want=want.want,
            request=want.request,
            requested_at=want.requested_at,
            enrolled=want.enrolled,
            moved=want.moved,
            asked_at=known.asked_at if known and known.request == want.request else now,
        )
        state = _changed(state, registers={**state.registers, activity: register})
        follow.append(Follow(_registration(state.id, activity, register, freed_at), activity))
    return state, follow


def _same(known: Register, want: Want) -> bool:
    if known.want != want.want:
        return False
    return want.want == "follow" or (known.request, known.enrolled, known.moved) == (
        want.request,
        want.enrolled,
        want.moved,
    )


def _registration(referral_id: str, activity: str, register: Register, freed_at: datetime) -> told.AboutPlace:
    organiser, activity_id = split_key(activity)
    if register.want == "follow" or register.requested_at is None:
        return told.PlaceGivenUp(
            referral_id=referral_id,
            organiser=organiser,
            activity_id=activity_id,
            number=register.number,
            follow=True,
            freed_at=freed_at,
        )
    return told.PlaceRequested(
        referral_id=referral_id,
        organiser=organiser,
        activity_id=activity_id,
        number=register.number,
        request=register.request,
        requested_at=register.requested_at,
        enrolled=register.enrolled,
        moved=register.moved,
    )


# --- erasure


def _erased(state: Referral, event: Event, durations: Durations, now: datetime) -> Decision[Referral]:
    """Leaves the id, the issuer, the status and the dates. Every service is told to erase, and the region the end."""
    issuer = state.issued.source if state.issued else event.source
    left = Erased("withdrawn", "withdrawn", state.first_issued_at, now, issuer)
    ended = Ended("withdrawn", 0, 0, 0)
    if state.issued:
        view = fold(state, durations)
        if view.status in {"completed", "lapsed"} and view.ended:
            closed_at = state.told.closed_at or now
            left = Erased(view.status, view.ended.outcome, state.first_issued_at, closed_at, issuer)
            ended = view.ended
    forget = list(_forgetting(state, event.time))
    # Before all else: what is told of the end afterwards stays in the feeds, which are blanked by it.
    digest = digest_of(state.code) if state.code else None
    erased = told.ReferralErased(referral_id=state.id, issuer=issuer, code_digest=digest)
    ended_matching = told.MatchingEnded(referral_id=state.id, number=state.matching.number + 1)
    follow = [Follow(erased), *forget, Follow(ended_matching)]
    if ended != state.told.closed:
        follow.append(Follow(_ending_event(told.ReferralClosed, state.id, ended)))
    return Decision(Referral(state.id, erased=left), follow, erase=True)


def meets_erasure(state: Referral, source: str, name: str) -> str | None:
    """A region that issues what was erased is told that nothing of it is kept; why, if it was its own."""
    if name != "ReferralIssued":
        return None
    own = state.erased is not None and state.erased.issuer == source
    return WITHDRAWN if own else NOT_KEPT


WITHDRAWN: Final = (
    "the consent for this referral_id was withdrawn: nothing of it is kept; with a new consent issue it under a new id"
)
NOT_KEPT: Final = "nothing is kept under this referral_id; issue it under a new id"
"""To another region: of whom it was, and that consent was withdrawn, it learns nothing."""


def _forgetting(state: Referral, freed_at: datetime) -> Iterator[Follow]:
    for activity, register in state.registers.items():
        organiser, activity_id = split_key(activity)
        given_up = told.PlaceGivenUp(
            referral_id=state.id,
            organiser=organiser,
            activity_id=activity_id,
            number=register.number + 1,
            follow=False,
            freed_at=freed_at,
        )
        yield Follow(given_up, activity)


# --- who looked


def accessed(state: Access | None, event: Event, now: datetime, durations: Durations) -> Decision[Access]:
    """Keeps one look at a referral."""
    data: told.AccessRecorded = event.data  # type: ignore[assignment]
    service = event.source.rpartition("/")[2]
    return Decision(Access(data.subject, event.time, data.who, data.action, data.ground, data.allowed, service))


def disclosed(state: Access | None, event: Event, now: datetime, durations: Durations) -> Decision[Access]:
    """Keeps one disclosure: what an opisto was told of a referral."""
    data: told.NotificationDelivered = event.data  # type: ignore[assignment]
    return Decision(
        Access(data.subject, event.time, data.recipient, "disclosed", data.channel, allowed=True, service="notify")
    )


# --- what the engine asks


def deadlines_of(durations: Durations) -> Callable[[Referral], list[Due]]:
    """The deadlines of a referral, for the sweeper."""

    def deadlines(state: Referral) -> list[Due]:
        if state.issued is None:
            return []
        return [Due(one.what, one.due_at, one.nth, state.id, one.concerns) for one in fold(state, durations).deadlines]

    return deadlines
