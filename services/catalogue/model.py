"""What the catalogue keeps: activities with the claims on their places, and the matching of each referral."""

from datetime import date, datetime
from typing import Any, Final, Literal

import msgspec

from shared.contracts.fields import Release

NO_QUOTA: Final = 1_000_000_000
TextLanguage = Literal["fi", "sv", "en", "se"]
TITLE_LANGUAGES: Final[tuple[TextLanguage, ...]] = ("fi", "sv", "en", "se")


Refusal = Literal["", "full", "too_large", "premises", "closed", "cancelled", "unknown"]
GROUP: Final = "group "
"""What stands before a group's id where referrals and groups are kept side by side: their ids may not meet."""


class Version(msgspec.Struct, frozen=True, array_like=True):
    """A version's rules of enrolment, and its time. The version in force at the choice's time judges the choice."""

    time: datetime
    rank: str
    opens: datetime | None
    closes: datetime | None
    confirm: bool = True

    @property
    def order(self) -> tuple[datetime, str]:
        return self.time, self.rank


class SessionListing(msgspec.Struct, frozen=True, array_like=True):
    """A session as the latest version that lists it has it."""

    session: str
    starts_at: datetime
    ends_at: datetime
    listed: tuple[datetime, str]
    """(time, rank) of that version."""


class Cancelled(msgspec.Struct, frozen=True):
    """The first ActivityCancelled by time."""

    time: datetime
    rank: str
    replaced_by: str | None = None


class Means(msgspec.Struct, frozen=True, omit_defaults=True):
    """What may pay for a client, as the referral's latest issue says."""

    funding: tuple[str, ...] = ()
    """In the order in which it is to pay."""
    kaikukortti_from: date | None = None
    """The day on which the client got the card."""
    voucher_group: str | None = None


class Payment(msgspec.Struct, frozen=True, array_like=True):
    """That a funding pays a place, and what the participant would have paid."""

    rule: str
    cents: int
    day: datetime
    """The time of the first session, or of the choice where that was later: the funding can pay then."""
    since: datetime
    """The time of the fact that gave the place."""


class Claim(msgspec.Struct, frozen=True, omit_defaults=True):
    """One referral's order to the activity, its place or turn, and the last answer to it; or a group's, of several places."""

    number: int
    want: Literal["place", "follow", "none"]
    request: str = ""
    requested_at: datetime | None = None
    earlier: tuple[tuple[datetime, str], ...] = ()
    """(time, request) of choices of this activity before that one, refused as closed: versions may yet open them."""
    enrolled: bool = False
    moved: bool = False
    synthetic: bool = False
    places: int = 1
    whole: bool = False
    """Whether a group at its unit wants the whole activity: all that it has, whatever the group's size."""
    state: Literal["none", "reserved", "waitlisted", "refused"] = "none"
    reason: Refusal = ""
    given_at: datetime | None = None
    promoted: bool = False
    by_enrolment: bool = False
    """Enrolment was closed at the choice's time; the place went to a participant on the opisto's list all the same."""
    means: Means = Means()
    paid: Payment | None = None
    """What pays the place; None where the participant does, or it is free."""
    spent: bool = False
    """The place was given back once the course had begun: what paid it stays used."""
    position: int = 0
    answer: int = 0
    why: Release | None = None
    """Why the referral gave the place up."""
    told: str = ""
    """The last answer; another answer is due once this one no longer holds."""
    told_listing: str = ""


Offered = Literal["open", "full", "cancelled"]
"""What an activity is to residents whom it takes; else it is not on offer."""


class VoucherTold(msgspec.Struct, frozen=True, array_like=True):
    """The activity's last word about one year's study vouchers."""

    number: int
    places: int
    cents: int
    themes: tuple[str, ...]
    last_at: datetime | None = None


