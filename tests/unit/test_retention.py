"""What each service keeps for a term, from what it is told to what it has forgotten: its own tables, settings and SQLite."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.embedded_broker.control import REPOSITORY
from services.monitor.handlers import DEAD_LETTERS, EVENTS, REDRIVES
from services.monitor.handlers import table as monitors_table
from services.monitor.model import Dead, Sighting, Traced
from services.monitor.redrives import JOURNAL, Redrive
from services.monitor.retention import of_referrals_in_use
from services.monitor.selection import Selection
from services.monitor.standings import STANDINGS, ReferralStanding
from shared.contracts.envelope import Event
from shared.contracts.monitor_events import ErasureToSpread
from shared.contracts.registry import CLASSES
from shared.engine.model import Document, Kind
from shared.engine.unit_of_work import UnitOfWork
from shared.process.keeping import AT_ONCE, InUse, Keeping, Retention
from shared.store import Journal, Store, StoreUnavailable
from shared.store.interface import Written
from shared.store.sqlite import SqliteStore
from tests.unit.country import Country, an_event, country, erased
from tests.unit.doors import Door, key

NOW = datetime(2027, 5, 1, 12, tzinfo=UTC)
TERM = timedelta(days=180)


async def put(store: Store, kind: Kind[Any], states: dict[str, Any]) -> None:
    units = [UnitOfWork("monitor", kind, id_, 0, Document(state)) for id_, state in states.items()]
    assert await store.save(kind.collection.name, [unit.row(0.0) for unit in units]) == set()


async def ids(store: Store, collection: str) -> set[str]:
    return {row.id for row in await store.find(collection, limit=5_000, what="brief")}


# --- nothing younger, nothing in use, and all else


class PastWord(NamedTuple):
    """One event of a history: whose referral it concerns, what it says of it, and how many days old it is."""

    referral: str
    name: str
    age: int


WORDS = ("ReferralOpened", "ReferralReopened", "ReferralClosed", "ReferralErased", "PlaceRequested")
KEPT = st.builds(PastWord, st.sampled_from(["", "r1", "r2", "r3"]), st.sampled_from(WORDS), st.integers(0, 400))
STAND = st.dictionaries(st.sampled_from(["r1", "r2"]), st.tuples(st.booleans(), st.integers(0, 400)))
Standings = dict[str, tuple[bool, int]]


def should_stay(history: Sequence[PastWord], stand: Standings) -> set[int]:
    """As a person would say it: what is younger than the term, and all of a referral that is open or was until lately."""
    return {
        number
        for number, one in enumerate(history)
        if one.age < TERM.days or (one.referral and is_used(one.referral, history, stand))
    }


def is_used(referral: str, history: Sequence[PastWord], stand: Standings) -> bool:
    if referral in stand:
        is_closed, age = stand[referral]
        return not is_closed or age < TERM.days
    turns = [one for one in history if one.referral == referral and one.name != "PlaceRequested"]
    last = min(turns, key=lambda one: one.age, default=None)
    if last is None:
        return False
    return last.name in {"ReferralOpened", "ReferralReopened"} or last.age < TERM.days


def of_history(number: int, one: PastWord) -> Traced:
    at = NOW - timedelta(days=one.age)
    first = Sighting("referral.events", 0, 10_000 - one.age, at)
    type_ = CLASSES[one.name].type
    return Traced(
        "/service/referral", f"{number}", type_, "", one.referral, one.referral, first=first, last_at=at, seen=1
    )


async def left_of(history: Sequence[PastWord], stand: Standings, folder: Path) -> set[int]:
    store = SqliteStore(folder / "monitor.sqlite")
    await store.open([EVENTS.stored, STANDINGS.stored])
    traced = {f"/service/referral {number}": of_history(number, one) for number, one in enumerate(history)}
    await put(store, EVENTS, traced)
    told = {
        id_: ReferralStanding(id_, 1, closed=is_closed, told_at=NOW - timedelta(days=age))
        for id_, (is_closed, age) in stand.items()
    }
    await put(store, STANDINGS, told)
    retention = Retention(EVENTS.collection, "at", TERM, InUse(EVENTS, of_referrals_in_use))
    await Keeping("monitor", store, retention, lambda: NOW, pause=0).sweep(NOW)
    left = {int(id_.partition(" ")[2]) for id_ in await ids(store, "events")}
    await store.close()
    return left


@settings(max_examples=60)
@given(st.lists(KEPT, max_size=25, unique_by=lambda one: (one.referral, one.age)), STAND)
def test_of_any_history_what_is_younger_or_in_use_stays_and_all_else_goes(
    history: list[PastWord], stand: Standings
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert asyncio.run(left_of(history, stand, Path(folder))) == should_stay(history, stand)


# --- from an event to its removal


def sweeps(one: Door, until: datetime) -> list[Keeping]:
    """The service's own retentions, as its process begins them."""
    service = one.wired.table.service
    return [Keeping(service, one.store, retention, lambda: until, pause=0) for retention in one.wired.retentions]


