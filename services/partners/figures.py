"""The platform's figures that a practice or a goal names, as the service keeps and shows them."""

from typing import Annotated, TypedDict

import msgspec
from msgspec import Meta

from shared.contracts.record_events import FigureNamed


class NamedFigure(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the platform's figures, and what it is counted of."""

    measure: str
    municipality: str | None = None
    theme: str | None = None
    route: str | None = None
    age_band: str | None = None


class FigureShown(TypedDict):
    """One of the platform's figures, and what it is counted of; a filter that is null takes all."""

    measure: Annotated[str, Meta(description="Which figure.", examples=["completed"])]
    municipality: Annotated[str | None, Meta(description="Clients of this municipality alone.", examples=["837"])]
    theme: Annotated[str | None, Meta(description="Activities of this theme alone.", examples=["singing"])]
    route: Annotated[str | None, Meta(description="Clients met on this way alone.", examples=["outreach"])]
    age_band: Annotated[str | None, Meta(description="Clients of this age alone.", examples=["65-74"])]


def named(said: FigureNamed) -> NamedFigure:
    """The figure as it is kept."""
    return NamedFigure(said.measure, said.municipality, said.theme, said.route, said.age_band)


def shown(figure: NamedFigure) -> FigureShown:
    """The figure as it is shown."""
    return {
        "measure": figure.measure,
        "municipality": figure.municipality,
        "theme": figure.theme,
        "route": figure.route,
        "age_band": figure.age_band,
    }
