"""What the catalogue decides, on `catalogue.events`. `number` is the referral's, as in referral_events.py."""

from typing import Annotated, Final, Literal

from pydantic import Field

from shared.contracts.data import AboutPlace, AboutReferral, Data, Strict, ToPartner
from shared.contracts.event_class import event_class
from shared.contracts.fields import (
    ActivityId,
    Cause,
    Count,
    Dimension,
    Issuer,
    Municipality,
    Organiser,
    PriceRule,
    Release,
    SessionId,
    Theme,
    Weight,
)
from shared.contracts.instants import Instant

PlaceRefusal = Annotated[Literal["full", "closed", "cancelled", "unknown"], Field(title="PlaceRefusal")]
NearestMisses = Annotated[dict[str, Count], Field(examples=[{"municipality": 12, "price": 3}])]
Reasons = Annotated[tuple[str, ...], Field(examples=[["need:friends", "theme:singing", "municipality:837"]])]


MAX_TITLE: Final = 120
"""Characters of a title in a proposal, in each language: five proposals fit an event."""
ProposedTitle = Annotated[
    dict[
        Annotated[Literal["fi", "sv", "en", "se"], Field(title="TextLanguage")],
        Annotated[str, Field(min_length=1, max_length=MAX_TITLE)],
    ],
    Field(min_length=1, examples=[{"fi": "Kuoro kaikille", "sv": "Kör för alla"}]),
]
Why = Annotated[
    dict[Annotated[Literal["fi", "sv", "en"], Field(title="ReasonLanguage")], Annotated[str, Field(max_length=2_000)]],
    Field(
        examples=[
            {
                "fi": "Tukee: ystävät. Toivottu teema: laulu. Avoin kunnan asukkaille: Tampere.",
                "sv": "Stöder: vänner. Önskat tema: sång. Öppen för kommunens invånare: Tammerfors.",
                "en": "Supports: friends. Theme wished for: singing. Open to residents of: Tampere.",
            }
        ]
    ),
]


VoucherStanding = Annotated[Literal["in_use", "nearly_used", "idle"], Field(title="VoucherStanding")]
"""How a grant stands: in use; three quarters of it used; money left and no use in half a year."""
CentsByTheme = Annotated[dict[Theme, Count], Field(examples=[{"singing": 9000, "music": 4500}])]


class Proposal(Strict):
    """One activity that fits."""

    organiser: Organiser
    """Who runs the activity: the `source` of its publication."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""
    score: Annotated[int, Field(ge=0, le=100, examples=[87])]
    """How well it fits the needs, 0 to 100, the greater the better: the cosine over the ten dimensions,
    in hundredths."""
    reasons: Reasons
    """Why it is proposed, as codes."""
    title: ProposedTitle | None = None
    """What the activity is called, by language, of each the first 120 characters; left out where it is not known."""
    why: Why | None = None
    """Why it is proposed, in a few short sentences in Finnish, Swedish and English, made of the codes: the needs and wishes
    that it meets, where, the price and when it begins. Left out in what was proposed before there were sentences."""
    starts_at: Instant
    """When its first session that is still to come begins, in UTC."""
    places_left: Annotated[Count, Field(examples=[6])]
    """How many places were free when it was proposed; 0: it has a waiting list."""
    price_cents: Annotated[Count, Field(examples=[0])] | None = None
    """What this client would pay for the whole activity, in euro cents. Left out in what was proposed before there were
    rules."""
    price_rule: PriceRule | None = None
    """What made that price: the Kaikukortti card, a study voucher, the region's agreement, an activity that is free; or
    nothing, so that it is the full price."""


@event_class("referral", "service/catalogue")
class ActivitiesProposed(AboutReferral):
    """Up to five activities, the best first."""

    number: Count
    """The referral's count of what it asked of the matching, from 1; the greatest holds."""
    proposals: Annotated[tuple[Proposal, ...], Field(min_length=1, max_length=5)]
    """One to five activities, the best first."""


@event_class("referral", "service/catalogue")
class NoActivityFound(AboutReferral):
    """No activity fits now; the catalogue tries again as activities appear."""

    number: Count
    """The referral's count of what it asked of the matching, from 1; the greatest holds."""
    nearest_misses: NearestMisses
    """How many activities each filter alone refused, by its name."""


class ListedSession(Strict):
    """A session as its latest listing has it."""

    session_id: SessionId
    """The session, by the organiser's own id."""
    starts_at: Instant
    """When it begins, in UTC."""
    ends_at: Annotated[Instant, Field(examples=["2026-09-09T16:00:00Z"])]
    """When it ends, in UTC."""
    called_off: bool = False
    """Whether it will not be held."""


