"""What an event does to an activity, or to the matching of a referral.

Pure: no clock, no I/O, no logging. Each function takes (state, event, now, context); the look-ups are in `context`.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import msgspec

from services.catalogue.audience import ages
from services.catalogue.funding import Rule, to_pay
from services.catalogue.matching import Prices, at, nearest_misses, primary, ranked, reasons, score
from services.catalogue.model import (
    GROUP,
    TITLE_LANGUAGES,
    Activity,
    Brief,
    Cancelled,
    Claim,
    Match,
    Means,
    SessionListing,
    Version,
    Wish,
    activity_key,
)
from services.catalogue.needs import derived, vector
from services.catalogue.offers import noted
from services.catalogue.paying import cards_left, given_back, uses
from services.catalogue.settle import (
    asked_before,
    called_off,
    first_session,
    kept,
    last_end,
    places_left,
    settle,
    waiting_ends,
    waiting_left,
)
from services.catalogue.suggestion import suggestion
from services.catalogue.vouchers.uses import tell_uses
from services.catalogue.why import why
from shared.contracts import (
    catalogue_events,
    every_service_events,
    group_place_events,
    opisto_events,
    referral_events,
    region_events,
)
from shared.contracts.data import Data
from shared.contracts.envelope import Event
from shared.contracts.fields import Release
from shared.contracts.heartbeat import beat_of
from shared.contracts.instants import later
from shared.contracts.issues import issue_in
from shared.engine.model import Decision, Due, Follow, Rejected, Waits
from shared.reference import MUNICIPALITIES

MAX_VERSIONS: Final = 64
MAX_SESSIONS: Final = 400
MAX_LISTED: Final = 60_000
"""Bytes of the sessions in one event to a referral that follows them; an event has 64 KiB."""
_OF_A_SESSION: Final = 130
"""Bytes of one session besides its id."""
EVERYWHERE: Final = "everywhere"
LISTED: Final = "listed"
"""The area of every activity in the public list, wherever it is held."""
_LATEST: Final = 253_402_300_799.0  # the last second of the year 9999: enrolment without an end

_changed = msgspec.structs.replace


@dataclass(frozen=True)
class MatchContext:
    """The context of a decision: how often to try again, candidates, the unmatched whom an activity may concern.

    `near`: where no candidate fits, the activities that may narrowly have missed.
    """

    rematch: timedelta = timedelta(days=1)
    candidates: Collection[Brief] = field(default_factory=tuple)
    near: Collection[Brief] = field(default_factory=tuple)
    concerned: Sequence[str] = field(default_factory=tuple)


# --- activities


def published(
    state: Activity | None, event: Event[opisto_events.ActivityPublished], now: datetime, context: MatchContext
) -> Decision[Activity] | Rejected:
    """Takes a version in; the latest by time holds, each rules enrolment for the time it was in force.

    Versions that repeat another, and sessions that were called off, give way where there are too many; no other does.
    """
    data = event.data
    state = state or Activity(event.source, data.activity_id)
    version = Version(event.time, event.rank, data.enrolment.opens, data.enrolment.closes, data.enrolment.confirm)
    latest = all(version.order > known.order for known in state.versions)
    versions = sorted([*state.versions, version], key=lambda one: one.order)
    state = _changed(state, versions=tuple(versions), sessions=_listed(state.sessions, data.sessions, version))
    kept = _within_bounds(state)
    if kept is None:
        return Rejected(
            f"{data.activity_id} would have more than {MAX_SESSIONS} sessions, or {MAX_VERSIONS} versions that differ in "
            "enrolment; publish what is to come as another activity"
        )
    state = kept
    told = state.suggested
    if latest:
        needs = vector(data.needs_supported or derived([data.title, data.description or {}], data.themes, data.setting))
        state = _changed(
            state,
            published=data.model_dump(mode="json", exclude_none=True),
            needs=needs,
            suggested=() if data.needs_supported or event.synthetic else needs,
            synthetic=event.synthetic,
        )
    state = _changed(state, ended=_is_over(state, now))
    decision = _settled(state, event, now, context)
    if state.suggested in {(), told}:
        return decision
    return Decision(decision.state, [*decision.follow, Follow(suggestion(event.source, data))])


def cancelled(
    state: Activity | None, event: Event[opisto_events.ActivityCancelled], now: datetime, context: MatchContext
) -> Decision[Activity] | Waits:
    """The first cancellation by time holds; each referral with a claim hears of it, or moves to the replacement."""
    data = event.data
    if state is None or not state.versions:
        return Waits("ActivityPublished")
    call = Cancelled(event.time, event.rank, data.replaced_by)
    known = state.cancelled
    if known is None or (call.time, call.rank) < (known.time, known.rank):
        state = _changed(state, cancelled=call)
    return _settled(state, event, now, context)


def place_requested(
    state: Activity | None, event: Event[referral_events.PlaceRequested], now: datetime, context: MatchContext
) -> Decision[Activity]:
    """Registers a referral's order; the greatest number holds."""
    data = event.data
    claim = Claim(
        number=data.number,
        want="place",
        request=data.request,
        requested_at=data.requested_at,
        enrolled=data.enrolled,
        moved=data.moved,
        synthetic=event.synthetic,
        means=Means(data.funding, data.kaikukortti_from, data.voucher_group),
    )
    state = state or Activity(data.organiser, data.activity_id)
    return claimed(state, event, now, context, data.referral_id, claim)


