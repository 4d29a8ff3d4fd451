"""What the activities are to a region, and the region's Monday word of what changed. Pure.

An activity tells the region's aggregate only of what matters: that it is on offer, full or free again, cancelled. That it goes
off the offer as time passes (enrolment closes, the last session ends) is no news to anybody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from typing import Final

import msgspec

from services.catalogue.funding import FINLAND
from services.catalogue.matching import at
from services.catalogue.model import Activity, Brief, OfferChange, Offered, RegionOffer, activity_key
from services.catalogue.settle import places_left, waiting_left
from shared.contracts.catalogue_events import OfferChanged, OfferCounts, OfferedActivity, OfferNoted
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import DeadlinePassed
from shared.engine.model import Decision, Due, Follow
from shared.reference import MUNICIPALITIES, REGIONS

NOTHING: Final = "nothing"
AT: Final = time_of_day(8)
"""On Mondays, in Finland."""
MAX_CHANGES: Final = 1_000
"""Activities of which a region's aggregate knows one by one what changed within a week; the others' changes are counted."""
MAX_LISTED: Final = 50
MAX_LIST: Final = 12_000
"""Bytes of one list: four lists fit an event."""
ALL_REGIONS: Final = tuple(code for code, region in REGIONS.items() if region.may_refer)

_changed = msgspec.structs.replace


# --- one activity


def noted(activity: Activity, now: datetime) -> tuple[Activity, list[Follow]]:
    """The activity with what the regions are told of it, and what they must be told now."""
    becomes = offered(activity, now)
    if becomes is None:
        return _changed(activity, offered={}), []
    told = {region: activity.offered.get(region) for region in regions_of(activity)}
    # What nobody heard of as open is no news where it is full or cancelled.
    news = [region for region, was in told.items() if was != becomes and (was or becomes == "open")]
    number = activity.offers + bool(news)
    follow = [_note(activity, region, told[region], becomes, number) for region in news]
    kept = {region: becomes for region, was in told.items() if was or region in news}
    return _changed(activity, offered=kept, offers=number), follow


def _note(activity: Activity, region: str, was: Offered | None, becomes: Offered, number: int) -> Follow:
    data = OfferNoted(
        region=f"/region/{region}",
        organiser=activity.organiser,
        activity_id=activity.activity_id,
        number=number,
        was=was or "nothing",
        becomes=becomes,
    )
    return Follow(data, region)


def offered(activity: Activity, now: datetime) -> Offered | None:
    """What it is to those whom it takes; None: it is not on offer, or no longer."""
    if not activity.versions or activity.synthetic or activity.ended:
        return None
    if activity.cancelled:
        return "cancelled"
    closes = max(activity.versions, key=lambda one: one.order).closes
    if closes and closes < now:
        return None
    return "open" if places_left(activity) > 0 or waiting_left(activity) > 0 else "full"


def regions_of(activity: Activity) -> Sequence[str]:
    """The codes of the regions whose residents it takes, in order: of all where it is remote."""
    data = activity.published
    if data["format"] == "remote":
        return ALL_REGIONS
    served = data.get("serves") or (data["municipality"],)
    return sorted({MUNICIPALITIES[municipality].region for municipality in served} & {*ALL_REGIONS})


# --- one region


@dataclass(frozen=True)
class MondayContext:
    """The changed activities as they are, by key, and the region's municipalities that have nothing."""

    briefs: Mapping[str, Brief] = field(default_factory=dict)
    nothing_in: Sequence[str] = ()


def change_noted(
    state: RegionOffer | None, event: Event[OfferNoted], now: datetime, context: object
) -> Decision[RegionOffer]:
    """Keeps what an activity was at first and is at last, by number. Of too many those with the first keys are kept."""
    data = event.data
    state = state or RegionOffer(data.region, next_monday(now))
    key = activity_key(data.organiser, data.activity_id)
    if data.number <= state.told.get(key, 0):
        return Decision(state)
    new = OfferChange(data.number, data.was, data.number, data.becomes)
    known = state.changes.get(key)
    changes = {**state.changes, key: _joined(known, new) if known else new}
    beyond = changes.pop(max(changes)) if len(changes) > MAX_CHANGES else None
    further = state.further + (beyond.times if beyond else 0)
    return Decision(_changed(state, changes=changes, further=further))


def _joined(known: OfferChange, new: OfferChange) -> OfferChange:
    earlier, later = min(known, new, key=lambda one: one.first), max(known, new, key=lambda one: one.last)
    return OfferChange(earlier.first, earlier.was, later.last, later.becomes, known.times + new.times)


def monday(
    state: RegionOffer | None, event: Event[DeadlinePassed], now: datetime, context: MondayContext
) -> Decision[RegionOffer]:
    """Tells the region what changed, if anything did, and begins the next week."""
    due_at = event.data.due_at
    if state is None or due_at < state.due_at:
        return Decision(state)
    after = RegionOffer(
        state.region,
        next_monday(max(now, due_at)),
        since=due_at,
        told={key: change.last for key, change in state.changes.items()},
        nothing_in=tuple(context.nothing_in),
    )
    word = _word(state, due_at, context)
    same = not (state.further or any(word.counted.model_dump().values())) and after.nothing_in == state.nothing_in
    return Decision(_changed(after, since=state.since) if same else after, [] if same else [Follow(word)])


def _word(state: RegionOffer, until: datetime, context: MondayContext) -> OfferChanged:
    found = {name: [key for key, change in state.changes.items() if news(change) == name] for name in _LISTS}
    return OfferChanged(
        recipient=state.region,
        since=state.since,
        until=until,
        **{name: _listed(keys, context.briefs) for name, keys in found.items()},
        counted=OfferCounts(**{name: len(keys) for name, keys in found.items()}),
        further=state.further,
        nothing_in=tuple(context.nothing_in),
    )


_LISTS: Final = ("new", "full", "free_again", "cancelled")


def news(change: OfferChange) -> str | None:
    """In which list an activity stands; None where nobody heard of it before and it is gone, or it is as it was."""
    if change.was == change.becomes:
        return None
    match change.becomes:
        case "open":
            return "new" if change.was == NOTHING else "free_again"
        case "cancelled":
            return "cancelled" if change.was != NOTHING else None
        case _:
            return "full"


def _listed(keys: Sequence[str], briefs: Mapping[str, Brief]) -> tuple[OfferedActivity, ...]:
    """Those that begin first, as many as fit."""
    in_order = sorted((briefs[key] for key in keys if key in briefs), key=lambda brief: (brief.starts_at, brief.key))
    listed: list[OfferedActivity] = []
    size = 0
    for one in map(_offered_activity, in_order[:MAX_LISTED]):
        size += len(one.model_dump_json().encode())
        if size <= MAX_LIST:
            listed.append(one)
    return tuple(listed)


def _offered_activity(brief: Brief) -> OfferedActivity:
    return OfferedActivity(
        organiser=brief.organiser,
        activity_id=brief.activity_id,
        title=brief.title or None,
        municipality=brief.municipality,
        starts_at=at(brief.starts_at) if brief.starts_at else None,
    )


def next_monday(after: datetime) -> datetime:
    """The next Monday at eight in Finland, in UTC, later than `after`."""
    here = after.astimezone(FINLAND)
    this_week = datetime.combine(here.date() - timedelta(days=here.weekday()), AT, FINLAND)
    return (this_week if this_week > here else this_week + timedelta(days=7)).astimezone(UTC)


def offer_deadlines(state: RegionOffer) -> list[Due]:
    """When the region is told next."""
    return [Due("offer", state.due_at)]
