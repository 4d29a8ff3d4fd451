"""The monitor with its engine and its store, as the ops team sees it: what it writes comes back to it as from Kafka."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aiokafka import ConsumerRecord

from shared.clock import real_now
from shared.contracts import topics
from shared.contracts.envelope import Event, attributes_of, kafka_headers
from shared.contracts.every_service_events import DeadLetterSettled, DeadlinePassed
from shared.contracts.fields import What
from shared.engine.batch import Processor
from shared.kafka.lag import READS
from shared.kafka.producer import Publisher, Record
from tests.unit.consumed import consumed
from tests.unit.doors import Door, key, opened

OPS = "ops:anna"


class Killed(Exception):
    """The process ends here."""


async def _take(engine: Processor, came: list[ConsumerRecord[bytes, bytes]]) -> None:
    await engine.clear(await engine.process(engine.receive(came)))


class OpsRoom(Door):
    """`redriven` is what was sent again and nobody has taken up yet."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__("monitor", folder, **settings)
        self.redriven: list[Record] = []
        self.audit: list[Record] = []
        self.said: list[Record] = []
        """What the monitor said on its own topic."""
        self.passed: list[Record] = []
        """What was written to `intake.http`."""
        self.killed_at = ""
        """At which step of each batch the process is killed, and started again."""
        self._offset = 0

    def engine(self, between: Callable[[str], None] = lambda _: None) -> Processor:
        wire: Publisher = self  # type: ignore[assignment]
        clock = self.app.state.clock
        options: dict[str, Any] = {"recent_outcomes": 2, "due_early": timedelta(days=30), "between": between}
        return Processor(self.wired.table, self.store, wire, clock, **options)

    async def reads(self, *records: Record, ago: float = 0.0) -> None:
        """Takes the records, which came so many seconds ago, and all that follows from them in the monitor."""
        coming: Sequence[Record] = records
        while coming:
            at = int((real_now().timestamp() - ago) * 1_000)
            came = [consumed(one, self._offset + nth, at) for nth, one in enumerate(coming, 1)]
            self._offset += len(came)
            if self.killed_at:
                with pytest.raises(Killed):
                    await _take(self.engine(self._dies), came)
            await _take(self.engine(), came)
            coming = self._written()

    def _dies(self, step: str) -> None:
        if step == self.killed_at:
            raise Killed

    async def follows(self) -> None:
        """Takes what its doors have written."""
        await self.reads(*self._written())

    def _written(self) -> list[Record]:
        written, self.written[:] = self.written[:], []
        self.redriven += [one for one in written if one.topic.startswith("redrive.")]
        self.said += [one for one in written if one.topic == topics.events_of("monitor")]
        self.audit += [one for one in written if one.topic == topics.AUDIT]
        self.passed += [one for one in written if one.topic == topics.INTAKE_HTTP]
        return [one for one in written if READS["monitor"](one.topic) and one.topic != topics.AUDIT]

    async def letter(
        self, dl_id: str, *, ago: float = 0.0, key: bytes = b"k", value: bytes = b"{}", **said: str
    ) -> None:
        """A dead letter comes."""
        await self.reads(letter(dl_id, key=key, value=value, **said), ago=ago)

    async def answers(self, *, broken: frozenset[str] = frozenset()) -> list[str]:
        """The service takes up what was sent again, but for what is still broken. Returns whose answers these are."""
        sent, self.redriven[:] = self.redriven[:], []
        said = [{name: (value or b"").decode() for name, value in one.headers} for one in sent]
        await self.reads(
            *(
                letter(one["dl_id"], dl_attempts=str(int(one["dl_attempts"]) + 1))
                if one["dl_id"] in broken
                else settled(one["dl_id"])
                for one in said
            )
        )
        return [one["dl_id"] for one in said]

    async def passes(self, collection: str, aggregate: str, what: What, due_at: datetime) -> None:
        """A deadline of the monitor's passes."""
        data = DeadlinePassed(
            service="monitor", collection=collection, aggregate=aggregate, what=what, due_at=due_at, nth=1
        )
        await self.reads(
            record(Event(str(uuid4()), "/service/monitor", min(due_at, real_now()), data), "monitor.events")
        )

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


def settled(dl_id: str) -> Record:
    """The service that had refused a letter took it up."""
    data = DeadLetterSettled(dl_id=dl_id, service="referral", attempt=1, outcome="resolved")
    return record(Event(str(uuid4()), "/service/referral", real_now(), data), "referral.events")


def record(event: Event, topic: str) -> Record:
    """An event as it stands on a topic."""
    body = event.data.model_dump_json(exclude_none=True).encode()
    return Record(topic, event.data.subject.encode(), body, kafka_headers(attributes_of(event)))


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


def ops_room(folder: Path, **settings: Any) -> AbstractAsyncContextManager[OpsRoom]:
    """A monitor that is open, and closed in the end."""
    return opened(OpsRoom(folder, **settings))
