"""Withdrawn consent, and what comes after it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import httpx

from shared.contracts.topics import SERVICES
from tests.integration.road import OPISTO, event, kafka_headers_of, published
from tests.integration.road import issued as a_wish
from tests.scenarios.journeys import ON_KAFKA, JourneyStep
from tests.scenarios.oracle import Expected
from tests.scenarios.platform import Platform, step
from tests.scenarios.referrals import about, answers, seeded, subject_of
from tests.scenarios.send import Senders
from tests.scenarios.table import scenario

TOPIC: Final = "intake.region.08"
UNIT: Final = "zebra-ward"
LATE: Final = "okapi-ward"
"""Names of units that stand nowhere else: of what was issued, and of what came after the erasure."""


@scenario(36)
def test_of_an_erased_referral_nothing_is_left_whatever_comes_after_it(platform: Platform) -> None:
    """A referral is issued, sent again with another content, chosen, confirmed, attended and answered. Then the consent is
    withdrawn, and everything comes once more: the same issue, a broken one without a subject on Kafka, another content
    under the old id, records of attendance, answers.

    By the oracle each came to its end and nothing of it took effect. Then the test searches the stores, feeds, logs,
    metrics, the trace and every dead letter for words about the client. The region may still read that the referral was
    withdrawn, when, and who looked.
    """
    course = platform.rng.randbytes(4).hex()
    client = seeded(platform.rng)
    wish = {**a_wish(client, ON_KAFKA, unit_ref=UNIT), "id": seeded(platform.rng)}
    issued = over_http(step(wish, effects={"ReferralOpened": 1}, refusals=frozenset({"conflict"})))
    platform.play(lambda sender: sender.send(step(published(course))))
    platform.play(lambda sender: in_order(sender, life(platform, issued, course)))
    platform.quiet()
    withdrawn = over_http(
        about(platform.rng, issued, ON_KAFKA, "ReferralWithdrawn", said(issued, "consent_withdrawn"), history_of=None)
    )
    platform.play(lambda sender: sender.send(withdrawn))
    platform.quiet()
    platform.play(lambda sender: afterwards(platform, sender, issued, course))
    platform.judge()
    found = [where for where, text in kept(platform, client) for word in (UNIT, LATE) if word.encode() in text]
    assert found == []
    stands = platform.ask("referral", f"/v1/referrals/{client}", ON_KAFKA).json()
    assert (stands["status"], stands["history"]) == ("withdrawn", [])
    assert stands["issued_at"]
    looks = platform.ask("referral", f"/v1/referrals/{client}/accesses", ON_KAFKA).json()["accesses"]
    assert "read" in {look["action"] for look in looks}


def over_http(one: JourneyStep) -> JourneyStep:
    return replace(one, over_http=True)


def said(issued: JourneyStep, reason: str) -> dict[str, str]:
    return {"referral_id": subject_of(issued), "reason": reason}


async def in_order(sender: Senders, steps: Iterator[JourneyStep]) -> None:
    for one in steps:
        await sender.send(one)


def life(platform: Platform, issued: JourneyStep, course: str) -> Iterator[JourneyStep]:
    """The events about the client before the erasure."""
    here = {"referral_id": subject_of(issued), "activity_id": course}
    other = {**issued.event, "data": {**issued.event["data"], "municipality": "091"}}
    yield issued
    yield replace(issued, event=other)
    yield over_http(
        about(platform.rng, issued, ON_KAFKA, "ActivityChosen", {**here, "organiser": OPISTO}, history_of=None)
    )
    yield about(platform.rng, issued, OPISTO, "EnrolmentConfirmed", here, history_of=None)
    yield about(platform.rng, issued, OPISTO, "ActivityAttended", {**here, "session_id": "1"}, history_of=None)
    yield over_http(about(platform.rng, issued, ON_KAFKA, "FeedbackSubmitted", answers(issued), history_of=None))


async def afterwards(platform: Platform, sender: Senders, issued: JourneyStep, course: str) -> None:
    """The same events once more, and worse."""
    late = {**issued.event["data"], "unit_ref": LATE}
    here = {"referral_id": subject_of(issued), "activity_id": course}
    await sender.send(issued)
    await sender.send(replace(issued, event={**issued.event, "data": late}))
    await sender.send(
        about(platform.rng, issued, OPISTO, "ActivityMissed", {**here, "session_id": "2"}, history_of=None)
    )
    await sender.send(
        over_http(about(platform.rng, issued, ON_KAFKA, "FeedbackSubmitted", answers(issued), history_of=None))
    )
    broken = event(ON_KAFKA, "ReferralIssued", {**late, "municipality": 837})
    del broken["subject"]
    named = (ON_KAFKA, str(broken["id"]))
    platform.declared.expect(Expected(*named, fate="dead_lettered", refusals=frozenset({"invalid"})))
    value = json.dumps(broken["data"]).encode()
    await sender.write(TOPIC, value, subject_of(issued).encode(), kafka_headers_of(broken))
    platform.declared.accepted(*named)


def kept(platform: Platform, client: str) -> Iterator[tuple[str, bytes]]:
    """Every text of the platform now, and where; except Kafka's log, which holds the events until its retention."""
    for file in [*platform.folder.glob("logs/*.log"), *platform.folder.glob("*.sqlite*")]:
        yield file.name, file.read_bytes()
    for service in SERVICES:
        for word in (UNIT, LATE):
            yield f"the store of {service}", word.encode() if platform.keeps(service, word) else b""
        yield f"metrics of {service}", platform.ask(service, "/metrics").content
    for who in (ON_KAFKA, OPISTO):
        yield f"the feed of {who}", platform.ask("notify", "/v1/feed?limit=500", who).content
    yield "the trace", platform.ask("monitor", f"/v1/traces/{client}").content
    for letter in platform.dead_letters():
        shown = platform.ask("monitor", f"/v1/dead-letters/{letter['dl_id']}")
        assert shown.status_code == httpx.codes.OK
        yield f"dead letter {letter['dl_id']}", shown.content
