"""What every service sends: silence, refusals, the end of a redrive, and who looked at what."""

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.data import Data
from shared.contracts.errors import REASONS
from shared.contracts.event_class import EVERY_SERVICE, event_class
from shared.contracts.fields import Count, DeadLetterId, EventId, EventType, ReferralId, Service, Source, What
from shared.contracts.instants import Instant
from shared.contracts.topics import AUDIT

RefusalReason = Annotated[str, Field(title="RefusalReason", json_schema_extra={"enum": [*REASONS]})]
Refusals = Annotated[
    tuple[str, ...], Field(max_length=20, examples=[["/data/municipality: no municipality has the code 'Oulu'"]])
]


@event_class("monitor", *EVERY_SERVICE)
class DeadlinePassed(Data):
    """Silence is an event: nothing came until `due_at`. `nth` 1 reminds, 2 acts (attendance, feedback act at 1)."""

    service: Service
    """The service whose deadline it is."""
    collection: Annotated[str, Field(examples=["referrals"])]
    """The collection of its store in which the aggregate stands."""
    aggregate: Annotated[str, Field(examples=["7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"])]
    """The aggregate, by its id."""
    what: What
    """What was awaited."""
    due_at: Instant
    """Until when it was awaited, in UTC."""
    nth: Count
    """Which passing of this deadline it is, from 1."""
    referral_id: ReferralId | None = None
    """The referral that it concerns, if one."""
    concerns: Source | None = None
    """The partner who is told."""

    @property
    def subject(self) -> str:
        return self.referral_id or self.aggregate


@event_class("monitor", *EVERY_SERVICE)
class EventRefused(Data):
    """A service dead-lettered an event of a known sender: which, and why; never its content."""

    sender: Source
    """Who sent the event that was refused."""
    service: Service
    """The service that refused it."""
    event_id: Annotated[str, Field(examples=["att-77"])]
    """The event's id, as far as it could be read."""
    event_type: EventType
    """The event's type, as far as it could be read."""
    reason: RefusalReason
    """Why, by class."""
    errors: Refusals
    """Why, one line each: a JSON Pointer and what is wrong there."""
    referral_id: ReferralId | None = None
    """The referral that the event named, if one could be read."""

    @property
    def subject(self) -> str:
        return self.referral_id or self.sender


@event_class("monitor", *EVERY_SERVICE)
class EventWaits(Data):
    """A partner's event waits for another one, or waits no more: it was taken, refused, or erased."""

    sender: Source
    """Who sent the event that waits."""
    service: Service
    """The service in which it waits."""
    event_id: EventId
    """The event's id."""
    event_type: EventType
    """The event's type."""
    attempt: Count
    """The number of the redrive under which it waits; 0: it was never a dead letter."""
    waits: bool
    """Whether it waits; else it waits no more."""
    what: Annotated[str, Field(max_length=300, examples=["ReferralIssued"])]
    """What it waits for."""
    late_at: Instant
    """From when on that is late, in UTC: a thirtieth of the time for which an event may wait."""
    leaves_at: Instant
    """Until when it may wait, in UTC; then it is refused."""
    referral_id: ReferralId | None = None
    """The referral that the event names, if one."""

    @property
    def subject(self) -> str:
        return self.referral_id or self.sender


@event_class("monitor", *EVERY_SERVICE)
class DeadLetterSettled(Data):
    """A service took a redriven dead letter up."""

    dl_id: DeadLetterId
    """The dead letter, by its id."""
    service: Service
    """The service that took the dead letter up."""
    attempt: Count
    """Which redrive of it this is, from 1."""
    outcome: Annotated[Literal["resolved", "rejected", "handler_failed"], Field(title="DeadLetterOutcome")]
    """The outcome of the redrive."""

    @property
    def subject(self) -> str:
        return self.dl_id


@event_class("monitor", *EVERY_SERVICE, on=(AUDIT,))
class AccessRecorded(Data):
    """Who looked at what, on what legal ground, and whether it was allowed; of a key: its holder, and the `change`.

    `forged_sender`: `who` sent in another's name, as the line in `what` says; at most one a minute for each.
    """

    who: Annotated[str, Field(examples=["ops:first"])]
    """Who looked, or whose key was changed: role and name, or a source."""
    action: Annotated[
        Literal[
            "read",
            "read_accesses",
            "look_up_code",
            "proposals",
            "form_link",
            "deliveries",
            "trace",
            "dead_letters",
            "dead_letter",
            "redrive",
            "discard",
            "edit",
            "confirm_edit",
            "refuse_edit",
            "overdue",
            "key",
            "forged_sender",
            "sign_in",
            "reveal",
            "audit",
            "report_violations",
        ],
        Field(title="Access"),
    ]
    """What was done."""
    what: Annotated[str, Field(examples=["7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"])]
    """What was looked at."""
    ground: Annotated[str, Field(examples=["operations"])]
    """On what legal ground the look was allowed; `none` where it was not."""
    allowed: bool
    """Whether the look was allowed."""
    referral_id: ReferralId | None = None
    """The referral that it concerns, if one."""
    change: Annotated[Literal["added", "revoked"], Field(title="KeyChange")] | None = None
    """What was done to a key."""

    @property
    def subject(self) -> str:
        return self.referral_id or self.what
