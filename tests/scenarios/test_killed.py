"""Killed processes, at random and at the moments that matter: between save, publish, commit and clearing."""

import asyncio
import time
from functools import partial
from random import Random
from signal import SIGKILL

from deploy.backends import Backend
from shared.contracts.topics import SERVICES
from tests.integration.road import REGION
from tests.scenarios.faults import FaultInjector, Lane, plan
from tests.scenarios.journeys import ON_KAFKA
from tests.scenarios.load import under_load
from tests.scenarios.platform import Platform, told
from tests.scenarios.referrals import chosen, referral, referrals, subject_of
from tests.scenarios.table import EMBEDDED, JAVA, scenario

ON_JAVA = {"proxied": True}

ROUNDS = 30
QUIET_WITHIN = 300.0
EVENTS = {EMBEDDED: (10_000, 60.0), JAVA: (4_000, 12.0)}
"""How many, and how many a second. The stand-in for MongoDB makes as many as six minutes allow on two quiet cores."""


@scenario(3)
def test_what_was_saved_and_not_published_comes_out_by_itself(platform: Platform, engine: Backend) -> None:
    """A referral comes in; its service is killed when it has saved the outbox and not published it; then it restarts.

    In Java the service pauses between the two, Kafka stands still meanwhile, and the test kills the service while it
    waits for Kafka. On the embedded backends it kills itself, again and again. The store shows the save, Kafka that
    nothing came out; ReferralOpened comes by the oracle's declared effects, and nothing was sent after the kill.
    """
    one = referral(platform.rng, ON_KAFKA)
    fault = {"LAHETE_FAULT_PAUSE_AT": "saved=6"} if engine is JAVA else {"LAHETE_FAULT_CRASH_AT": "saved"}
    platform.restart("referral", **fault)
    before = platform.pid("referral")
    platform.play(lambda sender: sender.send(one))
    platform.until(lambda: platform.keeps("referral", subject_of(one)), "it is saved")
    if engine is JAVA:
        platform.kafka_proxy.freeze()
        waits = partial(platform.metric, "referral", "lahete_oldest_outbox_seconds")
        platform.until(lambda: waits() > 0, "its outbox waits for Kafka")
    assert platform.on_the_log("ReferralOpened", subject_of(one)) == []
    platform.own["referral"].clear()
    if engine is JAVA:
        platform.signal("referral", SIGKILL)
        platform.kafka_proxy.mend()
    platform.comes_back("referral", before)
    platform.judge()
    assert len(platform.on_the_log("ReferralOpened", subject_of(one))) == 1


@scenario(4)
def test_what_was_published_and_not_cleared_is_repeated_under_its_id(platform: Platform) -> None:
    """The referral service kills itself after publishing, twice and more; nothing of it is committed or cleared.

    ReferralOpened stands on Kafka several times under one id (the oracle: one id, one content), the region is told once.
    """
    platform.restart("referral", LAHETE_FAULT_CRASH_AT="published")
    one = referral(platform.rng)
    before = platform.pid("referral")
    platform.play(lambda sender: sender.send(one))
    _dies_twice(platform, "referral", before)
    platform.judge()
    opened = platform.on_the_log("ReferralOpened", subject_of(one))
    assert len(opened) >= 2
    assert len({record.named for record in opened}) == 1
    assert set(told(platform, REGION, "ReferralOpened").values()) == {1}


@scenario(5)
def test_what_took_effect_and_was_not_committed_changes_nothing_when_it_comes_again(platform: Platform) -> None:
    """All services kill themselves after the acknowledgements and before they commit.

    Each does so at least twice; then lag reaches 0, and by the oracle nothing is there twice: no history, feed, effect
    or count of the monitor.
    """
    platform.restart(*SERVICES, LAHETE_FAULT_CRASH_AT="published")
    before = {name: platform.pid(name) for name in SERVICES}
    first = referrals(platform.rng, 5, ON_KAFKA)
    platform.play(lambda sender: sender.send_all([*first, *(chosen(platform.rng, one) for one in first)]))
    _dies_twice(platform, "referral", before.pop("referral"))
    for name, pid in before.items():
        _dies_twice(platform, name, pid)
    platform.judge()


def _dies_twice(platform: Platform, name: str, before: int) -> None:
    """The service kills itself, restarts, kills itself again; then it may live."""
    again = platform.dies(name, before)
    platform.own[name].clear()
    last = platform.dies(name, again)
    platform.until(lambda: platform.is_ready(name), f"{name} lives")
    assert len({before, again, last}) == 3


@scenario(2)
def test_kills_at_random_moments_lose_and_double_nothing(platform: Platform, engine: Backend) -> None:
    """Thirty times a service is killed with -9 at a random moment, while journeys of every kind go on.

    Known by the oracle alone.
    """
    events, rate = EVENTS[engine]
    seconds = events / rate
    faults = FaultInjector(platform.folder, time.monotonic(), print)
    kills = plan(
        Lane(("kill",), 0.45 * seconds / ROUNDS, 1.35 * seconds / ROUNDS), platform.instances, Random(platform.seed)
    )

    async def kill() -> None:
        while len(faults.injected) < ROUNDS:
            one = next(kills)
            await asyncio.sleep(one.after)
            await faults.inject(one)

    sent = under_load(platform, engine, seconds, kill, rate, least=events).sent
    platform.rounds = ROUNDS
    platform.judge(QUIET_WITHIN)
    assert sent >= events
