"""What a group's order does to an activity, and to the group's matching: as a referral's does, but for several places.

Pure. A group's claim stands beside those of referrals, so that persons and groups never share more places than there are.
"""

from datetime import datetime

import msgspec

from services.catalogue.decide import MatchContext, claimed, given_up, matched
from services.catalogue.model import Activity, Claim, Match, Wish, activity_key, group_key
from shared.contracts.envelope import Event
from shared.contracts.group_place_events import GroupMatchRequested, GroupPlacesGivenUp, GroupPlacesRequested
from shared.engine.model import Decision

_changed = msgspec.structs.replace


def places_requested(
    state: Activity | None, event: Event[GroupPlacesRequested], now: datetime, context: MatchContext
) -> Decision[Activity]:
    """Registers a group's order: its size of places, or the whole activity."""
    data = event.data
    claim = Claim(
        number=data.number,
        want="place",
        request=data.request,
        requested_at=data.requested_at,
        synthetic=event.synthetic,
        places=data.places,
        whole=data.whole,
    )
    state = state or Activity(data.organiser, data.activity_id)
    return claimed(state, event, now, context, group_key(data.group_id), claim)


def places_given_up(
    state: Activity | None, event: Event[GroupPlacesGivenUp], now: datetime, context: MatchContext
) -> Decision[Activity]:
    """Frees the group's places; it goes on to hear of the sessions."""
    data = event.data
    state = state or Activity(data.organiser, data.activity_id)
    return given_up(state, event, now, context, group_key(data.group_id), follow=True)


def wish_of(event: Event[GroupMatchRequested]) -> Wish:
    """The wish of a group."""
    data = event.data
    return Wish(
        time=data.issued_at,
        rank=event.rank,
        issuer=event.source,
        municipality=data.municipality,
        age_band=f"{data.age.min or 0}-{'' if data.age.max is None else data.age.max}",
        languages=data.languages,
        needs=data.needs,
        themes=data.themes,
        formats=data.formats,
        accessibility=data.accessibility,
        max_price_cents=data.max_price_cents,
        # A card or a voucher is a person's.
        funding=tuple(one for one in data.funding if one == "agreement"),
        synthetic=event.synthetic,
        places=data.size,
        at_unit=data.premises == "unit",
    )


def match_requested(
    state: Match | None, event: Event[GroupMatchRequested], now: datetime, context: MatchContext
) -> Decision[Match]:
    """Matches the group, without the activities that were tried; the greatest number holds."""
    data = event.data
    state = state or Match(data.group_id, of_group=True)
    if data.number <= state.number:
        return Decision(state)
    without = tuple(activity_key(one.organiser, one.activity_id) for one in data.without)
    state = _changed(state, wish=wish_of(event), number=data.number, wanted=True, without=without, status="new")
    return matched(state, now, context)
