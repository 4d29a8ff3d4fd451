"""A steady load on a platform that runs: so many events a second, over HTTP and by one sender over Kafka.

What is not taken (429, 503, no answer) is sent again with the same id until it is, as CONTRACTS.md asks of senders. What
one key sends keeps its order: the next step goes out once the one before was taken.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from random import Random
from typing import Any, Final, Self

import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.scenarios.journeys import Journey, Step
from tests.scenarios.oracle import Declared
from tests.scenarios.sight import Place

_SECONDS_BETWEEN_STEPS: Final = 1.3
_ANSWERED_WITHIN: Final = 8.0
_PAUSE: Final = 0.3
_TAKEN_WITHIN: Final = 120.0
_DOORS: Final = ("referral", "catalogue", "feedback")


class Load:
    """Sends, and writes into the ledger what was answered. A context manager."""

    def __init__(self, place: Place, declared: Declared, journeys: Iterator[Journey], rate: float, rng: Random) -> None:
        self.sent = 0
        self.retries = 0
        self.longest_wait = 0.0
        self.faults: list[str] = []
        self._place = place
        self._declared = declared
        self._journeys = journeys
        self._rate = rate
        self._at_once = max(8, round(rate * _SECONDS_BETWEEN_STEPS))
        self._rng = rng
        self._doors = [url for name, url in place.urls.items() if name.partition("-")[0] in _DOORS]
        self._idle: list[Journey] = []
        self._sending: set[asyncio.Task[None]] = set()
        self._http = httpx.AsyncClient(timeout=_ANSWERED_WITHIN)
        self._producer = AIOKafkaProducer(bootstrap_servers=place.kafka, acks="all", enable_idempotence=True)

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await self._http.aclose()
        await self._producer.stop()

    async def run(self, seconds: float) -> None:
        """Begins journeys for so long, then walks those that are under way to their ends."""
        began = time.monotonic()
        due = began
        while time.monotonic() - began < seconds or self._idle or self._sending:
            for task in [one for one in self._sending if one.done()]:
                self._sending.discard(task)
                task.result()
            self._begin_journeys(more=time.monotonic() - began < seconds)
            if self._idle:
                journey = self._idle.pop(self._rng.randrange(len(self._idle)))
                self._sending.add(asyncio.create_task(self._walk_on(journey)))
            # Steady: what could not be sent in time is not made up for in a burst.
            due = max(due + 1 / self._rate, time.monotonic() - 0.5)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _begin_journeys(self, *, more: bool) -> None:
        free = self._at_once - len(self._idle) - len(self._sending)
        if more and free > 0:
            self._idle += islice(self._journeys, free)

    async def _walk_on(self, journey: Journey) -> None:
        step, rest = journey[0], journey[1:]
        if step.expected:
            self._declared.expect(step.expected)
        began = time.monotonic()
        while not await self._try(step):
            self.retries += 1
            await asyncio.sleep(_PAUSE)
            if time.monotonic() - began > _TAKEN_WITHIN:
                self.faults.append(f"{step.event.get('id')} was taken by nobody in {_TAKEN_WITHIN:.0f} s")
                return
        self.sent += 1
        self.longest_wait = max(self.longest_wait, time.monotonic() - began)
        if rest:
            self._idle.append(rest)

    async def _try(self, step: Step) -> bool:
        """Whether it was answered for good."""
        return await (self._to_kafka(step) if step.on_kafka else self._over_http(step))

    async def _over_http(self, step: Step) -> bool:
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
            return False
        if response.status_code == httpx.codes.ACCEPTED:
            self._declared.accepted(source, id_)
        else:
            self._declared.refused(source, id_)
        if (response.status_code == httpx.codes.ACCEPTED) == step.refused:
            self.faults.append(f"{source} {id_}: the door answered {response.status_code} {response.text[:200]}")
        return True

    async def _to_kafka(self, step: Step) -> bool:
        event = step.event
        named = (event["source"], event["id"]) if "id" in event else None
        topic = "intake" + step.by.replace("/", ".")
        try:
            async with asyncio.timeout(_ANSWERED_WITHIN):
                sent = await self._producer.send(
                    topic, _value(event), str(event["subject"]).encode(), headers=_headers(event)
                )
                await sent
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


def _value(event: Mapping[str, Any]) -> bytes:
    return str(event["data"]).encode() if "id" not in event else json.dumps(event["data"]).encode()


def _headers(event: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    if "id" not in event:
        return []
    attributes = [(f"ce_{name}", str(value).encode()) for name, value in event.items() if name != "data"]
    return [*attributes, ("content-type", b"application/json")]
