"""Settling an activity: free places go to claims in order, then every claim whose answer changed gets a new one.

Pure and idempotent: settling twice changes nothing, and no claim gets the same answer twice. Settling never takes a
held place away.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from services.catalogue.group_answers import followed_by_group, told_to_group
from services.catalogue.model import GROUP, Activity, Claim, Refusal, SessionListing, Version
from services.catalogue.paying import pay, price_of
from shared.contracts import catalogue_events
from shared.contracts.data import Data
from shared.engine.model import Follow

_NEVER = datetime.max.replace(tzinfo=UTC)

_changed = msgspec.structs.replace


def settle(
    activity: Activity, freed_at: datetime, now: datetime, *, only: str | None = None
) -> tuple[Activity, list[Follow]]:
    """Gives places, orders the waiting list, and answers. `freed_at`: the time of the event.

    `only`: the one referral whose claim has changed, and nothing else of the activity; the others were settled before
    and need no look each, so that a sender of ten thousand requests takes nothing from others.
    """
    claims = dict(activity.claims)
    for referral_id in list(claims) if only is None else [only]:
        claims[referral_id] = _judged(activity, claims[referral_id])
    waiting = _waiting(claims)
    _promote(activity, claims, waiting, freed_at)
    _seat_or_refuse(activity, claims)
    pay(activity, claims, first_session(activity), _changed_of(activity, claims, only))
    _number_the_waiting(activity, claims, now)
    changed = _changed_of(activity, claims, only)
    return _answered(_changed(activity, claims=claims), changed)


def _changed_of(activity: Activity, claims: dict[str, Claim], only: str | None) -> list[str]:
    known = activity.claims
    return [one for one, claim in claims.items() if only is None or one == only or claim is not known[one]]


# --- who gets what


def _judged(activity: Activity, claim: Claim) -> Claim:
    """The verdict on a claim before counting places."""
    if claim.want != "place":
        return _changed(claim, state="none", reason="", position=0, given_at=None, promoted=False, by_enrolment=False)
    claim = _by_the_first_open(activity, claim)
    # No version takes a held place away; but an activity that was cancelled before the choice could never give one.
    if claim.state == "reserved" and not _was_cancelled_before(activity, claim):
        still = claim.by_enrolment and _is_closed(activity, claim)
        return claim if still == claim.by_enrolment else _changed(claim, by_enrolment=still)
    reason = _why_not(activity, claim)
    if reason:
        return _changed(claim, state="refused", reason=reason, position=0)
    if claim.state == "refused" and claim.reason == "full" and not (claim.enrolled or claim.moved):
        return claim
    # Judged again: a version arrived for an unknown or closed claim.
    return _changed(claim, state="none", reason="") if claim.state == "refused" else claim


def _why_not(activity: Activity, claim: Claim) -> Refusal:
    if not activity.versions or claim.synthetic != activity.synthetic:
        return "unknown"
    at_unit, of_group = bool(activity.published.get("at_unit")), claim.places > 1
    if claim.whole != at_unit:
        return "premises" if of_group else "unknown"
    if of_group and claim.places > _capacity(activity):
        return "too_large"
    if _was_cancelled_before(activity, claim):
        return "cancelled"
    return "closed" if not claim.enrolled and _is_closed(activity, claim) else ""


def _was_cancelled_before(activity: Activity, claim: Claim) -> bool:
    called, requested = activity.cancelled, claim.requested_at
    return called is not None and requested is not None and requested >= called.time and not claim.moved


def _is_closed(activity: Activity, claim: Claim) -> bool:
    """Whether the choice by itself came when enrolment was closed. A claim that moves here enrolled elsewhere."""
    requested = claim.requested_at
    return requested is not None and not claim.moved and not _open_at(activity.versions, requested)


def _open_at(versions: Sequence[Version], time: datetime) -> bool:
    """Enrolment at the choice's time, by the version then in force; before the first, by the first."""
    version = version_at(versions, time)
    return (version.opens is None or version.opens <= time) and (version.closes is None or time <= version.closes)


def version_at(versions: Sequence[Version], time: datetime) -> Version:
    """The version in force at a time. `versions` are in order, the oldest first."""
    for version in reversed(versions):
        if version.time <= time:
            return version
    return versions[0]


