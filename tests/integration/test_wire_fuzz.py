"""Whatever a client puts on its own topic, nothing vanishes and nobody else waits: a fuzzer of record batches, on a broker.

Some an encoder of the tests' own has made, some librdkafka, where the broker knows them in transactions too.

The oracle: every offset that the broker gave is an event that took effect or is named by a dead letter, but for those of
a transaction that was aborted or is open; all events of others take effect; in the end no lag is left. And the others are
disturbed once, however much there is that cannot be read: from then on its partition is read apart.
"""

import asyncio
import dataclasses
import re
import tempfile
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Final

import pytest
from aiokafka import ConsumerRecord
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from shared.kafka.cluster import Cluster
from tests.backends import broker_with
from tests.integration import engine_on_kafka as kafka
from tests.integration.engine_world import EngineWorld, issue
from tests.integration.librdkafka import Client, ClientBatch, TransactionEnding
from tests.wire import CODECS, WireBatch, Wired, issued, produce

OWN: Final = "intake.region.06"
NUMBERS: Final = count(1)
RANGE: Final = re.compile(r"^offsets? (\d+)(?: to (\d+))? of ")

ANY_BYTES = st.binary(max_size=40)
NAMES = st.sampled_from([b"ce_id", b"ce_type", b"ce_source", b"content-type", b"\xff", b""]) | ANY_BYTES
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20).map(str.encode)
"""What librdkafka takes for a name."""


def junk(
    names: st.SearchStrategy[bytes], values: st.SearchStrategy[bytes], **more: st.SearchStrategy[int]
) -> st.SearchStrategy[list[Wired]]:
    """Records that are no events."""
    one = st.builds(
        Wired,
        key=st.none() | ANY_BYTES,
        value=st.none() | values,
        headers=st.lists(st.tuples(names, st.none() | ANY_BYTES), max_size=4),
        **more,
    )
    return st.lists(one, min_size=1, max_size=4)


def referrals(names: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[Wired]]:
    """One that is an event, with headers of any kind beside its own."""
    return st.lists(st.tuples(names, ANY_BYTES), max_size=2).map(
        lambda more: [issued(next(NUMBERS), *((b"x-" + name, value) for name, value in more))]
    )


def by_client(ending: TransactionEnding) -> st.SearchStrategy[ClientBatch]:
    """What librdkafka writes at once."""
    no_events, events = junk(TEXTS, ANY_BYTES), referrals(TEXTS)
    both = st.tuples(no_events, events).map(lambda two: [*two[0], *two[1]])
    return st.builds(ClientBatch, no_events | events | both, st.sampled_from([*CODECS]), st.just(ending))


SOME = junk(NAMES, ANY_BYTES | st.just(bytes(200_000)), time=st.integers(-(2**31), 2**31))
REFERRALS = referrals(NAMES)
CLOCKS = st.sampled_from([0, -1, 1_790_000_000_000, 1_790_000_000_000_000, 2**63 - 1, -(2**63)])
SAID = st.none() | st.integers(-3, 6) | st.sampled_from([2**31 - 1, -(2**31), 2**62])
BATCHES = st.one_of(
    st.builds(WireBatch, SOME | REFERRALS, st.sampled_from([*CODECS]), time=CLOCKS),
    st.builds(WireBatch, SOME, crc=st.integers(0, 2**32 - 1)),
    st.builds(WireBatch, SOME, codec_number=st.integers(1, 7)),
    st.builds(WireBatch, SOME, packed=ANY_BYTES.map(lambda junk: b"\x01" + junk)),
    st.builds(WireBatch, SOME, st.sampled_from([*CODECS]), packed=ANY_BYTES.map(lambda junk: b"\x01" + junk)),
    st.just(WireBatch([Wired(value=bytes(9_000_000))], "zstd")),
    st.builds(
        WireBatch,
        st.lists(st.builds(Wired, said=SAID), min_size=1, max_size=4),
        st.sampled_from([*CODECS]),
        last=st.none() | st.integers(-9, 0),
    ),
)
STORMS = st.tuples(st.lists(BATCHES, min_size=1, max_size=5), *map(by_client, TransactionEnding)).flatmap(
    lambda drawn: st.permutations([*drawn[0], *drawn[1:]])
)


@pytest.fixture(params=["embedded", "kafka"])
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def broker(kind: str, tmp_path: Path) -> Iterator[Cluster]:
    with broker_with(kind, tmp_path / "broker", kafka.TOPICS) as found:
        yield found


