"""The answers about good practices, as the OpenAPI document shows them."""

from typing import Annotated, TypedDict

from msgspec import Meta

from services.partners.figures import FigureShown
from services.partners.listing import Onward
from shared.http.shapes import Source, Time


class PracticeShown(TypedDict):
    """A practice as its owner last recorded it."""

    owner: Source
    practice_id: Annotated[str, Meta(description="The practice, by its owner's id.", examples=["kuoro-kotona"])]
    name: Annotated[dict[str, str], Meta(description="What it is called, by language.", examples=[{"fi": "Kuoro"}])]
    what: Annotated[dict[str, str], Meta(description="What is done, by language.", examples=[{"fi": "Lauletaan."}])]
    for_whom: Annotated[dict[str, str], Meta(description="For whom it is, by language.", examples=[{"fi": "Kaikille"}])]
    described_at: Annotated[
        str, Meta(description="Where it is described.", examples=["https://www.example.fi/hyvat-kaytannot/kuoro"])
    ]
    themes: Annotated[list[str], Meta(description="Its themes.", examples=[["singing"]])]
    municipalities: Annotated[
        list[str], Meta(description="Where it is practised, by code; none: in all of the country.", examples=[["837"]])
    ]
    figures: Annotated[list[FigureShown], Meta(description="The platform's figures that show what it does.")]
    recorded_at: Annotated[Time, Meta(description="When its owner recorded it last.")]


class Practices(TypedDict):
    """Practices, in order of owner and id."""

    practices: Annotated[list[PracticeShown], Meta(description="Those of this answer.")]
    next: Onward
