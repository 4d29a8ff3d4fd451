"""The country through which a heartbeat goes: all services, and all that was ever written there."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from services.monitor.heartbeat import beat_at, begun, ended, published
from shared.contracts import topics
from shared.contracts.envelope import Event
from shared.contracts.heartbeat import is_of_a_heartbeat
from shared.http.intake import write
from shared.kafka.lag import READS
from shared.kafka.producer import Record
from tests.unit.country import NOW, Country
from tests.unit.doors import Door, door

EVERY: Final = timedelta(hours=2)
"""Long, since the time of a beat is taken when the tests are collected: its session must not end before they run."""
AT: Final = beat_at(NOW, EVERY) - EVERY


class Land(Country):
    """The country with all that was ever written in it."""

    def __init__(self, doors: dict[str, Door]) -> None:
        super().__init__(doors)
        self.log: list[Record] = []

    def _note(self, record: Record) -> None:
        super()._note(record)
        self.log.append(record)

    async def say(self, events: Sequence[Event]) -> None:
        records = await recorded(self.doors["monitor"], events)
        self.log += records
        await self.flow(records)

    async def beat(self) -> None:
        for events in (published(AT, EVERY), begun(AT), ended(AT, EVERY)):
            await self.say(events)

    def seen_by(self, service: str) -> set[str]:
        read = [one for one in self.log if READS[service](one.topic) and is_of_a_heartbeat(one.topic, one.headers)]
        return {class_of(one) for one in read}


def class_of(record: Record) -> str:
    return (dict(record.headers)["ce_type"] or b"").decode().split(".")[2]


async def recorded(one: Door, events: Sequence[Event]) -> list[Record]:
    publisher: Any = one
    await write(publisher, events)
    records, one.written[:] = one.written[:], []
    return records


@asynccontextmanager
async def land(folder: Path) -> AsyncIterator[Land]:
    async with AsyncExitStack() as stack:
        yield Land({one: await stack.enter_async_context(door(one, folder)) for one in topics.SERVICES})
