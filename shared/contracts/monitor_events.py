"""What the monitor decides, on `monitor.events`, and what comes by its own doors."""

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.data import AboutReferral, Data, Strict
from shared.contracts.event_class import event_class
from shared.contracts.every_service_events import RefusalReason
from shared.contracts.fields import CodeDigest, Count, DeadLetterId, EventId, EventType, Source
from shared.contracts.instants import Instant
from shared.contracts.topics import INTAKE_HTTP, events_of

OpsPerson = Annotated[str, Field(pattern=r"^ops:[A-Za-z0-9._-]{1,60}$", examples=["ops:first"])]
RedriveId = Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$", examples=["2e7d3f2a-8b1c-4d5e-9f60-3b0c7f6e5d4c"])]
EditId = Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$", examples=["5b0c1d2e-9f8a-4b7c-8d6e-1a2b3c4d5e6f"])]
RedriveOutcome = Annotated[
    Literal["resolved", "refused", "skipped", "waits"],
    Field(title="RedriveOutcome"),
]
_Filter = Annotated[str, Field(max_length=200, examples=["rejected"])]


class ToDeadLetter(Data):
    """What an ops person does to one dead letter."""

    # `place`, as `intake.http/3`: the topic and partition of the original. As subject, and so as key, it keeps requests
    # about the letters of one partition in order.
    dl_id: DeadLetterId
    """The dead letter, by its id."""
    by: Annotated[str, Field(examples=["ops:first"])]
    """Who made the request: role and name."""
    place: Annotated[str, Field(examples=["intake.http/3"])] | None = None
    """The topic and the partition on which the original came, as `intake.http/3`."""

    @property
    def subject(self) -> str:
        return self.place or self.dl_id


@event_class("monitor", "service/monitor", on=(INTAKE_HTTP, events_of("monitor")))
class RedriveRequested(ToDeadLetter):
    """An ops person sends a dead letter again; those whose originals stand on one `place` in the order asked for."""

    attempt: Count
    """Which redrive of it this is, from 1."""
    redrive: Annotated[str, Field(examples=["2e7d3f2a-8b1c-4d5e-9f60-3b0c7f6e5d4c"])] | None = None
    """The redrive of many that it belongs to, if one."""


@event_class("monitor", "service/monitor", on=(INTAKE_HTTP,))
class DiscardRequested(ToDeadLetter):
    """An ops person lays a dead letter aside."""

    why: Annotated[str, Field(min_length=1, max_length=300, examples=["the region sent it anew"])] | None = None
    """Why, in the team's own words; never about a client."""


@event_class("monitor", "service/monitor", on=(INTAKE_HTTP,))
class DiscardUndone(ToDeadLetter):
    """An ops person takes a discard back: the dead letter stands open again."""


@event_class("monitor", "service/monitor", on=(INTAKE_HTTP,))
class EditProposed(ToDeadLetter):
    """An ops person proposes other content for a dead letter's event; nothing is sent before a second person agrees."""

    edit: EditId
    """The proposal, by its id."""
    why: Annotated[str, Field(min_length=1, max_length=300, examples=["the region has no municipality 000"])]
    """Why, in the team's own words; never about a client."""
    event_type: EventType
    """The class of the edited event."""
    event_time: Annotated[str, Field(max_length=60, examples=["2026-09-01T11:00:00+03:00"])]
    """When its sender recorded the fact, as the event says it."""
    content: Annotated[
        str, Field(max_length=64 * 1024, examples=['{"referral_id": "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"}'])
    ]
    """The event's data as they should be, JSON."""


@event_class("monitor", "service/monitor", on=(INTAKE_HTTP,))
class EditConfirmed(ToDeadLetter):
    """Another ops person confirms what was proposed: the edited event is sent in its place, and the letter is settled."""

    edit: EditId
    """The proposal, by its id."""


@event_class("monitor", "service/monitor", on=(INTAKE_HTTP,))
class EditRefused(ToDeadLetter):
    """An ops person refuses what was proposed, or takes it back: the letter stands as before."""

    edit: EditId
    """The proposal, by its id."""


@event_class("monitor", "service/monitor", on=(INTAKE_HTTP,))
class OverdueTended(Data):
    """An ops person looks after what is late: who, and what they noted. Nothing of the client stands there."""

    late_id: Annotated[str, Field(max_length=64, examples=["7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"])]
    """What is late: a referral, by its id, or an event that waits, by its id in the monitor's list."""
    by: Annotated[str, Field(examples=["ops:first"])]
    """Who says so: role and name."""
    owner: OpsPerson | None = None
    """Who looks after it; left out: nobody."""
    note: Annotated[str, Field(max_length=200, examples=["The region was called; it answers by Friday."])] | None = None
    """What the ops team should know; left out: nothing."""

    @property
    def subject(self) -> str:
        return self.late_id


@event_class("monitor", "service/monitor", on=(INTAKE_HTTP,))
class DeadGroupNoted(Data):
    """What the ops team notes of a group of dead letters, whole each time: the latest word replaces the one before."""

    group: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$", examples=["1f6c2d1e-7b0a-5d3e-8c4f-2a9b6e5d4c3b"])]
    """The group, by its id."""
    by: Annotated[str, Field(examples=["ops:first"])]
    """Who noted it: role and name."""
    note: Annotated[str, Field(max_length=1_000, examples=["the region's release of Monday; its vendor knows"])] = ""
    """What is known of it, in the team's own words; never about a client."""
    owner: Annotated[str, Field(max_length=80, examples=["ops:first"])] = ""
    """Who looks after it."""
    link: Annotated[
        str, Field(max_length=300, pattern=r"^(https://[^\s<>\x22']+)?$", examples=["https://tickets.example/417"])
    ] = ""
    """Where the work on it is followed."""
    parked_until: Instant | None = None
    """Until when nobody need look at it, in UTC."""

    @property
    def subject(self) -> str:
        return self.group


