"""An organiser's study vouchers: the grant of a year, what places use of it, when its organiser is told, and who may look."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.catalogue.vouchers import decide
from services.catalogue.vouchers.decide import HALF_A_YEAR, MAX_ACTIVITIES, stands
from services.catalogue.vouchers.model import VoucherUse, VoucherYearUse
from shared.contracts.catalogue_events import VoucherStandingChanged, VoucherUseChanged
from shared.contracts.envelope import Event, attributes_of, kafka_headers
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.opisto_events import VoucherGrantRecorded
from shared.contracts.topics import intake_of
from shared.engine.model import Decision, Rejected
from shared.kafka.producer import Record
from tests.unit import facts
from tests.unit.country import Country, country
from tests.unit.doors import Door, door, key
from tests.unit.facts import OPISTO, a_referral, at

Word = VoucherStandingChanged


def grant(days: float, cents: int, *, year: int = 2026, synthetic: bool = False) -> Event[Any]:
    data = VoucherGrantRecorded(year=year, grant_cents=cents)
    return facts.event(data, days, OPISTO, f"grant-{days:g}-{cents}", synthetic=synthetic)


def use(
    activity: str, number: int, cents: int, last: float | None = None, themes: Sequence[str] = ("singing",)
) -> Event[Any]:
    data = VoucherUseChanged(
        organiser=OPISTO,
        activity_id=activity,
        year=2026,
        number=number,
        places=1 if cents else 0,
        cents=cents,
        themes=tuple(themes),
        last_at=None if last is None else at(last),
    )
    return Event(f"use-{activity}-{number}", "/service/catalogue", at(last or 0), data)


def passed(due_at: datetime) -> Event[Any]:
    data = DeadlinePassed(
        service="catalogue",
        collection="vouchers",
        aggregate=f"{OPISTO} 2026",
        what="voucher_idle",
        due_at=due_at,
        nth=1,
    )
    return Event(f"passed-{due_at.isoformat()}", "/service/catalogue", due_at, data)


_DECIDE: dict[str, Any] = {
    "VoucherGrantRecorded": decide.recorded,
    "VoucherUseChanged": decide.used,
    "DeadlinePassed": decide.silent,
}


def after(*events: Event[Any]) -> tuple[VoucherYearUse, list[Word]]:
    """The year's document after the events, and all that its organiser was told."""
    state: VoucherYearUse | None = None
    told: list[Word] = []
    for event in events:
        decided = _DECIDE[event.name](state, event, event.time, None)
        assert isinstance(decided, Decision), decided
        state = decided.state
        told += [one.data for one in decided.follow]  # type: ignore[misc]
    assert state is not None
    return state, told


def said(told: Iterable[Word]) -> list[tuple[str, int, int]]:
    return [(word.stands, word.used_cents, word.grant_cents) for word in told]


# --- what is told


def test_the_organiser_is_told_when_three_quarters_are_used() -> None:
    state, told = after(grant(0, 10_000), use("a", 1, 4_000, 1), use("b", 1, 3_499, 2))
    assert said(told) == []
    state, told = after(grant(0, 10_000), use("a", 1, 4_000, 1), use("b", 1, 3_500, 2), use("b", 2, 5_000, 3))
    assert said(told) == [("nearly_used", 7_500, 10_000)]
    assert told[0].recipient == OPISTO
    assert stands(state) == "nearly_used"


def test_a_grant_that_is_in_use_again_is_told_too() -> None:
    _, told = after(grant(0, 10_000), use("a", 1, 8_000, 1), use("a", 2, 4_000, 1), grant(3, 5_000))
    assert said(told) == [
        ("nearly_used", 8_000, 10_000),
        ("in_use", 4_000, 10_000),
        ("nearly_used", 4_000, 5_000),
    ]


def test_half_a_year_without_a_use_is_told_where_money_is_left() -> None:
    state, _ = after(grant(0, 10_000), use("a", 1, 1_000, 10))
    (due,) = decide.deadlines(state)
    assert (due.what, due.due_at, due.concerns) == ("voucher_idle", at(10) + HALF_A_YEAR, None)
    idle, told = after(grant(0, 10_000), use("a", 1, 1_000, 10), passed(due.due_at))
    assert said(told) == [("idle", 1_000, 10_000)]
    assert (told[0].last_used_at, decide.deadlines(idle)) == (at(10), [])


def test_a_grant_that_nobody_ever_used_is_idle_half_a_year_after_it_was_recorded() -> None:
    state, _ = after(grant(0, 10_000))
    assert [due.due_at for due in decide.deadlines(state)] == [at(0) + HALF_A_YEAR]
    assert said(after(grant(0, 10_000), passed(at(0) + HALF_A_YEAR))[1]) == [("idle", 0, 10_000)]


