"""The answers of the catalogue's addresses, as the OpenAPI document shows them."""

from typing import Annotated, Any, Literal, TypedDict

from msgspec import Meta

from shared.http.shapes import Cursor, ReferralId

ActivityShown = Annotated[dict[str, Any], Meta(extra_json_schema={"$ref": "#/components/schemas/ActivityShown"})]
Proposal = Annotated[dict[str, Any], Meta(extra_json_schema={"$ref": "#/components/schemas/Proposal"})]


class Activities(TypedDict):
    """Activities that take enrolments; those that close first stand first."""

    activities: Annotated[list[ActivityShown], Meta(description="Those of this page.")]
    page: Annotated[int, Meta(description="The number of this page, from 1.", examples=[1])]
    per_page: Annotated[int, Meta(description="How many activities a page has at most.", examples=[20])]
    next: Cursor


class Proposals(TypedDict):
    """The latest proposals."""

    referral_id: ReferralId
    status: Annotated[
        Literal["new", "proposed", "unmatched", "ended"],
        Meta(
            description="How far the matching is: `new` before its first answer, `ended` when none is sought any more."
        ),
    ]
    proposals: Annotated[list[Proposal], Meta(max_length=5, description="The best first.")]
