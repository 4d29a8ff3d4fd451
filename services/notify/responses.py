"""The answers of notify's addresses, as the OpenAPI document shows them."""

from typing import Annotated, Literal, TypedDict

from msgspec import Meta

from shared.http.shapes import EventId, EventType, FeedEvent, ReferralId, Source, Time


class Feed(TypedDict):
    """All events for the key's partner, in order."""

    events: list[FeedEvent]
    next: Annotated[str, Meta(description="The cursor for `after`; unchanged at the end.", examples=["17"])]


class Delivery(TypedDict):
    """An event that a recipient can read in its feed."""

    recipient: Annotated[str, Meta(examples=["/opisto/tampere"])]
    referral_id: ReferralId | None
    cursor: Annotated[str, Meta(description="Where it stands in the recipient's feed.", examples=["17"])]
    channel: Literal["feed"]
    state: Literal["delivered"]
    type: EventType | None
    event_id: EventId | None
    event_source: Source | None
    time: Time | None


class Deliveries(TypedDict):
    """The deliveries."""

    deliveries: Annotated[list[Delivery], Meta(max_length=1000)]
