"""Who the partners are: each says it of itself, the latest word holds, whole, and every partner may look it up."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.partners.registration.decide import registered
from services.partners.registration.model import Partner
from shared.contracts.envelope import Event
from shared.contracts.partner_kinds import EXAMPLE_OF, PARTNER_KINDS
from shared.contracts.partners_events import PartnerRegistered
from shared.engine.model import Decision
from tests.unit.country import Country, country
from tests.unit.doors import OPISTO, REGION, Door, door, key

AT = datetime(2026, 9, 1, tzinfo=UTC)
WHOLE: dict[str, Any] = {
    "name": "Pirkanmaan hyvinvointialue",
    "language": "fi",
    "languages": ["fi", "sv"],
    "area": ["837", "211"],
    "units": [{"unit_ref": "unit-17", "kind": "client_guidance", "name": {"fi": "Neuvonta"}}],
    "addresses": {"culture_coordinator": "kulttuuri@example.fi"},
    "classes": ["ReferralClosed"],
}


@pytest.mark.parametrize(
    ("partner", "status", "named"),
    [
        ("x/y", 404, ["'x'", "region, opisto"]),
        ("service/monitor", 404, ["'service'", "region, opisto"]),
        ("region/99", 422, ["'99'", "such as 06"]),
        ("region/91", 422, ["'91'", "such as 06"]),
        ("region/tampere", 422, ["'tampere'", "such as 06"]),
        ("opisto/Tampere", 422, ["'Tampere'", "1 to 60 of a-z 0-9 . -"]),
        ("opisto/" + "x" * 61, 422, ["xxx", "1 to 60 of a-z 0-9 . -"]),
        ("opisto/a%0Ab", 422, ["a\\nb", "1 to 60 of a-z 0-9 . -"]),
        ("municipality/000", 422, ["'000'", "such as 837"]),
        ("municipality/tampere", 422, ["'tampere'", "such as 837"]),
        ("library/Metso", 422, ["'Metso'", "1 to 60 of a-z 0-9 . -"]),
    ],
    ids=lambda one: str(one)[:20],
)
@pytest.mark.asyncio
async def test_nobody_is_registered_who_can_be_no_partner(
    partner: str, status: int, named: list[str], tmp_path: Path
) -> None:
    async with door("partners", tmp_path) as one:
        answer = await _put(one, partner)
        assert answer[0] == status
        assert all(word in answer[1] for word in named), answer[1]
        assert one.written == []


@pytest.mark.parametrize("kind", PARTNER_KINDS)
@pytest.mark.asyncio
async def test_a_partner_of_each_kind_says_who_it_is_and_every_other_reads_it(kind: str, tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        await _says(one, EXAMPLE_OF[kind], WHOLE)
        shown = await _shown(one, EXAMPLE_OF[kind])
        assert {name: shown[name] for name in WHOLE} == WHOLE
        listed = await one.doors["partners"].client.get(
            "/v1/partners", params={"kind": kind, "municipality": "211"}, headers=key(OPISTO)
        )
        assert [each["partner"] for each in listed.json()["partners"]] == [EXAMPLE_OF[kind]]
        elsewhere = await one.doors["partners"].client.get("/v1/partners?municipality=091", headers=key(OPISTO))
        assert elsewhere.json() == {"partners": [], "next": None}


@pytest.mark.asyncio
async def test_a_list_goes_on_where_it_ended(tmp_path: Path) -> None:
    async with country(tmp_path) as one:
        for partner in sorted(EXAMPLE_OF.values()):
            await _says(one, partner, {"name": "x"})
        seen, after = [], ""
        while True:
            query = {"limit": "2"} | ({"after": after} if after else {})
            said = (await one.doors["partners"].client.get("/v1/partners", params=query, headers=key(REGION))).json()
            seen += [each["partner"] for each in said["partners"]]
            if not (after := said["next"] or ""):
                break
        assert seen == sorted(EXAMPLE_OF.values())


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"addresses": {"culture_coordinator": "maija.meikalainen@example.fi"}}, "a person's mailbox"),
        ({"addresses": {"boss": "x@example.fi"}}, "Input should be"),
        ({"area": ["000"]}, "no municipality has the code"),
        ({"units": [{"unit_ref": "osasto-20261", "kind": "branch"}]}, "a unit is"),
        ({"units": [{"unit_ref": "u", "kind": "branch"}] * 501}, "at most 500"),
        ({"name": "x" * 201}, "at most 200"),
    ],
    ids=["a person's mailbox", "unknown role", "unknown municipality", "no unit", "too many units", "long name"],
)
@pytest.mark.asyncio
async def test_what_nobody_may_say_of_itself_is_refused_with_the_place(
    said: dict[str, Any], named: str, tmp_path: Path
) -> None:
    async with door("partners", tmp_path) as one:
        answer = await one.client.put("/v1/partners/region/06", json={"name": "x"} | said, headers=key(REGION))
        assert answer.status_code == 422
        assert named in answer.text
        assert f"/{next(iter(said))}" in answer.json()["errors"][0]["path"]
        assert one.written == []


@pytest.mark.asyncio
async def test_nobody_speaks_for_another(tmp_path: Path) -> None:
    async with door("partners", tmp_path) as one:
        answer = await one.client.put("/v1/partners/region/06", json={"name": "x"}, headers=key(OPISTO))
        assert (answer.status_code, one.written) == (403, [])
        assert (await one.client.get("/v1/partners/region/06", headers=key(OPISTO))).status_code == 404


@given(st.permutations(range(5)), st.lists(st.integers(0, 4)))
def test_in_any_order_and_repeated_the_latest_word_holds(order: list[int], repeated: list[int]) -> None:
    words = [
        Event(
            f"e{nth}",
            "/service/partners",
            AT + timedelta(hours=nth // 2),
            PartnerRegistered(partner=REGION, name=f"n{nth}"),
        )
        for nth in range(5)
    ]
    state: Partner | None = None
    for nth in [*order, *repeated]:
        decided = registered(state, words[nth], AT, None)
        assert isinstance(decided, Decision)
        state = decided.state
    assert state is not None
    assert state.name == "n4"


async def _put(one: Door, partner: str) -> tuple[int, str]:
    answer = await one.client.put(f"/v1/partners/{partner}", json={"name": "Kuoro"}, headers=key("ops:anna"))
    return answer.status_code, str(answer.json().get("detail"))


async def _says(one: Country, partner: str, said: dict[str, Any]) -> None:
    partners = one.doors["partners"]
    answer = await partners.client.put(f"/v1/partners{partner}", json=said, headers=key("ops:anna"))
    assert answer.status_code == 202, answer.text
    written, partners.written[:] = partners.written[:], []
    await one.flow(written)


async def _shown(one: Country, partner: str) -> dict[str, Any]:
    answer = await one.doors["partners"].client.get(f"/v1/partners{partner}", headers=key("reader:eero"))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())
