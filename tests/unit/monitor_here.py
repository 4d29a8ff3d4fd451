"""The monitor in this process: its HTTP, and the log that its own engine reads into a real store."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
from aiokafka import ConsumerRecord

from services.monitor import api, handlers
from services.monitor.owners import Owners
from services.monitor.settings import MonitorSettings
from shared.clock import Clock
from shared.contracts import topics
from shared.engine.batch import Processor
from shared.http.keys import Keyring, hash_of, write_hashes
from shared.http.server import application
from shared.kafka.producer import Publisher, Record
from shared.process.settings import read
from shared.store.sqlite import SqliteStore

REFERRAL = "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"
OPENED = "0d9a527b-1e5c-574c-8a0e-3f1f6a2d8c11"
LETTER = "aa9a527b-1e5c-574c-8a0e-3f1f6a2d8c11"
CODE = "DKGDM5F8QK4V"


class TracingMonitor:
    """The monitor's HTTP, and the log that it reads."""

    def __init__(self, folder: Path) -> None:
        self.written: list[Record] = []
        self.store = SqliteStore(folder / "monitor.sqlite")
        wire: Any = self
        publisher: Publisher = wire
        self.table = handlers.table()
        self._processor = Processor(
            self.table, self.store, publisher, Clock(), recent_outcomes=64, due_early=timedelta(days=30)
        )
        self._offset = 0
        settings = read(MonitorSettings).model_copy(update={"denied_a_minute": 3})
        write_hashes(folder / "keys.json", {hash_of("key of ops"): "ops:anna", hash_of("key of 06"): "/region/06"})
        state: dict[str, Any] = {
            "clock": Clock(),
            "store": self.store,
            "publisher": self,
            "keyring": Keyring(folder / "keys.json"),
            "rates": settings.rates(),
            "settings": settings,
            "table": self.table,
            # Only classes from outside have an owner that is asked: those here are of the services.
            "owners": Owners({}, "", httpx.create_ssl_context()),
        }
        self._app = application(api.operations(), list, state)

    async def publish(self, records: Sequence[Record], *, within: float = 30.0) -> None:
        """At once."""
        self.written += records

    async def sees(self, topic: str, key: str, headers: dict[str, str], value: bytes = b"{}") -> None:
        """A record of the log."""
        pairs = tuple((name, value.encode()) for name, value in headers.items())
        self._offset += 1
        came = ConsumerRecord(topic, 0, self._offset, 1_790_000_000_000, 0, key.encode(), value, None, 0, 2, pairs)
        await self._processor.clear(await self._processor.process(self._processor.receive([came])))

    async def sees_many(self, topic: str, source: str, name: str, count: int) -> None:
        """Records of one sender and class about the referral, at once."""
        records = []
        for number in range(count):
            self._offset += 1
            said = {
                "id": f"{name}-{number}",
                "source": source,
                "type": f"fi.kulttuurilahete.{name}.v1",
                "subject": REFERRAL,
            }
            pairs = tuple((f"ce_{key}", value.encode()) for key, value in said.items())
            place = (topic, 0, self._offset, 1_790_000_000_000, 0)
            records.append(ConsumerRecord(*place, REFERRAL.encode(), b"{}", None, 0, 2, pairs))
        await self._processor.clear(await self._processor.process(self._processor.receive(records)))

    async def event(self, name: str, id_: str, value: bytes = b"{}", **more: str) -> None:
        """One of the referral's, as the referral service tells it."""
        if name == "ReferralOpened":
            value = msgspec.json.encode({"referral_id": REFERRAL, "referral_code": CODE})
        said = {
            "ce_specversion": "1.0",
            "ce_id": id_,
            "ce_source": "/service/referral",
            "ce_type": f"fi.kulttuurilahete.{name}.v1",
            "ce_time": "2026-09-01T08:00:00Z",
            "ce_subject": REFERRAL,
        }
        await self.sees("referral.events", REFERRAL, said | more, value)

    async def letter(self, key: str, **more: str) -> None:
        """A dead letter of an event that nobody owns."""
        said = {
            "ce_id": "e-77",
            "ce_source": "/region/06",
            "ce_type": "fi.kulttuurilahete.Unheard.v1",
            "dl_id": LETTER,
            "dl_reason": "unknown_type",
            "dl_error": "/type: is not known",
            "dl_service": "referral",
            "dl_topic": "intake.region.06",
            "dl_partition": "0",
            "dl_offset": "7",
            "dl_attempts": "1",
        }
        await self.sees("dead-letters", key, said | more)

    async def asked(self, what: str, key: str = "key of ops", *, of: str = "traces") -> httpx.Response:
        return await self.get(f"/v1/{of}/{what}", key)

    async def get(self, path: str, key: str = "key of ops", **query: str) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://monitor") as client:
            return await client.get(path, params=query or None, headers={"Authorization": f"Bearer {key}"})

    def looks(self) -> list[dict[str, Any]]:
        """What the audit keeps."""
        return [msgspec.json.decode(one.value or b"") for one in self.written if one.topic == topics.AUDIT]


@asynccontextmanager
async def monitor_in(folder: Path) -> AsyncIterator[TracingMonitor]:
    """A monitor whose store lies in the folder."""
    one = TracingMonitor(folder)
    await one.store.open(one.table.collections, one.table.journals)
    yield one
    await one.store.close()
