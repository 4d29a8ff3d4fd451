"""What notify keeps: of a referral who must be told and what may be told; of a recipient how far its feed has come."""

import msgspec


class ToldReferral(msgspec.Struct, frozen=True, omit_defaults=True):
    """One referral, as far as telling needs it."""

    id: str
    region: str | None = None
    code: str = ""
    """What the client shows at the opisto; ReferralOpened tells it."""
    languages: tuple[str, ...] = ()
    accessibility: tuple[str, ...] = ()
    issued: tuple[str, str] = ("", "")
    """(time, id) of the ReferralIssued that holds."""
    recipients: tuple[str, ...] = ()
    places: dict[str, str] = {}
    """What each activity was last told of this referral, so that the same is not told twice."""
    last_words: dict[str, str] = {}
    """The NotificationQueued, JSON, that would be the last one to an opisto of its activity, or to the region."""
    erased: bool = False


class Recipient(msgspec.Struct, frozen=True, omit_defaults=True):
    """A partner's feed: `last` is the number of its newest entry."""

    source: str
    last: int = 0