def claimed(
    state: Activity, event: Event, now: datetime, context: MatchContext, whose: str, claim: Claim
) -> Decision[Activity]:
    """Registers the claim of a referral or a group, `whose`; the greatest number holds."""
    known = state.claims.get(whose)
    if known and known.number >= claim.number:
        return Decision(state)
    # A use that falls free goes to the next who could have it.
    frees = known is not None and known.paid is not None and known.means != claim.means
    same = known is not None and known.request == claim.request and known.want == "place"
    if known and same:
        claim = _changed(known, number=claim.number, enrolled=claim.enrolled, moved=claim.moved, means=claim.means)
    elif known and claim.requested_at:
        before = asked_before(known, claim.requested_at)
        told = {"answer": known.answer, "told": known.told, "told_listing": known.told_listing}
        paid = {"paid": known.paid, "spent": known.spent}
        claim = kept(state, known, _changed(claim, earlier=before, **told, **paid))
    claims = {one: there for one, there in state.claims.items() if one != whose}
    # A new request goes to the end: the activity gives places in order of arrival.
    order = state.claims if known and known.request == claim.request else claims
    state = _changed(state, claims={**order, whose: claim})
    return _settled(state, event, now, context, only=None if frees else whose)


def place_given_up(
    state: Activity | None, event: Event[referral_events.PlaceGivenUp], now: datetime, context: MatchContext
) -> Decision[Activity]:
    """Frees the place. Without `follow` only the number stays of the referral, to guard against a late order."""
    data = event.data
    state = state or Activity(data.organiser, data.activity_id)
    decision = given_up(state, event, now, context, data.referral_id, follow=data.follow, why=data.why)
    return decision if data.follow or decision.state is state else _forgotten(decision, data.referral_id)


def given_up(
    state: Activity,
    event: Event[referral_events.PlaceGivenUp | group_place_events.GroupPlacesGivenUp],
    now: datetime,
    context: MatchContext,
    whose: str,
    *,
    follow: bool,
    why: Release | None = None,
) -> Decision[Activity]:
    """Frees what a referral or a group, `whose`, holds; the greatest number holds."""
    data = event.data
    known = state.claims.get(whose)
    if known and known.number >= data.number:
        return Decision(state)
    left = known or Claim(data.number, "none", synthetic=event.synthetic)
    left = given_back(left, data.freed_at, first_session(state))
    claim = _changed(left, number=data.number, want="follow" if follow else "none", why=why)
    state = _changed(state, claims={**state.claims, whose: claim})
    frees = known is not None and known.paid != claim.paid
    return _settled(state, event, now, context, freed_at=data.freed_at, only=None if frees else whose)


