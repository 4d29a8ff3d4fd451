"""Kafka or the database is away, frozen or refuses, under load and while events come in."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager

import yaml
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.backends import Backend
from deploy.embedded_broker.control import REPOSITORY
from shared.contracts.topics import DEAD_LETTERS
from tests.over_http import ask
from tests.scenarios.delays import delays
from tests.scenarios.journeys import ON_KAFKA
from tests.scenarios.load import under_load
from tests.scenarios.observation import Observation
from tests.scenarios.platform import Platform
from tests.scenarios.referrals import chosen, missed, referral, referrals
from tests.scenarios.send import Senders
from tests.scenarios.table import ALL, EMBEDDED, JAVA, scenario
from tests.scenarios.watch import offsets_watched

ON_JAVA = {"proxied": True}

KAFKA_AWAY = {EMBEDDED: 20.0, JAVA: 45.0} if ALL else {EMBEDDED: 4.0}
DATABASE_AWAY = {EMBEDDED: 5.0, JAVA: 12.0}
_SCRAPED_EVERY = 5.0
GOES_ON_WITHIN = 15.0
"""Seconds, after a fault's end, until waiting events are through: the engine's longest pause, and a new connection."""


@scenario(7)
def test_what_is_taken_while_kafka_is_away_is_not_lost_nor_out_of_order(platform: Platform, engine: Backend) -> None:
    """Regions go on sending over HTTP while Kafka refuses every connection, and again while it keeps them waiting.

    Every 503 says when to come again (the sender). What was accepted is on the log and has its effect (the oracle), and
    the first records of each referral stand there in the order in which its sender was told that they are taken.
    """
    seconds = KAFKA_AWAY[engine]

    async def away() -> None:
        for silent in (False, True) if engine is JAVA else (True,):
            await asyncio.sleep(2)
            with platform.without_kafka(silent=silent):
                await asyncio.sleep(seconds)
            await asyncio.sleep(5 if ALL else 1)

    load = under_load(platform, engine, 2 * seconds if engine is JAVA else seconds, away)
    observation = platform.judge()
    if ALL:
        assert load.retries > 0
    assert _out_of_order(observation, load.taken.values()) == []


def _out_of_order(observation: Observation, taken: Iterable[list[str]]) -> list[str]:
    first: dict[str, tuple[str, int, int]] = {}
    for record in observation.intake:
        if record.named:
            first.setdefault(record.named[1], (record.topic, record.partition, record.offset))
    faults = []
    for journey in taken:
        places = [first[one] for one in dict.fromkeys(journey) if one in first]
        assert len({place[:2] for place in places}) == 1, "one key, one partition"
        if places != sorted(places):
            faults.append(f"{journey} stands as {places}")
    return faults


@scenario(37)
def test_a_broker_that_stands_still_is_told_by_every_service_until_the_alarm_fires(platform: Platform) -> None:
    """SIGSTOP of Kafka's own process: its connections stay, nobody answers. Regions go on sending; SIGCONT after all.

    Meanwhile each service lives and says that Kafka does not answer, and the alarm's own rule holds in every scrape for as
    long as it asks. Afterwards all are ready by themselves, and what was sent meanwhile has its effect (the oracle).
    """
    alarm = _alarm("NotReady")
    assert alarm["expr"] == "lahete_ready == 0"
    waits = _seconds(alarm["for"])

    async def play(sender: Senders) -> None:
        sender.taken_within = 2 * waits
        with platform.frozen("broker"):
            sending = asyncio.create_task(sender.send_all(referrals(platform.rng, 20)))
            await asyncio.to_thread(_fires, platform, waits)
            assert sender.sent == 0
            assert sender.retries > 0
        await sending

    platform.play(play)
    platform.until(lambda: _all(platform, 200, 1), "all are ready by themselves", GOES_ON_WITHIN)
    platform.judge()


def _fires(platform: Platform, waits: float) -> None:
    platform.until(lambda: _all(platform, 503, 0), "nobody is ready")
    assert all("Kafka" in line for one in platform.instances for line in platform.missing(one))
    since = time.monotonic()
    while time.monotonic() - since <= waits:
        time.sleep(_SCRAPED_EVERY)
        assert _all(platform, 503, 0)


def _all(platform: Platform, status: int, ready: float) -> bool:
    return all(_readiness(platform, one) == (status, ready) for one in platform.instances)


def _readiness(platform: Platform, instance: str) -> tuple[int, float]:
    """The checks of an orchestrator and the scrapes of Prometheus. The service lives, whatever they say."""
    url = platform.place.urls[instance]
    assert ask("GET", f"{url}/health/live", timeout=5).status_code == 200
    status = ask("GET", f"{url}/health/ready", timeout=5).status_code
    return status, platform.metric(instance, "lahete_ready", service=instance.partition("-")[0])


def _alarm(name: str) -> dict[str, str]:
    groups = yaml.safe_load((REPOSITORY / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))["groups"]
    return next(dict(rule) for group in groups for rule in group["rules"] if rule.get("alert") == name)


def _seconds(duration: str) -> float:
    return float(duration.removesuffix("m")) * 60


# --- the database


@scenario(8)
def test_a_database_that_is_away_stops_consumption_and_nothing_is_laid_aside(
    platform: Platform, engine: Backend
) -> None:
    """Under load the database refuses connections, hangs up again and again, then keeps everybody waiting.

    On the embedded backends another process holds the lock of the referral service's file. Nothing is committed while
    the database is away; afterwards all is as declared, so that nothing was dead-lettered because of it (the oracle).
    """
    seconds, stood_still = DATABASE_AWAY[engine], list[bool]()

    async def looked_at(offsets: Callable[[], int]) -> None:
        # A saved batch may still be committed.
        await asyncio.sleep(1.5)
        before = offsets()
        await asyncio.sleep(seconds)
        stood_still.append(offsets() == before)

    with offsets_watched(platform.place.kafka, ["referral"]) as offsets:

        async def away() -> None:
            await asyncio.sleep(2)
            if engine is EMBEDDED:
                with locked(platform):
                    await looked_at(lambda: offsets.total("referral"))
                return
            platform.mongodb_proxy.cut()
            await looked_at(lambda: offsets.total("referral"))
            assert any("MongoDB" in line for line in await asyncio.to_thread(platform.missing, "referral"))
            platform.mongodb_proxy.mend()
            for _ in range(5):
                await asyncio.sleep(1)
                platform.mongodb_proxy.hang_up()
            platform.mongodb_proxy.freeze()
            await looked_at(lambda: offsets.total("referral"))
            platform.mongodb_proxy.mend()

        under_load(platform, engine, 3 * seconds if engine is JAVA else seconds + 3, away)
        platform.judge()
    assert all(stood_still)
    assert stood_still
    assert offsets.went_back == []


@contextmanager
def locked(platform: Platform, service: str = "referral") -> Iterator[None]:
    """Nobody else can write to a service's file meanwhile."""
    with closing(sqlite3.connect(platform.folder / f"{service}.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA busy_timeout = 10000")
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


@scenario(9)
def test_a_batch_that_the_database_refused_twice_succeeds_by_itself(platform: Platform, engine: Backend) -> None:
    """An event comes while the database is away. Once two attempts are counted in the metrics, the database is back.

    The event has its effect, without any hand; so have those of other keys that came meanwhile, in a bounded time after.
    """
    before = _attempts(platform)
    first, others = referral(platform.rng, ON_KAFKA), referrals(platform.rng, 20, ON_KAFKA)
    with _refusing(platform):
        platform.play(lambda sender: sender.send(first))
        platform.until(lambda: _attempts(platform) >= before + 1, "the first attempt is counted")
        platform.play(lambda sender: sender.send_all(others))
        platform.until(lambda: _attempts(platform) >= before + 2, "the second attempt is counted")
        mended = time.time()
    observation = platform.judge()
    took = delays(observation, [(one.event["source"], one.event["id"]) for one in (first, *others)], "ReferralOpened")
    assert len(took) == 1 + len(others)
    through = max(record.timestamp for record in observation.decided if record.name == "ReferralOpened") / 1000
    print(f"all is through {through - mended:.1f} s after the database is back")
    assert through - mended <= GOES_ON_WITHIN


@contextmanager
def _refusing(platform: Platform) -> Iterator[None]:
    if platform.proxied is None:
        with locked(platform):
            yield
        return
    platform.mongodb_proxy.cut()
    try:
        yield
    finally:
        platform.mongodb_proxy.mend()


def _attempts(platform: Platform) -> float:
    return platform.metric("referral", "lahete_batch_retries_total", why="StoreUnavailable")


# --- a topic that cannot be written


@scenario(21)
def test_while_dead_letters_cannot_be_written_nothing_is_committed_and_nothing_lost(platform: Platform) -> None:
    """Kafka refuses writes to the dead-letter topic. An event that must be laid aside comes, and good ones.

    Nothing of its partition is committed, the metrics count the retries, and readiness says why. Once Kafka takes the
    dead letter the event is laid aside and the good ones have their effects (the oracle).
    """
    first = referral(platform.rng, ON_KAFKA)
    platform.play(lambda sender: sender.send(first))
    platform.judge()
    before = _refused_by_kafka(platform)
    bad = missed(platform.rng, first, fate="dead_lettered", refusals=frozenset({"handler_failed"}), history_of=None)
    platform.restart("referral", LAHETE_FAULT_FAIL_ON="ActivityMissed")
    with offsets_watched(platform.place.kafka, ["referral"]) as offsets, _unwritable(platform, DEAD_LETTERS):
        platform.until(lambda: offsets.looks > 1, "it is looked at")
        committed = offsets.total("referral")
        platform.play(lambda sender: sender.send(bad))
        platform.play(lambda sender: sender.send(chosen(platform.rng, first)))
        line = platform.until(lambda: next(iter(platform.missing("referral")), None), "readiness says so")
        assert line.startswith("a batch failed and is read again: Kafka "), line
        assert _refused_by_kafka(platform) > before
        assert platform.metric("referral", "lahete_dead_letters_unwritten_total") >= 1
        assert offsets.total("referral") == committed
    platform.judge()
    platform.restart("referral")


def _refused_by_kafka(platform: Platform) -> float:
    return platform.metric("referral", "lahete_batch_retries_total", why="BrokerUnavailable")


@contextmanager
def _unwritable(platform: Platform, topic: str) -> Iterator[None]:
    """It takes no record of more than a few bytes. (Asking for more copies than there are brokers stops nobody: Kafka
    4 asks for as many as the topic has.)"""
    _configure(platform, topic, 64)
    try:
        yield
    finally:
        _configure(platform, topic, 4 * 1024 * 1024)


def _configure(platform: Platform, topic: str, most_bytes: int) -> None:
    async def configure() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=platform.place.kafka)
        await admin.start()
        try:
            configs = {"max.message.bytes": str(most_bytes)}
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=configs)])
        finally:
            await admin.close()

    asyncio.run(configure())
