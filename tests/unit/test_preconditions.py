"""What a service stands on: which cluster, which topics, how many partitions; what is said of each that is wrong."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pytest
from aiokafka.errors import KafkaConnectionError

from shared.contracts.topics import READ_BY
from shared.kafka.cluster import Cluster
from shared.process import preconditions
from shared.process.preconditions import PRECONDITIONS, Known, Preconditions, compare, forget, needed
from shared.store import StoreUnavailable
from shared.store.sqlite import SqliteStore
from tests.integration.engine_world import Given, table

KAFKA = Cluster("kafka:9092", "sasl_plaintext", user="referral", password="secret")
NEEDED = {"intake.http", "referral.events"}
THERE = {"intake.http": 8, "referral.events": 8}


def said(there: Mapping[str, int] = THERE, known: Known | None = None, *refused: str, cluster: str = "A") -> str:
    return compare(KAFKA, cluster, there, refused, NEEDED, known) or ""


def test_a_service_needs_what_it_reads_and_writes_by_name() -> None:
    assert needed(table(Given())) >= {"intake.http", "referral.events", "dead-letters", "audit.events"}
    assert not [topic for topic in needed(table(Given())) if "*" in topic]
    assert READ_BY  # the senders' topics are among them, by pattern


@pytest.mark.parametrize(
    "known", [None, Known("A", THERE), Known("", {}), Known("A", {"intake.http": 4}), Known("A", {"gone": 3})]
)
def test_firm_ground(known: Known | None) -> None:
    """Nothing known yet; as it was; accepted anew; more partitions than before; a topic that nobody needs any more."""
    assert said(known=known) == ""


def test_another_cluster_is_told_by_both_ids_before_anything_else() -> None:
    line = said({}, Known("A", THERE), "intake.http", cluster="B")
    assert line == (
        "Kafka at kafka:9092 is cluster B, but this service's state belongs to cluster A: point LAHETE_KAFKA there; "
        "if the log was moved on purpose, run `lahete setup --accept-cluster`"
    )


def test_topics_that_lack_are_named() -> None:
    assert said({}) == "Kafka at kafka:9092 lacks the topics intake.http, referral.events: run `lahete topics apply`"


def test_topics_that_are_refused_do_not_lack() -> None:
    line = said({"intake.http": 8}, None, "referral.events")
    assert line == (
        "Kafka at kafka:9092 refuses referral the topics referral.events: let it do what `lahete acls` prints"
    )


def test_fewer_partitions_than_before_may_be_lost_events() -> None:
    line = said({**THERE, "intake.http": 4}, Known("A", THERE))
    assert line.startswith("intake.http has 4 partitions and had 8: events may be lost; restore the topic, or run")


# --- looking, with a Kafka made up


class Answering:
    """A client of Kafka, as far as the preconditions ask it."""

    def __init__(self, cluster: str, topics: Mapping[str, int], codes: Mapping[str, int] | None = None) -> None:
        self.cluster = cluster
        self.topics = dict(topics)
        self.codes = dict(codes or {})
        self.gone: Exception | None = None
        self.stands_still = False
        self.connected = 0

    async def bootstrap(self) -> None:
        self._must_be_there()
        self.connected += 1

    def get_random_node(self) -> int:
        return 1

    async def send(self, node: int, request: Any) -> "Answering":
        self._must_be_there()
        if self.stands_still:
            await asyncio.sleep(60)
        assert request._allow_auto_topic_creation is False, "looking must make no topic"
        self.asked = request._topics
        return self

    def to_object(self) -> dict[str, Any]:
        return {
            "cluster_id": self.cluster,
            "topics": [
                {
                    "topic": name,
                    "error_code": self.codes.get(name, 0 if name in self.topics else 3),
                    "partitions": [{}] * self.topics.get(name, 0),
                }
                for name in self.asked
            ],
        }

    def _must_be_there(self) -> None:
        if self.gone:
            raise self.gone

    async def close(self) -> None:
        self.connected = 0


class Looking:
    """Preconditions with a store in a folder, on a made-up Kafka."""

    def __init__(self, folder: Path, kafka: Answering, *, keeps_log: bool = True) -> None:
        self.store = SqliteStore(folder / "service.sqlite")
        self.kafka = kafka
        self.preconditions = Preconditions(Cluster("127.0.0.1:1"), self.store, table(Given()), keeps_log=keeps_log)
        self.preconditions._client = kafka

    async def __aenter__(self) -> Self:
        await self.store.open([PRECONDITIONS])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.store.close()

    async def look(self) -> str | None:
        await self.preconditions.look()
        return self.preconditions.not_ready()


EVERY = dict.fromkeys(needed(table(Given())), 8)


@pytest.mark.asyncio
async def test_what_was_stood_on_is_known_to_the_next_process(tmp_path: Path) -> None:
    async with Looking(tmp_path, Answering("A", EVERY)) as first:
        assert first.preconditions.not_ready() == "Kafka is not checked yet"
        assert await first.look() is None
    async with Looking(tmp_path, Answering("B", EVERY)) as second:
        assert "is cluster B, but this service's state belongs to cluster A" in (await second.look() or "")
        assert await forget(second.store)
        assert await second.look() is None
        assert not second.preconditions.fault
    async with Looking(tmp_path, Answering("A", EVERY)) as third:
        assert "is cluster A, but this service's state belongs to cluster B" in (await third.look() or "")


@pytest.mark.asyncio
async def test_nothing_is_forgotten_where_nothing_was_known(tmp_path: Path) -> None:
    async with Looking(tmp_path, Answering("A", EVERY)) as one:
        assert not await forget(one.store)


@pytest.mark.asyncio
async def test_a_log_in_memory_is_another_cluster_at_every_start(tmp_path: Path) -> None:
    for cluster in ("A", "B"):
        async with Looking(tmp_path, Answering(cluster, EVERY), keeps_log=False) as one:
            assert await one.look() is None


@pytest.mark.asyncio
async def test_more_partitions_are_what_it_had_from_then_on(tmp_path: Path) -> None:
    kafka = Answering("A", EVERY)
    async with Looking(tmp_path, kafka) as one:
        assert await one.look() is None
        kafka.topics["intake.http"] = 16
        assert await one.look() is None
        kafka.topics["intake.http"] = 8
        assert "intake.http has 8 partitions and had 16" in (await one.look() or "")
        kafka.topics["intake.http"] = 16
        assert await one.look() is None


@pytest.mark.asyncio
async def test_a_topic_that_lacks_or_is_refused_stops_until_it_is_mended(tmp_path: Path) -> None:
    kafka = Answering("A", EVERY, {"intake.http": 29})
    async with Looking(tmp_path, kafka) as one:
        assert "refuses whoever has no login the topics intake.http" in (await one.look() or "")
        kafka.codes["intake.http"] = 3
        assert "lacks the topics intake.http" in (await one.look() or "")
        kafka.codes.clear()
        assert await one.look() is None


@pytest.mark.asyncio
async def test_an_outage_is_no_fault_and_takes_none_away(tmp_path: Path) -> None:
    kafka = Answering("A", EVERY)
    async with Looking(tmp_path, kafka) as one:
        assert await one.look() is None
        kafka.gone = KafkaConnectionError()
        assert await one.look() == "Kafka at 127.0.0.1:1 does not answer; LAHETE_KAFKA says where it is"
        assert one.preconditions.fault is None, "what is in hand may still be committed"
        kafka.gone, kafka.cluster = None, "B"
        assert "is cluster B" in (await one.look() or "")
        kafka.gone = KafkaConnectionError()
        assert "is cluster B" in (await one.look() or "")
        assert kafka.connected == 1


@pytest.mark.asyncio
async def test_a_broker_that_stands_still_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kafka = Answering("A", EVERY)
    monkeypatch.setattr(preconditions, "_ANSWERS_WITHIN", 0.05)
    async with Looking(tmp_path, kafka) as one:
        kafka.stands_still = True
        assert await one.look() == "Kafka at 127.0.0.1:1 does not answer; LAHETE_KAFKA says where it is"
        kafka.stands_still = False
        assert await one.look() is None


@pytest.mark.asyncio
async def test_a_partition_without_a_leader_is_no_topic_that_lacks(tmp_path: Path) -> None:
    async with Looking(tmp_path, Answering("A", EVERY, {"intake.http": 5})) as one:
        assert "LeaderNotAvailableError" in (await one.look() or "")
        assert one.preconditions.away


@pytest.mark.asyncio
async def test_a_store_that_is_away_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Looking(tmp_path, Answering("A", EVERY)) as one:

        async def away(*_: object, **__: object) -> Any:
            raise StoreUnavailable("MongoDB at db:27017 does not answer")

        monkeypatch.setattr(one.store, "load", away)
        assert await one.look() is not None
        assert one.preconditions.away == "MongoDB at db:27017 does not answer"
        monkeypatch.undo()
        assert await one.look() is None


def test_it_is_looked_at_often() -> None:
    assert preconditions._EVERY <= 5