def _forgotten(decision: Decision[Activity], referral_id: str) -> Decision[Activity]:
    assert decision.state is not None
    claims = dict(decision.state.claims)
    kept = claims[referral_id]
    claims[referral_id] = Claim(kept.number, "none", answer=kept.answer, told="none", synthetic=kept.synthetic)
    spent = (*decision.state.spent, kept.paid) if kept.spent and kept.paid else decision.state.spent
    return Decision(_changed(decision.state, claims=claims, spent=spent), decision.follow)


def activity_deadline(
    state: Activity | None, event: Event[every_service_events.DeadlinePassed], now: datetime, context: MatchContext
) -> Decision[Activity]:
    """Enrolment closed: the activity refuses those who still wait. The last session ended: it leaves the index."""
    if state is None:
        return Decision(state)
    data = event.data
    state = _changed(state, ended=_is_over(state, max(now, data.due_at)))
    return _settled(state, event, max(now, data.due_at), context)


def _listed(
    known: dict[str, SessionListing], listed: Sequence[opisto_events.Session], version: Version
) -> dict[str, SessionListing]:
    sessions = dict(known)
    for one in listed:
        there = sessions.get(one.session_id)
        if there is None or there.listed < version.order:
            sessions[one.session_id] = SessionListing(one.session_id, one.starts_at, one.ends_at, version.order)
    return sessions


def _within_bounds(state: Activity) -> Activity | None:
    oldest_first = sorted(state.sessions.values(), key=lambda one: one.listed)
    off = [one.session for one in oldest_first if called_off(state, one)]
    sessions = {one.session: one for one in oldest_first}
    while off and not _can_be_told(sessions):
        del sessions[off.pop(0)]
    state = _changed(state, sessions=sessions)
    if len(state.versions) > MAX_VERSIONS and (repeated := _repeated(state)):
        state = _changed(state, versions=tuple(one for one in state.versions if one is not repeated))
    return state if _can_be_told(sessions) and len(state.versions) <= MAX_VERSIONS else None


def _can_be_told(sessions: Collection[str]) -> bool:
    size = sum(len(session) + _OF_A_SESSION for session in sessions)
    return len(sessions) <= MAX_SESSIONS and size <= MAX_LISTED


def _repeated(state: Activity) -> Version | None:
    """The oldest version with the same enrolment as the one before it, and without a session called off."""
    listed = {session.listed for session in state.sessions.values()}
    # The first version after a session's listing tells whether the session was called off.
    first_after = {min((v.order for v in state.versions if v.order > one), default=one) for one in listed}
    for before, one in pairwise(state.versions[:-1]):
        same = (before.opens, before.closes, before.confirm) == (one.opens, one.closes, one.confirm)
        if same and one.order not in first_after:
            return one
    return None


def _is_over(activity: Activity, now: datetime) -> bool:
    end = last_end(activity)
    return end is not None and end <= now


def _settled(
    state: Activity,
    event: Event,
    now: datetime,
    context: MatchContext,
    *,
    freed_at: datetime | None = None,
    only: str | None = None,
) -> Decision[Activity]:
    state, follow = settle(state, freed_at or event.time, now, only=only)
    state, of_vouchers = tell_uses(state)
    state, offers = noted(state, now)
    to_match = [Follow(_to_match(state, whose), whose, state.synthetic, once=True) for whose in context.concerned]
    return Decision(state, [*follow, *of_vouchers, *to_match, *offers])


def _to_match(state: Activity, whose: str) -> Data:
    about = {"organiser": state.organiser, "activity_id": state.activity_id}
    if whose.startswith(GROUP):
        return group_place_events.GroupToMatch(group_id=whose.removeprefix(GROUP), **about)
    return catalogue_events.ActivityToMatch(referral_id=whose, **about)


