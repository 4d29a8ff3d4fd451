"""The answers about trainings, as the OpenAPI document shows them."""

from typing import Annotated, Final, Literal, TypedDict

from msgspec import Meta

from services.partners.listing import Onward
from shared.http.shapes import Source, Time

AT_LEAST: Final = 5


class UnitTrained(TypedDict):
    """A unit whose professionals the training was for."""

    partner: Source
    unit_ref: Annotated[str, Meta(description="The unit, as its referrals name it.", examples=["unit-17"])]


class TrainingShown(TypedDict):
    """A training as its organiser last recorded it."""

    organiser: Source
    training_id: Annotated[str, Meta(description="The training, by its organiser's id.", examples=["2026-7"])]
    name: Annotated[dict[str, str], Meta(description="What it was about, by language.", examples=[{"fi": "Lähete"}])]
    held_on: Annotated[str, Meta(description="The day, of several the last.", examples=["2026-09-01"])]
    units: Annotated[list[UnitTrained], Meta(description="The units whose professionals it was for.")]
    audience: Annotated[list[str], Meta(description="For which professionals it was.", examples=[["social_care"]])]
    came: Annotated[int, Meta(ge=0, description="How many people came.", examples=[24])]
    recorded_at: Annotated[Time, Meta(description="When its organiser recorded it last.")]


class Trainings(TypedDict):
    """Trainings, in order of organiser and id."""

    trainings: Annotated[list[TrainingShown], Meta(description="Those of this answer.")]
    next: Onward


# `from` is a word of Python's own.
ReferralsThen = TypedDict(
    "ReferralsThen",
    {
        "from": Annotated[str, Meta(description="The first day that counts, in Finland.", examples=["2026-06-03"])],
        "to": Annotated[str, Meta(description="The last day that counts, in Finland.", examples=["2026-08-31"])],
        "complete": Annotated[bool, Meta(description="Whether these days are over.", examples=[True])],
        "referrals": Annotated[
            int | None,
            Meta(
                description="How many referrals the units issued on these days; null where `why` says why.",
                examples=[31],
            ),
        ],
        "why": Annotated[
            Literal["fewer_than_five"] | None, Meta(description="Why there is no figure; null where there is one.")
        ],
    },
)


class ReferralsAround(TypedDict):
    """How many referrals the training's units issued in the 90 days before its day, and in the 90 days after it."""

    before: Annotated[ReferralsThen, Meta(description="The 90 days before.")]
    after: Annotated[ReferralsThen, Meta(description="The 90 days after.")]


class TrainingAnswer(TrainingShown):
    """A training, and how many referrals its units issued around it."""

    around: Annotated[
        ReferralsAround | None,
        Meta(description="For its organiser, the organisations of its units, ops and readers; null for others."),
    ]
