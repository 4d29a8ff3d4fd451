"""Failures at one aggregate, or in one sender's chains, beside many sound ones."""

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence
from typing import Final

from deploy.backends import Backend
from tests.scenarios.journeys import JourneyStep
from tests.scenarios.platform import Platform
from tests.scenarios.referrals import chosen, missed, referral, referrals
from tests.scenarios.send import Senders
from tests.scenarios.table import ALL, scenario

OPENED = {"LAHETE_FAULT_FAIL_ON": "ActivityMissed"}
"""Which concerns the referral service alone."""

FAILED: Final = frozenset({"handler_failed"})
AT_ONE: Final = 60
IN_A_CHAIN: Final = 40
HEALTHY: Final = 1_000 if ALL else 200


@scenario(33)
def test_a_poisoned_referral_and_one_senders_chain_of_them_stop_nobody(platform: Platform, engine: Backend) -> None:
    """Records of attendance fail: sixty at one referral, and one, of the same opisto, at each of forty others.

    Meanwhile a thousand others are issued, and the referral service is killed when half of them have failed. Failed
    events wait as `handler_failed`, the one referral's in order of sending; the choice behind the failed ones is applied
    past them. The circuit breaker is closed before the kill and after; by the oracle every other is opened once.
    """
    sick = referral(platform.rng)
    chain = referrals(platform.rng, IN_A_CHAIN)
    healthy = referrals(platform.rng, HEALTHY)
    at_one = [missed(platform.rng, sick, fate="dead_lettered", refusals=FAILED, history_of=None) for _ in range(AT_ONE)]
    set_off = [missed(platform.rng, one, fate="dead_lettered", refusals=FAILED, history_of=None) for one in chain]
    behind = [chosen(platform.rng, sick), chosen(platform.rng, chain[0])]
    platform.play(lambda sender: sender.send_all([sick, *chain]))

    async def fail(sender: Senders) -> None:
        await fail_at(sender, at_one[: AT_ONE // 2], set_off[: IN_A_CHAIN // 2])
        await asyncio.to_thread(lambda: still_shut(platform, (AT_ONE + IN_A_CHAIN) // 2))
        platform.signal("referral", signal.SIGKILL)
        await fail_at(sender, at_one[AT_ONE // 2 :], set_off[IN_A_CHAIN // 2 :])
        await sender.send_all(behind)

    async def beside(sender: Senders) -> None:
        await asyncio.gather(sender.send_all(healthy, 20), fail(sender))

    platform.play(beside)
    platform.until(lambda: platform.is_ready("referral"), "the referral service is back")
    observation = platform.judge()
    still_shut(platform, (AT_ONE + IN_A_CHAIN) // 2)
    laid_aside = [letter.attributes["id"] for letter in observation.dead]
    wanted = [one.event["id"] for one in at_one]
    assert list(dict.fromkeys(id_ for id_ in laid_aside if id_ in set(wanted))) == wanted
    assert Counter(letter.letter["reason"] for letter in observation.dead).keys() == FAILED


async def fail_at(sender: Senders, at_one: Sequence[JourneyStep], set_off: Sequence[JourneyStep]) -> None:
    """The events of one referral, each once a door took the one before."""

    async def in_order() -> None:
        for one in at_one:
            await sender.send(one)

    await asyncio.gather(in_order(), sender.send_all(set_off, 10))


def still_shut(platform: Platform, failures: int) -> None:
    """The circuit breaker, once this process of the referral service has laid so many aside."""

    def laid_aside() -> bool:
        return platform.metric("referral", "lahete_dead_letters_total", reason="handler_failed") >= failures

    platform.until(laid_aside, f"{failures} have failed")
    assert platform.metric("referral", "lahete_circuit_breaker_open") == 0
