"""The answers about improvements, as the OpenAPI document shows them."""

from typing import Annotated, Literal, TypedDict

from msgspec import Meta

from services.partners.listing import Onward
from shared.http.shapes import Source, Time

State = Literal["open", "overdue", "done"]


class DoerShown(TypedDict):
    """A role at a partner."""

    partner: Source
    role: Annotated[str, Meta(description="Which role there.", examples=["culture_coordinator"])]


class ImprovementShown(TypedDict):
    """An improvement as it stands."""

    agreed_by: Source
    improvement_id: Annotated[str, Meta(description="The improvement, by that partner's id.", examples=["2026-7"])]
    roles: Annotated[list[DoerShown], Meta(description="Who does it.")]
    about: Annotated[dict[str, str], Meta(description="What is done better, by language.", examples=[{"fi": "Kuoro"}])]
    due: Annotated[str, Meta(description="Until which day, that day included.", examples=["2026-12-01"])]
    state: Annotated[State, Meta(description="Whether it is open, past its day and not done, or done.")]
    recorded_at: Annotated[Time, Meta(description="When its latest version was recorded.")]


class Improvements(TypedDict):
    """Improvements, in order of who recorded them, and id."""

    improvements: Annotated[list[ImprovementShown], Meta(description="Those of this answer.")]
    next: Onward
