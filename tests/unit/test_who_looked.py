"""Who looked at a referral, told to its region; and what one who may not look is answered."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY
from pydantic import ValidationError

from services.monitor.looks import ListedLately
from shared.clock import Clock, real_now
from shared.contracts import topics
from shared.contracts.data import Data
from shared.contracts.envelope import Event, attributes_of, kafka_headers
from shared.contracts.every_service_events import AccessRecorded
from shared.contracts.referral_events import ReferralOpened
from shared.contracts.region_events import Consent, ReferralIssued, ReferralWithdrawn
from shared.engine.batch import Processor
from shared.kafka.producer import Record
from shared.store import Written
from tests.unit.consumed import consumed
from tests.unit.doors import OPISTO, REGION, Door, key, opened

REFERRAL = "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"
UNKNOWN = "8b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"
OTHER = "9b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"
SPELLINGS = (
    REFERRAL.upper(),
    REFERRAL.replace("-", ""),
    f"{{{REFERRAL}}}",
    f"urn:uuid:{REFERRAL}",
    f"URN:UUID:{REFERRAL.upper()}",
)
ADDRESS = f"/v1/referrals/{REFERRAL}"


class Served(Door):
    """With its engine: what it writes to `audit.events` comes back to it, as from Kafka."""

    offset = 0

    def engine(self) -> Processor:
        return Processor(self.wired.table, self.store, self, Clock(), recent_outcomes=64, due_early=timedelta(days=30))  # type: ignore[arg-type]

    async def reads(self, records: Sequence[Record]) -> None:
        came = [consumed(record, self.offset + nth) for nth, record in enumerate(records, 1)]
        self.offset += len(came)
        engine = self.engine()
        await engine.clear(await engine.process(engine.receive(came)))

    async def told(self, *events: Event, topic: str = topics.INTAKE_HTTP) -> None:
        await self.reads([record_of(event, topic) for event in events])

    def audited(self) -> list[Any]:
        return [msgspec.json.decode(record.value or b"") for record in self.written if record.topic == topics.AUDIT]

    async def catches_up(self) -> None:
        looks = [record for record in self.written if record.topic == topics.AUDIT]
        self.written.clear()
        await self.reads(looks)

    async def asks(self, path: str, who: str = REGION) -> Any:
        return await self.client.get(path, headers=key(who))


def record_of(event: Event, topic: str) -> Record:
    body = event.data.model_dump_json(exclude_none=True).encode()
    return Record(topic, event.data.subject.encode(), body, kafka_headers(attributes_of(event)))


def said(data: Data, source: str = REGION) -> Event:
    return Event(str(uuid4()), source, real_now(), data)


def issued() -> Event:
    consent = Consent.model_validate_json('{"recorded_on": "2026-09-01", "scopes": ["referral"]}')
    data = ReferralIssued(
        referral_id=REFERRAL,
        unit_ref="unit-17",
        municipality="837",
        age_band="65-74",
        languages=("fi",),
        needs={"friends": 9},
        consent=consent,
    )
    return said(data)


def look(number: int, *, allowed: bool = True) -> Event:
    data = AccessRecorded(
        who=f"ops:{number}", action="read", what=REFERRAL, ground="operations", allowed=allowed, referral_id=REFERRAL
    )
    # Three at a time at the same moment, as those of one list are.
    at = real_now() - timedelta(hours=1) + timedelta(seconds=number // 3)
    return Event(f"look-{number:04}", "/service/monitor", at, data)


def served(service: str, folder: Path, **settings: Any) -> AbstractAsyncContextManager[Served]:
    return opened(Served(service, folder, **settings))


@pytest_asyncio.fixture
async def referral(tmp_path: Path) -> AsyncIterator[Served]:
    async with served("referral", tmp_path, denied_a_minute=20) as one:
        await one.told(issued())
        one.written.clear()
        yield one


# --- told to the region


@pytest.mark.asyncio
async def test_all_looks_are_told_newest_first_page_by_page_to_the_end(referral: Served) -> None:
    looks = [look(number, allowed=number % 10 > 0) for number in range(250)]
    await referral.told(*looks, topic=topics.AUDIT)
    found: list[str] = []
    after, pages = "", 0
    while after is not None:
        answer = (await referral.asks(f"{ADDRESS}/accesses?limit=40{after and f'&after={after}'}")).json()
        found += [one["who"] for one in answer["accesses"]]
        assert answer["denied"] == 25
        after, pages = answer["next"], pages + 1
        # A look that comes meanwhile is newer than the cursor.
        await referral.told(look(10_000 + pages), topic=topics.AUDIT)
    newest_first = sorted(looks, key=lambda one: (one.time, one.id), reverse=True)
    assert found == [one.data.who for one in newest_first]
    assert pages == 7


@pytest.mark.asyncio
async def test_a_cursor_that_no_answer_gave_is_refused(referral: Served) -> None:
    for after in ("x", "1e400~look", "1.0~" + "a" * 65, "-1.0~look"):
        assert (await referral.asks(f"{ADDRESS}/accesses?after={after}")).status_code == 422


@pytest.mark.asyncio
async def test_after_an_erasure_its_region_still_reads_status_dates_and_who_looked(referral: Served) -> None:
    await referral.asks(ADDRESS, "ops:anna")
    await referral.catches_up()
    withdrawn = ReferralWithdrawn(referral_id=REFERRAL, reason="consent_withdrawn")
    await referral.told(said(withdrawn))
    left = (await referral.asks(ADDRESS)).json()
    assert (left["status"], left["outcome"], left["history"]) == ("withdrawn", "withdrawn", [])
    assert left["issued_at"] is not None
    assert left["erased"] == {"log_kept_days": 30, "audit": "own_term"}
    looks = (await referral.asks(f"{ADDRESS}/accesses")).json()["accesses"]
    assert [(one["who"], one["action"]) for one in looks] == [("ops:anna", "read")]
    for who in ("/region/07", OPISTO):
        for address in (ADDRESS, f"{ADDRESS}/accesses"):
            assert (await referral.asks(address, who)).status_code == 404


# --- who may not


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["", "/accesses"])
async def test_who_may_not_look_is_answered_as_where_there_is_nothing_after_the_same_work(
    referral: Served, path: str
) -> None:
    answers = []
    for id_ in (REFERRAL, UNKNOWN):
        answer = await referral.asks(f"/v1/referrals/{id_}{path}", "/region/07")
        answers.append((answer.status_code, answer.text.replace(id_, "…"), len(referral.written)))
        referral.written.clear()
    assert answers[0] == answers[1]
    assert (answers[0][0], answers[0][2]) == (404, 1)


@pytest.mark.asyncio
async def test_a_denied_look_is_kept_for_the_region_and_one_at_nothing_for_nobody(referral: Served) -> None:
    await referral.asks(ADDRESS, "/region/07")
    await referral.asks(f"/v1/referrals/{UNKNOWN}", "/region/07")
    assert [one.get("referral_id") for one in referral.audited()] == [REFERRAL, None]
    await referral.catches_up()
    told = (await referral.asks(f"{ADDRESS}/accesses")).json()
    assert [(one["who"], one["allowed"]) for one in told["accesses"]] == [("/region/07", False)]
    assert told["denied"] == 1


@pytest.mark.asyncio
async def test_denied_looks_are_bounded_alike_for_what_is_there_and_what_is_not_and_counted_beyond(
    referral: Served,
) -> None:
    labels = {"service": "referral", "action": "read"}
    before = REGISTRY.get_sample_value("lahete_denied_looks_total", labels) or 0
    for number in range(25):
        id_ = REFERRAL if number % 2 else UNKNOWN
        answer = await referral.asks(f"/v1/referrals/{id_}", "/region/07")
        assert answer.status_code == (404 if number < 20 else 429)
    assert len(referral.audited()) == 20
    assert REGISTRY.get_sample_value("lahete_denied_looks_total", labels) == before + 25
    assert (await referral.asks(ADDRESS)).status_code == 200


@pytest.mark.asyncio
@pytest.mark.parametrize("spelled", SPELLINGS)
async def test_any_spelling_of_the_id_is_read_in_an_address(referral: Served, spelled: str) -> None:
    answer = await referral.asks(f"/v1/referrals/{quote(spelled)}")
    assert (answer.status_code, answer.json()["referral_id"]) == (200, REFERRAL)


def of_a_referral(service: Served) -> list[tuple[str, str]]:
    """Method and path of every address of a service that is asked about a referral, with a gap for its id."""
    found = []
    for operation in service.wired.operations:
        path = re.sub(r"\{(referral_id|asked)\}", "{}", operation.path)
        if "referral_id" in operation.query:
            path += "?referral_id={}"
        if "{}" in path:
            found.append((operation.method, path))
    return found


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("service", "who", "addresses"),
    [
        ("referral", REGION, 2),
        ("catalogue", REGION, 1),
        ("feedback", REGION, 1),
        ("notify", "ops:anna", 1),
        ("monitor", "ops:anna", 1),
    ],
)
async def test_at_every_address_every_spelling_of_the_id_is_answered_alike_and_is_the_same_look(
    tmp_path: Path, service: str, who: str, addresses: int
) -> None:
    async with served(service, tmp_path) as one:
        if service != "monitor":  # it would ask the owner, who is not there, what became of it
            await one.told(issued())
        opens = ReferralOpened(referral_id=REFERRAL, issuer=REGION, region="06", referral_code="X", deadlines=())
        await one.told(said(opens, "/service/referral"), topic="referral.events")
        await one.reads([record for record in one.written if record.topic == "notify.events"])
        found = of_a_referral(one)
        assert len(found) == addresses
        for method, path in found:
            answers = set()
            for spelled in (REFERRAL, *SPELLINGS):
                one.written.clear()
                body = b'{"phase": "before"}' if method == "POST" else b""
                answer = await one.client.request(method, path.format(quote(spelled)), headers=key(who), content=body)
                [look] = one.audited()
                assert (look["referral_id"], look["allowed"]) == (REFERRAL, True)
                answers.add((answer.status_code, answer.text))
            assert len(answers) == 1
            assert REFERRAL in answers.pop()[1]


@pytest.mark.asyncio
async def test_what_is_no_id_is_no_referral(referral: Served) -> None:
    for wrong in ("x", REFERRAL[:-1], f"{REFERRAL}0", "010594Y9021", REFERRAL.replace("7", "７", 1)):
        answer = await referral.asks(f"/v1/referrals/{quote(wrong)}", "/region/07")
        assert (answer.status_code, referral.written) == (404, [])
        assert "010594Y9021" not in answer.text


@pytest.mark.parametrize("version", "1235678")
def test_an_id_that_tells_of_its_making_is_refused_at_the_door_with_why(version: str) -> None:
    with pytest.raises(ValidationError, match="a referral's id is a random UUID, version 4"):
        ReferralIssued.model_validate(issued().data.model_dump() | {"referral_id": _of_version(version)})


def _of_version(version: str) -> str:
    return f"{REFERRAL[:14]}{version}{REFERRAL[15:]}"


@pytest.mark.asyncio
async def test_a_code_that_no_referral_has_or_has_any_more_is_looked_up_without_being_kept(referral: Served) -> None:
    code = (await referral.asks(ADDRESS, REGION)).json()["referral_code"]
    await referral.told(said(ReferralWithdrawn(referral_id=REFERRAL, reason="consent_withdrawn")))
    referral.written.clear()
    for spelled in (code, code.lower(), "DKGDM5F8QK4V"):
        assert (await referral.asks(f"/v1/codes/{spelled}", OPISTO)).status_code == 404
    assert [(one["action"], one["what"], one["allowed"]) for one in referral.audited()] == [
        ("look_up_code", "a code that no referral has", False)
    ] * 3
    assert not [record for record in referral.written if code.lower() in str(record).lower()]


# --- every place that shows a referral


@pytest.mark.asyncio
async def test_proposals_are_a_look(tmp_path: Path) -> None:
    async with served("catalogue", tmp_path) as catalogue:
        await catalogue.told(issued())
        statuses = [
            (await catalogue.asks(f"{ADDRESS}/proposals", who)).status_code
            for who in (REGION, "ops:anna", "/region/07")
        ]
        unknown = await catalogue.asks(f"/v1/referrals/{UNKNOWN}/proposals", "/region/07")
    assert statuses == [200, 200, 404]
    assert unknown.status_code == 404
    assert [(one["who"], one["action"], one["allowed"], one.get("referral_id")) for one in catalogue.audited()] == [
        (REGION, "proposals", True, REFERRAL),
        ("ops:anna", "proposals", True, REFERRAL),
        ("/region/07", "proposals", False, REFERRAL),
        ("/region/07", "proposals", False, None),
    ]


@pytest.mark.asyncio
async def test_what_others_were_told_is_a_look_for_ops_and_no_second_one_for_whom_it_was_told(tmp_path: Path) -> None:
    async with served("notify", tmp_path) as notify:
        await notify.told(issued())
        opened = ReferralOpened(referral_id=REFERRAL, issuer=REGION, region="06", referral_code="X", deadlines=())
        await notify.told(said(opened, "/service/referral"), topic="referral.events")
        queued = [record for record in notify.written if record.topic == "notify.events"]
        await notify.reads(queued)
        for who in ("ops:anna", REGION):
            answer = await notify.asks(f"/v1/deliveries?referral_id={REFERRAL.upper()}", who)
            assert len(answer.json()["deliveries"]) == 1
        assert (await notify.asks(f"/v1/deliveries?referral_id={UNKNOWN}", "ops:anna")).json() == {"deliveries": []}
        assert (await notify.asks("/v1/deliveries?referral_id=x", "ops:anna")).status_code == 422
    assert [(one["who"], one["action"], one["referral_id"]) for one in notify.audited()] == [
        ("ops:anna", "deliveries", REFERRAL)
    ]


@pytest.mark.asyncio
async def test_whose_events_are_refused_by_the_thousand_hides_nothing_that_others_were_told(tmp_path: Path) -> None:
    async with served("notify", tmp_path) as notify:
        told = [Written(OPISTO, number, b'{"type": "refused"}', REFERRAL) for number in range(1, 2_001)]
        await notify.store.append("feed", [*told, Written(REGION, 1, b'{"type": "opened"}', REFERRAL)])
        address = f"/v1/deliveries?referral_id={REFERRAL}"
        of_its_region = (await notify.asks(address, REGION)).json()["deliveries"]
        of_all = (await notify.asks(address, "ops:anna")).json()["deliveries"]
        assert [one["type"] for one in of_its_region] == ["opened"]
        assert {one["recipient"] for one in of_all} == {OPISTO, REGION}
        assert len(of_all) <= 1_000


@pytest.mark.asyncio
async def test_a_dead_letter_is_a_look_at_each_referral_that_it_names_in_a_list_once_a_minute(tmp_path: Path) -> None:
    async with served("monitor", tmp_path) as monitor:
        headers = [("dl_id", b"d1"), ("dl_reason", b"invalid"), ("dl_service", b"referral"), ("ce_id", b"e1")]
        value = msgspec.json.encode({"referral_id": 5, "replaces": UNKNOWN.upper()})
        await monitor.reads([Record("dead-letters", REFERRAL.encode(), value, headers)])
        monitor.written.clear()
        for _ in range(3):
            listed = (await monitor.asks("/v1/dead-letters", "ops:anna")).json()["dead_letters"]
        assert [one["dl_id"] for one in listed] == ["d1"]
        shown = (await monitor.asks("/v1/dead-letters/d1", "ops:anna")).json()
        assert shown["original"]["key"] == REFERRAL
    assert [(one["action"], one["what"], one["referral_id"]) for one in monitor.audited()] == [
        ("dead_letters", "dead-letters", REFERRAL),
        ("dead_letter", "d1", REFERRAL),
        ("dead_letter", "d1", UNKNOWN),
    ]


DENIED = [
    ("referral", "look_up_code", "/v1/codes/DKGDM5F8QK4V", 403, "a code", [None]),
    ("monitor", "trace", f"/v1/traces/{REFERRAL.upper()}", 403, REFERRAL, [REFERRAL]),
    ("monitor", "trace", f"/v1/traces/{UNKNOWN}", 403, UNKNOWN, [None]),
    ("monitor", "trace", "/v1/traces/DKGDM5F8QK4V", 403, "a trace by another word", [None]),
    ("monitor", "dead_letters", "/v1/dead-letters", 403, "dead-letters", [None]),
    ("monitor", "dead_letter", "/v1/dead-letters/d1", 403, "d1", [REFERRAL, OTHER]),
    ("monitor", "dead_letter", "/v1/dead-letters/010190-999W", 403, "no dead letter", [None]),
    ("monitor", "redrive", "/v1/dead-letters/d1/redrive", 403, "d1", [REFERRAL, OTHER]),
    ("monitor", "discard", "/v1/dead-letters/d1/discard", 403, "d1", [REFERRAL, OTHER]),
    ("notify", "deliveries", f"/v1/deliveries?referral_id={REFERRAL.upper()}", 200, REFERRAL, [REFERRAL]),
    ("notify", "deliveries", f"/v1/deliveries?referral_id={UNKNOWN}", 200, UNKNOWN, [None]),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("service", "action", "path", "status", "what", "about"), DENIED)
async def test_who_asks_for_what_is_not_for_it_is_kept_counted_and_bounded_wherever_it_asks(
    tmp_path: Path, service: str, action: str, path: str, status: int, what: str, about: list[str | None]
) -> None:
    labels = {"service": service, "action": action}
    async with served(service, tmp_path, denied_a_minute=3) as one:
        await one.told(issued())
        if service == "monitor":
            headers = [("dl_id", b"d1"), ("dl_reason", b"invalid"), ("dl_service", b"referral"), ("ce_id", b"e1")]
            value = msgspec.json.encode({"referral_id": 5, "replaces": OTHER})
            await one.reads([Record("dead-letters", REFERRAL.encode(), value, headers)])
        one.written.clear()
        before = REGISTRY.get_sample_value("lahete_denied_looks_total", labels) or 0
        method = "POST" if action in {"redrive", "discard"} else "GET"
        answers = [await one.client.request(method, path, headers=key("/region/07")) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [status] * 3 + [429]
    if status == 200:
        assert answers[0].json() == {"deliveries": []}
    kept = [(look["who"], look["action"], look["allowed"], look["what"]) for look in one.audited()]
    assert kept == [("/region/07", action, False, what)] * 3 * len(about)
    assert [look.get("referral_id") for look in one.audited()] == about * 3
    assert REGISTRY.get_sample_value("lahete_denied_looks_total", labels) == before + 4


@pytest.mark.asyncio
async def test_a_region_that_asks_what_was_delivered_of_its_own_referral_is_not_denied(tmp_path: Path) -> None:
    async with served("notify", tmp_path) as notify:
        await notify.told(issued())
        answer = await notify.asks(f"/v1/deliveries?referral_id={REFERRAL}")
    assert (answer.status_code, answer.json(), notify.audited()) == (200, {"deliveries": []}, [])


def test_a_list_shows_a_referral_anew_to_another_person_or_a_minute_later() -> None:
    now = [1_000.0]
    lately = ListedLately(lambda: now[0])
    assert lately.not_yet("ops:a", ["r1", "r1", "r2"]) == ["r1", "r2"]
    assert lately.not_yet("ops:a", ["r1"]) == ["r1"], "it was not written down"
    lately.were_shown("ops:a", ["r1", "r2"])
    assert lately.not_yet("ops:a", ["r1", "r3"]) == ["r3"]
    assert lately.not_yet("ops:b", ["r1"]) == ["r1"]
    now[0] += 60
    assert lately.not_yet("ops:a", ["r1"]) == ["r1"]
