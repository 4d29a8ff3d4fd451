"""What each record does in the monitor, and which look-up it needs."""

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from services.monitor import dead_groups, decide, edits, redrives, shares, standings, violation_reports
from services.monitor.dead_groups import DeadGroup, group_of
from services.monitor.decide import ErasureContext, NamesAnErased
from services.monitor.model import (
    MOST_NAMES,
    Dead,
    DeadLetterSeen,
    Erasure,
    RecordSeen,
    Traced,
    left_of,
    names_of,
    tells_of_a_client,
    traced_as,
    without_bytes,
)
from services.monitor.projections import observing
from services.monitor.redrive_letters import next_letters
from services.monitor.redrives import Redrive
from services.monitor.seen import receive
from services.monitor.violation_reports import ReportedSender
from shared.contracts import catalogue_events, every_service_events, heartbeat, monitor_events, referral_events
from shared.contracts.envelope import Event
from shared.contracts.registry import CLASSES
from shared.contracts.topics import READ_BY
from shared.engine.model import Document, Handler, Kind, Table
from shared.store import Collection, Index, Journal, Store
from shared.store.interface import Fields

_TRACED = msgspec.json.Decoder(Document[Traced])
_LOOK: Final = CLASSES["AccessRecorded"].type
CANCELLED: Final = CLASSES["ActivityCancelled"].type
_ORGANISERS_EVENTS: Final = frozenset({CLASSES["ActivityPublished"].type, CANCELLED})


def _activity(traced: Traced) -> str | None:
    """The activity that an event of its organiser is about; regions and services are no organisers."""
    is_its_organisers = traced.type in _ORGANISERS_EVENTS and not traced.source.startswith(("/region/", "/service/"))
    return traced.subject if is_its_organisers else None


def _found_by(traced: Traced) -> Fields:
    """By which fields the store finds an event; who looked and when, where it is a look of a service's word."""
    at = traced.last_at.timestamp() if traced.last_at else None
    audited = at if traced.type == _LOOK and traced.source.startswith("/service/") else None
    return {
        "correlation": traced.correlation or None,
        "activity": _activity(traced),
        "said": shares.said(traced),
        "event_id": traced.id,
        "code": traced.opens or None,
        "at": at,
        "audited": audited,
        "denied": audited if traced.codes.get("allowed") == "False" else None,
        "looker": traced.codes.get("who") if audited else None,
        heartbeat.BEAT: at if traced.heartbeat else None,
    }


EVENTS = Kind(
    Collection(
        "events",
        (
            Index(("correlation", "said")),
            Index(("activity", "said")),
            Index(("event_id",)),
            Index(("code",)),
            Index(("at",)),
            Index(("audited",)),
            Index(("denied",)),
            Index(("looker", "audited")),
            Index(("looker", "denied")),
            Index((heartbeat.BEAT,)),
        ),
    ),
    Traced,
    fields=_found_by,
    marked=False,
)
DEAD_LETTERS = Kind(
    Collection(
        "dead_letters",
        (
            Index(("at", "fault")),
            Index(("reason", "at")),
            Index(("sender", "at")),
            Index(("sender", "fault", "at")),
            Index(("type", "at")),
            Index(("service", "at")),
            Index(("fault", "at")),
            Index(("state", "at", "fault")),
            Index(("event",)),
            Index(("referral_id", "said")),
            Index(("names",), many=True),
            Index(("settled",)),
        ),
    ),
    Dead,
    fields=lambda dead: {
        "at": dead.time.timestamp(),
        "reason": dead.reason,
        "sender": dead.sender or None,
        "type": dead.type or None,
        "service": dead.service,
        "fault": group_of(dead),
        "state": dead.state,
        "event": traced_as(dead.sender, dead.event_id) if dead.event_id else None,
        "referral_id": dead.referral_id or None,
        "said": shares.said(dead),
        "names": tuple(dict.fromkeys((*dead.names, *(dead.edit.names if dead.edit else ())))),
        "settled": dead.settled_at.timestamp() if dead.settled_at else None,
    },
    brief=lambda dead: msgspec.json.encode(without_bytes(dead)),
    deadlines=edits.deadlines,
    marked=False,
)
DEAD_GROUPS = Kind(
    Collection("dead_groups", (Index(("parked_until",)),)),
    DeadGroup,
    fields=lambda group: {"parked_until": group.parked_until.timestamp() if group.parked_until else None},
    marked=False,
)
REDRIVES = Kind(
    Collection("redrives", (Index(("created",)), Index(("state", "created")), Index(("ended",)))),
    Redrive,
    fields=lambda redrive: {
        "created": redrive.created.timestamp(),
        "state": redrive.state,
        "ended": redrive.ended.timestamp() if redrive.ended else None,
    },
    deadlines=redrives.deadlines,
    marked=False,
)
VIOLATION_REPORTS = Kind(Collection("violation_reports"), ReportedSender, marked=False)
ERASURES = Kind(
    Collection("erasures", (Index(("name",), many=True),)),
    Erasure,
    fields=lambda erasure: {"name": erasure.names},
    marked=False,
)
_AT_ONCE = 500


