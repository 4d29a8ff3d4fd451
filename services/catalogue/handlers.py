"""Which event concerns which aggregate of the catalogue, which look-up it needs, and which function decides."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from services.catalogue import decide, groups, offers, vouchers
from services.catalogue.briefs import Briefs
from services.catalogue.decide import EVERYWHERE, MatchContext
from services.catalogue.matching import HardFilters
from services.catalogue.model import Activity, Brief, Match, RegionOffer, Wish, activity_key, group_key
from services.catalogue.offers import MondayContext
from shared.contracts import (
    catalogue_events,
    every_service_events,
    group_place_events,
    opisto_events,
    referral_events,
    region_events,
)
from shared.contracts.data import AboutGroup, AboutPlace
from shared.contracts.envelope import Event
from shared.contracts.heartbeat import BEAT
from shared.contracts.issues import of_a_region
from shared.contracts.topics import READ_BY
from shared.engine.model import Decide, Decision, Handler, Kind, LookUp, Table
from shared.reference import MUNICIPALITIES_OF
from shared.store import Collection, Index, Store
from shared.store.interface import Range

ACTIVITIES = Kind(
    Collection(
        "activities",
        (Index(("area", "listed"), many=True), Index(("cards_of", "by_id")), Index((BEAT,))),
        narrowing=("age_min", "age_max", "opens", "closes", "listed"),
    ),
    Activity,
    fields=decide.activity_fields,
    brief=decide.activity_brief,
    deadlines=decide.activity_deadlines,
    marked=False,
)
MATCHES = Kind(
    Collection(
        "matches",
        (
            Index(("unmatched_in",)),
            Index(("proposed",), many=True),
            Index((BEAT,)),
        ),
    ),
    Match,
    fields=decide.match_fields,
    brief=decide.match_brief,
    deadlines=decide.match_deadlines,
)

OFFERS = Kind(Collection("offers"), RegionOffer, deadlines=offers.offer_deadlines, marked=False)

MAX_CONCERNED = 500
MANY_MUNICIPALITIES = 30
"""An activity that serves more counts as serving all: each municipality costs the store one more query."""

_WISHES: Final[Mapping[str, Callable[[Event[Any]], Wish]]] = {
    "ReferralIssued": decide.wish_of,
    "IssueTaken": decide.wish_of,
    "GroupMatchRequested": groups.wish_of,
}
"""The classes that say what is wished."""
_WISH = msgspec.json.Decoder(Wish)
_BRIEF = msgspec.json.Decoder(Brief)


def table(rematch: timedelta) -> Table:
    """The catalogue's table."""
    candidates, concerned, nothing = _candidates(rematch), _concerned(rematch), _nothing(rematch)
    return Table(
        service="catalogue",
        topics=READ_BY["catalogue"],
        kinds=(ACTIVITIES, MATCHES, OFFERS, vouchers.VOUCHERS),
        context=MatchContext(rematch),
        handlers={
            opisto_events.ActivityPublished: Handler(ACTIVITIES, _own_activity, decide.published, concerned),
            opisto_events.ActivityCancelled: Handler(ACTIVITIES, _own_activity, decide.cancelled, concerned),
            referral_events.PlaceRequested: Handler(ACTIVITIES, _named_activity, decide.place_requested, nothing),
            referral_events.PlaceGivenUp: Handler(ACTIVITIES, _named_activity, decide.place_given_up, nothing),
            region_events.ReferralIssued: Handler(MATCHES, of_a_region, decide.issued, candidates),
            referral_events.IssueTaken: Handler(MATCHES, _referral, decide.issued, candidates),
            referral_events.ReferralOpened: Handler(MATCHES, _referral, decide.opened, nothing),
            referral_events.ReferralErased: Handler(MATCHES, _referral, decide.erased, nothing),
            referral_events.RematchRequested: Handler(MATCHES, _referral, decide.rematch_requested, candidates),
            referral_events.MatchingEnded: Handler(MATCHES, _referral, decide.matching_ended, nothing),
            catalogue_events.ActivityToMatch: Handler(MATCHES, _referral, decide.activity_to_match, candidates),
            group_place_events.GroupPlacesRequested: Handler(
                ACTIVITIES, _named_activity, groups.places_requested, nothing
            ),
            group_place_events.GroupPlacesGivenUp: Handler(
                ACTIVITIES, _named_activity, groups.places_given_up, nothing
            ),
            group_place_events.GroupMatchRequested: Handler(MATCHES, _group, groups.match_requested, candidates),
            group_place_events.GroupMatchingEnded: Handler(MATCHES, _group, decide.matching_ended, nothing),
            group_place_events.GroupToMatch: Handler(MATCHES, _group, decide.activity_to_match, candidates),
            catalogue_events.OfferNoted: Handler(OFFERS, _region, offers.change_noted),
            **vouchers.HANDLERS,
        },
        deadlines={
            "activities": Handler(ACTIVITIES, _aggregate, decide.activity_deadline, nothing),
            "matches": Handler(MATCHES, _aggregate, decide.match_deadline, candidates),
            "offers": Handler(OFFERS, _aggregate, offers.monday, _of_the_week),
            "vouchers": vouchers.SILENCE,
        },
    )