class Activity(msgspec.Struct, frozen=True, omit_defaults=True):
    """One activity's document. `published` is the data of the latest version, as it came."""

    organiser: str
    activity_id: str
    published: dict[str, Any] = {}
    needs: tuple[int, ...] = ()
    suggested: tuple[int, ...] = ()
    """The needs that its organiser was told last as derived; none where it names its own."""
    versions: tuple[Version, ...] = ()
    sessions: dict[str, SessionListing] = {}
    cancelled: Cancelled | None = None
    claims: dict[str, Claim] = {}
    """By a referral's id, or `group <id>`."""
    synthetic: bool = False
    ended: bool = False
    offered: dict[str, Offered] = {}
    """By the code of a region whose residents it takes, what that region's offer was told last that it is."""
    offers: int = 0
    """How many changes of this the regions' offers were told."""
    spent: tuple[Payment, ...] = ()
    """What paid places of referrals that were erased since, once the course had begun."""
    vouchers_told: dict[int, VoucherTold] = {}
    """By year of the grant."""

    @property
    def key(self) -> str:
        return f"{self.organiser} {self.activity_id}"


class Brief(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An activity as matching sees it: small, so that a thousand candidates are cheap. In no cycle of references."""

    organiser: str
    activity_id: str
    needs: tuple[int, ...]
    themes: tuple[str, ...]
    municipality: str
    serves: tuple[str, ...]
    format: str
    accessibility: tuple[str, ...]
    languages: tuple[str, ...]
    age_min: int
    age_max: int
    price_cents: int
    accepts: tuple[str, ...]
    opens: float
    closes: float
    starts_at: float
    places_left: int
    waiting_left: int
    cancelled: bool
    synthetic: bool
    titles: str
    """In the order of `TITLE_LANGUAGES`, one a line, empty where there is none."""
    at_unit: bool = False
    """Whether it is held at a unit's premises, for one group."""
    cards_left: int = NO_QUOTA
    """How many more may come with the Kaikukortti card."""
    companion: bool = False

    @property
    def key(self) -> str:
        return f"{self.organiser} {self.activity_id}"

    @property
    def title(self) -> dict[TextLanguage, str]:
        """By language, of each what fits a list."""
        lines = zip(TITLE_LANGUAGES, self.titles.split("\n"), strict=False)
        return {language: title for language, title in lines if title}


class Wish(msgspec.Struct, frozen=True, omit_defaults=True):
    """The wish of the latest issue."""

    time: datetime
    rank: str
    issuer: str = msgspec.field(name="region")
    municipality: str
    age_band: str
    languages: tuple[str, ...]
    needs: dict[str, int]
    themes: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    accessibility: tuple[str, ...] = ()
    max_price_cents: int | None = None
    funding: tuple[str, ...] = ()
    synthetic: bool = False
    places: int = 1
    at_unit: bool = False
    """Whether a group wishes an activity at its unit."""
    kaikukortti_from: date | None = None
    voucher_group: str | None = None
    companion: bool = False

    @property
    def means(self) -> Means:
        return Means(self.funding, self.kaikukortti_from, self.voucher_group)


class Match(msgspec.Struct, frozen=True, omit_defaults=True):
    """The matching of one referral, or group. `number` counts its requests; the greatest holds."""

    referral_id: str
    """The referral's id, or the group's."""
    wish: Wish | None = None
    number: int = 0
    wanted: bool = True
    without: tuple[str, ...] = ()
    status: Literal["new", "proposed", "unmatched", "ended"] = "new"
    proposals: tuple[dict[str, Any], ...] = ()
    proposed: tuple[str, ...] = ()
    retry_at: datetime | None = None
    issuer: str = ""
    """Whose referral it is, as the referral service said; they may read what erasure leaves."""
    erased: bool = False
    of_group: bool = False


class OfferChange(msgspec.Struct, frozen=True, array_like=True):
    """What became of one activity since the region was told last: from its first change by number to the last."""

    first: int
    was: str
    last: int
    becomes: str
    times: int = 1


class RegionOffer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What changed of the activities for one region's residents since it was told last; of what lies still nothing."""

    region: str
    due_at: datetime
    """When the region is told next."""
    since: datetime | None = None
    changes: dict[str, OfferChange] = {}
    """By the activity's key."""
    further: int = 0
    """Changes of other activities, where there are too many."""
    told: dict[str, int] = {}
    """The last change of each activity that the region was told last time, so that one that comes late says nothing."""
    nothing_in: tuple[str, ...] = ()
    """The municipalities that the region was told last had nothing."""


def activity_key(organiser: str, activity_id: str) -> str:
    """An activity's id in the store."""
    return f"{organiser} {activity_id}"


def group_key(group_id: str) -> str:
    """A group's name among claims and matches."""
    return f"{GROUP}{group_id}"
