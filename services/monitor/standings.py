"""Where each referral stands, which events wait for another one, and who of the ops team looks after a late one. Pure.

The monitor copies no rule: what is awaited from whom, and until when, comes with the services' own words, StandingChanged
and EventWaits, of which the greatest number holds. What is late leaves the list by what happens, and by nothing else.
"""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from shared.contracts import heartbeat
from shared.contracts.catalogue_events import PlaceReleased, PlaceReserved
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import EventWaits
from shared.contracts.fields import What
from shared.contracts.identity import derived_id
from shared.contracts.monitor_events import OverdueTended
from shared.contracts.referral_events import AwaitedNow, StandingChanged, Status
from shared.contracts.topics import ServiceName
from shared.engine.model import Decision, Kind
from shared.store import Collection, Index

REFERRAL: Final = "referral"
EVENT: Final = "event"
"""What is late, by the field `of`: apart, so that no flood of events hides a referral."""
_changed = msgspec.structs.replace


class StepAwaited(msgspec.Struct, frozen=True):
    """The step that is awaited, from whom, since when; it is late after `due_at`. `passed` counts the reminders.

    Of an event that waits for another one `what` is `event`, and it concerns the sender.
    """

    what: What | Literal["event"]
    concerns: str
    since: datetime
    due_at: datetime
    passed: int


class Care(msgspec.Struct, frozen=True):
    """Who of the ops team looks after a late referral, and what they noted."""

    owner: str | None
    note: str | None
    by: str
    time: datetime
    id: str


class WaitingEvent(msgspec.Struct, frozen=True):
    """A partner's event that waits for another one."""

    source: str
    id: str
    type: str
    service: ServiceName
    waits_for: str
    leaves_at: datetime


class ReferralStanding(msgspec.Struct, frozen=True, omit_defaults=True):
    """The latest word about one referral, or about one event that waits, and the care for what is awaited now."""

    referral_id: str
    """Of an event: the referral that it names, which nobody may know; empty where it names none."""
    number: int = 0
    event: WaitingEvent | None = None
    status: Status | None = None
    closed: bool = False
    told_at: datetime | None = None
    """When the word came, by the platform's clock."""
    awaited: StepAwaited | None = None
    session_at: datetime | None = None
    place: str | None = None
    """The activity at which it holds a place, as `place_of` names it."""
    synthetic: bool = False
    care: Care | None = None
    beat: datetime | None = None
    """When this was told of a heartbeat's."""


def id_of_waiting(event: Event[EventWaits]) -> str:
    """The id in the list of an event that waits: senders may use one id for events of several referrals."""
    data = event.data
    return waiting_id(data.sender, data.event_id, data.referral_id)


def waiting_id(sender: str, event_id: str, referral_id: str | None) -> str:
    """The id in the list of this event, if it waits."""
    return derived_id("waits", sender, event_id, referral_id or "")


def late_from(standing: ReferralStanding) -> float | None:
    """From when on the referral is late; None: nothing is awaited, or it is a test's and stands in no figure."""
    return standing.awaited.due_at.timestamp() if standing.awaited and not standing.synthetic else None


def closed_since(standing: ReferralStanding) -> float | None:
    """Since when the referral is closed: as long as it is not, it is in use."""
    return standing.told_at.timestamp() if standing.closed and standing.told_at else None


def place_of(organiser: str, activity_id: str) -> str:
    """The name of an activity in the list of standings."""
    return f"{organiser} {activity_id}"


def _brief(one: ReferralStanding) -> bytes:
    """When its next session begins, in seconds: those who have one soon are counted."""
    return msgspec.json.encode(one.session_at.timestamp()) if one.session_at else b""