@pytest.fixture
def client(broker: Cluster) -> Client:
    return Client(broker, OWN)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STORMS)
def test_whatever_is_on_one_topic_nothing_of_it_vanishes_and_all_else_flows(
    kind: str, broker: Cluster, client: Client, storm: Sequence[WireBatch | ClientBatch]
) -> None:
    if kind == "embedded":  # it knows no transactions
        storm = [
            dataclasses.replace(one, ending=TransactionEnding.NONE) if isinstance(one, ClientBatch) else one
            for one in storm
        ]
    try:
        asyncio.run(asyncio.wait_for(play(broker, client, storm), 60))
    finally:
        client.commits()  # what failed is played again to find the smallest storm


async def play(broker: Cluster, client: Client, storm: Sequence[WireBatch | ClientBatch]) -> None:
    """One storm on the region's own topic, while others' events come by the doors."""
    before = failures()
    with tempfile.TemporaryDirectory() as folder:
        async with EngineWorld(Path(folder)) as world, kafka.publisher_to(broker) as publisher:
            async with kafka.running(world, broker, publisher) as one:
                taken = [await offsets_of(broker, client, batch) for batch in storm]
                others = [next(NUMBERS) for _ in range(20)]
                for number in others:
                    await publisher.publish([kafka.sent(world.log.event(issue(number), id=f"other-{number}"))])
                for number in others:
                    await one.holds(number, 1)
                await kafka.all_is_read(broker, world.table)
                await nothing_shows(broker, world, storm, taken, {TransactionEnding.OPEN, TransactionEnding.ABORTED})
                await asyncio.to_thread(client.commits)
                # Kafka shows it once the markers of all transactions before it are written.
                await produce(broker, OWN, WireBatch([issued(last := next(NUMBERS))]).encoded())
                await one.holds(last, 1)
                await kafka.all_is_read(broker, world.table)
            assert failures() - before <= 1, "the others go back once, and not with every batch"
            await nothing_shows(broker, world, storm, taken, {TransactionEnding.ABORTED})
            named = named_by(await kafka.everything_on(broker, "dead-letters"))
            for batch, offsets in zip(storm, taken, strict=True):
                if ending_of(batch) is not TransactionEnding.ABORTED:
                    for record, offset in zip(batch.records, offsets, strict=bool(offsets)):
                        there = await is_applied(world, record) if is_event(record) else offset in named
                        assert there, (batch, offset)


async def offsets_of(broker: Cluster, client: Client, batch: WireBatch | ClientBatch) -> Sequence[int]:
    """Of its records, once the broker has it; none where the broker refused it."""
    if isinstance(batch, ClientBatch):
        return await asyncio.to_thread(client.writes, batch)
    [taken] = await produce(broker, OWN, batch.encoded())
    return range(taken.base, taken.base + len(batch.records)) if taken.code == 0 else ()


async def nothing_shows(
    broker: Cluster,
    world: EngineWorld,
    storm: Sequence[WireBatch | ClientBatch],
    taken: Sequence[Sequence[int]],
    endings: set[TransactionEnding],
) -> None:
    """Of transactions that end so."""
    named = named_by(await kafka.everything_on(broker, "dead-letters"))
    for batch, offsets in zip(storm, taken, strict=True):
        if ending_of(batch) in endings:
            assert not named & {*offsets}
            assert not [record for record in batch.records if await is_applied(world, record)]


def ending_of(batch: WireBatch | ClientBatch) -> TransactionEnding:
    return batch.ending if isinstance(batch, ClientBatch) else TransactionEnding.NONE


def is_event(record: Wired) -> bool:
    return (record.key or b"").endswith(b"-0000-4000-8000-000000000000")


async def is_applied(world: EngineWorld, record: Wired) -> bool:
    return is_event(record) and bool(await world.applied(int((record.key or b"")[:8], 16)))


def named_by(letters: Sequence[ConsumerRecord[bytes, bytes]]) -> set[int]:
    """The offsets of the topic that dead letters name."""
    named = set[int]()
    for letter in letters:
        if kafka.header(letter, "dl_topic") == OWN:
            span = RANGE.match(kafka.header(letter, "dl_error"))
            first = int(kafka.header(letter, "dl_offset"))
            named |= set(range(first, int(span[2] or first) + 1)) if span else {first}
    return named


def failures() -> float:
    """How often reading failed for all partitions, by any reason."""
    return sum(
        sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name == "lahete_batch_retries_total" and sample.labels["why"] not in {"StoreUnavailable"}
    )
