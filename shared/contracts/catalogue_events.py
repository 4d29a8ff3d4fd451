"""What the catalogue decides, on `catalogue.events`. `number` is the referral's, as in referral_events.py."""

from typing import Annotated, Final, Literal

from pydantic import Field

from shared.contracts.data import AboutPlace, AboutReferral, Strict
from shared.contracts.event_class import event_class
from shared.contracts.fields import ActivityId, Cause, Count, Organiser, SessionId
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
    """The place, or the place on the waiting list, is free again."""


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
