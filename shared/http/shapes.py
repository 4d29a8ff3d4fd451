"""Fields that answers share: each is described once, as the OpenAPI document shows it."""

from typing import Annotated, Any, TypedDict

from msgspec import Meta

Time = Annotated[
    str,
    Meta(
        description="RFC 3339 with an offset.",
        examples=["2026-09-01T08:00:00Z"],
        extra_json_schema={"format": "date-time"},
    ),
]
ReferralId = Annotated[
    str,
    Meta(
        description="The referral's id, a UUID in lower case.",
        examples=["7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"],
        extra_json_schema={"format": "uuid"},
    ),
]
Source = Annotated[str, Meta(description="Who said it.", examples=["/region/06", "/opisto/tampere"])]
Organiser = Annotated[str, Meta(description="Who runs the activity.", examples=["/opisto/tampere"])]
ActivityId = Annotated[str, Meta(description="The organiser's own id of the activity.", examples=["kuoro-2026s"])]
EventId = Annotated[str, Meta(description="The event's id, unique in its source.", examples=["a1b2"])]
EventType = Annotated[str, Meta(description="The class.", examples=["fi.kulttuurilahete.ReferralIssued.v1"])]
Cursor = Annotated[
    str | None, Meta(description="Where `after` goes on; null at the end.", examples=["1788249600.0~a1b2"])
]
Count = Annotated[int, Meta(ge=0, examples=[12])]


FeedEvent = Annotated[dict[str, Any], Meta(extra_json_schema={"$ref": "#/components/schemas/FeedEvent"})]


class AcceptedEvent(TypedDict):
    """An event that Kafka has acknowledged."""

    id: EventId
    source: Source


class Accepted(TypedDict):
    """The events that Kafka has acknowledged."""

    accepted: Annotated[list[AcceptedEvent], Meta(description="Every event of the request, in its order.")]
