"""The monitor with its engine and its store, as the ops team sees it: what it writes comes back to it as from Kafka."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from shared.clock import real_now
from shared.contracts import topics
from shared.engine.batch import Processor
from shared.kafka.lag import READS
from shared.kafka.producer import Publisher, Record
from tests.unit.consumed import consumed
from tests.unit.doors import Door, key, opened

OPS = "ops:anna"


class OpsRoom(Door):
    """`redriven` is what was sent again and nobody has taken up yet."""

    def __init__(self, folder: Path) -> None:
        super().__init__("monitor", folder)
        self.redriven: list[Record] = []
        self.audit: list[Record] = []
        self._offset = 0

    def engine(self) -> Processor:
        wire: Publisher = self  # type: ignore[assignment]
        clock = self.app.state.clock
        return Processor(self.wired.table, self.store, wire, clock, recent_outcomes=2, due_early=timedelta(days=30))

    async def reads(self, *records: Record, ago: float = 0.0) -> None:
        """Takes the records, which came so many seconds ago, and all that follows from them in the monitor."""
        coming: Sequence[Record] = records
        while coming:
            at = int((real_now().timestamp() - ago) * 1_000)
            came = [consumed(one, self._offset + nth, at) for nth, one in enumerate(coming, 1)]
            self._offset += len(came)
            engine = self.engine()
            await engine.clear(await engine.process(engine.receive(came)))
            coming = self._written()

    async def follows(self) -> None:
        """Takes what its doors have written."""
        await self.reads(*self._written())

    def _written(self) -> list[Record]:
        written, self.written[:] = self.written[:], []
        self.redriven += [one for one in written if one.topic.startswith("redrive.")]
        self.audit += [one for one in written if one.topic == topics.AUDIT]
        return [one for one in written if READS["monitor"](one.topic) and one.topic != topics.AUDIT]

    async def letter(
        self, dl_id: str, *, ago: float = 0.0, key: bytes = b"k", value: bytes = b"{}", **said: str
    ) -> None:
        """A dead letter comes."""
        await self.reads(letter(dl_id, key=key, value=value, **said), ago=ago)

    async def get(self, path: str, who: str = OPS, **query: Any) -> Any:
        """The answer to a question, which is answered."""
        answer = await self.client.get(path, params=query, headers=key(who))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: object = None, who: str = OPS) -> httpx.Response:
        """Acts, and lets the monitor take what follows."""
        answer = await self.client.post(path, json=body, headers=key(who))
        await self.follows()
        return answer


def letter(dl_id: str, *, key: bytes = b"k", value: bytes = b"{}", **said: str) -> Record:
    """A record of the dead letters' topic."""
    added = {
        "dl_reason": "rejected",
        "dl_error": "no consent for it",
        "dl_service": "referral",
        "dl_topic": "intake.http",
        "dl_partition": "0",
        "dl_offset": "7",
        "dl_attempts": "1",
        "ce_id": f"of-{dl_id}",
        "ce_source": "/region/06",
        "ce_type": "fi.kulttuurilahete.ReferralIssued.v1",
    }
    headers = [(name, value.encode()) for name, value in {**added, "dl_id": dl_id, **said}.items()]
    return Record(topics.DEAD_LETTERS, key, value, headers)


def ops_room(folder: Path) -> AbstractAsyncContextManager[OpsRoom]:
    """A monitor that is open, and closed in the end."""
    return opened(OpsRoom(folder))
