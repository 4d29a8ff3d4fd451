"""Which event concerns a group, and which function decides."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from services.referral.groups import decide
from services.referral.groups.model import UnitGroup
from services.referral.view import Durations
from shared.contracts import group_events, group_place_events
from shared.contracts.data import AboutGroup, Data
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import DeadlinePassed
from shared.engine.model import Decide, Handler, Kind, Rejected
from shared.store import Collection, Store

COLLECTION: Final = Collection("groups")


class _Kept(msgspec.Struct):
    state: Any = None


_KEPT: Final = msgspec.json.Decoder(_Kept)


def groups_of(durations: Durations) -> Kind[UnitGroup]:
    """The groups as the engine keeps them."""
    return Kind(COLLECTION, UnitGroup, deadlines=decide.deadlines_of(durations))


class Naming(NamedTuple):
    """The durations, and whether the id is a client's referral, for judging an issue."""

    durations: Durations
    of_client: bool


async def is_taken(kind: Kind[Any], event: Event, store: Store) -> bool:
    """Whether the id of the event is one of this kind already: a client and a group never go by the same.

    A document in which something waits, and nothing else, takes no id.
    """
    rows = await store.load(kind.collection.name, [event.data.subject])
    return any(_KEPT.decode(row.body).state is not None for row in rows.values())


def handlers_of(groups: Kind[UnitGroup], referrals: Kind[Any], durations: Durations) -> Mapping[type[Data], Handler]:
    """The rows of the service's table that concern groups."""

    async def named(state: UnitGroup | None, event: Event, store: Store, now: datetime) -> Naming:
        return Naming(durations, state is None and await is_taken(referrals, event, store))

    decisions: dict[type[Data], Decide] = {
        group_events.GroupActivityChosen: decide.chosen,
        group_events.GroupReferralWithdrawn: decide.withdrawn,
        group_events.GroupPlacesConfirmed: decide.places_confirmed,
        group_events.GroupPlacesCancelled: decide.places_cancelled,
        group_events.GroupSessionHeld: decide.session_held,
        group_place_events.GroupActivitiesFound: decide.activities_found,
        group_place_events.GroupPlacesAnswered: decide.places_answered,
    }
    issue = Handler(groups, _group, _issued, named)
    rows = {model: Handler(groups, _group, decision) for model, decision in decisions.items()}
    return {group_events.GroupReferralIssued: issue, **rows}


def _issued(
    state: UnitGroup | None, event: Event[group_events.GroupReferralIssued], now: datetime, naming: Naming
) -> decide.Decided:
    if naming.of_client:
        return Rejected(f"{event.data.group_id} is the id of a client's referral; draw another for the group")
    return decide.issued(state, event, now, naming.durations)


def silence_of(groups: Kind[UnitGroup]) -> Handler:
    """What follows from a group's deadline."""
    return Handler(groups, _aggregate, decide.deadline_passed)


def _group(event: Event[AboutGroup]) -> str:
    return event.data.subject


def _aggregate(event: Event[DeadlinePassed]) -> str:
    return event.data.aggregate