class ActivityCall(Strict):
    """The activity was cancelled."""

    time: Instant
    """When it was cancelled, in UTC."""
    replaced_by: Annotated[ActivityId, Field(examples=["kuoro-2027k"])] | None = None
    """The activity of the same organiser to which places move, if there is one."""


class PlaceAnswer(AboutPlace):
    """What the activity answers to the referral. The greatest `answer` of one activity holds."""

    answer: Count
    """The activity's count of its answers to this referral, from 1; the greatest holds."""
    request: Cause
    """The id of the event that asked for the place."""


@event_class("referral", "service/catalogue")
class PlaceReserved(PlaceAnswer):
    """A place is held."""

    given_at: Instant
    """The time of the fact that gave the place, in UTC."""
    promoted: bool
    """Whether the place came from the waiting list."""
    confirm: bool
    """Whether the opisto must confirm the place."""
    by_enrolment: bool = False
    """Whether enrolment was closed when the place was chosen, and the opisto enrolled the client all the same."""
    price_cents: Annotated[Count, Field(examples=[0])] | None = None
    """What the client pays for the whole activity, in euro cents. Left out in what was given before there were rules."""
    price_rule: PriceRule | None = None
    """What made that price."""
    sessions: tuple[ListedSession, ...]
    """The activity's sessions, as listed last."""
    cancelled: ActivityCall | None = None
    """When the activity was cancelled, if it was."""


@event_class("referral", "service/catalogue")
class PlaceWaitlisted(PlaceAnswer):
    """No place yet, but one on the waiting list."""

    position: Count
    """The place on the waiting list; 1 is next."""
    sessions: tuple[ListedSession, ...]
    """The activity's sessions, as listed last."""
    cancelled: ActivityCall | None = None
    """When the activity was cancelled, if it was."""


@event_class("referral", "service/catalogue")
class PlaceRefused(PlaceAnswer):
    """No place."""

    reason: PlaceRefusal
    """Why. The catalogue judges `unknown` and `closed` again when a version of the activity arrives; `full` is final."""


@event_class("referral", "service/catalogue")
class PlaceReleased(PlaceAnswer):
    """The place, or the place on the waiting list, is free again. Sent again where the reason turns out to be another."""

    reason: Release
    """Why: the loop was closed, which takes nobody off a list; the region took the referral back; the referral has moved to
    another activity; the organiser took the participant off its list; the activity was called off; or nobody confirmed the
    place in time."""


@event_class("referral", "service/catalogue")
class SessionsChanged(PlaceAnswer):
    """The sessions or the fate of an activity that the referral holds or follows, also after the place was released."""

    sessions: tuple[ListedSession, ...]
    """The activity's sessions, as listed last."""
    cancelled: ActivityCall | None = None
    """When the activity was cancelled, if it was."""
    confirm: bool | None = None
    """Whether the opisto must confirm the latest request, by the versions known now."""
    closed: bool | None = None
    """Whether enrolment was closed at the latest request, by the versions known now."""


@event_class("catalogue", "service/catalogue")
class ActivityToMatch(AboutReferral):
    """The catalogue to itself: judge this activity for this referral (the activity is new, or changed, or gone)."""

    organiser: Organiser
    """Who runs the activity: the `source` of its publication."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""


# --- what an organiser is told of its activity


class SuggestedNeed(Strict):
    """One need that was derived, and what of the activity carried it."""

    dimension: Dimension
    """The need, a dimension of 3X10D."""
    weight: Annotated[Weight, Field(examples=[6])]
    """How much the activity is taken to help with it: 1 to 10, the greater the more."""
    because: Annotated[
        tuple[Annotated[str, Field(max_length=60)], ...],
        Field(min_length=1, max_length=4, examples=[["word:kuoro", "theme:singing", "setting:peer"]]),
    ]
    """What carried it, the greatest part first: a `word:` of title or description, a `theme:`, the `setting:`, or `usual`,
    which is what services help with most of the time."""


@event_class("catalogue", "service/catalogue")
class NeedsSuggested(ToPartner):
    """The needs that were derived for an activity whose organiser named none: they hold until it publishes
    `needs_supported`. Told once for each set of needs."""

    activity_id: ActivityId
    """The activity, by the organiser's own id."""
    needs: Annotated[tuple[SuggestedNeed, ...], Field(min_length=1, max_length=10)]
    """What the activity is matched by, the greatest first."""
    why: Annotated[
        dict[
            Annotated[Literal["fi", "sv", "en"], Field(title="ReasonLanguage")],
            Annotated[str, Field(max_length=4_000)],
        ],
        Field(
            examples=[
                {
                    "fi": "Ystävät 6: sana ”kuoro”, teema laulu.",
                    "sv": "Vänner 6: ordet ”kuoro”, temat sång.",
                    "en": "Friends 6: the word “kuoro”, the theme singing.",
                }
            ]
        ),
    ]
    """The same in sentences, in Finnish, Swedish and English."""


