"""The answers of notify's addresses, as the OpenAPI document shows them."""

from typing import Annotated, Literal, TypedDict

from msgspec import Meta

from shared.http.shapes import EventId, EventType, FeedEvent, ReferralId, Source, Time


class Feed(TypedDict):
    """All events for the key's partner, in order."""

    events: Annotated[list[FeedEvent], Meta(description="The events after the cursor, the oldest first.")]
    next: Annotated[str, Meta(description="The cursor for `after`; unchanged at the end.", examples=["17"])]


class Delivery(TypedDict):
    """An event that a recipient can read in its feed."""

    recipient: Annotated[str, Meta(description="Whose feed it stands in.", examples=["/opisto/tampere"])]
    referral_id: Annotated[ReferralId | None, Meta(description="The referral's id; null where it is of none.")]
    cursor: Annotated[str, Meta(description="Where it stands in the recipient's feed.", examples=["17"])]
    channel: Annotated[Literal["feed"], Meta(description="By which way it comes to the recipient.")]
    state: Annotated[Literal["delivered"], Meta(description="How far it has come: it stands in the feed.")]
    type: Annotated[EventType | None, Meta(description="The class of the event; null once erased.")]
    event_id: Annotated[EventId | None, Meta(description="The event's id, unique in its source; null once erased.")]
    event_source: Annotated[Source | None, Meta(description="The event's sender; null once erased.")]
    time: Annotated[
        Time | None, Meta(description="When the sender recorded the event, with an offset; null once erased.")
    ]


class Deliveries(TypedDict):
    """The deliveries."""

    deliveries: Annotated[list[Delivery], Meta(max_length=1000, description="A thousand at most.")]
