"""A platform of real processes that a test walks the road on, as the partners' systems would: HTTP, Kafka, the feed."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pymongo

from demo.register import opisto_sources
from deploy.backends import Backend
from deploy.local.keys import read_keys
from deploy.local.state import grant, open_folder, read_run
from deploy.local.supervisor import Supervisor
from shared.contracts import topics
from shared.contracts.envelope import kafka_headers
from shared.kafka.cluster import Cluster
from shared.kafka.producer import Publisher, Record
from tests.feeds import faults_of
from tests.integration.running import PATIENCE
from tests.over_http import ask
from tests.ports import free_base

REGION = "/region/06"
OPISTO = "/opisto/1.2.246.562.10.12810669445"
OWN_TOPIC = "/region/08"
"""A region that writes to Kafka itself."""
OF_TESTS = {"LAHETE_ENV": "test", "LAHETE_LOG_LEVEL": "warning", "LAHETE_KAFKA_FETCH_WAIT_MS": "50"}
"""Settings of a platform whose test waits most of the time. It polls as on Kafka: each 10 ms, as librdkafka's broker is polled,
one in which nothing happens takes a quarter of a core."""


@dataclass
class Road:
    """One platform, with keys for everybody."""

    supervisor: Supervisor
    folder: Path
    keys: Mapping[str, str]
    sent: list[Mapping[str, Any]] = field(default_factory=list)
    """All events that went to a door, taken or not."""

    @property
    def run(self) -> Any:
        run = read_run(open_folder(self.folder))
        assert run is not None
        return run

    def ask(
        self, service: str, path: str, who: str = "ops:first", method: str = "GET", **options: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.keys[who]}", **options.pop("headers", {})}
        url = self.run.urls[service] + path
        return ask(method, url, headers=headers, timeout=30, **options)

    def send(self, event: Mapping[str, Any], who: str | None = None) -> httpx.Response:
        headers = {"Content-Type": "application/cloudevents+json"}
        self.sent.append(event)
        return self.ask(
            "referral", "/v1/events", who or event["source"], "POST", headers=headers, content=json.dumps(event)
        )

    def accepted(self, event: Mapping[str, Any]) -> None:
        response = self.send(event)
        assert response.status_code == 202, response.text

    def referral(self, referral_id: str, who: str = REGION) -> dict[str, Any]:
        response = self.ask("referral", f"/v1/referrals/{referral_id}", who)
        return dict(response.json()) if response.status_code == 200 else {}

    def comes_to(self, referral_id: str, status: str) -> dict[str, Any]:
        return dict(self.until(lambda: self._in(referral_id, status), f"{referral_id} comes to {status}"))

    def _in(self, referral_id: str, status: str) -> dict[str, Any] | None:
        found = self.referral(referral_id)
        return found if found.get("status") == status else None

    def comes_to_erased(self, referral_id: str) -> dict[str, Any]:
        def erased() -> dict[str, Any] | None:
            found = self.referral(referral_id, "ops:first")
            return found if found and found["referral_code"] is None else None

        return dict(self.until(erased, f"{referral_id} is erased"))

    def kept(self) -> Iterator[tuple[str, bytes]]:
        """Everything that the services' stores hold, and where it stands."""
        if self.run.store.startswith("mongodb:"):
            yield from in_mongodb(self.run.store)
        for path in self.folder.glob("*.sqlite"):
            yield from in_sqlite(path)

    def until_taken(self, event: Mapping[str, Any]) -> None:
        """Sends an event as a region's system would: again with the same id until a door has taken it."""

        def taken() -> bool:
            try:
                return self.send(event).status_code == 202
            except httpx.TransportError:
                return False

        self.until(taken, f"{event['id']} is taken")

    def until(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
        """The condition's value once it has one."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            # The test asks a killed service again until it is back.
            with suppress(httpx.TransportError):
                if found := condition():
                    return found
            self.supervisor.look_after()
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {what}; {self._missing()}")

    def _missing(self) -> dict[str, object]:
        """Each service's reasons for not being ready, for the reader of a failed test."""
        said: dict[str, object] = {}
        for name in self.run.urls:
            try:
                said[name] = self.ask(name, "/health/ready").json()["missing"]
            except (httpx.HTTPError, ValueError) as error:
                said[name] = repr(error)
        return said

    def feed(self, who: str, after: str = "0") -> list[dict[str, Any]]:
        entries = list(self.ask("notify", f"/v1/feed?after={after}&limit=500", who).json()["events"])
        assert [fault for entry in entries for fault in faults_of(entry)] == []
        return entries

    def told(self, who: str, name: str, referral_id: str) -> dict[str, Any]:
        """The recipient's entry of one class about one referral, awaited."""

        def found() -> dict[str, Any] | None:
            about = [event for event in self.feed(who) if event["data"].get("referral_id") == referral_id]
            return next((event for event in reversed(about) if event["type"].split(".")[2] == name), None)

        return dict(self.until(found, f"{who} is told {name}"))

    def to_kafka(
        self, source: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
    ) -> None:
        async def publish() -> None:
            publisher = Publisher.to(Cluster(self.run.kafka))
            await publisher.start()
            await publisher.publish([Record(topics.intake_of(source), key, value, headers)])
            await publisher.stop()

        asyncio.run(publish())

    def dead_letters(self, **filters: str) -> list[dict[str, Any]]:
        return list(self.ask("monitor", "/v1/dead-letters?limit=500", params=filters).json()["dead_letters"])


@contextmanager
def road(folder: Path, engine: Backend = Backend.EMBEDDED, **environment: str) -> Iterator[Road]:
    """A platform that runs meanwhile, in an orderly way to the end."""
    opened = open_folder(folder)
    grant(opened, OWN_TOPIC)
    extra = {**OF_TESTS, **environment}
    with Supervisor(
        folder, free_base(), "", extra, engine=engine, say=lambda _: None, opistos=opisto_sources()
    ) as supervisor:
        yield Road(supervisor, folder, read_keys(opened))
        assert supervisor.stop() == []


def in_sqlite(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every row of a file, and its table."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f"SELECT * FROM {table}"):
                yield f"{path.name} {table}", b" ".join(_bytes(cell) for cell in row)


def _bytes(cell: object) -> bytes:
    return cell if isinstance(cell, bytes) else str(cell).encode()


def in_mongodb(address: str) -> Iterator[tuple[str, bytes]]:
    """Every document of a server, and its collection."""
    with pymongo.MongoClient[dict[str, object]](address) as client:
        for name in client.list_database_names():
            for collection in client[name].list_collection_names():
                for document in client[name][collection].find():
                    yield f"{name} {collection}", str(document).encode()


# --- events


def now() -> datetime:
    return datetime.now(UTC)


def event(source: str, name: str, data: Mapping[str, Any], **attributes: Any) -> dict[str, Any]:
    subject = data.get("referral_id") or data.get("activity_id") or data.get("about", {}).get("id")
    return {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": source,
        "type": f"fi.kulttuurilahete.{name}.v1",
        "subject": subject,
        "time": now().isoformat(),
        "data": dict(data),
        **attributes,
    }


def issued(referral_id: str, source: str = REGION, **changes: Any) -> dict[str, Any]:
    data = {
        "referral_id": referral_id,
        "unit_ref": "unit-17",
        "municipality": "434",
        "age_band": "65-74",
        "languages": ["sv", "fi"],
        "needs": {"friends": 9, "self_esteem": 4},
        "themes": ["singing"],
        "accessibility": ["step_free"],
        "consent": {"recorded_on": "2026-09-01", "scopes": ["referral", "feedback"]},
        **changes,
    }
    return event(source, "ReferralIssued", data)


def published(activity_id: str, *, capacity: int = 5, ended: bool = False, **changes: Any) -> dict[str, Any]:
    """An activity of the opisto; `ended`: its two sessions are over already, and enrolment was open before them."""
    first = now() - timedelta(days=2) if ended else now() + timedelta(days=2)
    data = {
        "activity_id": activity_id,
        "title": {"sv": "Kör för alla", "fi": "Kuoro kaikille"},
        "themes": ["singing", "social"],
        "municipality": "434",
        "format": "in_person",
        "accessibility": ["step_free"],
        "languages": ["sv"],
        "age": {"min": 18},
        "capacity": capacity,
        "waiting_list": 2,
        "price_cents": 0,
        "enrolment": {"confirm": True},
        "sessions": [
            {
                "session_id": str(number + 1),
                "starts_at": (first + timedelta(hours=3 * number)).isoformat(),
                "ends_at": (first + timedelta(hours=3 * number + 1)).isoformat(),
            }
            for number in range(2)
        ],
        **changes,
    }
    return event(OPISTO, "ActivityPublished", data)


def kafka_headers_of(event: Mapping[str, Any]) -> list[tuple[str, bytes | None]]:
    return list(kafka_headers({name: str(value) for name, value in event.items() if name != "data"}))
