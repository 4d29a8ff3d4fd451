"""Where each referral stands, which events wait for another one, and who of the ops team looks after a late one. Pure.

The monitor copies no rule: what is awaited from whom, and until when, comes with the services' own words, StandingChanged
and EventWaits, of which the greatest number holds. What is late leaves the list by what happens, and by nothing else.
"""

from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

import msgspec

from shared.contracts import heartbeat
from shared.contracts.catalogue_events import PlaceAnswer, PlaceReserved
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import EventWaits
from shared.contracts.fields import LateWhat, What
from shared.contracts.identity import derived_id
from shared.contracts.instants import later
from shared.contracts.monitor_events import OverdueTended
from shared.contracts.referral_events import AttendedUnplaced, AwaitedNow, StandingChanged, Status
from shared.contracts.topics import ServiceName
from shared.engine.model import Decision, Kind
from shared.store import Collection, Index

REFERRAL: Final = "referral"
EVENT: Final = "event"
"""What is late, by the field `of`: apart, so that no flood of events hides a referral."""
_CATALOGUE: Final = "/service/catalogue"
_FREED_WITHIN: Final = timedelta(hours=1)
"""How long a place may be held after its referral is over: as long as words between services may be on their way."""
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


class UnplacedAttendance(msgspec.Struct, frozen=True):
    """A session was attended at an activity, as `place_of` names it, where the referral never had a place."""

    at: str
    concerns: str
    since: datetime
    due_at: datetime


class PlaceKept(msgspec.Struct, frozen=True, array_like=True):
    """An activity's last answer to the referral: since when, by the platform's clock, the place is held; None: it is not."""

    answer: int
    since: datetime | None


class LateThing(NamedTuple):
    """What of a referral is late first, or will be. `at`: the activity that it is about, where it is about one."""

    what: LateWhat
    concerns: str
    since: datetime
    due_at: datetime
    passed: int = 0
    at: str = ""


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
    unplaced: UnplacedAttendance | None = None
    places: dict[str, PlaceKept] = {}
    """What each activity answered last, by the activity as `place_of` names it."""
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
    late = late_first(standing)
    return late.due_at.timestamp() if late and not standing.synthetic else None


def late_first(standing: ReferralStanding) -> LateThing | None:
    """What of it is late first, or will be: a referral stands in the list once, with its oldest trouble."""
    found = (_late_step(standing.awaited), _late_attendance(standing.unplaced), _late_place(standing))
    return min((one for one in found if one), key=lambda one: one.due_at, default=None)


def _late_step(step: StepAwaited | None) -> LateThing | None:
    return LateThing(step.what, step.concerns, step.since, step.due_at, step.passed) if step else None


def _late_attendance(one: UnplacedAttendance | None) -> LateThing | None:
    return LateThing("attendance_without_place", one.concerns, one.since, one.due_at, at=one.at) if one else None


def _late_place(standing: ReferralStanding) -> LateThing | None:
    """The place held for longest, if the referral is closed, or its service has said nothing of it."""
    held = places_held(standing)
    if not held or (standing.number and not standing.closed):
        return None
    since, at = held[0]
    since = max(since, standing.told_at or since)
    return LateThing("place_without_referral", _CATALOGUE, since, later(since, _FREED_WITHIN), at=at)


def places_held(standing: ReferralStanding) -> list[tuple[datetime, str]]:
    """Since when it holds a place at which activity, the place held for longest first."""
    return sorted((place.since, at) for at, place in standing.places.items() if place.since)


def closed_since(standing: ReferralStanding) -> float | None:
    """Since when the referral is closed: as long as it is not, it is in use."""
    return standing.told_at.timestamp() if standing.closed and standing.told_at else None


def place_of(organiser: str, activity_id: str) -> str:
    """The name of an activity in the list of standings."""
    return f"{organiser} {activity_id}"


def activity_at(place: str) -> tuple[str, str]:
    """Organiser and id of an activity of the list of standings."""
    organiser, _, activity_id = place.partition(" ")
    return organiser, activity_id


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
        "concerns": late.concerns if (late := late_first(one)) else None,
        "what": late.what if late else None,
        "place": held[-1][1] if (held := places_held(one)) and not one.synthetic else None,
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
    told = ReferralStanding(
        referral_id=data.referral_id,
        number=data.number,
        status=data.status,
        closed=data.closed,
        told_at=now,
        awaited=_awaited(data.awaits),
        session_at=data.session_at,
        unplaced=_unplaced(data.unplaced),
        places=known.places,
        synthetic=event.synthetic,
        beat=event.time if event.origin in heartbeat.PARTNERS else None,
    )
    return Decision(_cared_for(known, told))


def place_answered(
    state: ReferralStanding | None, event: Event[PlaceAnswer], now: datetime, context: object
) -> Decision[ReferralStanding]:
    """The referral holds a place at this activity, or holds none there; the activity's greatest answer holds."""
    data = event.data
    known = state or ReferralStanding(data.referral_id, synthetic=event.synthetic)
    at = place_of(data.organiser, data.activity_id)
    before = known.places.get(at)
    if before and before.answer >= data.answer:
        return Decision(known)
    held_since = (before.since if before and before.since else now) if isinstance(data, PlaceReserved) else None
    answered = _changed(known, places={**known.places, at: PlaceKept(data.answer, held_since)})
    return Decision(_cared_for(known, answered))


def _cared_for(known: ReferralStanding, new: ReferralStanding) -> ReferralStanding:
    """Care goes on while the same thing is late; it may also have come before any word."""
    before, after = late_first(known), late_first(new)
    is_first_word = before is None and not known.number
    goes_on = before is not None and after is not None and _same(before, after)
    return _changed(new, care=known.care if is_first_word or goes_on else None)


def _same(one: LateThing, other: LateThing) -> bool:
    """Whether both are the same trouble; of a place that is held a further word about its referral says nothing new."""
    is_a_place = one.what == "place_without_referral"
    return (one.what, one.concerns, one.at) == (other.what, other.concerns, other.at) and (
        is_a_place or one.due_at == other.due_at
    )


def _unplaced(one: AttendedUnplaced | None) -> UnplacedAttendance | None:
    at = place_of(one.organiser, one.activity_id) if one else ""
    return UnplacedAttendance(at, one.organiser, one.since, one.due_at) if one else None


def _awaited(step: AwaitedNow | None) -> StepAwaited | None:
    return StepAwaited(step.what, step.concerns, step.since, step.due_at, step.passed) if step else None


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
