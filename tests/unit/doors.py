"""A service's doors without its engine: its own routes, settings, keys and SQLite. What it writes to Kafka is kept."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import uuid4

import httpx
import msgspec
from aiokafka import ConsumerRecord
from starlette.applications import Starlette

from cli.services import OF_NAME
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.envelope import Event, attributes_of, kafka_headers
from shared.engine.batch import Processor
from shared.http.forged import Forgeries
from shared.http.keys import Keyring, hash_of, write_hashes
from shared.http.server import application
from shared.kafka.producer import Publisher, Record
from shared.process.run import App
from shared.store.sqlite import SqliteStore

REGION: Final = "/region/06"
OPISTO: Final = "/opisto/tampere"
PIRKANMAA: Final = "/region/08"
"""The region of the municipality 837."""
LIBRARY: Final = "/library/metso"
MUNICIPALITY: Final = "/municipality/837"
ASSOCIATION: Final = "/association/martat"
HOLDERS: Final = (
    *(REGION, "/region/07", PIRKANMAA, OPISTO, LIBRARY, MUNICIPALITY, ASSOCIATION),
    *("ops:anna", "ops:bert", "reader:eero", "service:monitor"),
)
EVENT: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"


def app_of(service: str, folder: Path, **settings: Any) -> App:
    """A service's own wiring."""
    given = {"env": "test", "state": folder, "keys_file": folder / "keys.json", "kafka": "127.0.0.1:9", **settings}
    known = OF_NAME[service]
    app: App = known.build(known.settings.model_validate(given))
    return app


D = TypeVar("D", bound="Door")


class Door:
    """One service as a client sees it, and what it wrote."""

    def __init__(self, service: str, folder: Path, **settings: Any) -> None:
        self.written: list[Record] = []
        self.wired = app_of(service, folder, **settings)
        self.store = SqliteStore(folder / f"{service}.sqlite")
        write_hashes(folder / "keys.json", {hash_of(f"key of {holder}"): holder for holder in HOLDERS})
        self.app: Starlette = application(self.wired.operations, list, self._state(), self.wired.pages)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://door")

    def _state(self) -> dict[str, Any]:
        settings = self.wired.settings
        return {
            "clock": Clock(),
            "cluster": settings.cluster(self.wired.table.service),
            "store": self.store,
            "publisher": self,
            "keyring": Keyring(settings.keys_file),
            "rates": settings.rates(),
            "forgeries": Forgeries(self.wired.table.service),
            "settings": settings,
            "table": self.wired.table,
            "log_guard": None,
            "fault": lambda: None,
            **self.wired.state,
        }

    async def publish(self, records: Sequence[Record], *, within: float = 30.0) -> None:
        """As the broker does: keeps and acknowledges."""
        self.written += records

    async def given(self, *events: Event, topic: str = topics.INTAKE_HTTP) -> None:
        """Applies events as they come from Kafka."""
        records = [
            ConsumerRecord(
                topic,
                0,
                offset,
                0,
                0,
                event.data.subject.encode(),
                event.data.model_dump_json(exclude_none=True).encode(),
                None,
                0,
                0,
                tuple(kafka_headers(attributes_of(event))),
            )
            for offset, event in enumerate(events)
        ]
        publisher: Publisher = self  # type: ignore[assignment]
        processor = Processor(
            self.wired.table,
            self.store,
            publisher,
            Clock(),
            recent_outcomes=64,
            due_early=self.wired.settings.due_early,
            audits=self.app.state.forgeries.of_letter,
        )
        await processor.clear(await processor.process(processor.receive(records)))

    async def send(self, body: object, who: str = REGION, kind: str = EVENT, **headers: str) -> httpx.Response:
        """Events to the intake."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return await self.client.post(
            "/v1/events", content=content, headers=key(who) | {"content-type": kind} | headers
        )


def door(service: str, folder: Path, **settings: Any) -> AbstractAsyncContextManager[Door]:
    """A door that is open, and closed in the end."""
    return opened(Door(service, folder, **settings))


@asynccontextmanager
async def opened(one: D) -> AsyncIterator[D]:
    """A door of any kind, open, and closed in the end."""
    await one.store.open(one.wired.table.collections, one.wired.table.journals)
    async with one.client:
        yield one
    await one.store.close()


def key(who: str) -> dict[str, str]:
    """The header by which one says who he is."""
    return {"authorization": f"Bearer key of {who}"}


def referral(source: str = REGION, **changes: Any) -> dict[str, Any]:
    """A structured ReferralIssued that can be taken; `changes` are of its data."""
    id_ = str(uuid4())
    data: Mapping[str, Any] = {
        "referral_id": id_,
        "unit_ref": "unit-17",
        "municipality": "837",
        "age_band": "65-74",
        "languages": ["fi"],
        "needs": {"friends": 9},
        "consent": {"recorded_on": "2026-09-01", "scopes": ["referral"]},
    }
    return {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "type": "fi.kulttuurilahete.ReferralIssued.v1",
        "time": "2026-09-01T08:00:00Z",
        "data": {**data, **changes},
    }
