"""A referral's history tells a participant's answer, as all else, by the time that its sender wrote, to the last digit."""

from pathlib import Path

import msgspec
import pytest

from shared.contracts import topics
from shared.contracts.envelope import Event, attributes_of
from shared.engine.model import Decision
from tests.unit.doors import door, key
from tests.unit.feedback_facts import REFERRAL, REGION, answered, decide, event, issued, opened


@pytest.mark.asyncio
@pytest.mark.parametrize("finer", ["", "7", "789"])
async def test_the_history_has_the_senders_text_of_an_answers_time(tmp_path: Path, finer: str) -> None:
    sent = msgspec.structs.replace(answered(phase="after", source=REGION, channel="phone", id_="by-phone"), finer=finer)
    async with door("referral", tmp_path) as one:
        await one.given(issued(), topic=topics.intake_of(REGION))
        await one.given(taken_in(sent), topic=topics.events_of("feedback"))
        answer = await one.client.get(f"/v1/referrals/{REFERRAL}", headers=key(REGION))
    [told] = [fact for fact in answer.json()["history"] if fact["type"] == "FeedbackSubmitted"]
    assert told == {
        "time": attributes_of(sent)["time"],
        "type": "FeedbackSubmitted",
        "source": REGION,
        "id": "by-phone",
    }


def taken_in(sent: Event) -> Event:
    """What the feedback service says of it."""
    state, follow = None, []
    for one in (issued(), opened(), sent):
        decided = decide(state, one)
        assert isinstance(decided, Decision), one.name
        state, follow = decided.state, list(decided.follow)
    return event(follow[0].data, "/service/feedback", day=3)
