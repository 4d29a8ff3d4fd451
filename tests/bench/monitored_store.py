"""A monitor's store with a million events: what stands in it after some months of a whole country, saved directly."""

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

import msgspec

from services.monitor.handlers import DEAD_LETTERS, EVENTS, REDRIVES
from services.monitor.model import Dead, Sighting, Traced
from services.monitor.projections.counts import COUNTS, Cell, DayCounts
from services.monitor.projections.counts import fields_of as count_fields
from services.monitor.projections.readers import Reader
from services.monitor.projections.readers import fields_of as reader_fields
from services.monitor.redrives import Redrive
from services.monitor.selection import Selection
from services.monitor.standings import STANDINGS, ReferralStanding, StepAwaited
from shared.contracts.referral_code import code_of, digest_of
from shared.engine.model import Document, Kind
from shared.reference import REGIONS
from shared.store import Row, Store

EVENTS_KEPT: Final = int(os.environ.get("MONITORED_EVENTS", "1000000"))
LETTERS_KEPT: Final = EVENTS_KEPT // 50
SENDERS: Final = (*(f"/region/{code}" for code in REGIONS), *(f"/opisto/{nth}" for nth in range(193)))[:193]
CODE: Final = code_of(2026)
"""The code of one referral of them."""
_NOW: Final = datetime.now(UTC)
_CHANCE: Final = Random(19)
_AT_ONCE: Final = 200  # referrals
_TRACED_FOR: Final = timedelta(days=80)
_COUNTED_FOR: Final = 168  # days
_PARTITIONS: Final = 6
_LATE: Final = 20  # one in so many
_ROAD: Final = (
    *("referral ReferralOpened", "catalogue ActivitiesProposed", "referral PlaceRequested", "catalogue PlaceReserved"),
    *("notify NotificationQueued", "notify NotificationDelivered") * 12,
    *("referral EnrolmentTaken", "feedback FeedbackRequested", "referral ReferralCompleted", "referral ReferralClosed"),
    *("monitor AccessRecorded",) * 8,
)
"""What services say of one referral: forty events."""
_CODES: Final = {
    "NotificationDelivered": {"recipient": "/region/06"},
    "AccessRecorded": {"who": "ops:anna", "action": "trace", "ground": "operations", "allowed": "True"},
}
_SENT: Final = {
    "region": ("ReferralIssued", "ActivityChosen", "FeedbackSubmitted", "ReferralWithdrawn"),
    "opisto": ("EnrolmentConfirmed", "ActivityAttended", "ActivityMissed", "ActivityPublished"),
}
_FAULTS: Final = (
    "/data/{}: it is not known",
    "/data/{}: no municipality has the code 'Oulu'",
    "/data/{}: it is longer than 64 characters",
    "/data/{}: it is no time with a zone",
)
_FIELDS: Final = (
    *(
        "referral_id",
        "activity_id",
        "municipality",
        "languages",
        "needs",
        "consent",
        "unit_ref",
        "age_band",
        "session_id",
    ),
)


async def fill(store: Store) -> None:
    """Saves all of it."""
    roads = EVENTS_KEPT // len(_ROAD)
    for first in range(0, roads, _AT_ONCE):
        ids = [_id() for _ in range(first, min(first + _AT_ONCE, roads))]
        events = [one for nth, id_ in enumerate(ids) for one in _road(id_, "" if first + nth else CODE)]
        await store.save("events", [_row(EVENTS, f"{one.source} {one.id}", one) for one in events])
        await store.save("standings", [_row(STANDINGS, id_, _standing(id_)) for id_ in ids])
    for first in range(0, LETTERS_KEPT, 1_000):
        letters = [_letter(nth, _id()) for nth in range(first, min(first + 1_000, LETTERS_KEPT))]
        await store.save("dead_letters", [_row(DEAD_LETTERS, one.dl_id, one) for one in letters])
    await store.save("redrives", [_row(REDRIVES, one.id, one) for one in _redrives()])
    await store.save(
        "readers", [Row(one.partner, 1, msgspec.json.encode(one), reader_fields(one)) for one in _readers()]
    )
    for day in range(_COUNTED_FOR):
        await store.save(COUNTS.name, list(_counted(_NOW - timedelta(days=day))))


def _id() -> str:
    return str(UUID(int=_CHANCE.getrandbits(128), version=4))


