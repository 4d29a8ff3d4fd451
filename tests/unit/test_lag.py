"""How far a service is behind: with a consumer that only knows where the logs begin and end and what was committed."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from deploy.local.drain import lines
from shared.kafka.cluster import Cluster
from shared.kafka.lag import Lag, LagReader

pytestmark = pytest.mark.asyncio
AT = TopicPartition("intake.http", 0)


class PartitionLog:
    """One partition, of which retention has taken all before `begins`."""

    def __init__(self, begins: int, ends: int, committed: Mapping[str, int]) -> None:
        self.begins = begins
        self.ends = ends
        self.committed = committed


class Asking:
    """One service's consumer. Its record of each offset came a minute ago."""

    def __init__(self, log: PartitionLog, service: str) -> None:
        self.log = log
        self.service = service
        self.sought = -1
        self._coordinator = self._client = self

    async def set_topics(self, names: set[str]) -> None:
        assert names == {AT.topic}

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self.log.begins)

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self.log.ends)

    async def fetch_committed_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Any]:
        offset = self.log.committed.get(self.service)
        return {} if offset is None else dict.fromkeys(partitions, OffsetAndMetadata(offset, ""))

    def assign(self, _: Iterable[TopicPartition]) -> None:
        """It is asked for one alone."""

    def unsubscribe(self) -> None:
        """As above."""

    def seek(self, _: TopicPartition, offset: int) -> None:
        self.sought = offset

    async def getmany(self, *_: TopicPartition, **__: int) -> dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]:
        assert self.log.begins <= self.sought < self.log.ends
        came = int((time.time() - 60) * 1_000)
        return {AT: [ConsumerRecord(*AT, self.sought, came, 1, b"k", b"v", None, 1, 1, ())]}


async def lags(monkeypatch: pytest.MonkeyPatch, log: PartitionLog) -> list[Lag]:
    everything: dict[str, Any] = dict.fromkeys(("new", "behind", "ahead"), lambda _: True)
    reader = LagReader(Cluster("127.0.0.1:1"), everything)
    consumers: Any = {service: Asking(log, service) for service in everything}

    async def partitions() -> list[TopicPartition]:
        return [AT]

    monkeypatch.setattr(reader, "_consumers", consumers)
    monkeypatch.setattr(reader, "_partitions", partitions)
    return await reader.lags()


async def test_what_retention_took_is_no_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    found = await lags(monkeypatch, PartitionLog(40, 50, {"behind": 10, "ahead": 45}))
    assert {one.service: one.lag for one in found} == {"new": 10, "behind": 10, "ahead": 5}
    assert all(59 < one.seconds < 100 for one in found), "the oldest is the first that is still there"
    assert lines(found) == [
        f"{service} has {count} events of intake.http still to read"
        for service, count in (("new", 10), ("behind", 10), ("ahead", 5))
    ]


async def test_of_a_log_that_retention_has_emptied_nothing_is_left_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that `lahete stop` does not wait for what never comes."""
    found = await lags(monkeypatch, PartitionLog(50, 50, {"behind": 10, "ahead": 50}))
    assert [(one.lag, one.seconds) for one in found] == [(0, 0.0)] * 3
    assert lines(found) == []
