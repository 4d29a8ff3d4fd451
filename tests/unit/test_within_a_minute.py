"""What goes wrong is on Overview within a minute of being so: each fault is played, and the page looked at before and after.

The page renews itself each fifteen seconds, and what it shows is asked at that moment: so a fault that the page shows when
it is asked a second after, at a Kafka that does not answer some seconds later, is there within the minute.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from aiokafka import TopicPartition

from services.monitor import checks
from services.monitor.console.static_files import STATIC
from services.monitor.lag_sampler import EVERY
from services.monitor.lag_states import WINDOW
from services.monitor.projections.counts import HELSINKI
from services.monitor.projections.observing import observe
from shared.clock import Clock
from shared.kafka.cluster import Cluster
from shared.kafka.lag import Position
from tests.unit.console_door import READER, console, lay, signed_in
from tests.unit.country import Country, country
from tests.unit.doors import REGION
from tests.unit.network import TickingClock
from tests.unit.test_senders import hourly

pytestmark = pytest.mark.asyncio
A_MINUTE: Final = 60.0
LATE: Final = "Referrals that are late"
SILENT: Final = "Senders who are silent"
UNREAD: Final = "Feeds unread for a week"
NO_KAFKA: Final = '<a href="/checks"><span>Kafka does not answer</span>'
STANDS_STILL: Final = "A service does not advance"


async def _overview(one: Country, now: datetime | None = None) -> str:
    """The page as it is at this moment of the platform."""
    monitor = one.doors["monitor"]
    if now:
        monitor.app.state.clock = TickingClock(now)
    async with signed_in(monitor, READER) as client:
        answer = await client.get("/")
    assert answer.status_code == 200
    return answer.text


async def test_a_referral_that_is_stuck_is_there_a_second_after_its_time(tmp_path: Path) -> None:
    async with console(tmp_path) as one:
        late = (await one.asks("/v1/overdue")).json()["overdue"][0]
        due_at = datetime.fromisoformat(late["due_at"])
        assert LATE not in await _overview(one, due_at - timedelta(seconds=1))
        assert LATE in await _overview(one, due_at + timedelta(seconds=1))


async def test_a_feed_that_is_unread_for_a_week_is_there_a_second_later(tmp_path: Path) -> None:
    async with console(tmp_path) as one:
        await lay(one)
        since = (await one.asks("/v1/readers")).json()["readers"][0]["unread_since"]
        a_week = datetime.fromisoformat(since) + timedelta(days=7)
        assert UNREAD not in await _overview(one, a_week - timedelta(seconds=1))
        assert UNREAD in await _overview(one, a_week + timedelta(seconds=1))


async def test_a_sender_that_is_silent_is_there_in_the_hour_that_makes_it_so(tmp_path: Path) -> None:
    monday = date(2026, 11, 16)
    async with country(tmp_path) as one:
        monitor = one.doors["monitor"]
        await observe(monitor.store, list(hourly(REGION, range(3, 40), monday + timedelta(days=3))), Clock())
        hours = [datetime(2026, 11, 17, hour, tzinfo=HELSINKI).astimezone(UTC) for hour in range(8, 18)]
        was = [SILENT in await _overview(one, hour + timedelta(seconds=1)) for hour in hours]
        assert was == sorted(was), "who is silent stays so while nothing comes"
        silent_from = hours[was.index(True)]
        assert SILENT not in await _overview(one, silent_from - timedelta(seconds=1))
        assert SILENT in await _overview(one, silent_from + timedelta(seconds=1))


async def test_a_kafka_that_is_frozen_is_there_once_the_question_has_had_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("there._ANSWERS_WITHIN_MS", "lag._ANSWERS_WITHIN_MS", "reach._WITHIN_MS"):
        monkeypatch.setattr(f"shared.kafka.{name}", 200)
    async with country(tmp_path, ("monitor",)) as one, _frozen() as address:
        monitor = one.doors["monitor"]
        script = (await monitor.client.get(f"{STATIC}/console.js")).text
        [renewed] = re.findall(r"const EVERY = ([0-9_]+);", script)
        assert int(renewed) / 1_000 + checks.WITHIN < A_MINUTE
        monitor.app.state.cluster = Cluster(address)
        shown = await _overview(one)
        assert NO_KAFKA in shown
        assert "A part of this is not known now." in shown


@asynccontextmanager
async def _frozen() -> AsyncIterator[str]:
    """A Kafka that takes connections and answers nothing."""
    connected: list[asyncio.StreamWriter] = []
    listening = await asyncio.start_server(lambda _, writer: connected.append(writer), "127.0.0.1")
    host, port = listening.sockets[0].getsockname()
    yield f"{host}:{port}"
    listening.close()
    for writer in connected:
        writer.close()


async def test_a_service_that_stands_still_is_there_after_the_window_of_the_lag(tmp_path: Path) -> None:
    assert WINDOW * EVERY < A_MINUTE
    async with console(tmp_path) as one:
        sampler = one.doors["monitor"].app.state.lag_sampler
        for _ in range(WINDOW):
            assert STANDS_STILL not in await _overview(one)
            sampler.take([Position("referral", TopicPartition("intake.http", 3), 5, 12_350)], ())
        assert STANDS_STILL in await _overview(one)
