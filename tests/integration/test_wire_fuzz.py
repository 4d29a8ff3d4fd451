"""Whatever a client puts on its own topic, nothing vanishes and nobody else waits: a fuzzer of record batches, on a broker.

The oracle: every offset that the broker gave is an event that took effect or is named by a dead letter; all events of
others take effect; in the end no lag is left. And the others are disturbed once, however much there is that cannot be
read: from then on its partition is read apart.
"""

import asyncio
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

from shared.cluster import Cluster
from tests.engines import broker_with
from tests.integration import engine_on_kafka as kafka
from tests.integration.engine_world import World, issue
from tests.wire import CODECS, Wire, Wired, issued, produce

OWN: Final = "intake.region.06"
NUMBERS: Final = count(1)
RANGE: Final = re.compile(r"^offsets? (\d+)(?: to (\d+))? of ")

ANY_BYTES = st.binary(max_size=40)
NAMES = st.sampled_from([b"ce_id", b"ce_type", b"ce_source", b"content-type", b"\xff", b""]) | ANY_BYTES
RECORDS = st.builds(
    Wired,
    key=st.none() | ANY_BYTES,
    value=st.none() | ANY_BYTES | st.just(bytes(200_000)),
    headers=st.lists(st.tuples(NAMES, st.none() | ANY_BYTES), max_size=4),
    time=st.integers(-(2**31), 2**31),
)
SOME = st.lists(RECORDS, min_size=1, max_size=4)
REFERRALS = st.lists(st.tuples(NAMES, ANY_BYTES), max_size=2).map(
    lambda more: [issued(next(NUMBERS), *((b"x-" + name, value) for name, value in more))]
)
CLOCKS = st.sampled_from([0, -1, 1_790_000_000_000, 1_790_000_000_000_000, 2**63 - 1, -(2**63)])
SAID = st.none() | st.integers(-3, 6) | st.sampled_from([2**31 - 1, -(2**31), 2**62])
BATCHES = st.one_of(
    st.builds(Wire, SOME | REFERRALS, st.sampled_from([*CODECS]), time=CLOCKS),
    st.builds(Wire, SOME, crc=st.integers(0, 2**32 - 1)),
    st.builds(Wire, SOME, codec_number=st.integers(1, 7)),
    st.builds(Wire, SOME, packed=ANY_BYTES.map(lambda junk: b"\x01" + junk)),
    st.builds(Wire, SOME, st.sampled_from([*CODECS]), packed=ANY_BYTES.map(lambda junk: b"\x01" + junk)),
    st.just(Wire([Wired(value=bytes(9_000_000))], "zstd")),
    st.builds(
        Wire,
        st.lists(st.builds(Wired, said=SAID), min_size=1, max_size=4),
        st.sampled_from([*CODECS]),
        last=st.none() | st.integers(-9, 0),
    ),
)


@pytest.fixture(params=["embedded", "kafka"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    with broker_with(request.param, tmp_path / "broker", kafka.TOPICS) as found:
        yield found


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(BATCHES, min_size=1, max_size=12))
def test_whatever_is_on_one_topic_nothing_of_it_vanishes_and_all_else_flows(
    broker: Cluster, batches: Sequence[Wire]
) -> None:
    asyncio.run(asyncio.wait_for(play(broker, batches), 60))


async def play(broker: Cluster, batches: Sequence[Wire]) -> None:
    """One storm on the region's own topic, while others' events come by the doors."""
    before = failures()
    with tempfile.TemporaryDirectory() as folder:
        async with World(Path(folder)) as world, kafka.publisher_to(broker) as publisher:
            async with kafka.running(world, broker, publisher) as one:
                taken = await produce(broker, OWN, *(batch.encoded() for batch in batches))
                others = [next(NUMBERS) for _ in range(20)]
                for number in others:
                    await publisher.publish([kafka.sent(world.log.event(issue(number), id=f"other-{number}"))])
                for number in others:
                    await one.holds(number, 1)
                await kafka.all_is_read(broker, world.table)
            assert failures() - before <= 1, "the others go back once, and not with every batch"
            letters = await kafka.everything_on(broker, "dead-letters")
            for batch, (code, base) in zip(batches, taken, strict=True):
                if code == 0:
                    await is_accounted_for(world, batch, base, named_by(letters))


async def is_accounted_for(world: World, batch: Wire, base: int, named: set[int]) -> None:
    if (batch.records[0].key or b"").endswith(b"-0000-4000-8000-000000000000"):
        assert await world.applied(int((batch.records[0].key or b"")[:8], 16))
        return
    assert set(range(base, base + len(batch.records))) <= named, (batch, base)


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
