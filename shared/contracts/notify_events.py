"""What the notify service decides, on `notify.events`."""

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.data import Data, Strict
from shared.contracts.event_class import event_class
from shared.contracts.fields import Count, EventId, EventType, ReferralId, Source


class Notification(Strict):
    """A recipient's notification: the event's own id, source, type and time, with the recipient's extract as data."""

    id: Annotated[str, Field(examples=["att-77"])]
    """The id of the event of which it notifies."""
    source: Source
    """Its source."""
    type: EventType
    """Its type."""
    time: Annotated[str, Field(examples=["2026-09-09T14:30:00.1234567Z"])]
    """The event's time as written, so that no digit is lost."""
    subject: Annotated[str, Field(examples=["7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"])]
    """Its subject."""
    data: Annotated[str, Field(examples=['{"referral_id":"7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11","completed":true}'])]
    """The extract, JSON."""
    extract: Annotated[str, Field(examples=["ReferralReopenedToIssuer"])]
    """The extract's name, by what the recipient is to the referral: its issuer, its organiser, or neither."""


@event_class("notify", "service/notify")
class NotificationQueued(Data):
    """A recipient's feed shall have a notification, or shall blank those about a referral."""

    recipient: Source
    """The partner who is told."""
    referral_id: ReferralId | None = None
    """The referral that it concerns, if one."""
    notification: Notification | None = None
    """The notification; left out where the feed blanks."""
    to_issuer: bool = False
    """Whether the referral is the recipient's own, so that nothing is disclosed."""
    erase: bool = False
    """Whether the recipient's feed blanks all its entries about the referral."""
    once_more: Count | None = None
    """The number of the entry up to which the feed blanks, if the referral is erased by now."""

    @property
    def subject(self) -> str:
        return self.referral_id or self.recipient


@event_class("monitor", "service/notify")
class NotificationDelivered(Data):
    """The notification stands in the recipient's feed, or reached the recipient's channel."""

    recipient: Source
    """The partner who was notified."""
    referral_id: ReferralId | None = None
    """The referral that it concerns, if one."""
    channel: Annotated[Literal["feed", "webhook", "email"], Field(title="DeliveryChannel")]
    """By which channel."""
    event_id: EventId
    """The id of the event of which it notified."""
    event_source: Source
    """The source of the event of which it notified."""
    to_issuer: bool = False
    """Whether the referral is the recipient's own, so that nothing is disclosed."""
    number: Count | None = None
    """The number of the entry in the recipient's feed."""

    @property
    def subject(self) -> str:
        return self.referral_id or self.recipient


@event_class("monitor", "service/notify")
class NotificationFailed(NotificationDelivered):
    """The channel did not take the notification; it still stands in the feed."""

    error: Annotated[str, Field(max_length=200, examples=["the channel has not answered within 5 s"])]
    """Why, in one line."""


@event_class("monitor", "service/notify")
class FeedRead(Data):
    """A partner asked for what stands in its feed behind an entry: that far it has read."""

    recipient: Source
    """The partner whose feed it is."""
    up_to: Count
    """The number of the entry behind which it asked for more; 0: it read from the beginning."""

    @property
    def subject(self) -> str:
        return self.recipient
