"""The demo's time: it slows down while anything lags, and its partners act side by side."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.pace import STANDS_AT, UNHURRIED, share, slowest
from demo.size import DAYS, Size
from demo.timetable import Timetable

START = datetime(2026, 9, 1, tzinfo=UTC)
LAGS = st.dictionaries(st.sampled_from(["referral", "notify", "a partner"]), st.floats(0, 100))


class Hand:
    """A clock set by hand."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at


def test_the_clock_goes_at_full_speed_while_nothing_lags_more_than_is_usual() -> None:
    assert share({}) == share({"referral": UNHURRIED, "a partner": 0.0}) == 1
    assert slowest({"referral": UNHURRIED}) == slowest({}) == ""


def test_the_clock_stands_still_while_one_of_many_lags_much() -> None:
    lags = {"referral": 0.1, "notify": STANDS_AT, "a partner": 0.9}
    assert share(lags) == 0
    assert slowest(lags) == "notify"


@given(LAGS, st.sampled_from(["referral", "notify"]), st.floats(0, 10))
def test_more_lag_of_anybody_never_makes_the_clock_faster(lags: dict[str, float], who: str, more: float) -> None:
    assert 0 <= share(lags | {who: lags.get(who, 0) + more}) <= share(lags) <= 1


@given(st.floats(5, 600), st.floats(0, 100))
def test_what_lags_never_lags_as_long_as_a_term_by_the_platforms_clock(seconds: float, lag: float) -> None:
    """While it lags longer and longer, the clock goes less than a day further at the demo's own size."""
    size = Size(seconds=seconds)
    step = 0.01
    passed = sum(step * size.speed * share({"": at * step}) for at in range(int(min(lag, 2 * STANDS_AT) / step)))
    assert timedelta(seconds=passed) <= timedelta(days=DAYS) * STANDS_AT / seconds


@pytest.mark.asyncio
async def test_what_is_planned_comes_in_the_order_of_the_platforms_clock() -> None:
    hand, done = Hand(), list[int]()
    timetable = Timetable(hand.now)
    for day in (3, 1, 2):
        timetable.at(START + timedelta(days=day), lambda day=day: done.append(day))  # type: ignore[misc]
    timetable.act()
    assert done == []
    hand.at = START + timedelta(days=2)
    timetable.act()
    assert done == [1, 2]


@pytest.mark.asyncio
async def test_one_partner_that_takes_long_keeps_no_other_waiting_and_counts_as_lag() -> None:
    hand, gate = Hand(), asyncio.Event()
    nights = {"slow": 0, "quick": 0}
    timetable = Timetable(hand.now)
    timetable.every(timedelta(days=1), START, _counting(nights, "slow", gate.wait))
    timetable.every(timedelta(days=1), START, _counting(nights, "quick", lambda: asyncio.sleep(0)))
    for _ in range(3):
        timetable.act()
        await asyncio.sleep(0.01)
        hand.at += timedelta(days=1)
    assert nights == {"slow": 0, "quick": 3}
    assert timetable.lag() >= 0.03
    gate.set()
    assert await timetable.finish(5) == 0
    assert nights["slow"] == 1
    assert timetable.lag() < 0.01


def _counting(nights: dict[str, int], who: str, work: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
    async def night() -> None:
        await work()
        nights[who] += 1

    return night


@pytest.mark.asyncio
async def test_what_is_under_way_is_waited_for_and_what_is_planned_is_not() -> None:
    hand, never = Hand(), asyncio.Event()
    timetable = Timetable(hand.now)
    timetable.every(timedelta(days=1), START, never.wait)  # type: ignore[arg-type]
    timetable.every(timedelta(days=1), START + timedelta(days=1), never.wait)  # type: ignore[arg-type]
    timetable.act()
    assert await timetable.finish(0.01) == 1
    await timetable.cancel()
    assert await timetable.finish(0.01) == 0


@pytest.mark.asyncio
async def test_what_fails_ends_the_play() -> None:
    async def fails() -> None:
        raise RuntimeError("no such thing")

    timetable = Timetable(Hand().now)
    timetable.start(fails())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="no such thing"):
        timetable.act()