def _row(kind: Kind[Any], id_: str, state: Any) -> Row:
    return Row(id_, 1, msgspec.json.encode(Document(state)), kind.fields(state), kind.brief(state))


def _road(referral: str, code: str = "") -> Iterator[Traced]:
    at, cause = _NOW - _CHANCE.random() * _TRACED_FOR, ""
    for said in _ROAD:
        service, name = said.split()
        at, id_ = at + timedelta(milliseconds=_CHANCE.randrange(5, 400)), _id()
        yield Traced(
            f"/service/{service}",
            id_,
            f"fi.kulttuurilahete.{name}.v1",
            at.isoformat(),
            referral,
            correlation=referral,
            causation=cause,
            codes=_CODES.get(name, {}),
            opens=digest_of(code) if code and name == "ReferralOpened" else "",
            first=Sighting(f"{service}.events", 0, _CHANCE.randrange(10**7), at),
            last_at=at,
            seen=1,
        )
        cause = id_


def _standing(referral: str) -> ReferralStanding:
    """One in twenty is late, since before or after today; the others are closed."""
    told = _NOW - timedelta(days=_CHANCE.randrange(1, 60))
    if _CHANCE.randrange(_LATE):
        return ReferralStanding(referral, 9, status="completed", closed=True, told_at=told)
    what: Any = _CHANCE.choice(("choice", "confirmation", "attendance", "feedback"))
    awaited = StepAwaited(what, _CHANCE.choice(SENDERS), told, told + timedelta(days=14), 1)
    session = _NOW + timedelta(days=_CHANCE.randrange(-9, 40))
    return ReferralStanding(referral, 5, status="placed", told_at=told, awaited=awaited, session_at=session)


def _letter(number: int, referral: str) -> Dead:
    """Over seven days, of 193 senders, three in four of them open, in some seventy groups."""
    at = _NOW - timedelta(days=7) + number / LETTERS_KEPT * timedelta(days=7)
    sender = SENDERS[number % len(SENDERS)]
    kind = sender.split("/")[1]
    error = _FAULTS[number % len(_FAULTS)].format(_FIELDS[number // 4 % len(_FIELDS)])
    return Dead(
        _id(),
        "invalid",
        error,
        "referral",
        f"intake.{kind}.{number % 7}",
        0,
        number,
        at,
        1,
        sender=sender,
        type=f"fi.kulttuurilahete.{_SENT[kind][number % 2]}.v1",
        source=sender,
        event_id=_id(),
        referral_id=referral,
        state="open" if number % 4 else "resolved",
        settled_at=None if number % 4 else at,
        key=referral.encode(),
        value=b"{}" * 400,
        names=(referral,),
    )


def _redrives() -> Iterator[Redrive]:
    for number in range(200):
        at = _NOW - timedelta(hours=number)
        meant = Selection(reason="invalid", state="open", sender=SENDERS[number % len(SENDERS)], until=at.timestamp())
        state: Any = "done" if number else "paused"
        yield Redrive(_id(), "ops:anna", "mended", at, meant, (), True, 600, 100, state=state, resolved=90, refused=10)


def _readers() -> Iterator[Reader]:
    for number, partner in enumerate(SENDERS):
        since = _NOW.timestamp() - 86_400 * (number % 12)
        yield Reader(partner, 1_000, since, 1_000 - number % 12, since, since if number % 12 else None)


def _counted(now: datetime) -> Iterable[Row]:
    """What came on one day: of each sender up to four classes, at six hours, spread over the partitions by referral."""
    day = now.date().isoformat()
    documents = [DayCounts("intake.http", nth, day, 1) for nth in range(_PARTITIONS)]
    if now.weekday() < 5 or _COUNTED_FOR < 7:
        for sender in SENDERS:
            for name in _SENT[sender.split("/")[1]]:
                for document in _CHANCE.sample(documents, 2):
                    document.cells[f"{sender} {name}"] = _cell(now)
    for document in documents:
        yield Row(f"intake.http/{document.partition} {day}", 1, msgspec.json.encode(document), count_fields(document))


def _cell(now: datetime) -> Cell:
    hours = [0] * 24
    for hour in _CHANCE.sample(range(7, 18), 3):
        hours[hour] = _CHANCE.randrange(1, 5)
    return Cell(hours, 0.0, now.timestamp() - 3_600, now.timestamp(), 2.5 * sum(hours))