class CountedViolation(Strict):
    """One field of one class that could not be taken for one reason: how often, since when."""

    event_type: EventType | None = None
    """The class; left out for one that nobody knows."""
    reason: RefusalReason
    """Why, by class."""
    pointer: Annotated[str, Field(max_length=200, examples=["/data/municipality"])] | None = None
    """The field, a JSON Pointer with `*` for a place in a list or a key; left out where none is named."""
    count: Count
    """How many dead letters there are of it."""
    first_at: Instant
    """When the first of them came, in UTC."""
    last_at: Instant
    """When the last of them came, in UTC."""
    event_ids: Annotated[tuple[EventId, ...], Field(max_length=3)]
    """The newest events of it, by their ids, as far as they have valid ones."""


class AboutViolations(Data):
    """What concerns a sender's violations of the contracts."""

    sender: Source
    """Whose events could not be taken."""
    violations: Annotated[tuple[CountedViolation, ...], Field(min_length=1, max_length=20)]
    """Those with the most dead letters."""
    further: Count
    """How many dead letters there are of others."""

    @property
    def subject(self) -> str:
        return self.sender


@event_class("monitor", "service/monitor", on=(INTAKE_HTTP,))
class ViolationsReportOrdered(AboutViolations):
    """An ops person has a sender told what it did wrong, as it stands at this moment."""

    by: Annotated[str, Field(examples=["ops:first"])]
    """Who ordered it: role and name."""


@event_class("monitor", "service/monitor")
class ViolationsReported(AboutViolations):
    """What a sender did wrong, summed up for it; once a day in Finland at most."""


class AboutRedrive(Data):
    """What concerns one redrive."""

    redrive: RedriveId
    """The redrive, by its id."""

    @property
    def subject(self) -> str:
        return self.redrive


@event_class("monitor", "service/monitor", on=(INTAKE_HTTP,))
class RedriveOrdered(AboutRedrive):
    """An ops person sends the dead letters that are chosen here again, as they stand at this moment, step by step."""

    by: Annotated[str, Field(examples=["ops:first"])]
    """Who ordered it: role and name."""
    why: Annotated[str, Field(min_length=1, max_length=300, examples=["the release of Monday is mended"])]
    """Why, in the team's own words; never about a client."""
    dl_ids: Annotated[tuple[DeadLetterId, ...], Field(max_length=500)] = ()
    """The dead letters, by their ids; none: those that the filter chooses."""
    reason: _Filter = ""
    """Those of this reason."""
    service: _Filter = ""
    """Those that this service refused."""
    sender: _Filter = ""
    """Those of this sender."""
    type: _Filter = ""
    """Those of this type."""
    group: _Filter = ""
    """Those of this group."""
    since: Instant | None = None
    """Those that came from this time on, in UTC."""
    until: Instant
    """Those that came until this time, in UTC: when the choice was frozen, or before."""
    stop_on_error: bool = True
    """Whether it stops where one is refused again, or not answered."""
    a_minute: Annotated[int, Field(ge=1, le=60_000, examples=[600])] = 600
    """How many are sent a minute at most."""
    chosen: Count
    """How many were open and chosen at that moment."""


@event_class("monitor", "service/monitor", on=(INTAKE_HTTP,))
class RedriveSteered(AboutRedrive):
    """An ops person pauses a redrive, lets it go on, or ends it."""

    action: Annotated[Literal["pause", "resume", "cancel"], Field(title="RedriveAction")]
    """What is done with it."""
    by: Annotated[str, Field(examples=["ops:first"])]
    """Who does it: role and name."""


@event_class("monitor", "service/monitor")
class RedriveStepDue(AboutRedrive):
    """The monitor to itself: send the next letters of the redrive, the oldest first: one, ten, then a hundred at once."""

    nth: Count
    """Which step it is, from 1."""


@event_class("monitor", "service/monitor")
class RedriveAnswered(AboutRedrive):
    """The monitor to itself: what became of one letter of the redrive."""

    dl_id: DeadLetterId
    """The dead letter, by its id."""
    outcome: RedriveOutcome
    """`resolved` by its service, `refused` again, `skipped`: it was no longer open, or it `waits` for another event."""
    reason: Annotated[str, Field(max_length=300, examples=["rejected"])] = ""
    """Why it was refused again, by class; or what it waits for."""


@event_class("monitor", "service/monitor")
class ErasureToSpread(AboutReferral):
    """The monitor to itself: erase all that the monitor keeps of a referral."""

    nth: Count
    """Which step of the erasure: 0 marks the referral, so that the monitor keeps nothing of later events; each further
    one finds some of the earlier ones."""
    code_digest: CodeDigest = ""
    """The digest to find texts by that hold the referral's code; empty where it had none."""
    after: Annotated[str, Field(examples=["/opisto/1.2.246.562.10.00000000001 1788249600000 0000000017"])] = ""
    """How far the steps before have come: who said the last event they looked at, when, and at which offset; empty: nowhere."""


@event_class("monitor", "service/monitor")
class DeadLetterToErase(Data):
    """The monitor to itself: erase this dead letter's bytes if it names an erased referral."""

    dl_id: DeadLetterId
    """The dead letter, by its id."""

    @property
    def subject(self) -> str:
        return self.dl_id


@event_class("monitor", "service/monitor")
class TraceToErase(Data):
    """The monitor to itself: erase the codes of this event of an erased referral, except the outcome."""

    traced: Annotated[str, Field(examples=["/opisto/1.2.246.562.10.00000000001 att-77"])]
    """The event's envelope in the monitor's store, by its id there."""

    @property
    def subject(self) -> str:
        return self.traced
