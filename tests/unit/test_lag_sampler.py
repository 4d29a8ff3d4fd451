"""The monitor's sampler of lag: a stall, a stop and a rewind as they are played, and a Kafka that does not answer."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from aiokafka import TopicPartition
from structlog.testing import capture_logs

from services.monitor.lag_sampler import LagSampler, _lives
from services.monitor.lag_states import STATES, WINDOW, LagState
from shared import log_events
from shared.kafka.cluster import Cluster
from shared.kafka.lag import Position
from shared.metrics import LAG_STATE
from tests.unit.doors import door

AT, BESIDE = TopicPartition("intake.http", 0), TopicPartition("intake.http", 1)


def played(committed: Sequence[int], ends: Sequence[int], *, dead: Sequence[str] = ()) -> LagSampler:
    """A sampler that saw referral at one partition; it has read all of the other."""
    sampler = LagSampler({}, httpx.create_ssl_context())
    for offset, end in zip(committed, ends, strict=True):
        sampler.take([Position("referral", AT, offset, end), Position("referral", BESIDE, 3, 3)], dead)
    return sampler


def exported(service: str) -> list[str]:
    return [
        sample.labels["state"]
        for family in LAG_STATE.collect()
        for sample in family.samples
        if sample.labels["reader"] == service and sample.value
    ]


@pytest.mark.parametrize(
    ("committed", "dead", "state"),
    [
        (range(WINDOW), [], "warn"),
        ([7] * WINDOW, [], "stall"),
        ([7] * WINDOW, ["referral"], "stop"),
        ([7] * WINDOW, ["notify"], "stall"),
        ([7, 8, 2], [], "rewind"),
        ([7] * (WINDOW - 1), [], "unknown"),
    ],
    ids=["slow", "stands", "ended", "another-ended", "back", "too-few"],
)
def test_a_service_is_as_it_was_played(committed: Sequence[int], dead: list[str], state: LagState) -> None:
    sampler = played(committed, [20 + nth for nth in range(len(committed))], dead=dead)
    assert sampler.state_at("referral", *AT) == state
    assert sampler.state_at("referral", *BESIDE) == "ok"
    assert sampler.services() == {"referral": state}
    assert exported("referral") == [state]


def test_what_leaves_the_window_is_forgotten_and_so_is_a_partition_that_is_no_more() -> None:
    sampler = played([7] * WINDOW, [20] * WINDOW)
    for nth in range(WINDOW):
        sampler.take([Position("referral", AT, 8 + nth, 20 - nth)], [])
    assert sampler.state_at("referral", *AT) == "ok", "it catches up"
    assert sampler.state_at("referral", *BESIDE) == "unknown"
    assert sampler.state_at("nobody", *AT) == "unknown"


def test_before_the_first_sample_nothing_is_said_of_any_service() -> None:
    sampler = LagSampler({}, httpx.create_ssl_context())
    sampler.forget()
    assert (sampler.services(), exported("referral")) == ({}, [])
    assert set(STATES) == {"ok", "unknown", "warn", "stall", "stop", "rewind"}


@pytest.mark.asyncio
async def test_where_kafka_does_not_answer_no_old_state_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler, forgotten = played([7] * WINDOW, [20] * WINDOW), asyncio.Event()

    def forget() -> None:
        LagSampler.forget(sampler)
        forgotten.set()

    monkeypatch.setattr(sampler, "forget", forget)
    with capture_logs() as logged:
        running = asyncio.create_task(sampler.run({"cluster": Cluster("127.0.0.1:1")}))
        await forgotten.wait()
        running.cancel()
        await asyncio.wait([running])
    assert sampler.services() == {}
    assert [line["event"] for line in logged] == [log_events.LAG_UNSAMPLED]


@pytest.mark.asyncio
async def test_a_service_lives_while_its_address_answers(tmp_path: Path) -> None:
    async with door("notify", tmp_path) as one:
        assert await _lives(one.client, "http://door")
        assert not await _lives(one.client, "http://door/nothing-here")
    async with httpx.AsyncClient() as client:
        assert not await _lives(client, "http://127.0.0.1:1")
