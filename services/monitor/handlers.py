"""What each record does in the monitor, and what is looked up for it."""

from datetime import datetime
from typing import Any

from services.monitor import decide
from services.monitor.model import Dead, Partner, Traced, digest_of
from services.monitor.seen import receive
from shared.contracts import topics
from shared.contracts.envelope import Event
from shared.contracts.referral_code import referral_code
from shared.engine.model import Handler, Kind, Table
from shared.store import Collection, Index, Store

REFERRAL_OPENED = "fi.kulttuurilahete.ReferralOpened.v1"
_ENGINE = (Index(("outbox_since",)), Index(("due_at",)))
EVENTS = Kind(
    Collection("events", (*_ENGINE, Index(("correlation",)), Index(("event_id",)), Index(("code",)))),
    Traced,
    fields=lambda traced: {
        "correlation": traced.correlation or None,
        "event_id": traced.id,
        # Of the event that tells the code to anybody: before it nobody has one in hand.
        "code": digest_of(referral_code(traced.correlation)) if traced.type == REFERRAL_OPENED else None,
    },
    marked=False,
)
DEAD_LETTERS = Kind(
    Collection(
        "dead_letters",
        (
            *_ENGINE,
            Index(("at",)),
            Index(("reason", "at")),
            Index(("sender", "at")),
            Index(("type", "at")),
            Index(("event",)),
            Index(("referral_id",)),
        ),
    ),
    Dead,
    fields=lambda dead: {
        "at": dead.time.timestamp(),
        "reason": dead.reason,
        "sender": dead.sender or None,
        "type": dead.type or None,
        "event": f"{dead.source} {dead.event_id}" if dead.event_id else None,
        "referral_id": dead.referral_id or None,
    },
    marked=False,
)
PARTNERS = Kind(Collection("partners", _ENGINE), Partner, marked=False)


def table() -> Table:
    """What the monitor does with what it reads: all topics but those it writes redriven dead letters to."""
    return Table(
        service="monitor",
        gathers=True,
        topics=(
            topics.INTAKE_HTTP,
            "intake.region.*",
            "intake.opisto.*",
            *(topics.events_of(service) for service in topics.SERVICES),
            topics.AUDIT,
            topics.DEAD_LETTERS,
        ),
        kinds=(EVENTS, DEAD_LETTERS, PARTNERS),
        receive=receive,
        handlers={
            "RecordSeen": Handler(EVENTS, _event, decide.seen, _dead_letters_to_erase),
            "DeadLetterSeen": Handler(DEAD_LETTERS, _dead, decide.dead_letter),
            "RedriveRequested": Handler(DEAD_LETTERS, _named_letter, decide.redrive),
            "DiscardRequested": Handler(DEAD_LETTERS, _named_letter, decide.discard),
            "DeadLetterSettled": Handler(DEAD_LETTERS, _dead, decide.settled),
            "DeadLetterToErase": Handler(DEAD_LETTERS, _dead, decide.erase),
            "PartnerRegistered": Handler(PARTNERS, _dead, decide.registered),
        },
    )


REFERRAL_ERASED = "fi.kulttuurilahete.ReferralErased.v1"


def _event(event: Event) -> str:
    return f"{event.data.source} {event.data.event_id}"  # type: ignore[attr-defined]


def _dead(event: Event) -> str:
    return event.data.subject


def _named_letter(event: Event) -> str:
    return event.data.dl_id  # type: ignore[attr-defined,no-any-return]


async def _dead_letters_to_erase(state: Traced | None, event: Event, store: Store, now: datetime) -> list[str]:
    data: Any = event.data
    if data.type != REFERRAL_ERASED or data.sighting.topic != topics.events_of("referral"):
        return []
    rows = await store.find("dead_letters", equal={"referral_id": data.correlation}, limit=500)
    return [row.id for row in rows]


def locate(source: str, name: str, subject: str) -> tuple[str, str] | None:
    """Where the outcome of an event from outside is kept."""
    return (PARTNERS.collection.name, subject) if name == "PartnerRegistered" else None
