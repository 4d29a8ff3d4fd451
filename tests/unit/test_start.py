"""A start waits as long as it has to, ends with SIGTERM, and ends the process where it stands still."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared.kafka.producer import BrokerUnavailable
from shared.process import start
from shared.process.start import connected

pytestmark = pytest.mark.asyncio
SOON = 10.0
"""Seconds; what is awaited takes none."""


async def _at_once() -> None:
    pass


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def _serving() -> asyncio.Task[None]:
    return asyncio.create_task(_for_ever())


async def _told_to_end(serving: asyncio.Task[None], starts: list[Callable[[], Awaitable[None]]]) -> bool:
    asyncio.get_running_loop().call_later(0.05, serving.cancel)
    async with asyncio.timeout(SOON):
        return await connected(starts, serving, [])


async def test_what_does_not_answer_is_asked_again_and_readiness_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "_PAUSE", 0.001)
    said: list[list[str]] = []
    lacking = ["it starts"]

    async def third_time() -> None:
        said.append([*lacking])
        if len(said) < 3:
            raise BrokerUnavailable("Kafka at k:9092 does not answer")

    assert await connected([third_time, _at_once], _serving(), lacking)
    assert said == [["it starts"], ["Kafka at k:9092 does not answer"], ["Kafka at k:9092 does not answer"]]


async def test_who_is_told_to_end_in_the_middle_of_a_start_ends() -> None:
    begun: list[str] = []

    async def next_one() -> None:
        begun.append("next")

    assert not await _told_to_end(_serving(), [_for_ever, next_one])
    assert begun == []


async def test_who_is_told_to_end_between_two_attempts_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "_PAUSE", 1e6)

    async def away() -> None:
        raise BrokerUnavailable("away")

    assert not await _told_to_end(_serving(), [away])


async def test_a_start_that_stands_still_ends_the_process_and_says_where() -> None:
    with capture_logs() as logged, pytest.raises(SystemExit) as ended:
        await connected([_outer], _serving(), [], within=0.05)
    assert ended.value.code == 1
    line: Any = logged[-1]
    assert line["log_level"] == "critical"
    assert line["at"].startswith("_for_ever, line ")


async def _outer() -> None:
    await _for_ever()


async def test_what_no_waiting_helps_goes_through() -> None:
    async def broken() -> None:
        raise ValueError("an address that is none")

    with pytest.raises(ValueError, match="none"):
        await connected([broken], _serving(), [])


async def test_what_ends_the_process_ends_it_in_order() -> None:
    """Not by way of the event loop, which would end at once."""

    async def mistaken() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit) as ended:
        await connected([mistaken], _serving(), [])
    await asyncio.sleep(0)
    assert ended.value.code == 3
