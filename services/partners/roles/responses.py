"""The answers about roles, pairs and seats, as the OpenAPI document shows them."""

from typing import Annotated, Literal, TypedDict

from msgspec import Meta

from shared.http.shapes import Time

Partner = Annotated[str, Meta(description="A partner, by its source.", examples=["/opisto/tampere"])]
RoleId = Annotated[str, Meta(description="The role, by its owner's own id.", examples=["choir-contact"])]
Title = Annotated[str, Meta(description="Which role it is, never a person.", examples=["culture_coordinator"])]
Unit = Annotated[str, Meta(description="The region's unit.", examples=["unit-17"])]
LastDay = Annotated[
    str | None, Meta(description="The last day, in Finland; null where it is open.", examples=["2027-08-31"])
]
Cursor = Annotated[
    str | None, Meta(description="Where `after` goes on; null at the end.", examples=["/opisto/tampere~choir-contact"])
]


class RoleShown(TypedDict):
    """One partner's role, as it last named it."""

    owner: Partner
    role_id: RoleId
    kind: Annotated[Literal["pair", "hyte_seat", "kaikukortti_contact"], Meta(description="What the role is for.")]
    title: Title
    counterpart: Annotated[
        str | None, Meta(description="The other side; null where the kind has none.", examples=["/region/06"])
    ]
    unit_ref: Annotated[
        str | None, Meta(description="The region's unit that a pair is for; else null.", examples=["unit-17"])
    ]
    host: Annotated[
        str | None, Meta(description="Whose wellbeing group a seat is in; else null.", examples=["/region/06"])
    ]
    recognised_only: Annotated[
        bool, Meta(description="Whether the host says that there is no seat, but the role is recognised.")
    ]
    begins_on: Annotated[str, Meta(description="The first day, in Finland.", examples=["2026-09-01"])]
    ends_on: LastDay
    state: Annotated[
        Literal["upcoming", "current", "ended"], Meta(description="Whether it is still to begin, holds, or is over.")
    ]
    said_at: Annotated[Time, Meta(description="When its owner last said anything of it.")]


class RolesShown(TypedDict):
    """Roles, by owner and id."""

    roles: Annotated[list[RoleShown], Meta(description="Those of this answer.")]
    next: Cursor


class SideShown(TypedDict):
    """A role that holds now, at one side of a pair or a seat."""

    role_id: RoleId
    title: Title
    ends_on: LastDay


class PairShown(TypedDict):
    """Who answers for each other, at one unit of a region and at an organiser."""

    region: Annotated[str, Meta(description="The region, by its source.", examples=["/region/06"])]
    unit_ref: Unit
    organiser: Partner
    standing: Annotated[
        Literal["whole", "lacks_region", "lacks_organiser", "nobody"],
        Meta(description="Whether both sides have named a role that holds, which of them has not, or neither has."),
    ]
    region_roles: Annotated[list[SideShown], Meta(max_length=10, description="The region's roles, the newest first.")]
    organiser_roles: Annotated[
        list[SideShown], Meta(max_length=10, description="The organiser's roles, the newest first.")
    ]
    whole_on: Annotated[
        str | None,
        Meta(
            description="The day, in UTC, since which both sides have had a role; null where one lacks.",
            examples=["2026-09-02"],
        ),
    ]
    active_on: Annotated[
        str | None,
        Meta(description="The last day, in UTC, on which the two did something together.", examples=["2026-11-20"]),
    ]
    told_silent: Annotated[bool, Meta(description="Whether both have been told that they are silent, and still are.")]


class PairsShown(TypedDict):
    """Pairs, by region, unit and organiser."""

    pairs: Annotated[list[PairShown], Meta(description="Those of this answer.")]
    next: Cursor


class SeatShown(TypedDict):
    """An organiser's seat in a wellbeing group."""

    host: Annotated[str, Meta(description="Whose group it is, by source.", examples=["/municipality/837"])]
    organiser: Partner
    standing: Annotated[
        Literal["seated", "recognised_only", "claimed", "nobody"],
        Meta(
            description="The host says that there is a seat, or that there is none but the role is recognised; the organiser "
            "alone says that it has one; nobody holds it now."
        ),
    ]
    host_roles: Annotated[list[SideShown], Meta(max_length=10, description="The host's roles, the newest first.")]
    organiser_roles: Annotated[
        list[SideShown], Meta(max_length=10, description="The organiser's roles, the newest first.")
    ]


class SeatsShown(TypedDict):
    """Seats, by host and organiser."""

    seats: Annotated[list[SeatShown], Meta(description="Those of this answer.")]
    next: Cursor
