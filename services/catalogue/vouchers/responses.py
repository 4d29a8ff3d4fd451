"""The answer about study vouchers, as the OpenAPI document shows it."""

from typing import Annotated, Literal, TypedDict

from msgspec import Meta

from shared.http.shapes import ActivityId, Count, Organiser, Time


class VouchersOfTheme(TypedDict):
    """What activities of a theme use of a grant."""

    cents: Annotated[Count, Meta(description="Euro cents; an activity of several themes counts in equal parts.")]
    share: Annotated[
        float | None,
        Meta(
            description="The part of the grant, 0 to 1; the greater the more is used; null without a grant.",
            examples=[0.25],
        ),
    ]


class VouchersOfActivity(TypedDict):
    """What one activity uses of a grant."""

    activity_id: ActivityId
    places: Annotated[Count, Meta(description="How many places vouchers pay.")]
    cents: Annotated[Count, Meta(description="What they pay, in euro cents.")]


class VouchersOfYear(TypedDict):
    """An organiser's grant of a year, and what is used of it."""

    organiser: Organiser
    year: Annotated[
        int,
        Meta(
            description="The year of the grant, in calendar years; used in the study year from 1 August.",
            examples=[2026],
        ),
    ]
    groups: Annotated[
        list[str], Meta(description="The groups that this year's vouchers are for.", examples=[["pensioner"]])
    ]
    source: Annotated[str, Meta(description="Where the rule stands.", examples=["https://www.oph.fi/"])]
    grant_cents: Annotated[
        Count | None, Meta(description="The grant, in euro cents; null: none is recorded.", examples=[1_500_000])
    ]
    used_cents: Annotated[Count, Meta(description="What places have used of it, in euro cents.")]
    places: Annotated[Count, Meta(description="How many places vouchers pay.")]
    last_used_at: Annotated[Time | None, Meta(description="When the latest of them was given; null: there is none.")]
    stands: Annotated[
        Literal["in_use", "nearly_used", "idle"],
        Meta(description="Three quarters are used; nothing in half a year and money is left; or neither."),
    ]
    by_theme: Annotated[
        dict[str, VouchersOfTheme],
        Meta(
            description="By theme; they add up to all that is used.",
            examples=[{"singing": {"cents": 9000, "share": 0.006}}],
        ),
    ]
    activities: Annotated[list[VouchersOfActivity], Meta(max_length=2000, description="By activity.")]
