"""The answers of an activity to a group: of its places, and of the sessions. Pure."""

from collections.abc import Mapping
from typing import Any

from services.catalogue.model import Claim
from shared.contracts.catalogue_events import ActivityCall, ListedSession
from shared.contracts.data import Data
from shared.contracts.group_place_events import GroupPlacesAnswered


def told_to_group(
    claim: Claim,
    about: Mapping[str, Any],
    sessions: tuple[ListedSession, ...],
    call: ActivityCall | None,
    *,
    confirms: bool,
) -> list[Data]:
    """What became of the group's places, with the sessions; of a release hears only who held places, or waited."""
    if claim.state == "none" and not claim.told.startswith(("reserved", "waitlisted")):
        return []
    answer = GroupPlacesAnswered(
        **about,
        state="released" if claim.state == "none" else claim.state,
        reason=claim.reason or None,
        position=claim.position,
        given_at=claim.given_at if claim.state == "reserved" else None,
        confirm=confirms,
        sessions=sessions,
        cancelled=call,
    )
    return [answer]


def followed_by_group(about: Mapping[str, Any], sessions: tuple[ListedSession, ...], call: ActivityCall | None) -> Data:
    """The activity's sessions and its fate alone."""
    return GroupPlacesAnswered(**about, state="followed", sessions=sessions, cancelled=call)