def _own_activity(event: Event[opisto_events.ActivityPublished | opisto_events.ActivityCancelled]) -> str:
    return activity_key(event.source, event.data.subject)


def _named_activity(event: Event[AboutPlace | group_place_events.OfGroupPlaces]) -> str:
    return activity_key(event.data.organiser, event.data.activity_id)


def _referral(event: Event) -> str:
    return event.data.subject


def _group(event: Event[AboutGroup]) -> str:
    return group_key(event.data.group_id)


def _region(event: Event[catalogue_events.OfferNoted]) -> str:
    return event.data.region


def _aggregate(event: Event[every_service_events.DeadlinePassed]) -> str:
    return event.data.aggregate


# --- look-ups for decisions


def _nothing(rematch: timedelta) -> LookUp:
    async def look_up(state: Activity | None, event: Event, store: Store, now: datetime) -> MatchContext:
        return MatchContext(rematch)

    return look_up


def _candidates(rematch: timedelta) -> LookUp:
    briefs = Briefs()

    async def look_up(state: Match | None, event: Event[Any], store: Store, now: datetime) -> MatchContext:
        wish = _WISHES[event.name](event) if event.name in _WISHES else state.wish if state else None
        if wish is None:
            return MatchContext(rematch)
        filters = HardFilters(wish, now)
        fitting = _fitting(filters, now)
        found = await briefs.find(store, (wish.municipality, EVERYWHERE), within=fitting)
        if any(map(filters.fits, found.values())):
            return MatchContext(rematch, candidates=found.values())
        will_be_told = state is None or state.status != "unmatched" or event.name in {*_WISHES, "RematchRequested"}
        if not will_be_told:
            return MatchContext(rematch)
        # The other activities that serve the municipality have missed by age or enrolment. Those held near that serve
        # others have missed by that: if such a one misses by age, enrolment or language too, it is no narrow miss.
        found |= await briefs.find(store, (wish.municipality, EVERYWHERE), outside=fitting)
        found |= await briefs.find(store, decide.held_in(wish.municipality, wish.languages), within=fitting)
        return MatchContext(rematch, near=found.values())

    return look_up


def _fitting(filters: HardFilters, now: datetime) -> Mapping[str, Range]:
    """The ranges by which the store narrows."""
    at = now.timestamp()
    return {
        "age_min": (None, filters.high),
        "age_max": (filters.low, None),
        "opens": (None, at),
        "closes": (at, None),
    }


def _concerned(rematch: timedelta) -> LookUp:
    """The unmatched whom a new version may fit; those with a proposal of an activity that has changed, or is cancelled.

    A version that repeats the one before concerns nobody: a nightly run publishes every activity.
    """

    async def look_up(state: Activity | None, event: Event[Any], store: Store, now: datetime) -> MatchContext:
        before, after = _brief(state), _brief(_after(state, event, now))
        if after is None or before == after:
            return MatchContext(rematch)
        concerned = sorted(await store.versions("matches", "proposed", [after.key], limit=MAX_CONCERNED))
        concerned += [] if after.cancelled else await _unmatched(store, after, now)
        return MatchContext(rematch, concerned=tuple(dict.fromkeys(concerned)))

    return look_up


def _after(state: Activity | None, event: Event[Any], now: datetime) -> Activity | None:
    decide_alone: Decide = (
        decide.published if isinstance(event.data, opisto_events.ActivityPublished) else decide.cancelled
    )
    after = decide_alone(state, event, now, MatchContext())
    return after.state if isinstance(after, Decision) else None


def _brief(state: Activity | None) -> Brief | None:
    return decide.brief_of(state) if state and state.versions else None


async def _unmatched(store: Store, brief: Brief, now: datetime) -> list[str]:
    if brief.format == "remote" or len(brief.serves) > MANY_MUNICIPALITIES:
        rows = await store.find("matches", at_least=("unmatched_in", ""), limit=MAX_CONCERNED, what="brief")
    else:
        rows = []
        for municipality in brief.serves:
            rows += await store.find("matches", equal={"unmatched_in": municipality}, limit=MAX_CONCERNED, what="brief")
    return [row.id for row in rows[:MAX_CONCERNED] if HardFilters(_WISH.decode(row.brief), now).fits(brief)]


async def _of_the_week(state: RegionOffer | None, event: Event[Any], store: Store, now: datetime) -> MondayContext:
    if state is None:
        return MondayContext()
    rows = await store.load("activities", sorted(state.changes), what="brief")
    municipalities = MUNICIPALITIES_OF[state.region.rpartition("/")[2]]
    nothing_in = [municipality for municipality in municipalities if not await _has_some(store, municipality, now)]
    return MondayContext({id_: _BRIEF.decode(row.brief) for id_, row in rows.items()}, nothing_in)


async def _has_some(store: Store, municipality: str, now: datetime) -> bool:
    """Whether the public list has anything open to its residents that is not remote: one look into the index."""
    at = (now.timestamp(), "")
    return bool(
        await store.find("activities", equal={"area": municipality}, order="listed", after=at, limit=1, what="brief")
    )
