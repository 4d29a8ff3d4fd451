"""Who is unusually silent or loud: simulated weeks of senders, holidays and summers among them, from records to the answer."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from aiokafka import ConsumerRecord
from prometheus_client import REGISTRY

from services.monitor.finnish_days import is_silent_day
from services.monitor.projections.counts import HELSINKI
from services.monitor.projections.observing import observe
from services.monitor.sender_watch import SenderWatch
from services.monitor.silence import UsualVerdict, verdict_on
from shared.clock import Clock
from shared.contracts.envelope import attributes_of, kafka_headers
from tests.unit.console_door import signed_in
from tests.unit.country import country
from tests.unit.doors import OPISTO, REGION, key
from tests.unit.facts import issued, recorded
from tests.unit.network import TickingClock

MONDAY: Final = date(2026, 9, 7)
"""Of a week without a holiday in Finland, after the summer."""


def _at(day: date, hour: float = 12) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=HELSINKI) + timedelta(hours=hour)


def _weeks(first: date, last: date, hours: range = range(8, 16), many: int = 2) -> dict[date, list[int]]:
    """Working hours of working days, both ends included."""
    days: dict[date, list[int]] = {}
    for back in range((last - first).days + 1):
        day = first + timedelta(days=back)
        works = day.weekday() < 5
        days[day] = [many if works and hour in hours else 0 for hour in range(24)]
    return days


def _judged(sender: str, days: dict[date, list[int]], now: datetime) -> UsualVerdict:
    sent = [_at(day, hour) for day, hours in days.items() for hour, events in enumerate(hours) if events]
    return verdict_on(sender, days, min(sent), max(sent), now)


def test_a_region_that_falls_silent_on_a_working_day_is_found_the_same_day() -> None:
    days = _weeks(MONDAY, MONDAY + timedelta(days=4 * 7 + 6))
    silent_from = MONDAY + timedelta(weeks=5)
    assert _judged(REGION, days, _at(silent_from, 8)).usual == "usual"
    assert _judged(REGION, days, _at(silent_from, 15)).usual == "silent"


def test_nights_and_weekends_are_no_silence() -> None:
    days = _weeks(MONDAY, MONDAY + timedelta(days=4 * 7 + 4))
    friday = max(days)
    for now in (_at(friday, 23), _at(friday + timedelta(days=1)), _at(friday + timedelta(days=2), 23.9)):
        assert _judged(REGION, days, now).usual == "usual"


def test_a_nightly_batch_that_stays_out_is_found_after_three_nights() -> None:
    days = {MONDAY + timedelta(days=back): [50 if hour == 2 else 0 for hour in range(24)] for back in range(56)}
    last = max(days)
    assert _judged(OPISTO, days, _at(last + timedelta(days=2), 12)).usual == "usual"
    assert _judged(OPISTO, days, _at(last + timedelta(days=4), 12)).usual == "silent"


def test_a_region_pauses_on_public_holidays() -> None:
    days = _weeks(date(2026, 11, 2), date(2026, 12, 23))
    christmas = date(2026, 12, 25)
    assert christmas.weekday() == 4
    assert _judged(REGION, days, _at(christmas, 23)).usual == "usual"
    assert _judged(REGION, days, _at(date(2026, 12, 28), 15)).usual == "silent"


def test_an_opisto_pauses_between_terms_and_a_region_does_not() -> None:
    days = _weeks(date(2026, 4, 6), date(2026, 5, 29))
    assert _judged(OPISTO, days, _at(date(2026, 7, 15))).usual == "usual"
    assert _judged(REGION, days, _at(date(2026, 7, 15))).usual == "silent"
    assert _judged(OPISTO, days, _at(date(2026, 9, 4))).usual == "silent"


@pytest.mark.parametrize(
    ("day", "region", "opisto"),
    [
        (date(2026, 12, 6), True, True),
        (date(2026, 6, 19), True, True),
        (date(2027, 3, 26), True, True),
        (date(2026, 7, 1), False, True),
        (date(2026, 10, 14), False, True),
        (date(2026, 11, 18), False, False),
    ],
    ids=str,
)
def test_who_pauses_when(day: date, region: bool, opisto: bool) -> None:
    assert (is_silent_day(REGION, day), is_silent_day(OPISTO, day)) == (region, opisto)


def test_who_is_new_or_rare_is_not_judged() -> None:
    new = _weeks(MONDAY, MONDAY + timedelta(days=20))
    assert _judged(REGION, new, _at(MONDAY + timedelta(days=23))).usual == "unknown"
    rare = {MONDAY + timedelta(days=7 * week): [1] + [0] * 23 for week in range(8)}
    assert _judged(REGION, rare, _at(MONDAY + timedelta(days=70))).usual == "unknown"
    assert verdict_on(REGION, {}, _at(MONDAY), None, _at(MONDAY)).usual == "unknown"


def test_a_day_far_above_all_others_is_loud() -> None:
    days = _weeks(MONDAY, MONDAY + timedelta(days=4 * 7 + 6))
    today = MONDAY + timedelta(weeks=5)
    days[today] = [0] * 10 + [60] + [0] * 13
    assert _judged(REGION, days, _at(today, 11)).usual == "loud"
    days[today] = [0] * 10 + [40] + [0] * 13
    assert _judged(REGION, days, _at(today, 11)).usual == "usual"


# --- from records


def hourly(source: str, days: range, today: date, offset: int = 0) -> Iterator[ConsumerRecord]:
    event = issued(source=source) if source.startswith("/region/") else recorded(1)
    headers = tuple(kafka_headers(attributes_of(event)))
    body = event.data.model_dump_json(exclude_none=True).encode()
    hours = [(back, hour) for back in days for hour in range(8, 16)]
    for nth, (back, hour) in enumerate(sorted(hours, key=lambda one: (-one[0], one[1]))):
        at = _at(today - timedelta(days=back), hour)
        if at.weekday() < 5:
            stamp = int(at.timestamp() * 1000)
            yield ConsumerRecord("intake.http", 0, offset + nth, stamp, 1, b"", body, None, 0, 0, headers)


@pytest.mark.asyncio
async def test_four_weeks_later_the_silent_sender_is_found_and_the_others_are_not(tmp_path: Path) -> None:
    # Weeks that are over: what comes to Kafka is never of the future.
    today = date(2026, 11, 19)
    async with country(tmp_path) as one:
        monitor = one.doors["monitor"]
        monitor.app.state.clock = TickingClock(_at(today, 18).astimezone(UTC))
        for nth, (source, days) in enumerate(
            {REGION: range(2, 40), "/region/07": range(40), OPISTO: range(40), "/region/01": range(9)}.items()
        ):
            await observe(monitor.store, list(hourly(source, days, today, nth * 10_000)), Clock())
        found = await _asked(one, "/v1/senders")
        assert {each["sender"]: each["usual"] for each in found["senders"]} == {
            REGION: "silent",
            "/region/07": "usual",
            OPISTO: "usual",
            "/region/01": "unknown",
        }
        assert found["senders"][0]["sender"] == REGION
        assert [each["today"] for each in found["senders"] if each["sender"] == OPISTO] == [8]
        named = {"service": "monitor", "usual": "silent"}
        assert REGISTRY.get_sample_value("lahete_unusual_senders", named) == 1
        assert [each["sender"] for each in (await _asked(one, "/v1/senders?usual=silent"))["senders"]] == [REGION]
        own = await monitor.client.get("/v1/senders/region/07", headers=key("/region/07"))
        newest = own.json()["sent"][0]
        assert (newest["day"], newest["type"], newest["events"]) == ("2026-11-19", "ReferralIssued", 8)
        assert (await monitor.client.get("/v1/senders/region/06", headers=key("/region/07"))).status_code == 403
        assert (await monitor.client.get("/v1/senders", headers=key(REGION))).status_code == 403
        assert (await one.asks("/v1/senders/region/99")).status_code == 404


@pytest.mark.asyncio
async def test_the_console_says_first_who_is_silent_and_what_it_sent_the_newest_day_first(tmp_path: Path) -> None:
    today = date(2026, 11, 19)
    async with country(tmp_path) as one:
        monitor = one.doors["monitor"]
        monitor.app.state.clock = TickingClock(_at(today, 18).astimezone(UTC))
        await observe(monitor.store, list(hourly(REGION, range(2, 40), today)), Clock())
        await observe(monitor.store, list(hourly(OPISTO, range(40), today, 10_000)), Clock())
        async with signed_in(monitor, "reader:eero") as client:
            assert '<a href="/senders?usual=silent"><span>Senders who are silent' in (await client.get("/")).text
            both, silent = (await client.get("/senders")).text, (await client.get("/senders?usual=silent")).text
            assert 0 < both.index(f'href="/senders{REGION}"') < both.index(f'href="/senders{OPISTO}"')
            assert f'href="/senders{OPISTO}"' not in silent
            assert "Clear the filter" in silent
            sent = (await client.get(f"/senders{REGION}")).text
            assert 0 < sent.index("<time>2026-11-17</time>") < sent.index("<time>2026-11-16</time>")
            assert (await client.get("/senders/region/99")).status_code == 404


@pytest.mark.asyncio
async def test_what_comes_after_a_look_is_there_at_the_next(tmp_path: Path) -> None:
    today = date(2026, 11, 19)
    async with country(tmp_path) as one:
        store, watch, now = one.doors["monitor"].store, SenderWatch(), _at(today, 18)
        assert await watch.senders(store, now) == []
        yesterday, of_last_week = (
            list(hourly(REGION, range(1, 2), today)),
            list(hourly(OPISTO, range(7, 8), today, 100)),
        )
        await observe(store, [*yesterday, *of_last_week], Clock())
        assert [each.source for each in await watch.senders(store, now)] == [REGION]
        assert [each.source for each in await SenderWatch().senders(store, now)] == [OPISTO, REGION]


@pytest.mark.asyncio
async def test_a_watch_that_looked_before_knows_as_much_as_a_new_one_at_every_hour(tmp_path: Path) -> None:
    today = date(2026, 11, 19)
    async with country(tmp_path) as one:
        store, watch = one.doors["monitor"].store, SenderWatch()
        for nth, source in enumerate((REGION, OPISTO)):
            await observe(store, list(hourly(source, range(3, 40), today, nth * 10_000)), Clock())
        coming = [
            [],
            list(hourly(OPISTO, range(3), today, 20_000)),
            [],
            list(hourly("/region/07", range(2), today, 30_000)),
            list(hourly(REGION, range(1, 2), today, 40_000)),
            [],
            [],
        ]
        for hour, records in zip((18, 18, 18.4, 18.9, 19, 48, 18), coming, strict=True):
            await observe(store, records, Clock())
            now = _at(today, hour)
            assert await watch.senders(store, now) == await SenderWatch().senders(store, now), hour


@pytest.mark.asyncio
async def test_two_looks_on_both_sides_of_midnight_or_of_a_jump_of_the_clock_disturb_neither(tmp_path: Path) -> None:
    today = date(2026, 11, 19)
    async with country(tmp_path) as one:
        store, watch = one.doors["monitor"].store, SenderWatch()
        for nth, source in enumerate((REGION, OPISTO)):
            await observe(store, list(hourly(source, range(40), today, nth * 10_000)), Clock())
        for days in (1, -1, 400):
            times = (_at(today, 23.99), _at(today + timedelta(days=days), 0.01))
            found = await asyncio.gather(*(watch.senders(store, now) for now in times))
            assert found == [await SenderWatch().senders(store, now) for now in times]
            assert await watch.senders(store, times[0]) == found[0]


@pytest.mark.asyncio
async def test_a_look_where_nothing_came_reads_no_counts_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    today, asked = date(2026, 11, 19), list[str]()
    async with country(tmp_path) as one:
        store, watch, now = one.doors["monitor"].store, SenderWatch(), _at(today, 18)
        await observe(store, list(hourly(REGION, range(40), today)), Clock())
        await watch.senders(store, now)
        find = store.find

        async def noted(*args: Any, **options: Any) -> Any:
            asked.append(options.get("what", "body"))
            return await find(*args, **options)

        monkeypatch.setattr(store, "find", noted)
        await watch.senders(store, now)
        assert asked == ["brief"] * 3, "of the last days alone, and no more than their versions"
        await observe(store, list(hourly(OPISTO, range(1), today, 10_000)), Clock())
        await watch.senders(store, now)
        assert asked[3:] == ["brief", "brief", "brief", "body"]


async def _asked(one: Any, path: str) -> Any:
    answer = await one.asks(path, "reader:eero")
    assert answer.status_code == 200, answer.text
    return answer.json()
