"""The demo's faults on purpose: conflicts, broken records, forged senders, personal data, unknown types."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any
from uuid import UUID

from demo.people import Plan
from demo.post import Post

TEST_CODE = "131052-308T"
"""The Digital and Population Data Services Agency's well-known artificial example."""


@dataclass(frozen=True)
class MeantFault:
    """One kind of fault, and the meant result of each event of it.

    `letters` are reasons of dead letters; `refused` counts events refused at the door, `waits` those that wait.
    """

    name: str
    make: Callable[[Plan], Awaitable[None]]
    letters: tuple[str, ...] = ()
    refused: int = 0
    waits: int = 0

    @property
    def meant(self) -> str:
        """The meant result, in words."""
        parts = [f"dead letter {reason}" for reason in self.letters]
        return " and ".join([*parts, *["refused at the door"] * self.refused, *["waits"] * self.waits])


class Faults:
    """One of each kind, again and again, spread over the run."""

    def __init__(self, post: Post, now: Callable[[], datetime], region: str, opisto: str, rng: Random) -> None:
        self._post = post
        self._now = now
        self._region = region  # writes to a Kafka topic of its own
        self._opisto = opisto  # likewise
        self._rng = rng
        self._kinds = (
            MeantFault("one id, two contents", self._conflict, ("conflict",), waits=1),
            MeantFault("another's name, over HTTP", self._forged_over_http, refused=1),
            MeantFault("another's name, on Kafka", self._forged_on_kafka, ("forged_sender",)),
            MeantFault("a personal identity code, over HTTP", self._personal_data_over_http, refused=1),
            MeantFault("a personal identity code, on Kafka", self._personal_data_on_kafka, ("personal_data",)),
            MeantFault("no JSON, on Kafka", self._no_json, ("undecodable",)),
            MeantFault("a type that nobody knows, on Kafka", self._unknown_type, ("unknown_type",)),
            MeantFault("a field against the contract, both ways", self._breaks_the_contract, ("invalid",), refused=1),
            MeantFault("attendance of a referral that nobody issued", self._unknown_referral, waits=1),
        )
        self.made: Counter[MeantFault] = Counter()

    async def make_one(self, plan: Plan) -> None:
        """The next kind, with somebody's referral as the victim."""
        kind = self._kinds[self.made.total() % len(self._kinds)]
        self.made[kind] += 1
        await kind.make(plan)

    async def _conflict(self, plan: Plan) -> None:
        data = {"referral_id": plan.referral_id, "reason": "other"}
        wrong = self._event(plan.source, "ReferralWithdrawn", {**data, "referral_id": self._stranger()})
        await self._post.alone(plan.source, wrong)
        await self._post.alone(plan.source, {**wrong, "data": {**wrong["data"], "reason": "moved"}})

    async def _forged_over_http(self, plan: Plan) -> None:
        other = "/region/01" if plan.source != "/region/01" else "/region/02"
        await self._post.alone(other, self._event(plan.source, "ReferralIssued", _issued(plan)))

    async def _forged_on_kafka(self, plan: Plan) -> None:
        event = self._event("/region/01", "ReferralIssued", _issued(plan))
        await self._raw(self._region, event)

    async def _personal_data_over_http(self, plan: Plan) -> None:
        await self._post.alone(
            plan.source, self._event(plan.source, "ReferralIssued", {**_issued(plan), "unit_ref": TEST_CODE})
        )

    async def _personal_data_on_kafka(self, plan: Plan) -> None:
        data = {"referral_id": plan.referral_id, "activity_id": TEST_CODE}
        await self._raw(self._opisto, self._event(self._opisto, "EnrolmentConfirmed", data))

    async def _no_json(self, plan: Plan) -> None:
        await self._post.raw_to_kafka(self._region, plan.referral_id.encode(), b"{no json", {})

    async def _unknown_type(self, plan: Plan) -> None:
        event = self._event(self._region, "ReferralDreamt", {"referral_id": plan.referral_id})
        await self._raw(self._region, event)

    async def _breaks_the_contract(self, plan: Plan) -> None:
        data = {**_issued(plan), "municipality": "999"}
        await self._post.alone(plan.source, self._event(plan.source, "ReferralIssued", data))
        await self._raw(self._region, self._event(self._region, "ReferralIssued", data))

    async def _unknown_referral(self, _: Plan) -> None:
        # Attendance of a referral that nobody issued: the event waits for the referral.
        data = {"referral_id": self._stranger(), "activity_id": "syksy-1", "session_id": "1"}
        await self._post.alone(self._opisto, self._event(self._opisto, "ActivityAttended", data))

    def _stranger(self) -> str:
        return str(UUID(int=self._rng.getrandbits(128), version=4))

    def _event(self, source: str, name: str, data: Mapping[str, Any]) -> dict[str, Any]:
        return self._post.event(source, name, data, self._now(), data["referral_id"])

    async def _raw(self, topic_of: str, event: Mapping[str, Any]) -> None:
        headers = {
            f"ce_{name}": str(event[name]) for name in ("specversion", "id", "source", "type", "subject", "time")
        }
        value = json.dumps(event["data"]).encode()
        await self._post.raw_to_kafka(topic_of, event["subject"].encode(), value, headers)


def _issued(plan: Plan) -> dict[str, Any]:
    return {"referral_id": plan.referral_id, **plan.data}
