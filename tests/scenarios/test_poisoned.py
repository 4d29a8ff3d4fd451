"""What fails at one aggregate, or in what one sender set off, beside many that are sound."""

import asyncio
import signal
from collections import Counter
from typing import Final

from deploy.engines import Engine
from tests.scenarios.referrals import missed, referral, referrals
from tests.scenarios.send import Sender
from tests.scenarios.stage import Stage
from tests.scenarios.table import ALL, scenario

OPENED = {"LAHETE_FAULT_FAIL_ON": "ActivityMissed"}
"""Which concerns the referral service alone."""

FAILED: Final = frozenset({"handler_failed"})
AT_ONE: Final = 60
IN_A_CHAIN: Final = 40
HEALTHY: Final = 1_000 if ALL else 200


@scenario(33)
def test_a_poisoned_referral_and_one_senders_chain_of_them_stop_nobody(stage: Stage, engine: Engine) -> None:
    """One referral fails with whatever comes to it, and all that one opisto sends fails at forty others.

    Meanwhile a thousand others are issued, and the referral service is killed in the middle of it. What fails waits as
    `handler_failed`, the one referral's in the order it was sent; the fuse stays shut, before the kill and after; by the
    oracle every other referral is opened once.
    """
    sick = referral(stage.rng)
    chain = referrals(stage.rng, IN_A_CHAIN)
    healthy = referrals(stage.rng, HEALTHY)
    at_one = [missed(stage.rng, sick, fate="dead_lettered", refusals=FAILED, history_of=None) for _ in range(AT_ONE)]
    set_off = [missed(stage.rng, one, fate="dead_lettered", refusals=FAILED, history_of=None) for one in chain]
    stage.play(lambda sender: sender.send_all([sick, *chain]))

    async def kill() -> None:
        await asyncio.sleep(1)
        stage.signal("referral", signal.SIGKILL)

    async def in_order(sender: Sender) -> None:
        for one in at_one:
            await sender.send(one)

    async def beside(sender: Sender) -> None:
        await asyncio.gather(sender.send_all(healthy, 20), sender.send_all(set_off, 10), in_order(sender), kill())

    stage.play(beside)
    stage.until(lambda: stage.is_ready("referral"), "the referral service is back")
    sight = stage.judge()
    assert stage.metric("referral", "lahete_fuse_open") == 0
    laid_aside = [letter.attributes["id"] for letter in sight.dead]
    wanted = [one.event["id"] for one in at_one]
    assert list(dict.fromkeys(id_ for id_ in laid_aside if id_ in set(wanted))) == wanted
    assert Counter(letter.letter["reason"] for letter in sight.dead).keys() == FAILED