def brief_of(state: Activity) -> Brief:
    """The activity as matching sees it. It must have been published."""
    data = state.published
    youngest, oldest = ages(data["title"], data["age"])
    latest = max(state.versions, key=lambda one: one.order)
    upcoming = [session for session in state.sessions.values() if not called_off(state, session)]
    end = last_end(state)
    return Brief(
        organiser=state.organiser,
        activity_id=state.activity_id,
        needs=state.needs,
        themes=tuple(data["themes"]),
        municipality=data["municipality"],
        serves=serves(data),
        format=data["format"],
        accessibility=tuple(data.get("accessibility", ())),
        languages=tuple(dict.fromkeys(primary(language) for language in data["languages"])),
        age_min=youngest,
        age_max=oldest,
        price_cents=data["price_cents"],
        accepts=tuple(data.get("accepts", ())),
        opens=latest.opens.timestamp() if latest.opens else 0.0,
        closes=latest.closes.timestamp() if latest.closes else end.timestamp() if end else _LATEST,
        starts_at=min((session.starts_at.timestamp() for session in upcoming), default=0.0),
        places_left=places_left(state),
        waiting_left=waiting_left(state),
        cancelled=state.cancelled is not None,
        synthetic=state.synthetic,
        cards_left=cards_left(state),
        titles="\n".join(_in_a_line(data["title"].get(language, "")) for language in TITLE_LANGUAGES),
        at_unit=bool(data.get("at_unit")),
        companion=data.get("companion", False),
    )


def _in_a_line(title: str) -> str:
    return " ".join(title.split())[: catalogue_events.MAX_TITLE]


def serves(data: dict[str, Any]) -> tuple[str, ...]:
    """The municipalities whose referrals the activity takes: those it names, else its own; remote ones take all."""
    return tuple(data.get("serves") or (data["municipality"],))


def activity_fields(state: Activity) -> dict[str, Any]:
    """The fields to find an activity by: the areas it serves, until its last session has ended.

    `listed`, in the public list: when enrolment closes, which is the order of the list.
    """
    beat = beat_of(state.organiser, state.versions[0].time if state.versions else None) | _card_fields(state)
    if not state.versions or state.ended:
        return {"area": (), **beat}
    data = state.published
    areas = {EVERYWHERE} if data["format"] == "remote" else set(serves(data))
    brief = brief_of(state)
    # The region's other municipalities look here for narrow misses: near activities that serve only their own.
    near = set(held_in(data["municipality"], brief.languages))
    narrowing = {"age_min": brief.age_min, "age_max": brief.age_max, "opens": brief.opens, "closes": brief.closes}
    if brief.cancelled or brief.synthetic:
        return {"area": tuple(areas | near), **narrowing, **beat}
    return {"area": tuple(areas | near | {LISTED}), "listed": brief.closes, **narrowing, **beat}


def _card_fields(state: Activity) -> dict[str, str]:
    """By these the organiser's activities are found whose places are, or were, had with the Kaikukortti card."""
    with_card = "kaikukortti" in state.published.get("accepts", ()) or uses(state, "kaikukortti")
    return {"cards_of": state.organiser, "by_id": state.activity_id} if with_card and not state.synthetic else {}


def activity_brief(state: Activity) -> bytes:
    """The brief, encoded."""
    return msgspec.json.encode(brief_of(state)) if state.versions else b""


def activity_deadlines(state: Activity) -> list[Due]:
    """When waiting ends, and when the activity is over."""
    dues = []
    waiting = any(claim.state == "waitlisted" for claim in state.claims.values())
    if waiting and (ends := waiting_ends(state)):
        dues.append(Due("waiting_list", ends))
    end = last_end(state)
    if not state.ended and end:
        dues.append(Due("ended", end))
    return dues


# --- the matching of a referral


def wish_of(issue: Event[region_events.ReferralIssued | referral_events.IssueTaken]) -> Wish:
    """The wish in an issue."""
    event = issue_in(issue)
    data = event.data
    return Wish(
        time=event.time,
        rank=event.rank,
        issuer=event.source,
        municipality=data.municipality,
        age_band=data.age_band,
        languages=data.languages,
        needs=data.needs,
        themes=data.themes,
        formats=data.formats,
        accessibility=data.accessibility,
        max_price_cents=data.max_price_cents,
        funding=data.funding,
        synthetic=event.synthetic,
        kaikukortti_from=data.kaikukortti_from,
        voucher_group=data.voucher_group,
        companion=data.companion,
    )


