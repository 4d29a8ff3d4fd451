"""Which event concerns a group, and which function decides."""

from collections.abc import Mapping
from typing import Final

from services.referral.groups import decide
from services.referral.groups.model import UnitGroup
from services.referral.view import Durations
from shared.contracts import group_events, group_place_events
from shared.contracts.data import AboutGroup, Data
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import DeadlinePassed
from shared.engine.model import Decide, Handler, Kind
from shared.store import Collection

COLLECTION: Final = Collection("groups")


def groups_of(durations: Durations) -> Kind[UnitGroup]:
    """The groups as the engine keeps them."""
    return Kind(COLLECTION, UnitGroup, deadlines=decide.deadlines_of(durations))


def handlers_of(groups: Kind[UnitGroup]) -> Mapping[type[Data], Handler]:
    """The rows of the service's table that concern groups."""
    decisions: dict[type[Data], Decide] = {
        group_events.GroupReferralIssued: decide.issued,
        group_events.GroupActivityChosen: decide.chosen,
        group_events.GroupReferralWithdrawn: decide.withdrawn,
        group_events.GroupPlacesConfirmed: decide.places_confirmed,
        group_events.GroupPlacesCancelled: decide.places_cancelled,
        group_events.GroupSessionHeld: decide.session_held,
        group_place_events.GroupActivitiesFound: decide.activities_found,
        group_place_events.GroupPlacesAnswered: decide.places_answered,
    }
    return {model: Handler(groups, _group, decision) for model, decision in decisions.items()}


def silence_of(groups: Kind[UnitGroup]) -> Handler:
    """What follows from a group's deadline."""
    return Handler(groups, _aggregate, decide.deadline_passed)


def _group(event: Event[AboutGroup]) -> str:
    return event.data.subject


def _aggregate(event: Event[DeadlinePassed]) -> str:
    return event.data.aggregate
