"""Roles, pairs and seats: who may say what, in any order and repeated, and what both sides are told as time passes."""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.partners.roles import BONDS, KNOWN, ROLES
from services.partners.roles.activity import MAX_MET
from services.partners.roles.look_ups import A_PAGE, MAX_ROLES
from services.partners.roles.model import BondState, Role
from shared.contracts.envelope import Event
from tests.unit.facts import OPISTO, REGION, STRANGER, a_referral, at
from tests.unit.partners_room import PartnersRoom, partners_room
from tests.unit.role_facts import (
    PAIR,
    SEAT,
    TOWN,
    attended,
    day,
    ended,
    erased,
    group_met,
    named,
    opened,
    registered,
    reserved,
    seat,
    taken,
)

ALL = (REGION, OPISTO, STRANGER, TOWN)


@pytest_asyncio.fixture
async def room(tmp_path: Path) -> AsyncIterator[PartnersRoom]:
    """A room in which all partners have said who they are."""
    async with partners_room(tmp_path, at(1)) as one:
        await one.arrives(*(registered(0, partner) for partner in ALL))
        yield one


async def _role(room: PartnersRoom, owner: str, role_id: str = "contact") -> Role | None:
    return await room.state(ROLES, f"{owner} {role_id}")


async def _bond(room: PartnersRoom, key: str = PAIR) -> BondState:
    state = await room.state(BONDS, key)
    assert state is not None
    return state


# --- any order


_days = st.integers(0, 9)
_sides = st.sampled_from([REGION, OPISTO])
_last_days = st.sampled_from([None, day(4), day(200)])
_OF_A_REFERRAL: Sequence[Callable[[float, str], Event[Any]]] = (reserved, taken, attended)


@st.composite
def _roles(draw: st.DrawFn) -> list[Event]:
    """A pair and a seat, named, named anew and ended by either side."""
    pairs = st.tuples(_days, _sides, st.sampled_from("ab"), st.integers(-3, 3), _last_days, st.booleans())
    events = [
        named(when, owner, role, begins_on=day(begins), ends_on=ends, title="director" if directs else "teacher")
        for when, owner, role, begins, ends, directs in draw(st.lists(pairs, max_size=6))
    ]
    for when, owner, only in draw(
        st.lists(st.tuples(_days, st.sampled_from([TOWN, OPISTO]), st.booleans()), max_size=4)
    ):
        events.append(seat(when, owner, recognised_only=only and owner == TOWN))
    ends = draw(st.lists(st.tuples(_days, st.sampled_from(events)), max_size=4)) if events else []
    return events + [ended(when, one.source, one.data.subject) for when, one in ends]


@st.composite
def _worlds(draw: st.DrawFn) -> list[Event]:
    """Roles, who their partners are, and what a pair's two did for two referrals."""
    referrals = [a_referral(0), a_referral(1)]
    happened = draw(st.lists(st.tuples(st.sampled_from(_OF_A_REFERRAL), _days, st.sampled_from(referrals)), max_size=6))
    events = [
        *draw(_roles()),
        *(registered(draw(_days), partner) for partner in ALL),
        *(what(when, referral) for what, when, referral in happened),
        *(opened(draw(_days), referral) for referral in referrals),
    ]
    return [*{(one.source, one.id): one for one in events}.values()]


async def _ends(folder: str, events: list[Event], seed: int | None) -> tuple[Any, list[Any]]:
    async with partners_room(Path(folder), at(10)) as room:
        if seed is None:
            await room.arrives(*sorted(events, key=lambda one: one.order))
        else:
            await room.arrives_anyhow(events, seed)
        states = await room.states()
        await room.until(at(400))
        return states, sorted(map(repr, room.told)) + room.refused


