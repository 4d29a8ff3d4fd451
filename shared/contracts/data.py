"""What the data of every event is made of."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from shared.contracts.errors import Problem
from shared.contracts.fields import ActivityId, Count, GroupId, Organiser, Partner, ReferralId


class Strict(BaseModel):
    """Types are strict, unknown fields are dropped, and the text below a property is its description."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, use_attribute_docstrings=True)


class Data(Strict):
    """The data of an event."""

    @property
    def subject(self) -> str:
        """The aggregate that the event is about, also the Kafka key: referral, else activity, else a source."""
        raise AssertionError(f"{type(self).__name__} names no subject")

    def misdated(self, time: datetime) -> Iterable[Problem]:
        """The fields whose times cannot stand in an event that was recorded at `time`."""
        return ()

    def unfit_for(self, source: str) -> Iterable[Problem]:
        """The fields that cannot stand in an event of this source."""
        return ()


class AboutReferral(Data):
    """An event about one referral."""

    referral_id: ReferralId
    """The referral, by the id under which it was issued."""

    @property
    def subject(self) -> str:
        return self.referral_id


class AboutPlace(AboutReferral):
    """One referral at one activity."""

    organiser: Organiser
    """Who runs the activity: the `source` of its publication."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""
    number: Count
    """The referral's count of its requests to this activity, from 1; the greatest holds."""


class AboutGroup(Data):
    """An event about one group of a unit."""

    group_id: GroupId
    """The group, by the id under which its unit's organisation issued it."""

    @property
    def subject(self) -> str:
        return self.group_id


class ToPartner(Data):
    """What one partner is told, whole, in its feed: a class of these concerns no referral."""

    recipient: Partner
    """The partner who is told."""

    @property
    def subject(self) -> str:
        return self.recipient


def traced_under(data: Data) -> str | None:
    """The referral or the group in whose trace an event of a service stands."""
    return getattr(data, "referral_id", None) or getattr(data, "group_id", None)
