"""What two parties say of an agreement: it binds nobody who did not say it, and any order of the words ends the same."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.partners.agreements import AGREEMENTS
from services.partners.agreements.account import lines_of, months_of, uses_of
from services.partners.agreements.decide import (
    MAX_WORDS,
    deadline_passed,
    deadlines,
    looked,
    published,
    said,
    use_counted,
)
from services.partners.agreements.fold import course_of
from services.partners.agreements.model import Agreement, MonthOfUse, Surroundings
from shared.contracts.agreement_events import (
    AgreementEnded,
    AgreementMade,
    AgreementTold,
    AgreementToLook,
    AgreementUseTold,
    DayOfUse,
    UseCounted,
)
from shared.contracts.envelope import MAX_EVENT_BYTES, Event, Raw, decode
from shared.contracts.errors import Invalid
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.registry import CLASSES
from shared.engine.model import Decision, Document, Rejected, Waits
from tests.unit.agreement_words import KEY, NAME, after, both, changed, day, ended, made
from tests.unit.facts import OPISTO, REGION, STRANGER, at, event
from tests.unit.facts import published as publishes

TOLD = (AgreementTold, AgreementUseTold)


def of(state: Agreement) -> str:
    return course_of(state).standing.status


def price_on(state: Agreement, days: int) -> int | None:
    version = course_of(state).on(day(days))
    return version.terms.price_cents if version else None


def month(activity: str, days: dict[int, tuple[int, int]], *, unit: str = "unit-1") -> MonthOfUse:
    """What was used of an activity in September."""
    return MonthOfUse(REGION, unit, OPISTO, activity, "2026-09", days)


def look(state: Agreement, *months: MonthOfUse, **more: Any) -> tuple[Agreement, list[AgreementUseTold]]:
    """The agreement once it was looked at, and what its region is told."""
    word = event(AgreementToLook(agreement_id=NAME, referrer=REGION, organiser=OPISTO), 20, "/service/partners")
    beside = Surroundings((state, *more.get("others", ())), months, more.get("themes", {}))
    decided = looked(state, word, at(20), beside)
    assert decided.state is not None
    told = [one.data for one in decided.follow if isinstance(one.data, AgreementUseTold)]
    return decided.state, [one for one in told if one.recipient == REGION]


def used(state: Agreement, *months: MonthOfUse, **more: Any) -> dict[str, tuple[int, int]]:
    """Places and sessions by month."""
    return months_of(uses_of(state, Surroundings((state, *more.get("others", ())), months, more.get("themes", {}))))


# --- who binds whom


def test_what_one_says_is_proposed_and_binds_nobody() -> None:
    state, follow = after(made(0, REGION))
    assert (of(state), course_of(state).versions) == ("proposed", ())
    told = [one for one in follow if isinstance(one, AgreementTold)]
    assert [one.recipient for one in told] == [REGION, OPISTO]
    assert [(one.status, one.agreed, one.proposed[0].by) for one in told] == [("proposed", None, REGION)] * 2


def test_who_says_the_same_twice_binds_nobody_by_it() -> None:
    state, follow = after(made(0, REGION), made(1, REGION))
    assert (of(state), course_of(state).versions, follow) == ("proposed", (), [])


def test_it_stands_once_the_other_says_the_same_in_whatever_order_it_names_things() -> None:
    terms: dict[str, Any] = {
        "activities": ["a", "b"],
        "contributions": [{"by": OPISTO, "kind": "premises", "amount": 5}],
    }
    state, follow = after(made(0, REGION, **terms), made(1, OPISTO, **{**terms, "activities": ["b", "a"]}))
    assert of(state) == "standing"
    told = [one for one in follow if isinstance(one, AgreementTold)]
    assert [(one.recipient, one.status, one.proposed) for one in told] == [
        (REGION, "standing", ()),
        (OPISTO, "standing", ()),
    ]
    assert [one.agreed.activities for one in told if one.agreed] == [("a", "b")] * 2


def test_another_price_is_another_word_and_nothing_stands() -> None:
    state, _ = after(made(0, REGION, price_cents=1250), made(1, OPISTO, price_cents=1500))
    assert of(state) == "proposed"
    assert [by for by, _ in course_of(state).standing.proposed] == [OPISTO, REGION]


def test_what_somebody_took_back_before_the_other_agreed_stands_no_more() -> None:
    state, _ = after(
        made(0, REGION, price_cents=1250), made(1, REGION, price_cents=900), made(2, OPISTO, price_cents=1250)
    )
    assert of(state) == "proposed"


def test_a_change_that_one_says_leaves_what_both_agreed_on() -> None:
    state, follow = after(*both(0), changed(5, OPISTO, 30, price_cents=9999))
    assert (of(state), price_on(state, 40)) == ("standing", 1250)
    told = next(one for one in follow if isinstance(one, AgreementTold))
    assert told.agreed
    assert (told.agreed.price_cents, told.proposed[0].price_cents, told.proposed[0].by) == (1250, 9999, OPISTO)


def test_a_change_holds_from_its_day_and_leaves_what_was_before() -> None:
    words = [*both(0), changed(5, OPISTO, 30, price_cents=1500), changed(6, REGION, 30, price_cents=1500)]
    state, _ = after(*words)
    assert [price_on(state, days) for days in (0, 29, 30, 100, 101)] == [1250, 1250, 1500, 1500, None]


def test_who_says_again_what_holds_takes_back_his_change() -> None:
    state, _ = after(*both(0), changed(5, OPISTO, 30, price_cents=1500), made(6, OPISTO))
    assert course_of(state).proposed == {}
    state, _ = after(changed(7, REGION, 30, price_cents=1500), state=state)
    assert price_on(state, 40) == 1250


def test_one_party_ends_it_and_an_earlier_last_day_holds() -> None:
    state, _ = after(*both(0), ended(10, OPISTO, 50), ended(11, REGION, 40), ended(12, OPISTO, 60))
    assert of(state) == "ended"
    assert [price_on(state, days) for days in (40, 41)] == [1250, None]


def test_after_an_end_both_may_agree_again_on_the_same() -> None:
    state, _ = after(*both(0), ended(10, OPISTO, 20), *both(30))
    assert of(state) == "standing"
    assert price_on(state, 50) == 1250


def test_an_end_before_anything_is_agreed_turns_the_proposal_down() -> None:
    state, _ = after(made(0, REGION), ended(1, OPISTO, 1))
    assert of(state) == "ended"
    state, _ = after(made(2, OPISTO), state=state)
    assert of(state) == "proposed"


def test_nobody_else_has_a_word_in_it() -> None:
    for source in (STRANGER, "/region/01"):
        decided = said(None, made(0, source), at(0), None)
        assert isinstance(decided, Rejected)
        assert "neither of the two parties" in decided.why


@pytest.mark.parametrize("word", [changed(0, REGION, 30), ended(0, REGION, 30)], ids=["a change", "an end"])
def test_what_comes_before_the_agreement_waits_for_it(word: Event[Any]) -> None:
    assert said(None, word, at(0), None) == Waits("AgreementMade")


def test_more_words_than_anybody_needs_are_refused_and_those_kept_fit_the_document() -> None:
    fullest: dict[str, Any] = {
        "activities": [f"{n:02}".ljust(64, "x") for n in range(30)],
        "contributions": [{"by": OPISTO, "kind": "equipment", "amount": n} for n in range(20)],
    }
    words = [
        made(n, source, quota={"of": "places", "amount": n + 1 + (source == OPISTO) * 1_000}, **fullest)
        for n in range(MAX_WORDS)
        for source in (REGION, OPISTO)
    ]
    state, follow = after(*words)
    refused = said(state, made(MAX_WORDS, REGION), at(0), None)
    assert isinstance(refused, Rejected)
    assert "under a new id" in refused.why
    assert len(msgspec.json.encode(Document(state))) < 700_000
    assert all(len(one.model_dump_json()) < MAX_EVENT_BYTES for one in follow)


# --- what cannot be said


def sent(name: str, data: dict[str, Any]) -> Event[Any]:
    """As a door reads it, on the tenth of September."""
    attributes = {
        "specversion": "1.0",
        "id": "a-1",
        "source": REGION,
        "type": CLASSES[name].type,
        "time": "2026-09-10T23:30:00+03:00",
    }
    return decode(Raw(attributes, msgspec.json.encode(data)), now=datetime(2026, 9, 11, tzinfo=UTC))


def content(**changes: Any) -> dict[str, Any]:
    return {**made(0, REGION).data.model_dump(mode="json", exclude_none=True), **changes}


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("AgreementMade", content(period={"starts_on": "2026-09-01", "ends_on": "2026-08-31"}), "before it begins"),
        ("AgreementMade", content(activities=["a"], themes=["singing"]), "make two agreements"),
        ("AgreementMade", content(quota={"of": "places", "amount": 0}), "/data/quota/amount"),
        ("AgreementMade", content(organiser=REGION), "no organiser"),
        ("AgreementMade", content(referrer="/library/metso"), "neither a region nor a municipality"),
        ("AgreementMade", content(referrer="/municipality/837", organiser="/municipality/837"), "is both parties"),
        (
            "AgreementMade",
            content(contributions=[{"by": STRANGER, "kind": "staff", "amount": 1}]),
            "which is neither party",
        ),
        ("AgreementChanged", content(from_day="2027-01-01"), "not in the period"),
        (
            "AgreementEnded",
            {"agreement_id": NAME, "referrer": REGION, "organiser": OPISTO, "last_day": "2026-09-09"},
            "before 2026-09-10",
        ),
    ],
)
def test_a_word_that_cannot_be_meant_is_refused_at_the_door(name: str, data: dict[str, Any], why: str) -> None:
    with pytest.raises(Invalid, match=why):
        sent(name, data)


def test_an_end_today_and_a_whole_agreement_are_taken() -> None:
    last = {"agreement_id": NAME, "referrer": REGION, "organiser": OPISTO, "last_day": "2026-09-10"}
    assert isinstance(sent("AgreementEnded", last).data, AgreementEnded)
    assert isinstance(sent("AgreementMade", content()).data, AgreementMade)
    assert sent("AgreementMade", content()).data.subject == KEY


# --- any order


_prices = st.sampled_from([None, 900, 1250])
_sides = st.sampled_from([REGION, OPISTO])
_times = st.integers(0, 12)
_words = st.one_of(
    st.builds(lambda days, source, price: made(days, source, price_cents=price), _times, _sides, _prices),
    st.builds(
        lambda days, source, from_day, price: changed(days, source, from_day, price_cents=price),
        _times,
        _sides,
        st.sampled_from([10, 30]),
        _prices,
    ),
    st.builds(ended, _times, _sides, st.integers(12, 40)),
)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.lists(_words, min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_of_the_words_end_the_same(words: list[Event[Any]], random: Any) -> None:
    """As the engine does, what waits is judged again behind each word that is taken."""
    words = list({(word.source, word.id): word for word in [made(0, REGION), *words]}.values())
    expected, last = _all_of(sorted(words, key=lambda one: one.order))
    mixed = [*words, *random.choices(words, k=3)]
    random.shuffle(mixed)
    state, told = _all_of(mixed)
    assert (state.words, state.told) == (expected.words, expected.told)
    assert told == last
    assert AGREEMENTS.fields(state) == AGREEMENTS.fields(expected)


def _all_of(words: list[Event[Any]]) -> tuple[Agreement, Any]:
    """The state, and what each party was told last of how it stands, without the count of such words."""
    state, last, ahead = None, {}, list(words)
    while ahead:
        word = ahead.pop(0)
        decided = said(state, word, at(0), None)
        if isinstance(decided, Waits):
            ahead.append(word)
            continue
        assert isinstance(decided, Decision)
        state = decided.state
        told = [one.data for one in decided.follow if isinstance(one.data, AgreementTold)]
        last.update({one.recipient: one.model_dump(exclude={"number"}) for one in told})
    assert state is not None
    return state, last


# --- what counts for which


def test_use_counts_within_the_period_and_until_the_last_day() -> None:
    state, _ = after(*both(0, lasts=(4, 20)))
    september = month("a", dict.fromkeys((4, 5, 21, 22), (1, 1)))
    assert used(state, september) == {"2026-09": (2, 2)}
    state, _ = after(ended(5, OPISTO, 10), state=state)
    assert used(state, september) == {"2026-09": (1, 1)}


def test_use_of_another_activity_unit_or_theme_counts_not() -> None:
    months = (month("a", {9: (1, 1)}), month("b", {9: (0, 1)}), month("a", {9: (0, 4)}, unit="unit-2"))
    scopes: list[tuple[dict[str, Any], tuple[int, int]]] = [
        ({}, (1, 6)),
        ({"activities": ["a"]}, (1, 5)),
        ({"unit_ref": "unit-2"}, (0, 4)),
        ({"themes": ["singing"]}, (0, 1)),
    ]
    for terms, expected in scopes:
        state, _ = after(*both(0, **terms))
        assert used(state, *months, themes={"a": ("social",), "b": ("singing", "music")}) == {"2026-09": expected}


def test_what_two_agreements_are_for_counts_once_for_the_one_agreed_first() -> None:
    first, _ = after(*both(3, "first", activities=["a"]))
    second, _ = after(*both(5, "second", lasts=(10, 100)))
    months = (month("a", {9: (1, 1), 12: (0, 1)}), month("b", {12: (0, 3)}))
    beside = {"others": (first, second)}
    assert used(first, *months, **beside) == {"2026-09": (1, 2)}
    assert used(second, *months, **beside) == {"2026-09": (0, 3)}


def test_a_change_of_price_makes_two_lines_of_one_month() -> None:
    words = [*both(0), changed(5, OPISTO, 15, price_cents=1500), changed(6, REGION, 15, price_cents=1500)]
    state, _ = after(*words)
    uses = uses_of(state, Surroundings((state,), (month("a", {15: (1, 2), 16: (0, 3)}),)))
    assert [(one.price_cents, one.counted, one.cents) for one in lines_of(uses, "2026-09")] == [
        (1250, 2, 2500),
        (1500, 3, 4500),
    ]


# --- what both should look at


@pytest.mark.parametrize(
    ("sessions", "told"),
    [(7, []), (8, ["quota_nearly_used"]), (10, ["quota_nearly_used"]), (11, ["quota_passed"])],
)
def test_both_are_told_of_a_quota_that_is_nearly_used_or_passed(sessions: int, told: list[str]) -> None:
    state, _ = after(*both(0))
    state, notices = look(state, month("a", {9: (1, sessions)}))
    assert [(one.what, one.used) for one in notices] == [(what, sessions) for what in told]
    assert look(state, month("a", {9: (1, sessions)}))[1] == []


def test_a_late_record_beyond_the_quota_is_told_and_counted() -> None:
    state, _ = after(*both(0))
    state, _ = look(state, month("a", {9: (1, 10)}))
    late = month("a", {9: (1, 10), 2: (0, 1)})
    state, notices = look(state, late)
    assert [one.what for one in notices] == ["quota_passed"]
    assert used(state, late) == {"2026-09": (1, 11)}


def test_a_new_quota_is_told_of_anew() -> None:
    state, _ = after(*both(0))
    nearly = month("a", {9: (1, 9)})
    state, _ = look(state, nearly)
    quota = {"of": "sessions", "amount": 11}
    state, _ = after(changed(5, REGION, 0, quota=quota), changed(6, OPISTO, 0, quota=quota), state=state)
    assert [one.what for one in look(state, nearly)[1]] == ["quota_nearly_used"]


def test_overlapping_agreements_are_told_once_and_look_at_each_other() -> None:
    state, _ = after(*both(0))
    other, _ = after(*both(1, "other", activities=["a"], lasts=(50, 200)))
    apart, _ = after(*both(1, "apart", lasts=(101, 200)))
    state, notices = look(state, others=(other, apart))
    assert [(one.what, one.overlaps) for one in notices] == [("overlaps", ("other",))]
    assert look(state, others=(other, apart))[1] == []


@pytest.mark.parametrize(
    ("terms", "overlap"),
    [
        ({"activities": ["b", "c"]}, True),
        ({"activities": ["c"]}, False),
        ({"themes": ["singing"]}, False),
        ({"unit_ref": "unit-2"}, True),
        ({"lasts": (100, 120)}, True),
        ({"lasts": (101, 120)}, False),
    ],
)
def test_two_overlap_that_are_for_the_same_at_the_same_time(terms: dict[str, Any], overlap: bool) -> None:
    state, _ = after(*both(0, activities=["a", "b"], unit_ref=terms.get("unit_ref") and "unit-2"))
    other, _ = after(*both(1, "other", **terms))
    assert [one.what for one in look(state, others=(other,))[1]] == ["overlaps"] * overlap


def test_two_units_agreements_do_not_overlap() -> None:
    state, _ = after(*both(0, unit_ref="unit-1"))
    other, _ = after(*both(1, "other", unit_ref="unit-2"))
    assert look(state, others=(other,))[1] == []


def passes(state: Agreement, what: str, *months: MonthOfUse) -> tuple[Agreement, list[str]]:
    """A day that comes, and what the region is told."""
    due = next(one for one in deadlines(state) if one.what == what)
    data = DeadlinePassed(
        service="partners", collection="agreements", aggregate=KEY, what=due.what, due_at=due.due_at, nth=1
    )
    word = event(data, 60, "/service/partners")
    decided = deadline_passed(state, word, at(60), Surroundings((state,), months))
    assert decided.state is not None
    told = [one.data for one in decided.follow if isinstance(one.data, AgreementUseTold)]
    again = deadline_passed(decided.state, word, at(60), Surroundings((state,), months))
    assert (again.state, list(again.follow)) == (decided.state, [])
    return decided.state, [one.what for one in told if one.recipient == REGION]


@pytest.mark.parametrize(("sessions", "told"), [(0, ["quota_idle"]), (2, ["quota_idle"]), (3, [])])
def test_less_than_a_quarter_used_at_half_time_is_told(sessions: int, told: list[str]) -> None:
    state, _ = after(*both(-10))
    assert [(one.what, one.due_at.date()) for one in deadlines(state)] == [
        ("agreement_half", day(49)),
        ("agreement_end", day(39)),
    ]
    state, notices = passes(state, "agreement_half", month("a", {9: (1, sessions)} if sessions else {}))
    assert notices == told
    assert [one.what for one in deadlines(state)] == ["agreement_end"]


def test_an_end_within_60_days_is_told_and_again_where_the_end_is_another() -> None:
    state, _ = after(*both(-10))
    state, notices = passes(state, "agreement_end")
    assert notices == ["ends_soon"]
    assert [one.what for one in deadlines(state)] == ["agreement_half"]
    state, _ = after(changed(5, REGION, 0, lasts=(0, 300)), changed(6, OPISTO, 0, lasts=(0, 300)), state=state)
    assert passes(state, "agreement_end")[1] == ["ends_soon"]


def test_who_agrees_within_the_last_60_days_is_not_told_that_it_ends_within_60_days() -> None:
    state, _ = after(*both(45))
    assert [one.what for one in deadlines(state)] == ["agreement_half"]
    state, _ = after(*both(60))
    assert deadlines(state) == []


# --- what is counted


def counted(*days: tuple[int, int, int], synthetic: bool = False) -> Event[UseCounted]:
    data = UseCounted(
        referrer=REGION,
        unit_ref="unit-1",
        organiser=OPISTO,
        activity_id="a",
        month="2026-09",
        days=tuple(DayOfUse(day=day(at - 1), places=places, sessions=sessions) for at, places, sessions in days),
    )
    return event(data, 5, "/service/referral", synthetic=synthetic)


def test_counts_of_a_month_add_up_in_any_order_and_the_agreements_look_again() -> None:
    agreement, _ = after(*both(0))
    first = use_counted(None, counted((9, 1, 1), (16, 0, 1)), at(0), [agreement])
    assert [type(one.data).__name__ for one in first.follow] == ["AgreementToLook"]
    second = use_counted(first.state, counted((9, 1, 1), (16, 0, -1)), at(0), [])
    other_way = use_counted(None, counted((9, 1, 1), (16, 0, -1)), at(0), [])
    other_way = use_counted(other_way.state, counted((9, 1, 1), (16, 0, 1)), at(0), [])
    assert second.state == other_way.state == month("a", {9: (2, 2)})


def test_a_tests_use_is_in_no_count() -> None:
    decided = use_counted(None, counted((9, 1, 1), synthetic=True), at(0), [])
    assert decided.state == month("a", {})


def test_an_agreement_by_themes_looks_again_when_an_activity_has_others() -> None:
    by_themes, _ = after(*both(0, themes=["singing"]))
    for_all, _ = after(*both(0, "other"))
    first = published(None, publishes(-10), at(0), [by_themes, for_all])
    assert [one.data.subject for one in first.follow] == [KEY]
    again = published(first.state, publishes(-9), at(0), [by_themes])
    assert list(again.follow) == []
    older = published(again.state, publishes(-11, themes=["music"]), at(0), [by_themes])
    assert (older.state, list(older.follow)) == (again.state, [])
    newer = published(again.state, publishes(-8, themes=["music"]), at(0), [by_themes])
    assert newer.state is not None
    assert newer.state.themes == ("music",)
    assert len(newer.follow) == 1