def asked_before(known: Claim, requested_at: datetime) -> tuple[tuple[datetime, str], ...]:
    """The choices that stay open when the same activity is chosen again: the earlier ones, refused as closed."""
    if known.want != "place" or known.requested_at is None:
        return ()
    closed = known.state == "refused" and known.reason == "closed"
    asked = [*known.earlier, (known.requested_at, known.request)] if closed else known.earlier
    return tuple(one for one in asked if one[0] <= requested_at)


def _by_the_first_open(activity: Activity, claim: Claim) -> Claim:
    """The claim by the first of its choices for which enrolment was open: a late version may have opened it."""
    for position, (time, request) in enumerate(claim.earlier if activity.versions else ()):
        before = _changed(claim, request=request, requested_at=time, earlier=claim.earlier[:position])
        if not _is_closed(activity, before):
            return kept(activity, claim, _changed(before, state="none", reason=""))
    return claim


def kept(activity: Activity, known: Claim, claim: Claim) -> Claim:
    """The claim with the place, or the turn, that the referral has here already, where it may have it by this choice too.

    A fact that comes late can make another choice of the same activity the one that counts.
    """
    if known.want != "place" or known.state not in {"reserved", "waitlisted"} or _why_not(activity, claim):
        return claim
    if claim.places > known.places or claim.whole != known.whole:
        return claim
    promoted = known.promoted and known.given_at is not None and known.given_at > (claim.requested_at or known.given_at)
    given_at = known.given_at if promoted else claim.requested_at
    by_enrolment = known.state == "reserved" and _is_closed(activity, claim)
    return _changed(
        claim,
        state=known.state,
        promoted=promoted,
        given_at=given_at,
        by_enrolment=by_enrolment,
        position=known.position,
    )


def _waiting(claims: dict[str, Claim]) -> list[str]:
    """The waiting list, in order of (time, id) of the choice."""
    waiting = [referral_id for referral_id, claim in claims.items() if claim.state == "waitlisted"]
    return sorted(waiting, key=lambda one: (claims[one].requested_at or _NEVER, claims[one].request))


def places_left(activity: Activity) -> int:
    """Places that nobody holds; below zero where enrolled ones came beyond the capacity."""
    capacity = _capacity(activity)
    held = sum(_taken(claim, capacity) for claim in activity.claims.values() if claim.state == "reserved")
    return capacity - held


def _capacity(activity: Activity) -> int:
    return int(activity.published.get("capacity", 0))


def _taken(claim: Claim, capacity: int) -> int:
    """How many places a claim takes: a group at its unit all that there are."""
    return max(capacity, claim.places) if claim.whole else claim.places


def waiting_left(activity: Activity) -> int:
    """How many more may wait."""
    waiting = sum(claim.places for claim in activity.claims.values() if claim.state == "waitlisted")
    return max(0, int(activity.published.get("waiting_list", 0)) - waiting)


def _promote(activity: Activity, claims: dict[str, Claim], waiting: Sequence[str], freed_at: datetime) -> None:
    free = places_left(_changed(activity, claims=claims))
    over = waiting_ends(activity)
    if activity.cancelled or (over and freed_at >= over):
        return
    capacity = _capacity(activity)
    for referral_id in waiting:
        if free <= 0:
            return
        claim = claims[referral_id]
        # No place stays empty for a group that is larger than what is free: who fits goes by.
        if _taken(claim, capacity) > free:
            continue
        free -= _taken(claim, capacity)
        # The event that freed the place may be late, and its time before the choice.
        given_at = max(freed_at, claim.requested_at or freed_at)
        claims[referral_id] = _changed(claim, state="reserved", given_at=given_at, promoted=True, position=0)