def issued(
    state: Match | None,
    event: Event[region_events.ReferralIssued | referral_events.IssueTaken],
    now: datetime,
    context: MatchContext,
) -> Decision[Match] | Waits:
    """Matches a referral; a later issue replaces it. Of two issuers' the referral service says whose counts."""
    wish = wish_of(event)
    state = state or Match(wish_subject(event))
    if wish.issuer != (state.issuer or (state.wish.issuer if state.wish else wish.issuer)):
        return Decision(state) if state.issuer else Waits("ReferralOpened")
    if state.wish and (state.wish.time, state.wish.rank) > (wish.time, wish.rank):
        return Decision(state)
    state = _changed(state, wish=wish, status="new")
    return matched(state, now, context) if state.wanted else Decision(_changed(state, status="ended"))


def opened(
    state: Match | None, event: Event[referral_events.ReferralOpened], now: datetime, context: MatchContext
) -> Decision[Match]:
    """Whose referral it is. The catalogue forgets another issuer's wish."""
    data = event.data
    state = _changed(state or Match(data.referral_id), issuer=data.issuer)
    if state.wish and state.wish.issuer != state.issuer:
        state = _changed(state, wish=None, status="new", proposals=(), proposed=(), retry_at=None)
    return Decision(state)


def wish_subject(event: Event) -> str:
    """The referral an event is about."""
    return event.data.subject


def rematch_requested(
    state: Match | None, event: Event[referral_events.RematchRequested], now: datetime, context: MatchContext
) -> Decision[Match] | Waits:
    """Matches again, without the activities that were tried; the greatest number holds."""
    data = event.data
    if state is None or state.wish is None:
        return Waits("ReferralIssued")
    if data.number <= state.number:
        return Decision(state)
    without = tuple(activity_key(one.organiser, one.activity_id) for one in data.without)
    state = _changed(state, number=data.number, wanted=True, without=without, status="new")
    return matched(state, now, context)


def matching_ended(
    state: Match | None,
    event: Event[referral_events.MatchingEnded | group_place_events.GroupMatchingEnded],
    now: datetime,
    context: MatchContext,
) -> Decision[Match]:
    """The referral, or the group, wants no more proposals."""
    data = event.data
    state = state or Match(data.subject, of_group=isinstance(data, group_place_events.GroupMatchingEnded))
    if data.number <= state.number:
        return Decision(state)
    return Decision(_changed(state, number=data.number, wanted=False, status="ended", retry_at=None, proposed=()))


def erased(
    state: Match | None, event: Event[referral_events.ReferralErased], now: datetime, context: MatchContext
) -> Decision[Match]:
    """Erases at the referral service's word, also where nothing is kept yet."""
    data = event.data
    left = Match(data.referral_id, wanted=False, status="ended", issuer=data.issuer, erased=True)
    return Decision(left, erase=True)


def activity_to_match(state: Match | None, event: Event, now: datetime, context: MatchContext) -> Decision[Match]:
    """An activity appeared, changed or fell away: matches the referral again if it is unmatched or no proposal fits."""
    if state is None or state.wish is None or not state.wanted:
        return Decision(state)
    if state.status == "proposed" and _still_proposed(state, context.candidates, now):
        return Decision(state)
    return matched(state, now, context)


def match_deadline(state: Match | None, event: Event, now: datetime, context: MatchContext) -> Decision[Match]:
    """The timer finds what a stale look-up missed."""
    if state is None or state.wish is None or not state.wanted:
        return Decision(state)
    if state.status == "proposed" and _still_proposed(state, context.candidates, now):
        return Decision(_changed(state, retry_at=later(now, context.rematch)))
    return matched(state, now, context)


