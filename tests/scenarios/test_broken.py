"""Events that cannot be taken: broken ones, and good ones whose handler fails."""

import asyncio
import time
from collections.abc import Sequence

from deploy.backends import Backend
from tests.scenarios.delays import delays, percentile
from tests.scenarios.journeys import ON_KAFKA, JourneyStep
from tests.scenarios.platform import Platform
from tests.scenarios.referrals import chosen, missed, referral, referrals, subject_of, withdrawn
from tests.scenarios.send import Senders
from tests.scenarios.table import ALL, EMBEDDED, JAVA, scenario

OPENED = {"LAHETE_FAULT_FAIL_ON": "ActivityMissed,ReferralWithdrawn"}
"""Classes that concern the referral service alone."""
ON_JAVA = {"proxied": True}

TOPIC = "intake.region.08"
COLD = {EMBEDDED: (10_000, 50.0), JAVA: (1_000, 8.0)}
"""Events with a key of their own, and how many a second the engine carries with room to spare."""
COLD_QUICK = (300, 60.0)
P99_WITHIN = 1.0
FAILED = frozenset({"handler_failed"})
LOOKS_AGAIN_AFTER = 3.0


@scenario(10)
def test_an_event_whose_handler_always_fails_is_laid_aside_and_the_next_goes_on(platform: Platform) -> None:
    """The referral service fails on ActivityMissed, by its settings. One stands between two others of its key.

    The dead letter names reason, place and attempts, and is the record itself (the oracle: byte for byte); the event
    behind it has its effect.
    """
    first = referral(platform.rng, ON_KAFKA)
    bad = missed(platform.rng, first, fate="dead_lettered", refusals=FAILED, history_of=None)
    last = chosen(platform.rng, first)

    async def in_order(sender: Senders) -> None:
        for one in (first, bad, last):
            await sender.send(one)

    platform.play(in_order)
    observation = platform.judge()
    (record,) = [record for record in observation.intake if record.named == (bad.event["source"], bad.event["id"])]
    letters = {one["service"]: one for one in platform.dead_letters() if one["event_id"] == bad.event["id"]}
    assert letters.keys() == {"referral", "partners"}, "each that reads the class met the fault"
    letter = letters["referral"]
    assert (letter["topic"], letter["partition"], letter["offset"]) == (record.topic, record.partition, record.offset)
    assert (letter["reason"], letter["attempts"], letter["state"]) == ("handler_failed", 1, "open")
    assert letter["error"] == "HandlerFault: LAHETE_FAULT_FAIL_ON holds ActivityMissed"


# --- a hot key


@scenario(23)
def test_a_hot_key_that_fails_does_not_hold_up_the_cold_ones(platform: Platform, engine: Backend) -> None:
    """One referral's ActivityMissed fails in the referral service again and again, beside thousands that are opened.

    How we know: the 99th percentile of the times from the cold events on Kafka to ReferralOpened. By the oracle each
    hot event is dead-lettered and each cold one opened.
    """
    count, rate = COLD[engine] if ALL else COLD_QUICK
    hot = referral(platform.rng, ON_KAFKA)
    platform.play(lambda sender: sender.send(hot))
    cold = referrals(platform.rng, count)

    async def at_a_rate(sender: Senders) -> None:
        began = time.monotonic()
        sending = []
        for number, one in enumerate(cold):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            sending.append(asyncio.create_task(sender.send(one)))
            if number % 10 == 9:
                fails = missed(platform.rng, hot, fate="dead_lettered", refusals=FAILED, history_of=None)
                sending.append(asyncio.create_task(sender.send(fails)))
        await asyncio.gather(*sending)

    platform.play(at_a_rate)
    observation = platform.judge()
    took = delays(observation, [(one.event["source"], one.event["id"]) for one in cold], "ReferralOpened")
    assert len(took) == count
    print(f"cold keys: p50 {percentile(took, 0.5):.3f} s, p99 {percentile(took, 0.99):.3f} s, longest {took[-1]:.3f} s")
    assert percentile(took, 0.99) <= P99_WITHIN


# --- counted


@scenario(27)
def test_the_metrics_count_what_happened(platform: Platform) -> None:
    """Seven events fail, three of them are sent again once the cause is mended, five others come twice.

    The referral service's metrics say exactly that, and the age of the oldest outbox rises while Kafka is away, then
    falls to 0.
    """
    first = referral(platform.rng, ON_KAFKA)
    platform.play(lambda sender: sender.send(first))
    failed = _counted(platform, "ReferralWithdrawn", "handler_failed")
    left = [withdrawn(platform.rng, first, fate="dead_lettered", refusals=FAILED, history_of=None) for _ in range(4)]
    mended = [withdrawn(platform.rng, first, refusals=FAILED) for _ in range(3)]
    platform.play(lambda sender: sender.send_all([*left, *mended]))
    letters = platform.until(lambda: _letters_of(platform, left + mended, 7), "seven are laid aside")
    assert _counted(platform, "ReferralWithdrawn", "handler_failed") - failed == 7
    platform.restart("referral", LAHETE_FAULT_FAIL_ON="", LAHETE_FAULT_PAUSE_AT="saved=3")
    _the_oldest_outbox_is_seen(platform)
    issued = _counted(platform, "ReferralIssued", "applied"), _counted(platform, "ReferralIssued", "repetition")
    for one in mended:
        answer = platform.ask("monitor", f"/v1/dead-letters/{letters[one.event['id']]}/redrive", method="POST")
        assert answer.status_code == 202, answer.text
    twice = referrals(platform.rng, 5)
    platform.play(lambda sender: sender.send_all(twice))
    platform.play(lambda sender: sender.send_all(twice))
    platform.judge()
    assert _counted(platform, "ReferralWithdrawn", "applied") == 3
    assert _counted(platform, "ReferralWithdrawn", "handler_failed") == 0
    assert _counted(platform, "ReferralIssued", "applied") - issued[0] == 5
    assert _counted(platform, "ReferralIssued", "repetition") - issued[1] == 5


def _the_oldest_outbox_is_seen(platform: Platform) -> None:
    """The service saves a referral and pauses; Kafka stands still before the outbox is out."""
    one = referral(platform.rng, ON_KAFKA)
    platform.play(lambda sender: sender.send(one))
    platform.until(lambda: platform.keeps("referral", subject_of(one)), "it is saved")
    with platform.without_kafka(silent=True):
        for seconds in (5.0, 7.0):
            platform.until(lambda: _outbox_seconds(platform) > seconds, f"the outbox is {seconds} s old", 15)  # noqa: B023
    platform.until(lambda: _outbox_seconds(platform) == 0, "the outbox is out")
    platform.quiet()


def _outbox_seconds(platform: Platform) -> float:
    return platform.metric("referral", "lahete_oldest_outbox_seconds")


def _counted(platform: Platform, name: str, outcome: str) -> float:
    return platform.metric("referral", "lahete_events_total", type=name, outcome=outcome)


def _letters_of(platform: Platform, steps: Sequence[JourneyStep], count: int) -> dict[str, str] | None:
    ids = {one.event["id"] for one in steps}
    open_ = (one for one in platform.dead_letters() if one["state"] == "open")
    found = {one["event_id"]: one["dl_id"] for one in open_ if one["event_id"] in ids}
    return found if len(found) == count else None
