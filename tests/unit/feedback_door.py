"""The feedback service's doors over a real store and the engine's own batch; Kafka is a double.

What is written to `intake.http` is kept and, as a broker would, handed to the service's own `Processor`, so that a link
works because its event was applied.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from services.feedback import api, handlers
from services.feedback.settings import FeedbackSettings
from shared.clock import Clock, real_now
from shared.contracts.envelope import Event, attributes_of, kafka_headers
from shared.engine.batch import Processor
from shared.http.keys import Keyring, hash_of, write_hashes
from shared.http.server import application
from shared.kafka.producer import BrokerUnavailable, Publisher, Record
from shared.store.sqlite import SqliteStore
from tests.unit.consumed import consumed
from tests.unit.feedback_facts import OPISTO, OTHER_OPISTO, REFERRAL, REGION, START, and_opened

HOLDERS = (REGION, "/region/07", OPISTO, OTHER_OPISTO, "ops:anna", "reader:eero")


class FeedbackDoor:
    """The service as a client sees it, and what it wrote."""

    def __init__(self, folder: Path, settings: FeedbackSettings) -> None:
        self.written: list[Record] = []
        self.down = False
        self.applies = True
        self.clock = Clock.read(f"{START.isoformat()}*1", real_now().timestamp() - timedelta(days=100).total_seconds())
        self.store = SqliteStore(folder / "feedback.sqlite")
        self.settings = settings
        self.table = handlers.table()
        publisher: Publisher = self  # type: ignore[assignment]
        self._processor = Processor(
            self.table, self.store, publisher, self.clock, recent_outcomes=64, due_early=timedelta(days=30)
        )
        self._offset = 0
        write_hashes(folder / "keys.json", {hash_of(f"key of {holder}"): holder for holder in HOLDERS})
        state: dict[str, Any] = {
            "clock": self.clock,
            "store": self.store,
            "publisher": self,
            "keyring": Keyring(folder / "keys.json"),
            "rates": settings.rates(),
            "settings": settings,
            "table": self.table,
            "log_guard": None,
            "fault": lambda: None,
        }
        self.app = application(api.operations(), list, state)

    async def publish(self, records: Sequence[Record], *, within: float = 30.0) -> None:
        """As the broker does: acknowledges, then whoever reads the topic gets it."""
        if self.down:
            raise BrokerUnavailable(f"Kafka has not acknowledged within {within:g} s")
        self.written += records
        if self.applies:
            await self._apply([record for record in records if record.topic == "intake.http"])

    async def catch_up(self) -> None:
        """Applies what was written last."""
        await self._apply([self.written[-1]])

    async def context(self, *events: Event) -> None:
        """Applies events as they come from Kafka."""
        await self._apply(
            [
                Record(
                    "intake.http",
                    event.data.subject.encode(),
                    event.data.model_dump_json(exclude_none=True).encode(),
                    kafka_headers(attributes_of(event)),
                )
                for event in and_opened(events)
            ]
        )

    async def _apply(self, records: Sequence[Record]) -> None:
        came = [consumed(record, self._offset + nth) for nth, record in enumerate(records, 1)]
        self._offset += len(came)
        if came:
            await self._processor.clear(await self._processor.process(self._processor.receive(came)))

    def on(self, topic: str) -> list[dict[str, Any]]:
        """The data of what was written to a topic, with the attributes."""
        return [
            {
                **{name: (value or b"").decode() for name, value in record.headers},
                "data": msgspec.json.decode(record.value or b""),
            }
            for record in self.written
            if record.topic == topic
        ]


@asynccontextmanager
async def opened_door(folder: Path, **settings: object) -> AsyncIterator[FeedbackDoor]:
    """A door whose store stands in a folder, with these settings beside the defaults."""
    door = FeedbackDoor(
        folder, FeedbackSettings.model_validate({"env": "test", "state": folder, "port": 8103, **settings})
    )
    await door.store.open(door.table.collections)
    yield door
    await door.store.close()


def client_of(door: FeedbackDoor) -> httpx.AsyncClient:
    """A client of a door, without a connection."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(door.app), base_url="http://feedback")


def key_of(holder: str) -> dict[str, str]:
    """The header that proves who asks."""
    return {"authorization": f"Bearer key of {holder}"}


async def ask_link(
    client: httpx.AsyncClient, holder: str = REGION, phase: str = "before", referral: str = REFERRAL
) -> httpx.Response:
    """The answer to who asks for a link to the form."""
    return await client.post(f"/v1/referrals/{referral}/form-links", json={"phase": phase}, headers=key_of(holder))


async def path_of_form(
    client: httpx.AsyncClient, phase: str = "before", holder: str = REGION, *, referral: str = REFERRAL
) -> str:
    """The path of a form's link that was asked for."""
    response = await ask_link(client, holder, phase, referral)
    assert response.status_code == 201, response.text
    return urlsplit(str(response.json()["url"])).path
