"""Events that their senders repeat, however often."""

import asyncio
from uuid import uuid4

from tests.integration.road import REGION, issued
from tests.scenarios.conftest import Opened
from tests.scenarios.platform import step, told
from tests.scenarios.send import Senders
from tests.scenarios.table import JAVA, scenario

TIMES = 50


@scenario(1)
def test_the_same_referral_fifty_times_is_one_referral(opened: Opened, engine: object) -> None:
    """ReferralIssued is sent 50 times at once, to the doors of three instances where there can be several.

    One ReferralOpened id by the oracle's declared effects; one place in the history; one entry of it in the region's feed.
    """
    instances = {"referral": 3} if engine is JAVA else {}
    event = issued(str(uuid4()))
    once = step(event, effects={"ReferralOpened": 1}, history_of=event["data"]["referral_id"])

    async def fifty_times(sender: Senders) -> None:
        await asyncio.gather(*(sender.send(once) for _ in range(TIMES)))

    with opened(instances=instances) as platform:
        platform.play(fifty_times)
        observation = platform.judge()
        assert [record.named for record in observation.intake].count((event["source"], event["id"])) == TIMES
        assert sum(told(platform, REGION, "ReferralOpened").values()) == 1