def test_a_use_that_comes_late_shows_that_the_grant_was_not_idle() -> None:
    silence = passed(at(0) + HALF_A_YEAR)
    state, told = after(grant(0, 10_000), silence, use("a", 1, 500, 100))
    assert [word.stands for word in told] == ["idle", "in_use"]
    assert [due.due_at for due in decide.deadlines(state)] == [at(100) + HALF_A_YEAR]


def test_where_nothing_is_left_or_nothing_was_granted_nobody_is_idle() -> None:
    assert decide.deadlines(after(grant(0, 10_000), use("a", 1, 10_000, 1))[0]) == []
    assert after(grant(0, 0), passed(at(0) + HALF_A_YEAR))[1] == []
    state, told = after(use("a", 1, 9_000, 1))
    assert (stands(state), told, decide.deadlines(state)) == ("in_use", [], [])


def test_what_is_used_is_told_by_theme_in_parts_that_add_up() -> None:
    state, (word,) = after(
        grant(0, 100), use("a", 1, 10, 1, ("singing", "music", "social")), use("b", 1, 90, 2, ("music",))
    )
    assert word.used_by_theme == {"music": 93, "singing": 4, "social": 3}
    assert sum(state.used_by_theme.values()) == state.used_cents == 100


# --- what is kept


def test_of_several_grants_the_latest_by_time_holds_and_of_uses_the_greatest_number() -> None:
    state, _ = after(grant(2, 500), grant(1, 900), use("a", 2, 10, 1), use("a", 1, 70, 1))
    assert state.grant is not None
    assert (state.grant.cents, state.used_cents) == (500, 10)


@pytest.mark.parametrize("year", [2020, 2022, 2027, 2100])
def test_a_grant_of_a_year_without_a_rule_is_refused_and_told_which_years_have_one(year: int) -> None:
    with pytest.raises(ValidationError, match=f"for the year {year}; there are rules for 2021, 2023, 2026"):
        VoucherGrantRecorded(year=year, grant_cents=1)


def test_a_synthetic_grant_is_refused_and_nothing_is_kept() -> None:
    answer = decide.recorded(None, grant(0, 5, synthetic=True), at(0), None)
    assert isinstance(answer, Rejected)
    assert "send it without `synthetic`" in answer.why


def test_a_document_stays_bounded_whatever_is_sent() -> None:
    longest = VoucherUse(10**9 - 1, 10**9, 10**9, ("visual_arts", "photography") * 4, at(0))
    full = VoucherYearUse("/opisto/" + "x" * 60, 2026, uses={f"{n:064}": longest for n in range(MAX_ACTIVITIES)})
    assert len(msgspec.json.encode(full)) < 1_000_000
    more = decide.used(full, use("one-more", 1, 5, 1), at(1), None)
    assert isinstance(more, Rejected)
    assert f"{MAX_ACTIVITIES} activities" in more.why
    assert isinstance(decide.used(full, use(f"{0:064}", 10**9, 5, 1), at(1), None), Decision)


FACTS = st.lists(
    st.one_of(
        st.builds(grant, st.sampled_from([0, 1, 2]), st.sampled_from([0, 100, 1_000])),
        st.builds(
            lambda activity, number: use(activity, number, number * 17 % 5 * 60, 40 * number),
            st.sampled_from("abc"),
            st.integers(1, 6),
        ),
        st.builds(lambda day: passed(at(day) + HALF_A_YEAR), st.sampled_from([0, 1, 40, 120, 240])),
    ),
    min_size=1,
    max_size=12,
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(FACTS, st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_end_the_same_with_the_same_last_word(
    facts_: list[Event[Any]], rng: Random
) -> None:
    known = {event.id: event for event in facts_}
    ordered = sorted((one for one in known.values() if one.name != "DeadlinePassed"), key=lambda one: one.time)
    silences = [one for one in known.values() if one.name == "DeadlinePassed"]
    if not ordered:
        return
    state, told = after(*ordered, *silences)
    mixed = [*ordered, *silences, *rng.choices([*ordered, *silences], k=5)]
    rng.shuffle(mixed)
    while mixed[0].name == "DeadlinePassed":
        mixed.append(mixed.pop(0))
    again, told_again = after(*mixed)
    assert msgspec.structs.replace(again, uses={}) == msgspec.structs.replace(state, uses={})
    assert dict(sorted(again.uses.items())) == dict(sorted(state.uses.items()))
    last = [words[-1].stands if words else "in_use" for words in (told, told_again)]
    assert last == [stands(state)] * 2
    assert sum(state.used_by_theme.values()) == state.used_cents


# --- the whole way, and who may look


@pytest_asyncio.fixture
async def catalogue(tmp_path: Path) -> AsyncIterator[Door]:
    async with door("catalogue", tmp_path) as one:
        yield one


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "who", "status"),
    [
        ("/v1/vouchers/opisto/tampere/2026", OPISTO, 200),
        ("/v1/vouchers/opisto/tampere/2026", "ops:anna", 200),
        ("/v1/vouchers/opisto/tampere/2026", "reader:eero", 200),
        ("/v1/vouchers/opisto/tampere/2026", "/region/06", 403),
        ("/v1/vouchers/opisto/turku/2026", OPISTO, 403),
        ("/v1/vouchers/opisto/tampere/2026", "", 401),
        ("/v1/vouchers/opisto/tampere/2023", OPISTO, 404),
        ("/v1/vouchers/opisto/tampere/2027", OPISTO, 422),
        ("/v1/vouchers/opisto/tampere/02026", OPISTO, 422),
        ("/v1/kaikukortti/opisto/tampere", OPISTO, 200),
        ("/v1/kaikukortti/opisto/turku", OPISTO, 403),
        ("/v1/kaikukortti/opisto/tampere", "/region/06", 403),
        ("/v1/kaikukortti/opisto/tampere", "reader:eero", 200),
    ],
)
async def test_an_organiser_looks_at_its_own_and_ops_and_readers_at_all(
    catalogue: Door, path: str, who: str, status: int
) -> None:
    await catalogue.given(grant(0, 100))
    answer = await catalogue.client.get(path, headers=key(who) if who else {})
    assert answer.status_code == status, answer.text
    if status == 422:
        assert "there are rules of study vouchers for 2021, 2023, 2026" in answer.json()["detail"]


