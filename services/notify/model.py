"""What notify keeps: of a referral who must hear what; of a recipient how far its feed has come."""

from datetime import datetime

import msgspec


class ToldReferral(msgspec.Struct, frozen=True, omit_defaults=True):
    """One referral, as far as telling needs it."""

    id: str
    issuer: str | None = msgspec.field(name="region", default=None)
    code: str = ""
    """The code that the client shows at the organiser's desk; ReferralOpened brings it."""
    languages: tuple[str, ...] = ()
    accessibility: tuple[str, ...] = ()
    issued: tuple[str, str] = ("", "")
    """(time, id) of the issue that holds."""
    recipients: tuple[str, ...] = ()
    places: dict[str, str] = {}
    """The last notification to each activity's organiser, so that the same does not go out twice."""
    last_words: dict[str, str] = {}
    """The NotificationQueued, JSON, that would be the last word to an activity's organiser, or to the issuer."""
    erased: bool = False
    companion: bool = False


class Recipient(msgspec.Struct, frozen=True, omit_defaults=True):
    """A partner's feed: `last` is the number of its newest entry; `since` when a heartbeat's began, which has no entries."""

    source: str
    last: int = 0
    since: datetime | None = None
