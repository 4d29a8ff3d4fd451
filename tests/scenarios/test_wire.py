"""What a partner's own client may put on its own topic: every codec, batches that nobody can read, transactions, clocks."""

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from confluent_kafka import Producer

from deploy.backends import Backend
from shared.kafka.cluster import Cluster
from tests.integration.road import kafka_headers_of
from tests.scenarios.delays import delays, percentile
from tests.scenarios.journeys import ON_KAFKA, JourneyStep
from tests.scenarios.platform import Platform
from tests.scenarios.referrals import referrals, subject_of
from tests.scenarios.send import Senders
from tests.scenarios.table import ALL, JAVA, scenario
from tests.wire import CODECS, WireBatch, Wired, produce

OPENED = {"LAHETE_DUE_MATCH": "PT15S"}
TOPIC: Final = "intake.region.08"
ROUNDS: Final = 20 if ALL else 4
OTHERS: Final = 160 if ALL else 40
A_SECOND: Final = 4
"""Of the others, and batches of the storm: Kafka in Java carries twice as much with room to spare."""
SLOWER_BY: Final = 1.0
"""Seconds that the others' 95th percentile may lose while two cores have the storm to unpack as well."""
CLOCKS: Final = (-1, 0, 1_790_000_000_000_000, 2**63 - 1, -(2**63))
PATIENCE: Final = 30.0


def wired(one: JourneyStep, *headers: tuple[bytes, bytes | None]) -> Wired:
    """An event as a client of its own making writes it."""
    written = [(name.encode(), value) for name, value in kafka_headers_of(one.event)]
    return Wired(subject_of(one).encode(), _data(one), [*written, *headers])


def _data(one: JourneyStep) -> bytes:
    return json.dumps(one.event["data"]).encode()


# --- 31


@scenario(31)
def test_a_codec_storm_on_one_topic_slows_nobody_else(platform: Platform) -> None:
    """A region writes batches in every codec to its own topic, and between them batches with a wrong checksum, an unknown
    codec and garbage. Others' referrals come over HTTP, before it and meanwhile.

    By the oracle each readable referral is opened, and of each batch that Kafka took and nobody can read there is one dead
    letter. The others' delay, by Kafka's times, is within a bound of what it was; the services stay ready.
    """
    calm = referrals(platform.rng, OTHERS)
    platform.play(lambda sender: at_a_rate(sender, calm))
    platform.quiet()
    others = referrals(platform.rng, OTHERS)

    async def storm(sender: Senders) -> None:
        await asyncio.gather(at_a_rate(sender, others), storm_on(platform))

    platform.play(storm)
    observation = platform.judge()
    before, meanwhile = (
        percentile(delays(observation, _named(some), "ReferralOpened"), 0.95) for some in (calm, others)
    )
    print(f"others' p95: {before:.3f} s, then {meanwhile:.3f} s")
    assert meanwhile < before + SLOWER_BY
    assert [name for name in platform.instances if not platform.is_ready(name)] == []


def _named(steps: Sequence[JourneyStep]) -> list[tuple[str, str]]:
    return [(one.event["source"], one.event["id"]) for one in steps]


async def at_a_rate(sender: Senders, steps: Iterable[JourneyStep]) -> None:
    """One after the other, however long the doors take."""
    async with asyncio.TaskGroup() as sending:
        for one in steps:
            sending.create_task(sender.send(one))
            await asyncio.sleep(1 / A_SECOND)


async def storm_on(platform: Platform) -> None:
    """Round after round, a batch a codec, and each kind of broken one."""
    kafka = Cluster(platform.place.kafka)
    for _ in range(ROUNDS):
        for codec in CODECS:
            await take(platform, kafka, referrals(platform.rng, 2, ON_KAFKA), codec=codec)
            await asyncio.sleep(1 / A_SECOND)
        for broken in broken_batches(referrals(platform.rng, 1, ON_KAFKA)[0]):
            [taken] = await produce(kafka, TOPIC, broken.encoded())
            if taken.code == 0:
                platform.declared.nameless()
            await asyncio.sleep(1 / A_SECOND)


async def take(
    platform: Platform, kafka: Cluster, steps: Sequence[JourneyStep], *, codec: str = "none", time: int = WireBatch.time
) -> None:
    """Writes a batch, and into the ledger what Kafka took. `time`: of its records, in milliseconds."""
    for one in steps:
        assert one.expected
        platform.declared.expect(one.expected)
    [taken] = await produce(kafka, TOPIC, WireBatch([wired(one) for one in steps], codec, time=time).encoded())
    for one in steps if taken.code == 0 else ():
        platform.declared.accepted(one.event["source"], one.event["id"])


def broken_batches(one: JourneyStep) -> Iterator[WireBatch]:
    """What a broker that looks refuses, and one that does not hands to its readers."""
    yield WireBatch([wired(one)], crc=1)
    yield WireBatch([wired(one)], codec_number=5)
    yield WireBatch(packed=b"\x01\x02")


# --- 34


@scenario(34)
def test_transactions_and_clocks_of_any_kind_hold_up_nothing(platform: Platform, engine: Backend) -> None:
    """A region writes records whose clocks are before 1970, in microseconds or at the end of 64 bits, and on real Kafka
    transactions: one committed, one aborted, and one that stays open while another referral's deadline passes.

    By the oracle the committed are opened once, and of the aborted there is no trace. The deadline fires and all lag ends
    while the transaction is open; once it is committed, its referrals are opened.
    """
    waits, *rest = referrals(platform.rng, 3)
    platform.play(lambda sender: sender.send_all([waits, *rest]))

    async def clocks(_: Senders) -> None:
        for time in CLOCKS:
            await take(platform, Cluster(platform.place.kafka), referrals(platform.rng, 1, ON_KAFKA), time=time)

    platform.play(clocks)
    left_open = list(transactions(platform)) if engine is JAVA else []
    platform.until(lambda: platform.on_the_log("DeadlinePassed", subject_of(waits)), "its deadline fires")
    platform.judge()
    for commit in left_open:
        commit()
        platform.judge()


def transactions(platform: Platform) -> Iterator[Callable[[], None]]:
    """One committed, one aborted, and one that is open: what commits it."""
    producer = Producer({"bootstrap.servers": platform.place.kafka, "transactional.id": "register-of-08"})
    producer.init_transactions(PATIENCE)
    begin(platform, producer, accepted=True)
    producer.commit_transaction(PATIENCE)
    begin(platform, producer, accepted=False)
    producer.abort_transaction(PATIENCE)
    written = begin(platform, producer, accepted=False)

    def commit() -> None:
        producer.commit_transaction(PATIENCE)
        accept(platform, written)

    yield commit


def begin(platform: Platform, producer: Producer, *, accepted: bool) -> Sequence[JourneyStep]:
    """Three referrals in a transaction, all on the log."""
    steps = referrals(platform.rng, 3, ON_KAFKA)
    producer.begin_transaction()
    for one in steps:
        headers: list[tuple[str, str | bytes | None]] = [*kafka_headers_of(one.event)]
        producer.produce(TOPIC, key=subject_of(one).encode(), value=_data(one), headers=headers)
    assert producer.flush(PATIENCE) == 0
    if accepted:
        accept(platform, steps)
    return steps


def accept(platform: Platform, steps: Sequence[JourneyStep]) -> None:
    """Into the ledger: what is committed."""
    for one in steps:
        assert one.expected
        platform.declared.expect(one.expected)
        platform.declared.accepted(one.event["source"], one.event["id"])