def _seat_or_refuse(activity: Activity, claims: dict[str, Claim]) -> None:
    """Judges new claims in order of arrival: a place, else the waiting list, else `full`."""
    for referral_id, claim in list(claims.items()):
        if claim.want != "place":
            continue
        beyond = claim.enrolled or claim.moved
        if claim.state == "waitlisted" and beyond:
            claims[referral_id] = _seated(activity, claim)
        if claim.state != "none":
            continue
        now_there = _changed(activity, claims=claims)
        if beyond or places_left(now_there) >= _taken(claim, _capacity(activity)):
            claims[referral_id] = _seated(activity, claim)
        elif waiting_left(now_there) >= claim.places:
            claims[referral_id] = _changed(claim, state="waitlisted")
        else:
            claims[referral_id] = _changed(claim, state="refused", reason="full")


def _seated(activity: Activity, claim: Claim) -> Claim:
    return _changed(
        claim,
        state="reserved",
        given_at=claim.requested_at,
        promoted=False,
        by_enrolment=_is_closed(activity, claim),
        position=0,
        reason="",
    )


def _number_the_waiting(activity: Activity, claims: dict[str, Claim], now: datetime) -> None:
    over = waiting_ends(activity)
    for position, referral_id in enumerate(_waiting(claims), start=1):
        if over and now >= over:
            claims[referral_id] = _changed(claims[referral_id], state="refused", reason="full", position=0)
        else:
            claims[referral_id] = _changed(claims[referral_id], position=position)


def waiting_ends(activity: Activity) -> datetime | None:
    """The waiting list ends when enrolment closes, else at the last session's end."""
    if not activity.versions:
        return None
    latest = max(activity.versions, key=lambda one: one.order)
    return latest.closes or last_end(activity)


def last_end(activity: Activity) -> datetime | None:
    """The end of the last session that is not called off."""
    return max(
        (session.ends_at for session in activity.sessions.values() if not called_off(activity, session)), default=None
    )


def first_session(activity: Activity) -> datetime | None:
    """When the first session begins that is not called off."""
    return min((one.starts_at for one in activity.sessions.values() if not called_off(activity, one)), default=None)


def called_off(activity: Activity, session: SessionListing) -> bool:
    """Whether a later version left the session out before it began, which calls it off."""
    return any(version.order > session.listed and version.time < session.starts_at for version in activity.versions)


# --- answers


def _answered(activity: Activity, changed: Iterable[str]) -> tuple[Activity, list[Follow]]:
    claims = dict(activity.claims)
    follow: list[Follow] = []
    sessions = _listed_sessions(activity)
    call = _call(activity)
    listing = _short(msgspec.json.encode([_listing_facts(sessions), call.model_dump(mode="json") if call else None]))
    for referral_id in changed:
        claim = claims[referral_id]
        claims[referral_id], answers = _answers(activity, referral_id, claim, sessions, call, listing)
        follow += [Follow(answer, referral_id, claim.synthetic) for answer in answers]
    return _changed(activity, claims=claims), follow


def _answers(
    activity: Activity,
    referral_id: str,
    claim: Claim,
    sessions: tuple[catalogue_events.ListedSession, ...],
    call: catalogue_events.ActivityCall | None,
    listing: str,
) -> tuple[Claim, list[Data]]:
    """The answer to the claim, and the sessions if the answer does not hold them: each only where it is news."""
    says, terms = _says(activity, claim), _terms(activity, claim)
    listing = " ".join([listing, *(name for name, holds in terms.items() if holds)])
    # A synthetic referral and a real activity, or the other way round, do not know of each other.
    meets = claim.synthetic == activity.synthetic and claim.want != "none"
    is_news = bool(sessions) and meets and claim.told_listing != listing
    if says == claim.told and not is_news:
        return claim, []
    of_group = referral_id.startswith(GROUP)
    about: dict[str, Any] = {
        **({"group_id": referral_id.removeprefix(GROUP)} if of_group else {"referral_id": referral_id}),
        "organiser": activity.organiser,
        "activity_id": activity.activity_id,
    }
    answers: list[Data] = []
    if says != claim.told:
        tell = _told_to_group if of_group else _of_the_place
        news = tell(activity, claim, about | _numbers(claim), sessions, call)
        holds_the_sessions = claim.state in {"reserved", "waitlisted"} or (of_group and news and meets)
        listed = listing if holds_the_sessions else claim.told_listing
        claim = _changed(claim, answer=claim.answer + len(news), told=says, told_listing=listed)
        answers += news
    if is_news and claim.told_listing != listing:
        of_the_sessions = about | _numbers(claim)
        answers.append(
            followed_by_group(of_the_sessions, sessions, call)
            if of_group
            else catalogue_events.SessionsChanged(**of_the_sessions | terms, sessions=sessions, cancelled=call)
        )
        claim = _changed(claim, answer=claim.answer + 1, told_listing=listing)
    return claim, answers