async def _sent(one: Country, events: Iterable[Event[Any]]) -> None:
    for event in events:
        body = event.data.model_dump_json(exclude_none=True).encode()
        topic = intake_of(event.source)
        await one.flow([Record(topic, event.data.subject.encode(), body, kafka_headers(attributes_of(event)))])


def course(days: float = -1, **fields: Any) -> Event[Any]:
    said = {"price_cents": 4_500, "accepts": ["kaikukortti", "opintoseteli"], "themes": ["singing", "music"]}
    return facts.published(days, **{**said, **fields})


@pytest.mark.asyncio
async def test_the_whole_way_from_the_referral_to_what_the_opisto_reads(tmp_path: Path) -> None:
    """A referral with a voucher and one with a card are placed; the grant, its use by theme and the card's uses are there."""
    by_voucher, by_card = a_referral("voucher"), a_referral("card")
    async with country(tmp_path, ("referral", "catalogue", "notify", "monitor")) as one:
        await _sent(
            one,
            [
                course(kaikukortti_places=3),
                grant(0, 6_000),
                facts.issued(0, by_voucher, funding=["opintoseteli"], voucher_group="pensioner"),
                facts.issued(0, by_card, funding=["kaikukortti"], kaikukortti_from="2026-08-15"),
                facts.chosen(1, referral=by_voucher),
                facts.chosen(1, referral=by_card),
                facts.chosen(2, referral=by_card),
            ],
        )
        asked = one.doors["catalogue"].client
        vouchers = (await asked.get("/v1/vouchers/opisto/tampere/2026", headers=key(OPISTO))).json()
        cards = (await asked.get("/v1/kaikukortti/opisto/tampere", headers=key(OPISTO))).json()
        feed = (await one.doors["notify"].client.get("/v1/feed", headers=key(OPISTO))).json()
    assert (vouchers["grant_cents"], vouchers["used_cents"], vouchers["places"]) == (6_000, 4_500, 1)
    assert vouchers["by_theme"] == {
        "music": {"cents": 2_250, "share": 0.375},
        "singing": {"cents": 2_250, "share": 0.375},
    }
    assert vouchers["activities"] == [{"activity_id": "a", "places": 1, "cents": 4_500}]
    assert (vouchers["stands"], "pensioner" in vouchers["groups"]) == ("nearly_used", True)
    assert cards == {"organiser": OPISTO, "activities": [{"activity_id": "a", "quota": 3, "used": 1}], "next": None}
    told = [(entry["type"].split(".")[2], entry["data"]) for entry in feed["events"]]
    assert [data["price_rule"] for name, data in told if name == "PlaceReserved"] == ["opintoseteli", "kaikukortti"]
    (word,) = [data for name, data in told if name == "VoucherStandingChanged"]
    assert word == {
        "year": 2026,
        "stands": "nearly_used",
        "grant_cents": 6_000,
        "used_cents": 4_500,
        "used_by_theme": {"music": 2_250, "singing": 2_250},
        "last_used_at": "2026-09-02T08:00:00Z",
    }


@pytest.mark.asyncio
async def test_the_list_of_cards_goes_on_by_its_next(catalogue: Door) -> None:
    await catalogue.given(*[course(activity=f"a{n}") for n in range(3)], course(activity="b", accepts=[]))
    seen, after_ = [], ""
    while True:
        query = {"limit": "2", **({"after": after_} if after_ else {})}
        page = (await catalogue.client.get("/v1/kaikukortti/opisto/tampere", params=query, headers=key(OPISTO))).json()
        seen += [one["activity_id"] for one in page["activities"]]
        if page["next"] is None:
            break
        after_ = page["next"]
    assert seen == ["a0", "a1", "a2"]
