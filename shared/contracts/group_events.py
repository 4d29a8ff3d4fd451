"""What partners send of groups: a unit's group is referred, chooses an activity, holds places, meets. No client is named."""

from typing import Annotated, Final, Literal

from pydantic import Field

from shared.contracts.data import AboutGroup
from shared.contracts.event_class import event_class
from shared.contracts.fields import (
    Accessibility,
    ActivityId,
    Count,
    Distinct,
    Format,
    Funding,
    IssuedGroupId,
    Language,
    Municipality,
    Needs,
    Organiser,
    SessionId,
    Theme,
    UnitRef,
)
from shared.contracts.opisto_events import AgeLimits
from shared.contracts.partner_kinds import ORGANISERS, REFERRERS

LARGEST: Final = 200
GroupKind = Annotated[
    Literal["long_term_care", "special_group", "rehabilitative_work", "housing_unit", "staff"],
    Field(title="GroupKind"),
]
Premises = Annotated[Literal["unit", "organiser"], Field(title="Premises")]
GroupSize = Annotated[int, Field(ge=2, le=LARGEST, examples=[12])]
GroupWithdrawalReason = Annotated[
    Literal["unit_wish", "duplicate", "other"],
    Field(title="GroupWithdrawalReason"),
]
GroupPlacesEnd = Annotated[
    Literal["full", "not_suitable", "unit_wish", "absences", "premises", "other"], Field(title="GroupPlacesEnd")
]
Heads = Annotated[int, Field(ge=0, le=1_000, examples=[11])]


@event_class("referral", *REFERRERS, outcome="groups")
class GroupReferralIssued(AboutGroup):
    """An organisation refers a group of one of its units: who they are nobody says, and no consent is needed."""

    group_id: IssuedGroupId
    """A random UUID, version 4, that the sender draws for this group; everybody names the group by it."""
    unit_ref: UnitRef
    """The unit whose group it is: an organisation's OID, or a code of the sender's own."""
    kind: GroupKind
    """What kind of group it is: in long-term care, one with special needs, in rehabilitative work, of a housing unit, or
    staff."""
    size: GroupSize
    """How many take part, without those of the staff who come along; two at least, for one alone is a client."""
    municipality: Municipality
    """Where the unit is: Statistics Finland's code of the municipality."""
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=5)]
    """In which languages the group can take part, the preferred one first: ISO 639 codes."""
    age: AgeLimits
    """Of what ages the group is, in years."""
    needs: Needs
    """What the activity should help with, by dimension of 3X10D: 1 to 10, the greater the more."""
    premises: Premises
    """Where the group meets: at the unit, where the whole activity is the group's, or at the organiser's, where it takes its
    size of places."""
    themes: Annotated[tuple[Theme, ...], Field(max_length=18), Distinct] = ()
    """What the group likes; of activities that fit equally well, one with these stands first."""
    formats: Annotated[tuple[Format, ...], Field(max_length=3), Distinct] = ()
    """How the group can take part: `in_person` on the spot, `remote` over the net, `hybrid` either way. None: any way."""
    accessibility: Annotated[tuple[Accessibility, ...], Field(max_length=6), Distinct] = ()
    """What the group needs in order to take part. Only activities that have all of it are proposed."""
    max_price_cents: Annotated[Count, Field(examples=[5000])] | None = None
    """The most that the activity may cost for each participant, in euro cents; left out: there is no limit."""
    funding: Annotated[tuple[Funding, ...], Field(max_length=3), Distinct] = ()
    """What else can pay. An activity that accepts one of these may cost more than the limit."""


@event_class("referral", *REFERRERS, outcome="groups")
class GroupActivityChosen(AboutGroup):
    """The unit chose an activity for its group; it need not be among the proposed."""

    organiser: Organiser
    """Who runs the activity: the `source` of its publication."""
    activity_id: ActivityId
    """The chosen activity, by its organiser's own id."""


@event_class("referral", *REFERRERS, outcome="groups")
class GroupReferralWithdrawn(AboutGroup):
    """The organisation takes its group back: the group's places are free again."""

    reason: GroupWithdrawalReason
    """Why: the unit wishes it, the group was referred twice, or something else."""


@event_class("referral", *ORGANISERS, outcome="groups")
class GroupPlacesConfirmed(AboutGroup):
    """The organiser expects the group."""

    activity_id: ActivityId
    """The activity, by the organiser's own id."""


@event_class("referral", *ORGANISERS, outcome="groups")
class GroupPlacesCancelled(AboutGroup):
    """The organiser does not take the group, or no longer."""

    activity_id: ActivityId
    """The activity, by the organiser's own id."""
    reason: GroupPlacesEnd
    """Why: the activity is full, it does not suit the group, the unit wished it, the group stayed away, the premises fail,
    or something else."""


@event_class("referral", *ORGANISERS, outcome="groups")
class GroupSessionHeld(AboutGroup):
    """A session took place with the group, and how many came; of several for one session the latest `time` holds."""

    activity_id: ActivityId
    """The activity, by the organiser's own id."""
    session_id: SessionId
    """The session, as it was published."""
    participants: Heads
    """How many of the group came; 0: nobody did. More than the group's size are told and kept."""
    staff: Heads
    """How many of the unit's staff came along."""
