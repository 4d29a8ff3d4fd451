"""What partners are told of groups by the referral service, each in its own feed: the group's issuer, and an organiser of
the places that it holds or waits for."""

from typing import Annotated, Final, Literal

from pydantic import Field

from shared.contracts.catalogue_events import ActivityCall, ListedSession, NearestMisses, Proposal
from shared.contracts.data import Strict, ToPartner
from shared.contracts.event_class import event_class
from shared.contracts.fields import (
    Accessibility,
    ActivityId,
    Count,
    GroupId,
    Language,
    Municipality,
    Organiser,
    SessionId,
    UnitRef,
)
from shared.contracts.group_events import GroupKind, GroupSize, Heads, Premises
from shared.contracts.instants import Instant

MAX_STATED: Final = 100
"""Sessions in one statement, so that it fits an event; what is over goes into another of the same day."""
GroupRefusal = Annotated[
    Literal["full", "too_large", "premises", "closed", "cancelled", "unknown"], Field(title="GroupRefusal")
]
GroupOutcome = Annotated[
    Literal["completed", "discontinued", "not_held", "no_activity_found", "not_chosen", "withdrawn"],
    Field(title="GroupOutcome"),
]
GroupAwaits = Annotated[Literal["match", "choice", "confirmation", "attendance"], Field(title="GroupAwaits")]


class ToldOfGroup(ToPartner):
    """What one partner is told of one group."""

    group_id: GroupId
    """The group, by the id under which its unit's organisation issued it."""


class ToldOfGroupPlaces(ToldOfGroup):
    """What one partner is told of one group at one activity."""

    organiser: Organiser
    """Who runs the activity: the `source` of its publication."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""


class GroupWanted(ToldOfGroupPlaces):
    """What an organiser must know of a group that holds places, or waits for some."""

    kind: GroupKind
    """What kind of group it is."""
    size: GroupSize
    """How many take part, without those of the staff who come along."""
    premises: Premises
    """Where the group meets: at the unit, where the whole activity is the group's, or at the organiser's."""
    municipality: Municipality
    """Where the unit is, by code."""
    languages: tuple[Language, ...]
    """In which languages the group can take part, the preferred one first: ISO 639 codes."""
    accessibility: tuple[Accessibility, ...]
    """What the group needs in order to take part; may be none."""


@event_class("notify", "service/referral")
class GroupMatched(ToldOfGroup):
    """What fits the group; it replaces what was proposed before. Without proposals nothing fits now."""

    proposals: Annotated[tuple[Proposal, ...], Field(max_length=5)] = ()
    """Up to five activities, the best first."""
    nearest_misses: NearestMisses | None = None
    """Where nothing fits: how many activities each filter alone refused, by its name."""


@event_class("notify", "service/referral")
class GroupPlaced(GroupWanted):
    """Places are held for the group. Told again where something of it changes; the latest holds."""

    confirm: bool
    """Whether the organiser must confirm that it expects the group."""
    confirmed: bool
    """Whether the organiser has confirmed it, or has held a session with the group."""
    sessions: tuple[ListedSession, ...]
    """The activity's sessions, as listed last."""


@event_class("notify", "service/referral")
class GroupWaitlisted(GroupWanted):
    """No places yet, but a turn on the waiting list, until its whole size fits."""

    position: Count
    """The place on the waiting list, at the time when it began to wait; 1 is next."""


@event_class("notify", "service/referral")
class GroupRefused(ToldOfGroupPlaces):
    """No places for the group."""

    reason: GroupRefusal
    """Why: fewer places are left than the group needs; the activity is smaller than the group; it is not held where the
    group asked; enrolment was closed; the activity was cancelled, or is unknown."""


@event_class("notify", "service/referral")
class GroupReleased(ToldOfGroupPlaces):
    """The group's places, or its turn on the waiting list, are free again."""

    cancelled: ActivityCall | None = None
    """When the activity was cancelled, if it was; a group is not moved to what replaces it, but may choose it."""


class StatedSession(Strict):
    """One session that was held with the group."""

    organiser: Organiser
    """Who held it."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""
    session_id: SessionId
    """The session, by the organiser's own id."""
    starts_at: Instant | None = None
    """When it began, in UTC; left out where it is listed no more."""
    participants: Heads
    """How many of the group came."""
    staff: Heads
    """How many of the unit's staff came along."""
    above_size: bool
    """Whether more came than the group has."""


@event_class("notify", "service/referral")
class GroupSessionsStated(ToldOfGroup):
    """The statement of a week: the sessions held with the group of which anything is new, those corrected among them."""

    unit_ref: UnitRef
    """The unit whose group it is."""
    size: GroupSize
    """How many the group has."""
    sessions: Annotated[tuple[StatedSession, ...], Field(min_length=1, max_length=MAX_STATED)]
    """The sessions; of one that was stated before, the latest statement holds."""


@event_class("notify", "service/referral")
class GroupEnded(ToldOfGroup):
    """How the group's referral ended. Told again when what it said has changed; the latest holds."""

    outcome: GroupOutcome
    """How it ended: completed; discontinued after some sessions; without a session held; without an activity that fits;
    without a choice in time; withdrawn."""
    held: Count
    """How many sessions were held at which somebody of the group was."""
    not_recorded: Count
    """Of how many of the activity's sessions nobody said whether they were held."""
    participants: Count
    """How many of the group came, all sessions added up."""
    staff: Count
    """How many of the unit's staff came along, all sessions added up."""


@event_class("notify", "service/referral")
class GroupReopened(ToldOfGroup):
    """What was told of the group's end holds no more: it goes on."""


@event_class("notify", "service/referral")
class GroupReminded(ToldOfGroup):
    """The partner's step for the group has not come in time. The first passing reminds, the second acts."""

    what: GroupAwaits
    """The awaited step: an activity that fits, the unit's choice, the organiser's confirmation or records of sessions."""
    due_at: Instant
    """Until when the step was awaited, in UTC."""
    nth: Count
    """Which passing of this deadline it is, from 1."""
