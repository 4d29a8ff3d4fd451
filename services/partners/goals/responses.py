"""The answers about goals of wellbeing plans, as the OpenAPI document shows them."""

from typing import Annotated, Literal, TypedDict

from msgspec import Meta

from services.partners.figures import FigureShown
from services.partners.listing import Onward
from shared.http.shapes import Source, Time


class GoalShown(TypedDict):
    """A goal as its owner last recorded it."""

    owner: Source
    goal_id: Annotated[str, Meta(description="The goal, by its owner's id.", examples=["hyte-4-2"])]
    goal: Annotated[dict[str, str], Meta(description="In the plan's words, by language.", examples=[{"fi": "Seuraa"}])]
    starts: Annotated[str, Meta(description="The first day of its period.", examples=["2026-01-01"])]
    ends: Annotated[str, Meta(description="The last day of its period.", examples=["2029-12-31"])]
    described_at: Annotated[str, Meta(description="Where the plan stands.", examples=["https://www.example.fi/hyte"])]
    figure: Annotated[FigureShown, Meta(description="The figure by which it is followed.")]
    target: Annotated[
        float,
        Meta(
            description="The value to reach, in the figure's own unit: how many referrals, or points.", examples=[120]
        ),
    ]
    reach: Annotated[
        Literal["at_least", "at_most"], Meta(description="Whether the figure comes up to the target, or not above it.")
    ]
    recorded_at: Annotated[Time, Meta(description="When its owner recorded it last.")]


class Goals(TypedDict):
    """Goals, in order of owner and id."""

    goals: Annotated[list[GoalShown], Meta(description="Those of this answer.")]
    next: Onward