@settings(derandomize=True, deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(_worlds(), st.integers(0, 2**16))
@pytest.mark.asyncio
async def test_roles_and_pairs_end_the_same_in_any_order_and_with_any_repetition(
    events: list[Event], seed: int
) -> None:
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        assert await _ends(one, events, seed) == await _ends(other, events, None)


# --- a pair


@pytest.mark.asyncio
async def test_a_pair_is_whole_once_both_sides_have_named_a_role(room: PartnersRoom) -> None:
    await room.arrives(named(1, REGION))
    assert (await _bond(room)).standing == "lacks_organiser"
    await room.arrives(named(2, OPISTO))
    pair = await _bond(room)
    assert (pair.standing, pair.whole_on) == ("whole", day(2))
    await room.arrives(ended(3, REGION))
    assert (await _bond(room)).standing == "lacks_region"


@pytest.mark.asyncio
async def test_a_role_that_has_ended_may_be_named_anew(room: PartnersRoom) -> None:
    await room.arrives(named(1, REGION), named(1, OPISTO), ended(2, REGION), named(3, REGION))
    pair = await _bond(room)
    assert (pair.standing, pair.whole_on) == ("whole", day(3))


@pytest.mark.asyncio
async def test_a_role_that_is_named_for_another_pair_leaves_the_first(room: PartnersRoom) -> None:
    await room.arrives(named(1, REGION), named(2, REGION, counterpart=STRANGER))
    assert (await _bond(room)).standing == "nobody"
    assert (await _bond(room, PAIR.replace(OPISTO, STRANGER))).standing == "lacks_organiser"


@pytest.mark.asyncio
async def test_a_role_holds_from_its_first_to_its_last_day_in_finland(room: PartnersRoom) -> None:
    await room.arrives(named(1, OPISTO), named(1, REGION, begins_on=day(5), ends_on=day(7)))
    stands = []
    for days in (4.5, 4.6, 7.5, 7.6):  # midnight in Finland is 21:00 in UTC, 13 hours after the start
        await room.until(at(days))
        stands.append((await _bond(room)).standing)
    assert stands == ["lacks_region", "whole", "whole", "lacks_region"]


@pytest.mark.asyncio
async def test_nobody_ends_or_names_anothers_role(room: PartnersRoom) -> None:
    await room.arrives(named(1, REGION), ended(2, STRANGER), named(2, STRANGER, title="director"))
    role = await _role(room, REGION)
    assert role is not None
    assert role.words is not None
    assert (role.state, role.words.title) == ("current", "teacher")
    assert (await _bond(room)).standing == "lacks_organiser", "a stranger is no side of this pair"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("owner", "said", "why"),
    [
        (
            OPISTO,
            {"counterpart": STRANGER},
            "a pair is of a region and an organiser: /opisto/tampere and /opisto/turku",
        ),
        (REGION, {"counterpart": "/region/01"}, "a pair is of a region and an organiser: /region/06 and /region/01"),
        (REGION, {"counterpart": REGION}, "a pair is of a region and an organiser"),
    ],
)
async def test_a_pair_is_of_a_region_and_an_organiser(
    room: PartnersRoom, owner: str, said: dict[str, Any], why: str
) -> None:
    await room.arrives(named(1, owner, **said))
    assert why in room.refused[0]
    assert await _role(room, owner) is None


@pytest.mark.asyncio
async def test_of_very_many_roles_of_one_side_a_pair_keeps_the_newest(room: PartnersRoom) -> None:
    await room.arrives(named(1, OPISTO), *(named(2 + nth / 100, REGION, f"role-{nth}") for nth in range(MAX_ROLES + 5)))
    pair = await _bond(room)
    assert [role.role_id for role in pair.host_roles] == [f"role-{nth}" for nth in range(MAX_ROLES + 4, 4, -1)]
    assert pair.standing == "whole"


@pytest.mark.asyncio
async def test_a_synthetic_role_counts_nowhere(room: PartnersRoom) -> None:
    await room.arrives(named(1, REGION, synthetic=True))
    assert await _role(room, REGION) is None
    assert await room.state(BONDS, PAIR) is None
    await room.arrives(named(2, REGION), ended(3, REGION, synthetic=True))
    assert (await _bond(room)).standing == "lacks_organiser"


# --- a partner that is not there


@pytest.mark.asyncio
async def test_a_role_at_a_partner_that_is_not_there_waits_until_it_says_who_it_is(tmp_path: Path) -> None:
    async with partners_room(tmp_path, at(1)) as room:
        await room.arrives(named(1, REGION), ended(2, REGION, "other"))
        assert (await room.states())[f"roles/{REGION} contact"][1] == ["named-contact-1"]
        assert await room.state(BONDS, PAIR) is None
        await room.arrives(registered(3, OPISTO))
        role = await _role(room, REGION)
        assert role is not None
        assert (role.state, role.awaits) == ("current", ())
        assert (await _bond(room)).standing == "lacks_organiser"


@pytest.mark.asyncio
async def test_all_that_wait_for_a_partner_go_on_at_its_first_word_and_only_then(tmp_path: Path) -> None:
    async with partners_room(tmp_path, at(1)) as room:
        many = [named(1, REGION, f"role-{nth:03}") for nth in range(A_PAGE + 20)]
        await room.arrives(*many, registered(2, OPISTO, "first"))
        states = [await _role(room, REGION, one.data.role_id) for one in many]
        assert {one.state for one in states if one} == {"current"}
        before = room.published
        await room.arrives(registered(3, OPISTO, "second"))
        assert room.published == before, "its next word wakes nobody"


