"""Sends as the partners' systems do, over HTTP and by senders of Kafka topics of their own; writes each answer into the
ledger.

After 429, 503 or no answer it sends again with the same id, as docs/contracts.md asks of senders.
"""

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any, Final, Self

import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.contracts.topics import DOORS
from tests.over_http import NO_TLS
from tests.scenarios.journeys import JourneyStep
from tests.scenarios.observation import Headers, RecordPlace
from tests.scenarios.oracle import Declared

ANSWERED_WITHIN: Final = 8.0
_PAUSE: Final = 0.3
_MAX_REQUEST_BYTES: Final = 4 * 1024 * 1024


class NotTakenError(AssertionError):
    """No door took an event in time."""


class Senders:
    """All senders of one platform. A context manager.

    `sent` counts what was taken, `retries` the tries without an answer, `faults` the answers that were not the declared,
    `longest_wait` the seconds an event waited until a door took it; it may wait for `taken_within`.
    """

    def __init__(self, place: RecordPlace, declared: Declared, rng: Random) -> None:
        self.sent = 0
        self.retries = 0
        self.longest_wait = 0.0
        self.taken_within = 120.0
        self.faults: list[str] = []
        self._place = place
        self._declared = declared
        self._rng = rng
        self._doors = [url for name, url in place.urls.items() if name.partition("-")[0] in DOORS]
        self._http = httpx.AsyncClient(timeout=ANSWERED_WITHIN, verify=NO_TLS)
        self._producer = AIOKafkaProducer(
            bootstrap_servers=place.kafka, acks="all", enable_idempotence=True, max_request_size=_MAX_REQUEST_BYTES
        )

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()
        await self._producer.stop()

    def not_by(self, instance: str) -> Self:
        """Itself; from now on it avoids this instance's door."""
        self._doors = [url for url in self._doors if url != self._place.urls[instance]]
        return self

    async def send(self, step: JourneyStep) -> None:
        """Declares an event, and sends it until a final answer. Raises `NotTakenError`."""
        if step.expected:
            self._declared.expect(step.expected)
        began = time.monotonic()
        while not await self.attempt(step):
            self.retries += 1
            await asyncio.sleep(_PAUSE)
            if time.monotonic() - began > self.taken_within:
                raise NotTakenError(f"{step.event.get('id')} was taken by nobody in {self.taken_within:.0f} s")
        self.sent += 1
        self.longest_wait = max(self.longest_wait, time.monotonic() - began)

    async def send_all(self, steps: Iterable[JourneyStep], at_once: int = 50) -> None:
        """Many that do not wait for one another. Raises `NotTakenError`."""
        free = asyncio.Semaphore(at_once)

        async def one(step: JourneyStep) -> None:
            async with free:
                await self.send(step)

        await asyncio.gather(*(one(step) for step in steps))

    async def attempt(self, step: JourneyStep) -> bool:
        """One try with a declared event: whether the answer was final."""
        return await (self._to_kafka(step) if step.on_kafka else self._over_http(step))

    async def _over_http(self, step: JourneyStep) -> bool:
        source, id_ = step.event["source"], step.event["id"]
        headers = {
            "Authorization": f"Bearer {self._place.keys[step.by]}",
            "Content-Type": "application/cloudevents+json",
        }
        url = f"{self._rng.choice(self._doors)}/v1/events"
        try:
            response = await self._http.post(url, content=json.dumps(step.event), headers=headers)
        except httpx.TransportError:
            self._declared.unanswered(source, id_)
            return False
        if response.status_code in {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE}:
            self._declared.unanswered(source, id_)
            if not response.headers.get("retry-after", "").isdecimal():
                self.faults.append(f"{source} {id_}: {response.status_code} without Retry-After: {response.text[:200]}")
            return False
        if response.status_code == httpx.codes.ACCEPTED:
            self._declared.accepted(source, id_)
        else:
            self._declared.refused(source, id_)
        if (response.status_code == httpx.codes.ACCEPTED) == step.refused:
            self.faults.append(f"{source} {id_}: the door answered {response.status_code} {response.text[:200]}")
        return True

    async def _to_kafka(self, step: JourneyStep) -> bool:
        event = step.event
        named = (step.by, event["id"]) if "id" in event else None
        try:
            record = (_value(event), str(event["subject"]).encode(), _headers(event))
            await self.write("intake" + step.by.replace("/", "."), *record)
        except (KafkaError, TimeoutError):
            # It is still the producer's, and may land.
            if named:
                self._declared.unanswered(*named)
            else:
                self._declared.nameless(acknowledged=False)
            return False
        if named:
            self._declared.accepted(*named)
        else:
            self._declared.nameless()
        return True

    async def write(self, topic: str, value: bytes | None, key: bytes | None, headers: Headers) -> None:
        """Any record at all, undeclared. Raises `KafkaError`, `TimeoutError`: it may land all the same."""
        async with asyncio.timeout(ANSWERED_WITHIN):
            await (await self._producer.send(topic, value, key, headers=list(headers)))


def _value(event: Mapping[str, Any]) -> bytes:
    return str(event["data"]).encode() if "id" not in event else json.dumps(event["data"]).encode()


def _headers(event: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    if "id" not in event:
        return []
    attributes = [(f"ce_{name}", str(value).encode()) for name, value in event.items() if name != "data"]
    return [*attributes, ("content-type", b"application/json")]
