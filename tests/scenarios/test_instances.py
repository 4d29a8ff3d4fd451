"""Several instances of a service, which race for one aggregate, end, freeze, or are slower than they may be."""

import asyncio
import time
from dataclasses import replace
from signal import SIGTERM

from aiokafka.partitioner import DefaultPartitioner

from deploy.backends import Backend
from deploy.local.processes import is_alive
from shared.contracts.topics import PARTITIONS, SERVICES
from tests.scenarios.delays import delays
from tests.scenarios.journeys import ON_KAFKA
from tests.scenarios.load import under_load
from tests.scenarios.platform import SESSION_SECONDS, Platform
from tests.scenarios.referrals import chosen, referral, referrals, seeded
from tests.scenarios.table import EMBEDDED, JAVA, scenario
from tests.scenarios.watch import offsets_watched

ON_JAVA = {"instances": {"referral": 2, "catalogue": 2}}

AT_ONCE = 200
ENDED_WITHIN = 15.0
LAG_WITHIN = 20.0
"""Seconds that an event may wait while instances restart one after the other."""
FROZEN = {EMBEDDED: 4.0, JAVA: 60.0}
PAUSE = SESSION_SECONDS * 2


@scenario(6)
def test_two_hundred_first_events_of_one_referral_are_all_there(platform: Platform, engine: Backend) -> None:
    """200 ReferralIssued of one new referral, each with its own id, come at once over HTTP and by the region's own topic.

    The referral's partition of intake.http is another instance's than the region's topic: both decide on it at the same
    time. The service knows of each of the 200 that it was applied (the oracle): it would not know of an event that a
    lost race had overwritten. ReferralOpened has one id.
    """
    one = _of_the_upper_partitions(platform)
    over_kafka = [referral(platform.rng, ON_KAFKA, one, effects={}, history_of=None) for _ in range(AT_ONCE // 2)]
    over_http = [referral(platform.rng, ON_KAFKA, one, effects={}, history_of=None) for _ in range(AT_ONCE // 2)]
    some = [*over_kafka, *(replace(step, over_http=True) for step in over_http)]
    platform.rng.shuffle(some)
    platform.play(lambda sender: sender.send_all(some, at_once=AT_ONCE))
    platform.judge()
    assert len({record.named for record in platform.on_the_log("ReferralOpened", one)}) == 1
    if engine is JAVA:
        taken = [
            platform.metric(name, "lahete_events_total", type="ReferralIssued") for name in ("referral", "referral-2")
        ]
        assert min(taken) >= AT_ONCE / 2


def _of_the_upper_partitions(platform: Platform) -> str:
    every = list(range(PARTITIONS))
    partition = DefaultPartitioner()
    while True:
        one = seeded(platform.rng)
        if partition(one.encode(), every, every) >= PARTITIONS // 2:
            return one


# --- under load


@scenario(13)
def test_whoever_is_asked_to_end_under_load_ends_well_and_in_time(platform: Platform, engine: Backend) -> None:
    """SIGTERM to every instance at once, under load. Each exits with 0 within the grace, as its supervisor says."""
    took: dict[str, float] = {}
    names, before = platform.instances, len(platform.said)

    async def end_all() -> None:
        await asyncio.sleep(2)
        began = time.monotonic()
        alive = {name: platform.signal(name, SIGTERM) for name in names}
        while alive:
            for name in [name for name, pid in alive.items() if not is_alive(pid)]:
                took[name] = time.monotonic() - began
                del alive[name]
            assert time.monotonic() - began < ENDED_WITHIN, f"{sorted(alive)} go on"
            await asyncio.sleep(0.02)

    under_load(platform, engine, 5, end_all)
    platform.judge()
    print(f"ended within {max(took.values()):.1f} s")
    for name in names:
        assert [line for line in platform.said[before:] if line.startswith(f"{name} ended")] == [
            f"{name} ended with 0; started again in 0.2 s"
        ]


@scenario(14)
def test_a_rolling_restart_under_load_keeps_the_lag_bounded(platform: Platform, engine: Backend) -> None:
    """Every instance restarts, one after the other, each once the one before is ready.

    The lag is by Kafka's own times: from ReferralIssued on the log to ReferralOpened.
    """
    began = time.time()

    async def roll() -> None:
        for name in platform.instances:
            before = platform.signal(name, SIGTERM)
            await asyncio.to_thread(platform.comes_back, name, before)

    with offsets_watched(platform.place.kafka, SERVICES) as offsets:
        under_load(platform, engine, 12, roll)
        observation = platform.judge()
    assert offsets.went_back == []
    since = [record.named for record in observation.intake if record.named and record.timestamp / 1000 > began]
    took = delays(observation, since, "ReferralOpened")
    print(f"longest lag {took[-1]:.1f} s of {len(took)}")
    assert took[-1] <= LAG_WITHIN


@scenario(16)
def test_an_instance_that_was_frozen_wakes_up_and_harms_nothing(platform: Platform, engine: Backend) -> None:
    """SIGSTOP of a referral instance under load, for far longer than its session, then SIGCONT.

    No committed offset of any group goes back, and by the oracle nothing took effect twice. In Java the other instance
    takes over: nothing waits until the first wakes up.
    """
    seconds, began = FROZEN[engine], time.time()

    async def freeze() -> None:
        await asyncio.sleep(2)
        with platform.frozen("referral"):
            await asyncio.sleep(seconds)

    with offsets_watched(platform.place.kafka, SERVICES) as offsets:
        under_load(platform, engine, seconds + 3, freeze)
        observation = platform.judge()
    assert offsets.went_back == []
    assert offsets.total("referral") > 0
    if engine is JAVA:
        since = [record.named for record in observation.intake if record.named and record.timestamp / 1000 > began]
        took = delays(observation, since, "ReferralOpened")
        print(f"longest wait {took[-1]:.1f} s")
        assert took[-1] < seconds / 2


@scenario(15)
def test_a_handler_too_slow_for_its_session_overwrites_nothing(platform: Platform) -> None:
    """One of two instances stands still between loading and saving, until its partitions are the other's.

    Each referral has a choice as soon as it is issued. The other instance opens the referrals that the slow one had read,
    before that goes on and finds only repetitions, and the histories hold the events of the meantime (the oracle).
    """
    platform.restart("referral", LAHETE_FAULT_PAUSE_AT=f"recalled={PAUSE:.0f}")
    issued = referrals(platform.rng, 40)
    with offsets_watched(platform.place.kafka, ["referral"]) as offsets:
        # The slow instance's door stands still with it.
        platform.play(lambda sender: sender.not_by("referral").send_all(issued))
        platform.play(lambda sender: sender.not_by("referral").send_all([chosen(platform.rng, one) for one in issued]))
        observation = platform.judge()
        repetitions = platform.until(
            lambda: platform.metric("referral", "lahete_events_total", type="ReferralIssued", outcome="repetition"),
            "the slow one comes to its end",
        )
    platform.restart("referral")
    assert offsets.went_back == []
    assert repetitions > 0
    took = delays(observation, [(one.event["source"], one.event["id"]) for one in issued], "ReferralOpened")
    print(f"taken over after {took[-1]:.1f} s, the slow one went on after {PAUSE:.0f} s")
    assert SESSION_SECONDS / 2 < took[-1] < PAUSE - 1