@pytest.mark.asyncio
async def test_a_role_looks_again_itself_where_its_partner_looked_before_the_role_was_saved(tmp_path: Path) -> None:
    async with partners_room(tmp_path, at(1)) as room:
        room.loses = "RolesToReview"
        await room.arrives_together(named(1, REGION), registered(1, OPISTO))
        role = await _role(room, REGION)
        assert role is not None
        assert role.state == "current"


@pytest.mark.asyncio
async def test_a_role_at_a_partner_that_never_comes_is_refused_in_the_end(tmp_path: Path) -> None:
    async with partners_room(tmp_path, at(1)) as room:
        await room.arrives(named(1, REGION), ended(1, REGION, "never named"[:5]))
        await room.until(at(40))
        assert sorted(why.partition(" until")[0] for why in room.refused) == [
            "waited for PartnerRegistered of /opisto/tampere",
            "waited for RoleNamed",
        ]


# --- a seat


@pytest.mark.asyncio
async def test_of_a_seat_the_hosts_word_counts_and_until_then_the_organiser_claims_it(room: PartnersRoom) -> None:
    stands = []
    for said in (
        seat(1, OPISTO),
        seat(2, TOWN, recognised_only=True),
        seat(3, TOWN),
        ended(4, TOWN, "seat"),
        seat(5, OPISTO),
        ended(6, OPISTO, "seat"),
    ):
        await room.arrives(said)
        stands.append((await _bond(room, SEAT)).standing)
    assert stands == ["claimed", "recognised_only", "seated", "nobody", "claimed", "nobody"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("owner", "said", "why"),
    [
        (OPISTO, {"host": STRANGER, "counterpart": STRANGER}, "not of /opisto/tampere in that of /opisto/turku"),
        (OPISTO, {"host": TOWN, "counterpart": REGION}, "/data/host is /municipality/837"),
        (OPISTO, {"host": OPISTO, "counterpart": TOWN}, "not of /municipality/837 in that of /opisto/tampere"),
        (TOWN, {"host": TOWN, "counterpart": REGION}, "not of /region/06 in that of /municipality/837"),
        (TOWN, {"host": TOWN, "counterpart": TOWN}, "/data/host is /municipality/837"),
        (OPISTO, {"host": TOWN, "counterpart": TOWN, "recognised_only": True}, "only the group's own host"),
    ],
)
async def test_a_seat_that_cannot_be_is_refused(room: PartnersRoom, owner: str, said: dict[str, Any], why: str) -> None:
    await room.arrives(named(1, owner, kind="hyte_seat", **said))
    assert why in room.refused[0]


@pytest.mark.asyncio
async def test_one_municipality_has_a_seat_in_anothers_group(room: PartnersRoom) -> None:
    other = "/municipality/091"
    await room.arrives(registered(0, other), named(1, TOWN, "seat", kind="hyte_seat", counterpart=other, host=other))
    assert (await _bond(room, f"hyte_seat {other} - {TOWN}")).standing == "claimed"


# --- reminders


@pytest.mark.asyncio
async def test_the_owner_is_reminded_thirty_days_before_a_role_ends_once_for_each_last_day(room: PartnersRoom) -> None:
    await room.arrives(named(1, OPISTO, ends_on=day(100)), named(2, OPISTO, ends_on=day(100)))
    await room.until(at(69))
    assert room.told == []
    await room.until(at(71))
    reminder = {
        "type": "RoleEndsSoon",
        "recipient": OPISTO,
        "role_id": "contact",
        "kind": "pair",
        "title": "teacher",
        "ends_on": day(100).isoformat(),
        "counterpart": REGION,
    }
    assert room.told == [reminder]
    await room.arrives(named(71, OPISTO, ends_on=day(200)))
    await room.until(at(300))
    assert room.told == [reminder, {**reminder, "ends_on": day(200).isoformat()}]


@pytest.mark.asyncio
async def test_nobody_is_reminded_of_a_role_that_has_ended(room: PartnersRoom) -> None:
    await room.arrives(named(1, OPISTO, ends_on=day(100)), ended(50, OPISTO))
    await room.arrives(named(1, REGION, begins_on=day(-9), ends_on=day(-2)))
    await room.until(at(300))
    assert room.told == []


# --- silence


async def _told_silent(room: PartnersRoom, until: float) -> list[tuple[str, str | None]]:
    await room.until(at(until))
    told = [(one["recipient"], one.get("active_on")) for one in room.told if one["type"] == "PairSilent"]
    room.told.clear()
    return told