def _still_proposed(state: Match, candidates: Iterable[Brief], now: datetime) -> bool:
    assert state.wish is not None
    proposed = [brief for brief in candidates if brief.key in state.proposed]
    return bool(ranked(state.wish, proposed, (), now))


def matched(state: Match, now: datetime, context: MatchContext) -> Decision[Match]:
    """What fits best, or that nothing does; the match has a wish."""
    assert state.wish is not None
    best = ranked(state.wish, context.candidates, state.without, now)
    if best:
        return _proposed(state, state.wish, best, now, context.rematch)
    retry = _changed(state, status="unmatched", proposals=(), proposed=(), retry_at=later(now, context.rematch))
    if state.status == "unmatched":
        return Decision(retry)
    misses = nearest_misses(state.wish, context.near or context.candidates, state.without, now)
    return Decision(retry, [Follow(_nothing_found(state, misses), synthetic=state.wish.synthetic)])


def _nothing_found(state: Match, misses: dict[str, int]) -> Data:
    if state.of_group:
        return group_place_events.GroupActivitiesFound(
            group_id=state.referral_id, number=state.number, nearest_misses=misses
        )
    return catalogue_events.NoActivityFound(referral_id=state.referral_id, number=state.number, nearest_misses=misses)


def _proposed(state: Match, wish: Wish, best: Sequence[Brief], now: datetime, again: timedelta) -> Decision[Match]:
    prices = Prices(wish, now)
    proposals = tuple(_proposal(wish, brief, prices.rule(brief)) for brief in best)
    closes = at(min(_LATEST, max(brief.closes for brief in best)))
    state = _changed(
        state,
        status="proposed",
        proposals=tuple(proposal.model_dump(mode="json") for proposal in proposals),
        proposed=tuple(brief.key for brief in best),
        retry_at=max(closes, later(now, again)),
    )
    return Decision(state, [Follow(_found(state, proposals), synthetic=wish.synthetic)])


def _found(state: Match, proposals: tuple[catalogue_events.Proposal, ...]) -> Data:
    if state.of_group:
        return group_place_events.GroupActivitiesFound(
            group_id=state.referral_id, number=state.number, proposals=proposals
        )
    return catalogue_events.ActivitiesProposed(referral_id=state.referral_id, number=state.number, proposals=proposals)


def _proposal(wish: Wish, brief: Brief, rule: Rule) -> catalogue_events.Proposal:
    codes = reasons(wish, brief, rule)
    starts_at = at(brief.starts_at) if brief.starts_at else None
    return catalogue_events.Proposal(
        organiser=brief.organiser,
        activity_id=brief.activity_id,
        score=score(wish, brief),
        reasons=codes,
        title=brief.title or None,
        why=why(codes, brief.price_cents, rule, starts_at),
        starts_at=at(brief.starts_at),
        places_left=max(0, brief.places_left),
        price_cents=to_pay(rule, brief.price_cents),
        price_rule=rule,
    )


def match_fields(state: Match) -> dict[str, Any]:
    """The fields to find a referral by: its municipality while it is unmatched, then its proposals."""
    unmatched = state.status == "unmatched" and state.wish is not None
    return {
        "unmatched_in": state.wish.municipality if unmatched and state.wish else None,
        "proposed": state.proposed if state.status == "proposed" else (),
        **(beat_of(state.wish.issuer, state.wish.time) if state.wish else beat_of()),
    }


def match_brief(state: Match) -> bytes:
    """The wish, by which a new activity finds whom it may concern."""
    return msgspec.json.encode(state.wish) if state.wish and state.status == "unmatched" else b""


def match_deadlines(state: Match) -> list[Due]:
    """When the catalogue tries the match again."""
    return [Due("rematch", state.retry_at)] if state.retry_at and state.wanted else []


def held_in(municipality: str, languages: Iterable[str]) -> list[str]:
    """The areas of all activities in the region of a municipality, by its languages."""
    return [f"held-in:{MUNICIPALITIES[municipality].region}:{primary(language)}" for language in languages]