def table() -> Table:
    """The monitor's table. It reads all topics except those to which it writes redriven dead letters."""
    return Table(
        service="monitor",
        gathers=True,
        topics=READ_BY["monitor"],
        kinds=(EVENTS, DEAD_LETTERS, DEAD_GROUPS, REDRIVES, VIOLATION_REPORTS, ERASURES, standings.STANDINGS),
        receive=receive,
        observe=observing.observe,
        projected=tuple(one.collection for one in observing.PROJECTIONS),
        handlers={
            RecordSeen: Handler(EVENTS, _event, decide.seen, _of_an_erased),
            DeadLetterSeen: Handler(DEAD_LETTERS, _subject, decide.dead_letter, _names_an_erased),
            monitor_events.RedriveRequested: Handler(DEAD_LETTERS, _named_letter, decide.redrive),
            monitor_events.DiscardRequested: Handler(DEAD_LETTERS, _named_letter, decide.discard),
            monitor_events.DiscardUndone: Handler(DEAD_LETTERS, _named_letter, decide.undo_discard),
            monitor_events.EditProposed: Handler(DEAD_LETTERS, _named_letter, edits.proposed, _content_names_an_erased),
            monitor_events.EditConfirmed: Handler(DEAD_LETTERS, _named_letter, edits.confirmed, _what_names_an_erased),
            monitor_events.EditRefused: Handler(DEAD_LETTERS, _named_letter, edits.refused),
            monitor_events.DeadGroupNoted: Handler(DEAD_GROUPS, _subject, dead_groups.noted),
            monitor_events.RedriveOrdered: Handler(REDRIVES, _subject, redrives.ordered),
            monitor_events.RedriveSteered: Handler(REDRIVES, _subject, redrives.steered),
            monitor_events.RedriveStepDue: Handler(REDRIVES, _subject, redrives.stepped, next_letters),
            monitor_events.RedriveAnswered: Handler(REDRIVES, _subject, redrives.answered),
            monitor_events.ViolationsReportOrdered: Handler(VIOLATION_REPORTS, _subject, violation_reports.ordered),
            every_service_events.DeadLetterSettled: Handler(DEAD_LETTERS, _subject, decide.settled),
            monitor_events.ErasureToSpread: Handler(ERASURES, _subject, decide.spread, _kept),
            monitor_events.DeadLetterToErase: Handler(
                DEAD_LETTERS, _subject, decide.erase_letter, _what_names_an_erased
            ),
            monitor_events.TraceToErase: Handler(EVENTS, _subject, decide.erase_trace),
            referral_events.StandingChanged: Handler(standings.STANDINGS, _subject, standings.told),
            catalogue_events.PlaceReserved: Handler(standings.STANDINGS, _subject, standings.place_answered),
            catalogue_events.PlaceWaitlisted: Handler(standings.STANDINGS, _subject, standings.place_answered),
            catalogue_events.PlaceRefused: Handler(standings.STANDINGS, _subject, standings.place_answered),
            catalogue_events.PlaceReleased: Handler(standings.STANDINGS, _subject, standings.place_answered),
            referral_events.ReferralErased: Handler(standings.STANDINGS, _subject, standings.erased),
            every_service_events.EventWaits: Handler(standings.STANDINGS, standings.id_of_waiting, standings.waits),
            monitor_events.OverdueTended: Handler(standings.STANDINGS, _subject, standings.tended),
        },
        deadlines={
            REDRIVES.collection.name: Handler(REDRIVES, _aggregate, redrives.deadline),
            DEAD_LETTERS.collection.name: Handler(DEAD_LETTERS, _aggregate, edits.lapsed),
        },
        journals=(Journal(redrives.JOURNAL),),
    )