async def after(one: Country, service: str, term: timedelta) -> None:
    until = datetime.now(UTC) + term + timedelta(minutes=1)
    for keeping in sweeps(one.doors[service], until):
        await keeping.sweep(until)


@pytest.mark.asyncio
async def test_the_whole_of_a_closed_referral_goes_at_once_and_who_asks_then_is_told_for_how_long_it_is_kept(
    tmp_path: Path,
) -> None:
    async with country(tmp_path) as one:
        open_, closed = an_event("ReferralIssued", str(uuid4())), an_event("ReferralIssued", str(uuid4()))
        await one.send(open_, closed, an_event("ReferralWithdrawn", closed.referral))
        await after(one, "monitor", TERM - timedelta(minutes=2))
        assert (await one.asks(f"/v1/traces/{closed.referral}")).status_code == 200
        before = (await one.asks(f"/v1/traces/{open_.referral}")).json()
        await after(one, "monitor", TERM)
        assert (await one.asks(f"/v1/traces/{open_.referral}")).json()["events"] == before["events"]
        answer = await one.asks(f"/v1/traces/{closed.referral}")
        assert answer.status_code == 404
        assert "a trace is kept for 180 days" in answer.json()["detail"]
        assert await ids(one.doors["monitor"].store, "standings") == {open_.referral}