@pytest.mark.asyncio
async def test_both_are_told_that_a_pair_is_silent_once_until_it_acts_again(room: PartnersRoom) -> None:
    await room.arrives(named(1, REGION), named(2, OPISTO), opened(3))
    assert await _told_silent(room, 92.6) == []
    assert await _told_silent(room, 92.7) == [(REGION, None), (OPISTO, None)]
    await room.arrives(ended(100, OPISTO), named(101, OPISTO))
    assert await _told_silent(room, 400) == [], "nothing was done meanwhile"
    await room.arrives(reserved(400))
    assert (await _bond(room)).told_silent is False
    assert await _told_silent(room, 490.6) == []
    last = day(400).isoformat()
    assert await _told_silent(room, 900) == [(REGION, last), (OPISTO, last)]


@pytest.mark.asyncio
@pytest.mark.parametrize("what", [reserved, taken])
async def test_what_the_two_do_for_a_referral_keeps_a_pair_awake(room: PartnersRoom, what: Any) -> None:
    await room.arrives(named(1, REGION), named(1, OPISTO), opened(1), what(60))
    assert await _told_silent(room, 150) == []


@pytest.mark.asyncio
async def test_records_keep_a_pair_awake_once_the_organiser_has_a_place(room: PartnersRoom) -> None:
    await room.arrives(named(1, REGION), named(1, OPISTO), opened(1), attended(60))
    assert (await _bond(room)).active_on is None, "a stranger may have said it"
    await room.arrives(reserved(2))
    assert (await _bond(room)).active_on == day(60)
    await room.arrives(attended(61, organiser=STRANGER))
    assert await room.state(BONDS, PAIR.replace(OPISTO, STRANGER)) is None


@pytest.mark.asyncio
async def test_the_sessions_of_a_units_group_keep_a_pair_awake(room: PartnersRoom) -> None:
    await room.arrives(named(1, REGION), named(1, OPISTO), group_met(60), group_met(50))
    assert (await _bond(room)).active_on == day(60)
    await room.arrives(group_met(70, issuer=TOWN))
    assert (await _bond(room)).active_on == day(60), "a municipality's group is of no pair"


@pytest.mark.asyncio
async def test_what_another_unit_does_keeps_no_pair_awake(room: PartnersRoom) -> None:
    await room.arrives(named(1, REGION), named(1, OPISTO))
    await room.arrives(opened(1, unit_ref="unit-18"), reserved(60), opened(1, a_referral(2), unit_ref=None))
    await room.arrives(reserved(60, a_referral(2)))
    assert len(await _told_silent(room, 100)) == 2


@pytest.mark.asyncio
async def test_a_librarys_unit_of_the_same_name_keeps_no_pair_awake(room: PartnersRoom) -> None:
    await room.arrives(named(1, REGION), named(1, OPISTO), opened(1, issuer="/library/metso"), reserved(60))
    assert len(await _told_silent(room, 100)) == 2


@pytest.mark.asyncio
async def test_synthetic_referrals_keep_no_pair_awake(room: PartnersRoom) -> None:
    await room.arrives(named(1, REGION), named(1, OPISTO), opened(1, synthetic=True), reserved(60, synthetic=True))
    assert len(await _told_silent(room, 100)) == 2
    assert await room.state(KNOWN, a_referral()) is None


@pytest.mark.asyncio
async def test_a_pair_that_was_active_today_already_costs_no_event(room: PartnersRoom) -> None:
    await room.arrives(opened(1), opened(1, a_referral(2)), reserved(60))
    before = room.published
    await room.arrives(reserved(60, a_referral(2)), attended(59))
    assert room.published == before


@pytest.mark.asyncio
async def test_an_erased_referral_leaves_nothing(room: PartnersRoom) -> None:
    await room.arrives(opened(1), reserved(2), erased(3), attended(4))
    state = await room.state(KNOWN, a_referral())
    assert state is not None
    assert (state.region, state.unit_ref, state.met) == ("", "", {})


@pytest.mark.asyncio
async def test_strangers_records_push_no_organiser_out_of_a_referral(room: PartnersRoom) -> None:
    strangers = [attended(60 + nth / 1000, organiser=f"/opisto/o{nth}") for nth in range(MAX_MET + 5)]
    await room.arrives(opened(1), reserved(2), *strangers)
    state = await room.state(KNOWN, a_referral())
    assert state is not None
    assert len(state.met) == MAX_MET
    assert state.met[OPISTO].related
