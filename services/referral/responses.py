"""The answers of the referral service's addresses, as the OpenAPI document shows them."""

from typing import Annotated, Literal, NotRequired, TypedDict

from msgspec import Meta

from services.referral.model import Status
from services.referral.view import PlaceState, SessionState
from shared.contracts.service_events import ReferralOutcome
from shared.http.shapes import ActivityId, Count, Cursor, EventId, Organiser, ReferralId, Source, Time


class ChoiceMade(TypedDict):
    """The choice that holds."""

    organiser: Organiser
    activity_id: ActivityId
    time: Time


class PlaceNow(TypedDict):
    """The place that is asked for or held."""

    organiser: Organiser
    activity_id: ActivityId
    state: PlaceState
    position: Annotated[int | None, Meta(description="In the waiting list, from 1.")]


class SessionNow(TypedDict):
    """A session that counts, and its record."""

    session_id: Annotated[str, Meta(description="The organiser's own id of the session.", examples=["kuoro-1"])]
    starts_at: Time | None
    state: SessionState


class SessionCountsShown(TypedDict):
    """How many sessions have which record."""

    attended: Count
    missed: Count
    not_recorded: Count


class Awaited(TypedDict):
    """An awaited step with its deadline; silence after it is an event."""

    what: Literal["match", "choice", "confirmation", "attendance", "feedback"]
    due_at: Time
    nth: Annotated[int, Meta(description="How often it is awaited, from 1.")]


class FactShown(TypedDict):
    """An event that the referral knows."""

    time: Time
    type: Annotated[str, Meta(description="The class's name.", examples=["ReferralIssued"])]
    source: Source
    id: EventId


class ErasedReferralShown(TypedDict):
    """Data that erasure does not reach."""

    log_kept_days: Annotated[int, Meta(description="Days, at most, that Kafka's log holds what was sent.")]
    audit: Annotated[Literal["own_term"], Meta(description="Who looked is kept for a term of its own.")]


class ReferralNow(TypedDict):
    """Where a referral stands."""

    referral_id: ReferralId
    referral_code: Annotated[str | None, Meta(description="What the client shows to an opisto; null once erased.")]
    status: Status
    outcome: ReferralOutcome | None
    issued_at: Time | None
    closed_at: Time | None
    choice: ChoiceMade | None
    place: PlaceNow | None
    sessions: list[SessionNow]
    session_counts: SessionCountsShown
    deadlines: list[Awaited]
    history: Annotated[list[FactShown], Meta(description="By the time that each sender wrote, the oldest first.")]
    erased: NotRequired[ErasedReferralShown]


class Look(TypedDict):
    """Somebody looked at the referral, or would have."""

    time: Time
    who: Annotated[str, Meta(description="Whose key it was.", examples=["/region/06", "ops:anna"])]
    action: Annotated[str, Meta(examples=["read", "trace"])]
    ground: Annotated[str, Meta(description="Why they might; `none` where they might not.", examples=["own referral"])]
    allowed: bool
    service: Annotated[str, Meta(description="Where they looked.", examples=["referral"])]


class Accesses(TypedDict):
    """The looks at a referral and its disclosures, the newest first."""

    referral_id: ReferralId
    accesses: list[Look]
    next: Cursor | None
    denied: Annotated[int, Meta(description="Of all looks, how many were not allowed.")]


class CodeRead(TypedDict):
    """Which referral a code is of."""

    referral_id: ReferralId