STANDINGS: Final = Kind(
    Collection(
        "standings",
        (
            Index(("late_from",)),
            Index(("of", "late_from")),
            Index(("concerns", "late_from")),
            Index(("what", "late_from")),
            Index(("place",)),
            Index((heartbeat.BEAT,)),
            Index(("closed_since",)),
        ),
    ),
    ReferralStanding,
    fields=lambda one: {
        "late_from": late_from(one),
        "of": EVENT if one.event else REFERRAL,
        "concerns": one.awaited.concerns if one.awaited else None,
        "what": one.awaited.what if one.awaited else None,
        "place": None if one.synthetic else one.place,
        heartbeat.BEAT: one.beat.timestamp() if one.beat else None,
        "closed_since": closed_since(one),
    },
    brief=_brief,
    marked=False,
)


def told(
    state: ReferralStanding | None, event: Event[StandingChanged], now: datetime, context: object
) -> Decision[ReferralStanding]:
    """Takes the referral service's word over, unless a later one is known. Care for a step ends with the step."""
    data = event.data
    known = state or ReferralStanding("")
    if known.number >= data.number:
        return Decision(known)
    awaited = _awaited(data.awaits)
    goes_on = awaited and known.awaited and _step(awaited) == _step(known.awaited)
    return Decision(
        ReferralStanding(
            referral_id=data.referral_id,
            number=data.number,
            status=data.status,
            closed=data.closed,
            told_at=now,
            awaited=awaited,
            session_at=data.session_at,
            place=known.place,
            synthetic=event.synthetic,
            care=known.care if goes_on or not known.number else None,
            beat=event.time if event.origin in heartbeat.PARTNERS else None,
        )
    )


def place_held(
    state: ReferralStanding | None, event: Event[PlaceReserved], now: datetime, context: object
) -> Decision[ReferralStanding]:
    """The referral holds a place at this activity; of two the later one counts, until the earlier is given up."""
    known = state or ReferralStanding(event.data.referral_id)
    held = place_of(event.data.organiser, event.data.activity_id)
    return Decision(_changed(known, place=held, synthetic=event.synthetic))


def place_free(
    state: ReferralStanding | None, event: Event[PlaceReleased], now: datetime, context: object
) -> Decision[ReferralStanding]:
    """The referral holds that place no more."""
    known = state or ReferralStanding(event.data.referral_id)
    free = known.place == place_of(event.data.organiser, event.data.activity_id)
    return Decision(_changed(known, place=None) if free else known)


def _awaited(step: AwaitedNow | None) -> StepAwaited | None:
    return StepAwaited(step.what, step.concerns, step.since, step.due_at, step.passed) if step else None


def _step(awaited: StepAwaited) -> tuple[str, str, datetime]:
    return awaited.what, awaited.concerns, awaited.due_at


def waits(
    state: ReferralStanding | None, event: Event[EventWaits], now: datetime, context: object
) -> Decision[ReferralStanding]:
    """A partner's event waits for another one, or waits no more; a later redrive of it may wait anew."""
    data = event.data
    known = state or ReferralStanding("")
    number = 2 * data.attempt + (1 if data.waits else 2)
    if known.number >= number:
        return Decision(known)
    if not data.waits:
        return Decision(ReferralStanding("", number, closed=True, told_at=now))
    waiting = WaitingEvent(data.sender, data.event_id, data.event_type, data.service, data.what, data.leaves_at)
    awaited = StepAwaited("event", data.sender, event.time, data.late_at, 0)
    return Decision(ReferralStanding(data.referral_id or "", number, waiting, awaited=awaited, care=known.care))


def tended(
    state: ReferralStanding | None, event: Event[OverdueTended], now: datetime, context: object
) -> Decision[ReferralStanding]:
    """An ops person takes a late referral over, or notes something; of two words the later one holds."""
    data = event.data
    known = state or ReferralStanding("")
    care = Care(data.owner, data.note, data.by, event.time, event.id)
    if known.care and (known.care.time, known.care.id) >= (care.time, care.id):
        return Decision(known)
    return Decision(_changed(known, care=care))


def erased(
    state: ReferralStanding | None, event: Event[Any], now: datetime, context: object
) -> Decision[ReferralStanding]:
    """An erased referral stands nowhere: its id is left, so that no later word about it is kept."""
    return Decision(ReferralStanding(event.data.referral_id), erase=True)
