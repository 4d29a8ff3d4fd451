"""Dead letters in groups: one fault is one group, whoever's letters they are, counted over an hour, a day, a week."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.dead_groups import Counts, fault_of, group_of, ranked
from services.monitor.model import Dead
from shared.clock import real_now
from tests.unit.ops_room import OpsRoom, letter, ops_room

GROUPS = "/v1/dead-letter-groups"
HOUR = 3_600.0


def dead(error: str = "", **said: Any) -> Dead:
    told = {"dl_id": "d1", "reason": "rejected", "service": "referral", "topic": "intake.http", **said}
    return Dead(error=error, partition=0, offset=0, time=real_now(), attempts=1, **told)


# --- one fault


def test_four_answers_about_four_referrals_are_one_group() -> None:
    letters = [dead(f"the consent of {uuid4()} does not cover feedback", sender=f"/region/0{nth}") for nth in range(4)]
    assert len({group_of(one) for one in letters}) == 1


@pytest.mark.parametrize(
    "other", [{"service": "feedback"}, {"reason": "invalid"}, {"type": "fi.kulttuurilahete.ActivityChosen.v1"}]
)
def test_another_service_reason_or_class_is_another_group(other: dict[str, str]) -> None:
    assert group_of(dead("no")) != group_of(dead("no", **other))


def test_another_field_is_another_group() -> None:
    assert group_of(dead("/data/municipality: no")) != group_of(dead("/data/languages: no"))


@given(st.text(max_size=40), st.text(max_size=40))
def test_classes_that_a_sender_invents_are_one_group(one: str, other: str) -> None:
    assert fault_of(dead(type=f"x{one}")) == fault_of(dead(type=f"x{other}"))


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 9)),
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9)),
)
def test_every_group_stands_once_in_the_list_the_open_ones_first_the_parked_last(
    week: dict[str | None, int], open_: dict[str | None, int]
) -> None:
    found = ranked(Counts({}, {}, week, open_), frozenset("ab"))
    assert Counter(one.id for one in found) == Counter({*week, *open_})
    assert found == sorted(found, key=lambda one: (one.id in "ab", -open_.get(one.id, 0), -week.get(one.id, 0)))


# --- over HTTP


async def groups(monitor: OpsRoom, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await monitor.get(GROUPS, **query))["groups"]
    return found


async def filled(monitor: OpsRoom) -> None:
    """Four of one fault, over eight days; two of another."""
    for nth, hours in enumerate((0.5, 20, 100, 200)):
        await monitor.letter(f"consent-{nth}", dl_error=f"the consent of {uuid4()} is not there", ago=hours * HOUR)
    for nth in range(2):
        await monitor.letter(
            f"place-{nth}", dl_reason="invalid", dl_error="/data/municipality: is 'Oulu'", ago=30 * HOUR
        )


@pytest.mark.asyncio
async def test_groups_are_counted_over_an_hour_a_day_and_seven_days(tmp_path: Path) -> None:
    async with ops_room(tmp_path) as monitor:
        await filled(monitor)
        consent, place = await groups(monitor)
        said = [(one["open"], one["hour"], one["day"], one["week"]) for one in (consent, place)]
        assert said == [(4, 1, 2, 3), (2, 0, 0, 2)]
        assert (consent["error"], consent["pointer"]) == ("the consent of … is not there", None)
        assert (place["error"], place["pointer"]) == ("/data/municipality: is …", "/data/municipality")
        assert consent["example"] == "consent-0"
        listed = await monitor.get("/v1/dead-letters", group=place["group"])
        assert {one["dl_id"] for one in listed["dead_letters"]} == {"place-0", "place-1"}


@pytest.mark.asyncio
async def test_a_letter_that_is_refused_for_another_reason_goes_over_to_that_group(tmp_path: Path) -> None:
    async with ops_room(tmp_path) as monitor:
        await filled(monitor)
        await monitor.letter("consent-0", dl_reason="handler_failed", dl_error="KeyError: 'x'", dl_attempts="2")
        by = {one["reason"]: one["open"] for one in await groups(monitor)}
        assert by == {"rejected": 3, "invalid": 2, "handler_failed": 1}


@pytest.mark.asyncio
async def test_an_old_group_stays_in_the_list_while_a_letter_of_it_is_open(tmp_path: Path) -> None:
    async with ops_room(tmp_path) as monitor:
        await monitor.letter("old", ago=60 * 24 * HOUR)
        [one] = await groups(monitor)
        assert (one["open"], one["week"]) == (1, 0)
        assert (await monitor.post("/v1/dead-letters/old/discard", {"why": "old"})).status_code == 202
        assert await groups(monitor) == []


@pytest.mark.asyncio
async def test_many_groups_are_read_to_the_end_page_by_page(tmp_path: Path) -> None:
    async with ops_room(tmp_path) as monitor:
        await monitor.reads(*(letter(f"d{nth}", dl_error=f"/data/{'abcdefghi'[nth]}: no") for nth in range(9)))
        found: list[str] = []
        after: dict[str, str] = {}
        while after is not None:
            page = await monitor.get(GROUPS, limit=4, **after)
            found += [one["pointer"] for one in page["groups"]]
            after = {"after": page["next"]} if page["next"] else None  # type: ignore[assignment]
        assert sorted(found) == [f"/data/{one}" for one in "abcdefghi"]


@pytest.mark.asyncio
async def test_what_stands_open_is_counted_beyond_the_page_and_without_what_is_parked(tmp_path: Path) -> None:
    async with ops_room(tmp_path) as monitor:
        await filled(monitor)
        counted = await monitor.get(GROUPS, limit=0)
        assert (counted["open"], counted["groups"], counted["next"]) == (6, [], None)
        consent, _ = await groups(monitor)
        until = (real_now() + timedelta(days=3)).isoformat()
        said = {"parked_until": until}
        await monitor.client.put(f"{GROUPS}/{consent['group']}", json=said, headers=OPS)
        await monitor.follows()
        assert (await monitor.get(GROUPS, limit=0))["open"] == 2


@pytest.mark.asyncio
async def test_what_is_noted_of_a_group_stands_there_and_a_parked_one_stands_last(tmp_path: Path) -> None:
    async with ops_room(tmp_path) as monitor:
        await filled(monitor)
        consent, place = await groups(monitor)
        until = (real_now() + timedelta(days=3)).isoformat()
        said = {
            "note": "their vendor knows",
            "owner": "ops:anna",
            "link": "https://tickets.example/4",
            "parked_until": until,
        }
        answer = await monitor.client.put(f"{GROUPS}/{consent['group']}", json=said, headers=OPS)
        assert answer.status_code == 202
        await monitor.follows()
        first, last = await groups(monitor)
        assert (first["group"], last["group"]) == (place["group"], consent["group"])
        assert {**last, "parked_until": until} == last | said
        await monitor.client.put(f"{GROUPS}/{consent['group']}", json={}, headers=OPS)
        await monitor.follows()
        assert await groups(monitor) == [consent, place], "what is left out is empty again"


OPS = {"authorization": "Bearer key of ops:anna"}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("said", "status", "path"),
    [
        ({"link": "javascript:alert(1)"}, 422, "/data/link"),
        ({"link": "https://x.example/\"onmouseover='x'"}, 422, "/data/link"),
        ({"note": "x" * 1_001}, 422, "/data/note"),
        ({"parked_until": "tomorrow"}, 422, "/data/parked_until"),
        ({"note": "it is 131052-308T"}, 422, "/data/note"),
        ({"note": 5}, 400, None),
    ],
    ids=str,
)
async def test_a_note_that_cannot_be_is_refused(
    said: dict[str, object], status: int, path: str | None, tmp_path: Path
) -> None:
    async with ops_room(tmp_path) as monitor:
        await filled(monitor)
        [consent, _] = await groups(monitor)
        answer = await monitor.client.put(f"{GROUPS}/{consent['group']}", json=said, headers=OPS)
        assert answer.status_code == status, answer.text
        assert "131052" not in answer.text
        assert [one["path"] for one in answer.json().get("errors", [])][:1] == ([path] if path else [])
        assert monitor.written == []
        unknown = await monitor.client.put(f"{GROUPS}/{uuid4()}", json={"note": "x"}, headers=OPS)
        assert unknown.status_code == 404
