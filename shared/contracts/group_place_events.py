"""What the referral service and the catalogue say to each other of groups; no partner reads it.

`number` is the group's count of what it asks of one activity, or of the matching: the greatest number holds.
"""

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.catalogue_events import ActivityCall, ListedSession, NearestMisses, Proposal
from shared.contracts.data import AboutGroup
from shared.contracts.event_class import event_class
from shared.contracts.fields import (
    Accessibility,
    ActivityId,
    Cause,
    Count,
    Format,
    Funding,
    Language,
    Municipality,
    Needs,
    Organiser,
    Theme,
)
from shared.contracts.group_events import GroupSize, Premises
from shared.contracts.group_told_events import GroupRefusal
from shared.contracts.instants import Instant
from shared.contracts.opisto_events import AgeLimits
from shared.contracts.referral_events import ActivityKey


class OfGroupPlaces(AboutGroup):
    """One group at one activity."""

    organiser: Organiser
    """Who runs the activity: the `source` of its publication."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""
    number: Count
    """The group's count of its requests to this activity, from 1; the greatest holds."""


@event_class("catalogue", "service/referral")
class GroupMatchRequested(AboutGroup):
    """The catalogue shall match the group (again): all that it wishes, whole each time."""

    number: Count
    """The group's count of what it asked of the matching, from 1; the greatest holds."""
    issued_at: Instant
    """The time of the issue that says so, in UTC."""
    size: GroupSize
    """How many take part."""
    premises: Premises
    """Where the group meets."""
    municipality: Municipality
    """Where the unit is, by code."""
    age: AgeLimits
    """Of what ages the group is, in years."""
    languages: tuple[Language, ...]
    """In which languages the group can take part."""
    needs: Needs
    """What the activity should help with, by dimension: 1 to 10, the greater the more."""
    themes: tuple[Theme, ...] = ()
    """What the group likes."""
    formats: tuple[Format, ...] = ()
    """How the group can take part."""
    accessibility: tuple[Accessibility, ...] = ()
    """What the group needs in order to take part."""
    max_price_cents: Count | None = None
    """The most that the activity may cost for each participant, in euro cents."""
    funding: tuple[Funding, ...] = ()
    """What else can pay."""
    without: Annotated[tuple[ActivityKey, ...], Field(max_length=200)] = ()
    """The activities that are not to be proposed again."""


@event_class("catalogue", "service/referral")
class GroupMatchingEnded(AboutGroup):
    """The group wants no more proposals."""

    number: Count
    """The group's count of what it asked of the matching, from 1; the greatest holds."""


@event_class("catalogue", "service/referral")
class GroupPlacesRequested(OfGroupPlaces):
    """The group wants its size of places, or the whole activity."""

    request: Cause
    """What the group asks by: its choice, and its size then."""
    requested_at: Instant
    """The time of the choice, in UTC."""
    places: GroupSize
    """How many places the group takes."""
    whole: bool
    """Whether the whole activity shall be the group's, at its unit."""


@event_class("catalogue", "service/referral")
class GroupPlacesGivenUp(OfGroupPlaces):
    """The group wants no places here; it still follows the activity's sessions and cancellation."""

    freed_at: Instant
    """The time of the fact that freed the places, in UTC; the first in the queue whom they are enough for has them."""


@event_class("referral", "service/catalogue")
class GroupActivitiesFound(AboutGroup):
    """What fits the group: up to five activities, the best first, or none."""

    number: Count
    """The group's count of what it asked of the matching, from 1; the greatest holds."""
    proposals: Annotated[tuple[Proposal, ...], Field(max_length=5)] = ()
    """The activities, the best first."""
    nearest_misses: NearestMisses | None = None
    """Where nothing fits: how many activities each filter alone refused, by its name."""


@event_class("referral", "service/catalogue")
class GroupPlacesAnswered(OfGroupPlaces):
    """What the activity answers to the group, with its sessions. The greatest `answer` of one activity holds."""

    answer: Count
    """The activity's count of its answers to this group, from 1; the greatest holds."""
    request: Cause
    """What the group asked by."""
    state: Annotated[
        Literal["reserved", "waitlisted", "refused", "released", "followed"], Field(title="GroupPlacesState")
    ]
    """What became of the places: held, waited for, refused, free again; `followed` tells of the sessions alone."""
    reason: GroupRefusal | None = None
    """Why they were refused."""
    position: Annotated[Count, Field(examples=[1])] = 0
    """The place on the waiting list, where one is waited for; 1 is next."""
    given_at: Instant | None = None
    """The time of the fact that gave the places, in UTC, where they are held."""
    confirm: bool = False
    """Whether the organiser must confirm them."""
    sessions: tuple[ListedSession, ...] = ()
    """The activity's sessions, as listed last."""
    cancelled: ActivityCall | None = None
    """When the activity was cancelled, if it was."""


@event_class("catalogue", "service/catalogue")
class GroupToMatch(AboutGroup):
    """The catalogue to itself: judge this activity for this group (the activity is new, or changed, or gone)."""

    organiser: Organiser
    """Who runs the activity: the `source` of its publication."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""
