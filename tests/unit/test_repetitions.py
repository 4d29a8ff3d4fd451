"""How many events of a sender came again: after any kill as many as a recount of the log finds."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec
import pytest
from aiokafka import ConsumerRecord
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.monitor.projections.counts import HELSINKI, DayCounts
from services.monitor.projections.observing import observe
from shared.contracts.envelope import attributes_of, kafka_headers
from tests.unit.console_door import signed_in
from tests.unit.doors import OPISTO, REGION, key
from tests.unit.facts import chosen, issued, recorded
from tests.unit.network import TickingClock
from tests.unit.ops_room import Killed, OpsRoom, ops_room

DAY: Final = datetime(2026, 9, 20, 10, tzinfo=UTC)
EVENTS: Final = (issued(), chosen(1), recorded(2), issued(synthetic=True))
Place = tuple[str, int]
Headers = Mapping[str, bytes]


def _record(
    place: Place, offset: int, which: int, at: datetime = DAY, instead: Headers = MappingProxyType({})
) -> ConsumerRecord:
    event = EVENTS[which]
    headers = {**dict(kafka_headers(attributes_of(event))), **instead}
    body = event.data.model_dump_json(exclude_none=True).encode()
    stamp = int(at.timestamp() * 1000)
    return ConsumerRecord(*place, offset, stamp, 1, event.data.subject.encode(), body, None, 0, 0, (*headers.items(),))


def _log(which: Sequence[tuple[int, int]]) -> list[ConsumerRecord]:
    """Events, some of them several times, on the partitions of two topics, over three days."""
    places = [("intake.http", 0), ("intake.http", 1), ("intake.region.06", 0)]
    made: Counter[Place] = Counter()
    records = []
    for nth, (event, where) in enumerate(which):
        place = places[where] if event != 2 else places[where % 2]
        records.append(_record(place, made[place], event, DAY + timedelta(hours=nth * 5 % 72)))
        made[place] += 1
    return records


def _recounted(log: Sequence[ConsumerRecord]) -> Counter[str]:
    """By day, sender and class, straight from the log: what has the sender and the id of one before it."""
    before: set[tuple[bytes | None, bytes | None]] = set()
    found: Counter[str] = Counter()
    for record in log:
        headers = dict(record.headers)
        named = headers["ce_source"], headers["ce_id"]
        day = datetime.fromtimestamp(record.timestamp / 1000, HELSINKI)
        if named in before and "ce_synthetic" not in headers:
            found[f"{day:%Y-%m-%d} {_text(headers['ce_source'])} {_text(headers['ce_type']).split('.')[2]}"] += 1
        before.add(named)
    return found


def _text(header: bytes | None) -> str:
    return (header or b"").decode()


async def _kept(room: OpsRoom) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in await room.store.find("counts", order="day", limit=1_000):
        state = msgspec.json.decode(row.body, type=DayCounts)
        found.update({f"{state.day} {cell}": kept.repeated for cell, kept in state.cells.items() if kept.repeated})
    return found


async def _reads(room: OpsRoom, came: list[ConsumerRecord], killed_at: str = "nowhere") -> None:
    """A batch as the loop takes it: its events first, the projections behind them, and then it would be committed."""

    def between(step: str) -> None:
        if step == killed_at:
            raise Killed

    with suppress(Killed):
        engine = room.engine(between)
        batch = await engine.process(engine.receive(came))
        between("observed before")
        await observe(room.store, came, room.app.state.clock)
        between("observed")
        await engine.clear(batch)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=24),
    kills=st.lists(
        st.tuples(st.integers(1, 24), st.integers(0, 24), st.sampled_from(["saved", "observed before", "observed"])),
        max_size=5,
    ),
)
def test_after_kills_the_repetitions_are_those_of_a_recount_of_the_log(
    which: list[tuple[int, int]], kills: list[tuple[int, int, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = _log(which)

    async def play() -> Counter[str]:
        async with ops_room(tmp_path_factory.mktemp("repeated")) as room:
            read = 0
            for end, back, step in sorted(kills):
                await _reads(room, log[min(back, read) : end], step)
                # Only what was saved in order can have been committed: the next batch begins no further than that.
                await _reads(room, log[min(back, read) : end])
                read = max(read, end)
            await _reads(room, log[read:])
            await _reads(room, log)
            return await _kept(room)

    assert asyncio.run(play()) == _recounted(log)


@pytest.mark.asyncio
async def test_what_is_sent_anew_under_an_id_of_another_sender_or_without_a_valid_one_is_no_repetition(
    tmp_path: Path,
) -> None:
    async with ops_room(tmp_path) as room:
        place = ("intake.http", 0)
        other = {"ce_source": b"/region/07"}
        nameless, endless = {"ce_id": b""}, {"ce_id": b"x" * 5_000}
        log = [_record(place, 0, 0), _record(place, 1, 0, instead=other)]
        log += [
            _record(place, nth + 2, 0, instead=wrong)
            for nth, wrong in enumerate((nameless, nameless, endless, endless))
        ]
        await _reads(room, log)
        assert await _kept(room) == {}
        await _reads(room, [_record(place, 6, 0, instead=other)])
        assert await _kept(room) == {"2026-09-20 /region/07 ReferralIssued": 1}


@pytest.mark.asyncio
async def test_a_sender_reconciles_by_what_it_sent_without_what_it_repeated(tmp_path: Path) -> None:
    async with ops_room(tmp_path) as room:
        room.app.state.clock = TickingClock(DAY + timedelta(hours=2))
        await _reads(room, [_record(("intake.http", 0), nth, 0) for nth in range(3)])
        await _reads(room, [_record(("intake.http", 1), nth, 2) for nth in range(1)])
        own = await room.client.get(f"/v1/senders{REGION}", headers=key(REGION))
        (sent,) = own.json()["sent"]
        assert (sent["type"], sent["events"], sent["repeated"]) == ("ReferralIssued", 3, 2)
        everybody: list[dict[str, Any]] = (await room.get("/v1/senders"))["senders"]
        assert {one["sender"]: one["repeated"] for one in everybody} == {REGION: 2, OPISTO: 0}
        async with signed_in(room) as client:
            for page in ("/senders", f"/senders{REGION}"):
                assert 'data-label="Repeated">2</td>' in (await client.get(page)).text