@pytest.mark.asyncio
async def test_a_settled_dead_letter_goes_after_its_term_and_one_that_waits_for_a_person_never(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        monitor = one.doors["monitor"]
        sent = [an_event("ReferralIssued", str(uuid4()), municipality="000") for _ in range(3)]
        await one.send(*sent)
        letters = (await one.asks("/v1/dead-letters")).json()["dead_letters"]
        open_, discarded, redriven = (letter["dl_id"] for letter in letters)
        for dl_id, verb, said in ((discarded, "discard", {"why": "sent anew"}), (redriven, "redrive", None)):
            await monitor.client.post(f"/v1/dead-letters/{dl_id}/{verb}", json=said, headers=key("ops:anna"))
        written, monitor.written[:] = monitor.written[:], []
        one.doors = {"monitor": monitor}  # nobody takes up what it sends again
        await one.flow(written)
        await after(one, "monitor", TERM - timedelta(minutes=2))
        assert await ids(monitor.store, "dead_letters") == {open_, discarded, redriven}
        await after(one, "monitor", TERM)
        assert await ids(monitor.store, "dead_letters") == {open_, redriven}
        answer = await one.asks(f"/v1/dead-letters/{discarded}")
        assert answer.status_code == 404
        assert "a dead letter for 180 days after it is settled" in answer.json()["detail"]


async def entries(store: Store, redrive: str) -> list[Written]:
    return await store.read(JOURNAL, redrive, after=0, limit=500)


class Interrupted:
    """A store of a process that is killed when it has cut a journal, and begins again."""

    def __init__(self, store: Store) -> None:
        self.kills = 1
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def remove(self, collection: str, versions: Mapping[str, int]) -> int:
        if self.kills:
            self.kills -= 1
            raise StoreUnavailable("killed")
        return await self._store.remove(collection, versions)


@pytest.mark.asyncio
async def test_a_kill_between_a_redrives_entries_and_itself_leaves_the_redrive_which_goes_the_next_time(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path / "monitor.sqlite")
    await store.open([REDRIVES.stored], [Journal(JOURNAL)])
    long_ago = NOW - TERM
    done = Redrive("r1", "ops:anna", "x", long_ago, Selection(), (), True, 600, 1, state="done", ended=long_ago)
    await put(store, REDRIVES, {"r1": done})
    await store.append(JOURNAL, [Written("r1", 1, b"{}")])
    killed: Any = Interrupted(store)
    sweeping = Keeping(
        "monitor", killed, Retention(REDRIVES.collection, "ended", TERM, journal=JOURNAL), lambda: NOW, pause=0
    )
    await sweeping.sweep(NOW)
    assert (await ids(store, "redrives"), await entries(store, "r1")) == ({"r1"}, [])
    await sweeping.sweep(NOW)
    assert await ids(store, "redrives") == set()
    await store.close()


@pytest.mark.asyncio
async def test_a_redrive_goes_with_its_entries_a_term_after_its_end_and_one_that_stands_still_never(
    tmp_path: Path,
) -> None:
    async with country(tmp_path) as one:
        monitor = one.doors["monitor"]
        await one.send(*(an_event("ReferralIssued", str(uuid4()), municipality="000") for _ in range(2)))
        letters = (await one.asks("/v1/dead-letters")).json()["dead_letters"]
        ordered = []
        for letter in letters:
            said = {"why": "mended", "dl_ids": [letter["dl_id"]]}
            answer = await monitor.client.post("/v1/redrives", json=said, headers=key("ops:anna"))
            ordered.append(answer.json()["redrive_id"])
        written, monitor.written[:] = monitor.written[:], []
        await one.flow(written)
        await monitor.client.post(f"/v1/redrives/{ordered[0]}/cancel", headers=key("ops:anna"))
        written, monitor.written[:] = monitor.written[:], []
        await one.flow(written)
        await after(one, "monitor", TERM - timedelta(minutes=2))
        assert [len(await entries(monitor.store, one)) for one in ordered] == [1, 1]
        await after(one, "monitor", TERM)
        assert await ids(monitor.store, "redrives") == {ordered[1]}
        assert [len(await entries(monitor.store, one)) for one in ordered] == [0, 1]


@pytest.mark.asyncio
async def test_one_that_is_laid_aside_by_an_erasure_goes_like_any_other(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        sent = an_event("ReferralIssued", str(uuid4()), municipality="000")
        await one.send(sent, an_event("ReferralIssued", sent.referral))
        await erased(one, sent.referral)
        monitor = one.doors["monitor"]
        assert len(await ids(monitor.store, "dead_letters")) == 1
        await after(one, "monitor", TERM)
        assert await ids(monitor.store, "dead_letters") == set()


@pytest.mark.asyncio
async def test_who_looked_is_kept_for_a_term_of_its_own(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        referral = one.doors["referral"]
        sent = an_event("ReferralIssued", str(uuid4()))
        await one.send(sent)
        term = referral.wired.settings.model_dump()["keep_audit"]
        for who, status in ((sent.source, 200), ("/region/07", 404)):
            answer = await referral.client.get(f"/v1/referrals/{sent.referral}", headers=key(who))
            assert answer.status_code == status
        written, referral.written[:] = referral.written[:], []
        await one.flow(written)
        assert len(await ids(referral.store, "accesses")) == 2
        await after(one, "referral", term - timedelta(minutes=2))
        assert len(await ids(referral.store, "accesses")) == 2
        await after(one, "referral", term)
        assert await ids(referral.store, "accesses") == set()
        assert await ids(referral.store, "referrals") == {sent.referral}


# --- an erasure beside it


@pytest.mark.asyncio
async def test_an_erasure_finds_every_event_that_is_there_though_others_leave_meanwhile(tmp_path: Path) -> None:
    """By offsets the rows behind those that left would be skipped, and their codes stay."""
    store = SqliteStore(tmp_path / "monitor.sqlite")
    await store.open([EVENTS.stored, DEAD_LETTERS.stored, STANDINGS.stored])
    codes = {"reason": "client_wish"}
    referral = str(uuid4())

    def telling(number: int) -> Traced:
        at = NOW - timedelta(days=number)
        first = Sighting("intake.opisto.x", 0, 5_000 - number, at)
        return Traced(
            "/opisto/x", f"{number:04}", "T", "", referral, referral, codes=codes, first=first, last_at=at, seen=1
        )

    traced = {f"/opisto/x {number:04}": telling(number) for number in range(1_300)}
    await put(store, EVENTS, traced)
    look_up = monitors_table().handlers[ErasureToSpread].look_up
    assert look_up is not None
    found: set[str] = set()
    step = ErasureToSpread(referral_id=referral, nth=1)
    for nth in range(2, 9):
        context = await look_up(None, Event("e", "/service/monitor", NOW, step), store, NOW)
        found |= set(context.traced)
        oldest = sorted(found, reverse=True)[:200]
        await store.remove("events", dict.fromkeys(oldest, 1))
        if not context.more:
            break
        step = ErasureToSpread(referral_id=referral, nth=nth, after=context.last)
    assert found == traced.keys()
    await store.close()


# --- a kill in the middle

SWEEPING = """
import asyncio, sys
from datetime import datetime, timedelta
from pathlib import Path
from services.monitor.handlers import DEAD_LETTERS
from shared.process.keeping import Keeping, Retention
from shared.store.sqlite import SqliteStore

async def sweep(file, now):
    store = SqliteStore(Path(file))
    await store.open([DEAD_LETTERS.stored])
    retention = Retention(DEAD_LETTERS.collection, "settled", timedelta(days=180))
    await Keeping("monitor", store, retention, lambda: now, pause=0.05).sweep(now)

asyncio.run(sweep(sys.argv[1], datetime.fromisoformat(sys.argv[2])))
"""


def letter(number: int, settled_at: datetime | None) -> Dead:
    state: Any = "resolved" if settled_at else "open"
    return Dead(
        f"{number}", "invalid", "", "referral", "t", 0, number, NOW, 1, names=("r",), state=state, settled_at=settled_at
    )


async def fill(file: Path, states: dict[str, Dead]) -> None:
    store = SqliteStore(file)
    await store.open([DEAD_LETTERS.stored])
    await put(store, DEAD_LETTERS, states)
    await store.close()


def counted(file: Path, table: str) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_a_process_killed_in_the_middle_leaves_whole_documents_and_the_next_goes_on(tmp_path: Path) -> None:
    file, many = tmp_path / "monitor.sqlite", 6 * AT_ONCE
    settled = {f"{number}": letter(number, NOW - timedelta(days=200)) for number in range(many)}
    stay = {"open": letter(many, None), "young": letter(many + 1, NOW)}
    asyncio.run(fill(file, settled | stay))
    sweep = [sys.executable, "-c", SWEEPING, str(file), NOW.isoformat()]
    with subprocess.Popen(sweep, cwd=REPOSITORY, stderr=subprocess.DEVNULL) as process:
        while counted(file, "dead_letters") == many + 2:
            assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    left = counted(file, "dead_letters")
    assert 2 < left < many + 2
    assert counted(file, "dead_letters__names") == left, "what lists a document goes with it"
    subprocess.run(sweep, cwd=REPOSITORY, check=True, stderr=subprocess.DEVNULL)
    with closing(sqlite3.connect(file)) as connection:
        assert [row[0] for row in connection.execute("SELECT id FROM dead_letters ORDER BY id")] == ["open", "young"]
        assert [row[0] for row in connection.execute("SELECT id FROM dead_letters__names ORDER BY id")] == [
            "open",
            "young",
        ]
