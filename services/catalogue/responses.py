"""The answers of the catalogue's addresses, as the OpenAPI document shows them."""

from typing import Annotated, Any, Literal, TypedDict

from msgspec import Meta

from shared.http.shapes import Cursor, ReferralId

ActivityShown = Annotated[dict[str, Any], Meta(extra_json_schema={"$ref": "#/components/schemas/ActivityShown"})]
Proposal = Annotated[dict[str, Any], Meta(extra_json_schema={"$ref": "#/components/schemas/Proposal"})]


class Activities(TypedDict):
    """Activities that take enrolments; those that close first stand first."""

    activities: list[ActivityShown]
    page: int
    per_page: int
    next: Cursor | None


class Proposals(TypedDict):
    """The latest proposals."""

    referral_id: ReferralId
    status: Literal["new", "proposed", "unmatched", "ended"]
    proposals: Annotated[list[Proposal], Meta(max_length=5, description="The best first.")]
