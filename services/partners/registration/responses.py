"""The answers about partners, as the OpenAPI document shows them."""

from typing import Annotated, TypedDict

from msgspec import Meta

from shared.http.shapes import Time

PartnerSource = Annotated[str, Meta(description="The partner, by its source.", examples=["/opisto/tampere"])]


class UnitShown(TypedDict):
    """A part of a partner that refers, is told or holds activities."""

    unit_ref: Annotated[str, Meta(description="The unit, by its OID or the partner's own code.", examples=["unit-17"])]
    kind: Annotated[str, Meta(description="What kind of unit it is.", examples=["health_centre"])]
    name: Annotated[dict[str, str], Meta(description="What it is called, by language.", examples=[{"fi": "Neuvonta"}])]


class PartnerShown(TypedDict):
    """What a partner last said of itself."""

    partner: PartnerSource
    name: Annotated[str, Meta(description="Its name.", examples=["Tampereen seudun työväenopisto"])]
    language: Annotated[str, Meta(description="The language that people there read.", examples=["fi"])]
    languages: Annotated[list[str], Meta(description="The languages in which it serves people.", examples=[["fi"]])]
    area: Annotated[list[str], Meta(description="The municipalities that it is for, by code.", examples=[["837"]])]
    units: Annotated[list[UnitShown], Meta(description="Its units.")]
    addresses: Annotated[
        dict[str, str],
        Meta(description="The mailbox of each role.", examples=[{"culture_coordinator": "kulttuuri@example.fi"}]),
    ]
    classes: Annotated[
        list[str] | None, Meta(description="The classes that it wants in its feed; null: all.", examples=[None])
    ]
    said_at: Annotated[Time, Meta(description="When it said so.")]


class PartnersListed(TypedDict):
    """Partners, by source."""

    partners: Annotated[list[PartnerShown], Meta(description="Those of this answer.")]
    next: Annotated[
        str | None, Meta(description="Where `after` goes on; null at the end.", examples=["/opisto/tampere"])
    ]