# --- what a region is told of all activities


@event_class("catalogue", "service/catalogue")
class OfferNoted(Data):
    """The catalogue to itself: what an activity is to the residents of one region has changed."""

    region: Issuer
    """The region whose residents the activity takes."""
    organiser: Organiser
    """Who runs the activity: the `source` of its publication."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""
    number: Count
    """The activity's count of such changes, from 1."""
    was: Annotated[Literal["nothing", "open", "full", "cancelled"], Field(title="OfferBefore")]
    """What it was: not on offer, open, full, or cancelled."""
    becomes: Annotated[Literal["open", "full", "cancelled"], Field(title="OfferAfter")]
    """What it is now."""

    @property
    def subject(self) -> str:
        return self.activity_id


class OfferedActivity(Strict):
    """One activity of a list."""

    organiser: Organiser
    """Who runs the activity: the `source` of its publication."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""
    title: ProposedTitle | None = None
    """What the activity is called, by language, of each the first 120 characters."""
    municipality: Municipality
    """Where it is held: Statistics Finland's code of the municipality."""
    starts_at: Instant | None = None
    """When its first session that is not called off begins, in UTC."""


OfferedActivities = Annotated[tuple[OfferedActivity, ...], Field(max_length=50)]


class OfferCounts(Strict):
    """How many activities changed, those of the lists among them."""

    new: Annotated[Count, Field(examples=[12])]
    """How many are on offer that were not."""
    full: Annotated[Count, Field(examples=[3])]
    """How many are full, with no turn on a waiting list either."""
    free_again: Annotated[Count, Field(examples=[1])]
    """How many were full and are not."""
    cancelled: Annotated[Count, Field(examples=[2])]
    """How many will not be held."""


@event_class("catalogue", "service/catalogue")
class OfferChanged(ToPartner):
    """What changed of the activities that are open to a region's residents since it was told last; on Mondays at eight in
    Finland, where anything did. An activity that changed there and back stands in no list."""

    since: Instant | None = None
    """When the region was told before, in UTC; left out the first time."""
    until: Instant
    """Until when this is, in UTC."""
    new: OfferedActivities = ()
    """What is on offer that was not: those that begin first."""
    full: OfferedActivities = ()
    """What is full, with no turn on a waiting list either."""
    free_again: OfferedActivities = ()
    """What was full and is not."""
    cancelled: OfferedActivities = ()
    """What will not be held."""
    counted: OfferCounts
    """How many in all, beyond the lists too."""
    further: Annotated[Count, Field(examples=[0])]
    """How many changes there were of still other activities, beyond a thousand."""
    nothing_in: Annotated[tuple[Municipality, ...], Field(max_length=50, examples=[["980", "562"]])] = ()
    """The region's municipalities whose residents nothing is open to now, but for what is remote."""


# --- study vouchers


@event_class("catalogue", "service/catalogue")
class VoucherUseChanged(Data):
    """The catalogue to itself: how many places of one activity a year's vouchers pay, all of them each time."""

    organiser: Organiser
    """Who runs the activity, whose grant pays."""
    activity_id: ActivityId
    """The activity, by its organiser's own id."""
    year: Annotated[int, Field(examples=[2026])]
    """The year of the grant, in calendar years; it is used in the study year from its 1 August."""
    number: Count
    """The activity's count of these words about that year, from 1; the greatest holds."""
    places: Count
    """How many places vouchers pay."""
    cents: Annotated[Count, Field(examples=[9000])]
    """What they pay, in euro cents."""
    themes: tuple[Theme, ...]
    """What the activity is about."""
    last_at: Instant | None = None
    """When the latest of these places was given, in UTC; left out: there is none."""

    @property
    def subject(self) -> str:
        return self.organiser


@event_class("notify", "service/catalogue")
class VoucherStandingChanged(ToPartner):
    """How the organiser's grant of a year stands now: three quarters are used, nothing in half a year, or in use again."""

    year: Annotated[int, Field(examples=[2026])]
    """The year of the grant, in calendar years; it is used in the study year from its 1 August."""
    stands: VoucherStanding
    """How it stands: `nearly_used`, three quarters of it or more; `idle`, money is left and no place has used it in half a
    year; `in_use` again after one of these."""
    grant_cents: Annotated[Count, Field(examples=[1_500_000])]
    """The whole grant, in euro cents."""
    used_cents: Annotated[Count, Field(examples=[1_125_000])]
    """What places have used of it, in euro cents."""
    used_by_theme: CentsByTheme
    """The same by theme, in euro cents; an activity of several themes counts in equal parts."""
    last_used_at: Instant | None = None
    """When the latest place that a voucher pays was given, in UTC; left out: there is none."""