def _numbers(claim: Claim) -> dict[str, Any]:
    return {"number": claim.number, "answer": claim.answer + 1, "request": claim.request}


def _of_the_place(
    activity: Activity,
    claim: Claim,
    about: dict[str, Any],
    sessions: tuple[catalogue_events.ListedSession, ...],
    call: catalogue_events.ActivityCall | None,
) -> list[Data]:
    match claim.state:
        case "reserved":
            assert claim.given_at is not None
            cents, rule = price_of(activity, claim)
            reserved = catalogue_events.PlaceReserved(
                **about,
                given_at=claim.given_at,
                promoted=claim.promoted,
                confirm=_confirms(activity, claim),
                by_enrolment=claim.by_enrolment,
                price_cents=cents,
                price_rule=rule,
                sessions=sessions,
                cancelled=call,
            )
            return [reserved]
        case "waitlisted":
            return [
                catalogue_events.PlaceWaitlisted(**about, position=claim.position, sessions=sessions, cancelled=call)
            ]
        case "refused":
            assert claim.reason
            return [catalogue_events.PlaceRefused(**about | {"reason": claim.reason})]
        case "none":
            if not _was_held(claim):
                return []
            assert claim.why
            return [catalogue_events.PlaceReleased(**about, reason=claim.why)]


def _told_to_group(
    activity: Activity,
    claim: Claim,
    about: dict[str, Any],
    sessions: tuple[catalogue_events.ListedSession, ...],
    call: catalogue_events.ActivityCall | None,
) -> list[Data]:
    confirms = claim.state == "reserved" and _confirms(activity, claim)
    sessions = sessions if claim.synthetic == activity.synthetic else ()
    return told_to_group(claim, about, sessions, call, confirms=confirms)


def _confirms(activity: Activity, claim: Claim) -> bool:
    """Whether the opisto confirms each place, by the version in force at the choice's time, as for enrolment."""
    return claim.requested_at is None or version_at(activity.versions, claim.requested_at).confirm


def _terms(activity: Activity, claim: Claim) -> dict[str, Any]:
    if claim.requested_at is None or not activity.versions:
        return {}
    return {"confirm": _confirms(activity, claim), "closed": _is_closed(activity, claim)}


def _says(activity: Activity, claim: Claim) -> str:
    if claim.state == "none":
        return f"released {claim.why}" if _was_held(claim) else "none"
    terms = ""
    if claim.state == "reserved" and claim.given_at:
        terms = f"{claim.given_at.isoformat()} {_confirms(activity, claim):d}{claim.by_enrolment:d}"
        terms += f" {claim.paid.rule}" if claim.paid else ""
    return " ".join([claim.state, claim.request, claim.reason, str(claim.position), terms])


def _was_held(claim: Claim) -> bool:
    """Whether the referral was told of a place, or a turn on the waiting list: nobody else hears of a release."""
    return claim.told.startswith(("reserved", "waitlisted", "released"))


def _listed_sessions(activity: Activity) -> tuple[catalogue_events.ListedSession, ...]:
    return tuple(
        catalogue_events.ListedSession(
            session_id=session.session,
            starts_at=session.starts_at,
            ends_at=session.ends_at,
            called_off=called_off(activity, session),
        )
        for session in sorted(activity.sessions.values(), key=lambda one: (one.starts_at, one.session))
    )


def _listing_facts(sessions: Iterable[catalogue_events.ListedSession]) -> list[object]:
    return [[one.session_id, one.starts_at, one.ends_at, one.called_off] for one in sessions]


def _call(activity: Activity) -> catalogue_events.ActivityCall | None:
    if activity.cancelled is None:
        return None
    return catalogue_events.ActivityCall(time=activity.cancelled.time, replaced_by=activity.cancelled.replaced_by)


def _short(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=8).hexdigest()