def _event(event: Event[RecordSeen]) -> str:
    return traced_as(event.data.source, event.data.event_id)


def _aggregate(event: Event[every_service_events.DeadlinePassed]) -> str:
    return event.data.aggregate


def _subject(event: Event) -> str:
    return event.data.subject


def _named_letter(event: Event[monitor_events.ToDeadLetter]) -> str:
    return event.data.dl_id


# --- look-ups for decisions


async def _of_an_erased(state: Traced | None, event: Event[RecordSeen], store: Store, now: datetime) -> bool:
    data = event.data
    if not data.correlation or not any(itertools.starmap(tells_of_a_client, data.codes.items())):
        return False
    return bool(await store.load(ERASURES.collection.name, [data.correlation], what="brief"))


async def _names_an_erased(state: Dead | None, event: Event[DeadLetterSeen], store: Store, now: datetime) -> bool:
    return await any_erased(store, event.data.names)


async def _content_names_an_erased(
    state: Dead | None, event: Event[monitor_events.EditProposed], store: Store, now: datetime
) -> bool:
    return await any_erased(store, edits.names_of_content(event.data.content))


async def _what_names_an_erased(state: Dead | None, event: Event, store: Store, now: datetime) -> NamesAnErased:
    if state is None:
        return NamesAnErased(letter=False, edit=False)
    of_edit = state.edit.names if state.edit else ()
    return NamesAnErased(await any_erased(store, state.names), await any_erased(store, of_edit))


async def any_erased(store: Store, names: Sequence[str]) -> bool:
    """Whether one of these is the name of an erased referral, or of its code."""
    return bool(names and await store.versions(ERASURES.collection.name, "name", names[:MOST_NAMES], limit=1))


async def _kept(
    state: Erasure | None, event: Event[monitor_events.ErasureToSpread], store: Store, now: datetime
) -> ErasureContext:
    data = event.data
    if data.nth == 0:
        return ErasureContext()
    # An erased dead letter names nobody any more, so this finds only those that are left to erase.
    names = names_of(data.referral_id, data.code_digest)
    letters = await store.versions(DEAD_LETTERS.collection.name, "names", names, limit=_AT_ONCE)
    rows = await store.find(
        EVENTS.collection.name,
        equal={"correlation": data.referral_id},
        order="said",
        # Rows of the very place where the step before stopped come again, which erases nothing twice.
        after=(data.after, ""),
        limit=_AT_ONCE,
    )
    states = [_TRACED.decode(row.body).state for row in rows]
    traced = [
        row.id for row, one in zip(rows, states, strict=True) if one and (one.codes != left_of(one.codes) or one.opens)
    ]
    more = len(letters) == _AT_ONCE or len(rows) == _AT_ONCE
    last = states[-1] if states else None
    return ErasureContext(sorted(letters), traced, shares.said(last) if last else data.after, more=more)
