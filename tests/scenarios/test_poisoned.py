"""What fails at one aggregate, or in what one sender set off, beside many that are sound."""

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence
from typing import Final

from deploy.engines import Engine
from tests.scenarios.journeys import Step
from tests.scenarios.referrals import chosen, missed, referral, referrals
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
    """Records of attendance fail: sixty at one referral, and one, of the same opisto, at each of forty others.

    Meanwhile a thousand others are issued, and the referral service is killed when half of them have failed. What fails
    waits as `handler_failed`, the one referral's in the order it was sent; of both, the choice that is sent behind what
    failed is applied past it. The fuse is shut before the kill and after; by the oracle every other is opened once.
    """
    sick = referral(stage.rng)
    chain = referrals(stage.rng, IN_A_CHAIN)
    healthy = referrals(stage.rng, HEALTHY)
    at_one = [missed(stage.rng, sick, fate="dead_lettered", refusals=FAILED, history_of=None) for _ in range(AT_ONE)]
    set_off = [missed(stage.rng, one, fate="dead_lettered", refusals=FAILED, history_of=None) for one in chain]
    behind = [chosen(stage.rng, sick), chosen(stage.rng, chain[0])]
    stage.play(lambda sender: sender.send_all([sick, *chain]))

    async def fail(sender: Sender) -> None:
        await fail_at(sender, at_one[: AT_ONE // 2], set_off[: IN_A_CHAIN // 2])
        await asyncio.to_thread(lambda: still_shut(stage, (AT_ONE + IN_A_CHAIN) // 2))
        stage.signal("referral", signal.SIGKILL)
        await fail_at(sender, at_one[AT_ONE // 2 :], set_off[IN_A_CHAIN // 2 :])
        await sender.send_all(behind)

    async def beside(sender: Sender) -> None:
        await asyncio.gather(sender.send_all(healthy, 20), fail(sender))

    stage.play(beside)
    stage.until(lambda: stage.is_ready("referral"), "the referral service is back")
    sight = stage.judge()
    still_shut(stage, (AT_ONE + IN_A_CHAIN) // 2)
    laid_aside = [letter.attributes["id"] for letter in sight.dead]
    wanted = [one.event["id"] for one in at_one]
    assert list(dict.fromkeys(id_ for id_ in laid_aside if id_ in set(wanted))) == wanted
    assert Counter(letter.letter["reason"] for letter in sight.dead).keys() == FAILED


async def fail_at(sender: Sender, at_one: Sequence[Step], set_off: Sequence[Step]) -> None:
    """Those of one referral each once the one before was taken."""

    async def in_order() -> None:
        for one in at_one:
            await sender.send(one)

    await asyncio.gather(in_order(), sender.send_all(set_off, 10))


def still_shut(stage: Stage, failures: int) -> None:
    """The fuse, once this process of the referral service has laid so many aside."""

    def laid_aside() -> bool:
        return stage.metric("referral", "lahete_dead_letters_total", reason="handler_failed") >= failures

    stage.until(laid_aside, f"{failures} have failed")
    assert stage.metric("referral", "lahete_fuse_open") == 0
