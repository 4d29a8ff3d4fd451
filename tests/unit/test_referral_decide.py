"""The life of a referral, a test a sentence of docs/contracts.md. Whatever their order: `test_any_order.py`."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.referral import decide, erasing, needs, relation
from services.referral.fold import fold
from services.referral.groups.handlers import COLLECTION as GROUPS
from services.referral.handlers import table
from services.referral.model import Referral
from services.referral.view import View
from shared.contracts import catalogue_events, every_service_events, referral_events
from shared.contracts.envelope import Event
from shared.contracts.referral_code import digest_of, read_code
from shared.contracts.region_events import ReferralIssued
from shared.engine.model import Decision, Rejected, Waits
from tests.unit.facts import (
    ANOTHER_REGION,
    OPISTO,
    REGION,
    STRANGER,
    a_referral,
    answered,
    at,
    chosen,
    confirmed,
    issued,
    looked_up,
    names,
    off_the_list,
    recorded,
    withdrawn,
)
from tests.unit.network import CODE, DURATIONS, MemoryStore, grant_to

DAYS = timedelta(days=1)
TABLE = table(DURATIONS)
HANDLERS = TABLE.handlers
SESSIONS = (("s1", 20.0), ("s2", 30.0))


def listed(*sessions: tuple[str, float]) -> tuple[catalogue_events.ListedSession, ...]:
    return tuple(
        catalogue_events.ListedSession(session_id=name, starts_at=at(day), ends_at=at(day) + timedelta(hours=1))
        for name, day in sessions
    )


class Life:
    """A referral and what it tells, a step an event."""

    def __init__(self, *events: Event) -> None:
        self.state: Referral | None = None
        self.follow: list[Any] = []
        self.count = 0
        for event in events:
            self.step(event)

    def step(self, event: Event) -> "Life":
        handler = TABLE.deadlines["referrals"] if event.name == "DeadlinePassed" else HANDLERS[type(event.data)]
        decision = handler.decide(self.state, event, event.time, grant_to(event.name))
        assert isinstance(decision, Decision), decision
        self.state, self.follow = decision.state, list(decision.follow)
        return self

    def answer(
        self,
        days: float,
        kind: type[catalogue_events.PlaceAnswer] = catalogue_events.PlaceReserved,
        activity: str = "a",
        **said: Any,
    ) -> "Life":
        """What the activity answers to what it was last asked."""
        assert self.state is not None
        order = self.state.orders[f"{OPISTO} {activity}"]
        self.count += 1
        about = {
            "referral_id": self.state.id,
            "organiser": OPISTO,
            "activity_id": activity,
            "number": order.number,
            "answer": self.count,
            "request": order.request,
        }
        given = {"given_at": order.requested_at, "promoted": False, "confirm": False, "sessions": listed(*SESSIONS)}
        fields = {**about, **(given if kind is catalogue_events.PlaceReserved else {}), **said}
        return self.step(Event(f"answer-{self.count}", "/service/catalogue", at(days), kind(**fields)))

    def published(self, activity: str = "a", *sessions: tuple[str, float], organiser: str = OPISTO) -> "Life":
        """The catalogue tells of an activity that is followed."""
        self.count += 1
        about: Any = {"referral_id": a_referral(), "organiser": organiser, "activity_id": activity}
        data = catalogue_events.SessionsChanged(
            **about, number=0, answer=self.count, request="", sessions=listed(*(sessions or SESSIONS))
        )
        return self.step(Event(f"answer-{self.count}", "/service/catalogue", at(0), data))

    def silence(self, nth: int = 1) -> "Life":
        """The next deadline passes."""
        deadline = self.view.deadlines[0]
        assert deadline.nth == nth
        data = every_service_events.DeadlinePassed(
            service="referral",
            collection="referrals",
            aggregate=a_referral(),
            what=deadline.what,
            due_at=deadline.due_at,
            nth=nth,
            referral_id=a_referral(),
        )
        return self.step(Event(f"silence-{deadline.what}-{nth}", "/service/referral", deadline.due_at, data))

    def matched(self, days: float, *, found: bool = True) -> "Life":
        assert self.state is not None
        number = self.state.matching.number
        proposal = catalogue_events.Proposal(
            organiser=OPISTO, activity_id="a", score=90, reasons=(), starts_at=at(20), places_left=1
        )
        data: Any = (
            catalogue_events.ActivitiesProposed(referral_id=a_referral(), number=number, proposals=(proposal,))
            if found
            else catalogue_events.NoActivityFound(referral_id=a_referral(), number=number, nearest_misses={})
        )
        return self.step(Event(f"matched-{days:g}", "/service/catalogue", at(days), data))

    @property
    def view(self) -> View:
        assert self.state is not None
        return fold(self.state, DURATIONS)

    @property
    def told(self) -> list[str]:
        """All but where the referral stands, which it tells at most steps."""
        return [name for name in names(self.follow) if name != "StandingChanged"]

    @property
    def standing(self) -> referral_events.StandingChanged | None:
        """Where it said it stands, at this step."""
        said = [one.data for one in self.follow if isinstance(one.data, referral_events.StandingChanged)]
        assert len(said) < 2
        return said[0] if said else None


def placed() -> Life:
    return Life(issued(), chosen(1)).answer(1)


def test_issuing_opens_it_with_its_code_and_its_deadline() -> None:
    life = Life(issued())
    opened = life.follow[0].data
    assert isinstance(opened, referral_events.ReferralOpened)
    assert opened.referral_code == CODE
    assert [(one.what, one.due_at) for one in opened.deadlines] == [("match", at(30))]
    assert life.view.status == "issued"


def test_a_referral_issued_anew_keeps_its_code_and_its_erasure_tells_what_finds_it() -> None:
    life = Life(issued())
    again = decide.issued(life.state, issued(5), at(5), DURATIONS, "ANOTHER")
    assert isinstance(again, Decision)
    assert again.state is not None
    assert again.state.code == CODE
    erased = life.step(withdrawn(6, reason="consent_withdrawn"))
    assert erased.state is not None
    assert erased.state.code == ""
    assert erased.follow[0].data == referral_events.ReferralErased(
        referral_id=a_referral(), issuer=REGION, region="06", code_digest=digest_of(CODE)
    )


@pytest.mark.asyncio
async def test_who_knows_a_referrals_id_knows_nothing_of_its_code() -> None:
    look_up = HANDLERS[ReferralIssued].look_up
    assert look_up is not None
    store: Any = MemoryStore()
    await store.open([GROUPS])
    codes = {(await look_up(None, issued(), store, at(0))).code for _ in range(100)}
    assert len(codes) == 100
    assert all(read_code(code) == code for code in codes)


def test_what_comes_before_the_referral_waits_for_it() -> None:
    for event in (chosen(1), confirmed(1), off_the_list(1), recorded(21), withdrawn(1), answered(40)):
        assert isinstance(HANDLERS[type(event.data)].decide(None, event, event.time, grant_to(event.name)), Waits)


def test_another_regions_event_waits_as_where_there_is_no_such_referral() -> None:
    for event in (chosen(1, source=ANOTHER_REGION), withdrawn(1, source=ANOTHER_REGION)):
        assert decided(placed(), event) == decided(Life(), event) == Waits("ReferralIssued")
    assert decided(placed(), issued(1, source=ANOTHER_REGION)) == Waits("ReferralIssued")


def test_another_regions_withdrawal_of_consent_does_as_much_as_where_there_is_no_such_referral() -> None:
    event, life = withdrawn(1, "consent_withdrawn", source=ANOTHER_REGION), placed()
    assert decided(life, event) == Decision(life.state)
    of_nothing = decided(Life(), event)
    assert (of_nothing.follow, of_nothing.erase) == ((), False)


def test_it_tells_where_it_stands_and_what_is_awaited_from_whom() -> None:
    life = Life(issued())
    assert life.standing is not None
    assert life.standing.awaits is not None
    assert (life.standing.status, life.standing.awaits.what, life.standing.awaits.concerns) == (
        "issued",
        "match",
        REGION,
    )
    life.matched(1)
    assert life.standing.awaits is not None
    assert (life.standing.number, life.standing.awaits.what, life.standing.awaits.due_at) == (2, "choice", at(15))
    life.silence()
    assert life.standing.awaits is not None
    assert (life.standing.awaits.since, life.standing.awaits.due_at, life.standing.awaits.passed) == (at(1), at(15), 1)
    life.step(chosen(16)).answer(16)
    assert life.standing.awaits is not None
    assert (life.standing.status, life.standing.awaits.concerns, life.standing.session_at) == ("placed", OPISTO, at(20))
    life.step(recorded(21, "s1"))
    assert (life.standing.status, life.standing.session_at) == ("attending", at(30))
    life.step(withdrawn(22))
    assert (life.standing.status, life.standing.closed) == ("withdrawn", True)
    assert life.standing.awaits is None


def test_an_attendance_where_it_never_had_a_place_is_told_until_it_is_corrected() -> None:
    life = placed().step(looked_up(2, organiser=STRANGER))
    life.published("pottery", organiser=STRANGER)
    life.step(recorded(21, "s1", "pottery", organiser=STRANGER))
    assert life.standing is not None
    assert (stray := life.standing.unplaced) is not None
    assert (stray.organiser, stray.activity_id, stray.since, stray.due_at) == (STRANGER, "pottery", at(21), at(22))
    life.step(recorded(21.5, "s1"))
    assert life.standing is not None
    assert life.standing.unplaced == stray, "an attendance where it has its place changes nothing of that"
    life.step(recorded(22, "s1", "pottery", came=False, organiser=STRANGER))
    assert life.standing is not None
    assert life.standing.unplaced is None


def test_where_it_stands_is_told_once() -> None:
    life = placed().step(recorded(21, "s1"))
    assert life.standing is not None
    assert life.step(recorded(21, "s1", came=False)).standing is None


def test_a_choice_asks_for_the_place_and_ends_the_matching() -> None:
    life = Life(issued()).matched(0.1).step(chosen(1))
    assert sorted(life.told) == ["MatchingEnded", "PlaceRequested"]
    assert life.view.status == "requested"
    life.answer(1)
    assert (life.view.status, life.view.place) == ("placed", "placed")


def test_a_later_choice_releases_the_former_place_and_follows_it() -> None:
    life = placed().step(chosen(2, "b"))
    wants = {one.key.rpartition(" ")[2]: one.data for one in life.follow}
    assert isinstance(wants["a"], referral_events.PlaceGivenUp)
    assert wants["a"].follow
    assert isinstance(wants["b"], referral_events.PlaceRequested)


def test_where_the_opisto_confirms_the_place_is_requested_until_then() -> None:
    life = Life(issued(), chosen(1)).answer(1, confirm=True)
    assert (life.view.status, [one.what for one in life.view.deadlines]) == ("requested", ["confirmation"])
    assert life.step(confirmed(2)).view.status == "placed"


def test_enrolled_at_the_desk_is_choice_and_place_in_one() -> None:
    life = Life(issued(), looked_up(2)).published().step(confirmed(3))
    request = next(one.data for one in life.follow if isinstance(one.data, referral_events.PlaceRequested))
    assert request.enrolled
    assert life.answer(3, confirm=True).view.status == "placed"


def test_a_confirmation_of_what_was_left_for_a_later_choice_counts_for_nothing() -> None:
    life = placed().step(chosen(2, "b")).answer(2, activity="b", confirm=True).step(confirmed(3, "a"))
    assert life.view.choice is not None
    assert (life.view.choice.activity, life.view.status) == (f"{OPISTO} b", "requested")


def test_it_completes_when_every_counted_session_is_recorded_with_one_attended() -> None:
    life = placed().step(recorded(21, "s1"))
    assert life.view.status == "attending"
    life.step(recorded(31, "s2", came=False))
    assert life.view.status in {"completed"}
    completed = next(one.data for one in life.follow if isinstance(one.data, referral_events.ReferralCompleted))
    assert (completed.outcome, completed.sessions.attended, completed.sessions.missed) == ("completed", 1, 1)


def test_of_several_records_of_one_session_the_latest_holds_also_after_closing() -> None:
    life = placed().step(recorded(21, "s1", came=False)).step(recorded(31, "s2", came=False))
    assert (life.view.status, life.view.closed) == ("lapsed", True)
    life.step(recorded(32, "s1"))
    assert life.view.status == "completed"
    assert "ReferralCompleted" in life.told


@pytest.mark.parametrize(("came", "outcome"), [(None, "not_recorded"), (False, "never_attended"), (True, "completed")])
def test_the_attendance_deadline_settles_what_was_not_recorded(came: bool | None, outcome: str) -> None:
    life = placed()
    if came is not None:
        life.step(recorded(21, "s1", came=came))
    life.silence()
    assert life.view.ended is not None
    assert life.view.ended.outcome == outcome
    assert life.view.ended.not_recorded == (2 if came is None else 1)


def test_a_closed_referral_sends_its_closing_again_only_when_it_says_something_new() -> None:
    life = placed().silence()
    assert "ReferralClosed" in life.told
    life.step(recorded(21, "s1", came=False))
    assert "ReferralClosed" in life.told
    assert "ReferralClosed" not in life.step(recorded(21, "s1", came=False)).told


def test_it_closes_when_the_participants_answer_is_in_or_overdue_or_not_consented_to() -> None:
    done = [recorded(21, "s1"), recorded(31, "s2")]
    waiting = placed()
    for event in done:
        waiting.step(event)
    assert not waiting.view.closed
    assert placed().step(done[0]).step(done[1]).step(answered(33)).view.closed
    assert waiting.silence().view.closed
    without = Life(issued(feedback=False), chosen(1)).answer(1)
    assert without.step(done[0]).step(done[1]).view.closed


def test_silence_reminds_first_and_acts_the_second_time() -> None:
    life = Life(issued()).matched(1).silence()
    assert life.view.status == "proposed"
    life.silence(2)
    assert (life.view.status, life.view.closed) == ("lapsed", True)
    assert life.view.ended is not None
    assert life.view.ended.outcome == "not_chosen"
    unmatched = Life(issued()).matched(1, found=False).silence().silence(2)
    assert unmatched.view.ended is not None
    assert unmatched.view.ended.outcome == "no_activity_found"


def test_a_lapse_is_silence_and_a_late_choice_undoes_it() -> None:
    life = Life(issued()).matched(1).silence().silence(2).step(chosen(60))
    assert (life.view.status, life.view.closed) == ("requested", False)


def test_an_unconfirmed_place_is_released_and_matched_again_without_it() -> None:
    life = Life(issued(), chosen(1)).answer(1, confirm=True).silence().silence(2)
    assert sorted(life.told) == ["PlaceGivenUp", "RematchRequested"]
    rematch = next(one.data for one in life.follow if isinstance(one.data, referral_events.RematchRequested))
    assert [one.activity_id for one in rematch.without] == ["a"]


def test_a_deadline_that_stands_no_more_does_nothing() -> None:
    life = Life(issued()).matched(1)
    deadline = life.view.deadlines[0]
    life.step(chosen(2))
    stale = every_service_events.DeadlinePassed(
        service="referral",
        collection="referrals",
        aggregate=a_referral(),
        what=deadline.what,
        due_at=deadline.due_at,
        nth=1,
    )
    before = life.state
    assert life.step(Event("stale", "/service/referral", deadline.due_at, stale)).state == before


def test_the_opisto_takes_it_off_its_list() -> None:
    assert "RematchRequested" in placed().step(off_the_list(5)).told
    discontinued = placed().step(recorded(21, "s1")).step(off_the_list(25))
    assert discontinued.view.ended is not None
    assert discontinued.view.ended.outcome == "discontinued"
    over = placed().step(recorded(21, "s1")).step(recorded(31, "s2")).step(off_the_list(40))
    assert over.view.ended is not None
    assert over.view.ended.outcome == "completed"


def test_withdrawal_wins_before_the_end_whenever_it_arrives() -> None:
    life = placed().step(recorded(21, "s1")).step(recorded(31, "s2")).step(withdrawn(25))
    assert (life.view.status, life.view.closed) == ("withdrawn", True)
    late = placed().step(recorded(21, "s1")).step(recorded(31, "s2")).step(withdrawn(40))
    assert (late.view.status, late.view.closed) == ("completed", True)


def test_what_is_told_of_a_withdrawal_is_what_is_shown_until_it_is_erased() -> None:
    life = placed().published("a", *SESSIONS, ("s3", 26)).step(recorded(21, "s1")).step(withdrawn(25))
    assert [(session.session, session.state) for session in life.view.sessions] == [("s1", "attended")]
    assert closing(life) == {"attended": 1, "missed": 0, "told_ahead": 0, "not_recorded": 0}
    # Recorded before, it came late: the referral tells the end again, with the new figures.
    assert closing(life.step(recorded(24, "s2", came=False))) == {
        "attended": 1,
        "missed": 1,
        "told_ahead": 0,
        "not_recorded": 0,
    }
    assert "ReferralClosed" not in life.step(recorded(26, "s3")).told
    assert closing(life.step(withdrawn(27, "consent_withdrawn"))) == {
        "attended": 0,
        "missed": 0,
        "told_ahead": 0,
        "not_recorded": 0,
    }


def closing(life: "Life") -> dict[str, int]:
    """The figures of the one ReferralClosed that followed."""
    (closed,) = [one.data for one in life.follow if isinstance(one.data, referral_events.ReferralClosed)]
    assert closed.outcome == "withdrawn"
    return closed.sessions.model_dump()


def test_withdrawn_consent_erases_at_once_and_leaves_id_status_and_dates() -> None:
    life = placed().step(withdrawn(5, "consent_withdrawn"))
    assert life.state == Referral(a_referral(), erased=life.state.erased if life.state else None)
    assert life.state is not None
    assert life.state.erased is not None
    assert (life.state.erased.status, life.state.erased.issued_at, life.state.erased.issuer) == (
        "withdrawn",
        at(0),
        REGION,
    )
    given_up = next(one.data for one in life.follow if isinstance(one.data, referral_events.PlaceGivenUp))
    assert not given_up.follow


def test_consent_withdrawn_before_the_issue_binds_to_its_sender_alone() -> None:
    before = Life(by("/region/01", withdrawn(1, "consent_withdrawn")), issued())
    assert before.view.status == "issued"
    assert "ReferralErased" not in before.told


def test_a_region_whose_issue_meets_its_own_erasure_is_told() -> None:
    life = Life(withdrawn(1, "consent_withdrawn"))
    assert life.follow == []
    refused = HANDLERS[ReferralIssued].decide(life.state, issued(), at(2), grant_to("ReferralIssued"))
    assert isinstance(refused, Rejected)
    assert "new id" in refused.why
    met = refused.meanwhile
    assert met is not None
    assert met.erase
    assert met.state == Referral(a_referral(), erased=met.state.erased if met.state else None)
    told_so = {type(one.data): one.data for one in met.follow}
    assert told_so[referral_events.ReferralErased].issuer == REGION  # type: ignore[attr-defined]
    assert referral_events.ReferralClosed in told_so


def test_what_is_issued_after_the_erasure_is_told_to_be_kept_by_nobody() -> None:
    life = placed().step(withdrawn(5, "consent_withdrawn"))
    assert life.state is not None
    assert "consent" in (erasing.meets_erasure(life.state, REGION, "ReferralIssued") or "")
    assert erasing.meets_erasure(life.state, OPISTO, "EnrolmentConfirmed") is None
    another = erasing.meets_erasure(life.state, ANOTHER_REGION, "ReferralIssued")
    assert another == "nothing is kept under this referral_id; issue it under a new id"


def by(source: str, event: Event) -> Event:
    return Event(event.id, source, event.time, event.data)


def test_an_enrolment_is_told_once_it_counts_under_the_name_it_had() -> None:
    life = placed()
    event = confirmed(2)
    [taken] = [one.data for one in life.step(event).follow if isinstance(one.data, referral_events.EnrolmentTaken)]
    assert (taken.organiser, taken.event_id, taken.event_time, taken.cancelled) == (OPISTO, event.id, at(2), None)
    [ended] = [
        one.data for one in life.step(off_the_list(3)).follow if isinstance(one.data, referral_events.EnrolmentTaken)
    ]
    assert ended.cancelled == "client_wish"


def test_a_later_choice_opens_again_what_was_closed_and_that_is_told() -> None:
    done = placed().step(recorded(21, "s1")).step(recorded(31, "s2"))
    assert "ReferralReopened" not in done.step(answered(33)).told
    assert done.state is not None
    assert done.state.told.closed_at is not None
    assert "ReferralReopened" in done.step(chosen(40, "b")).told
    assert done.state.told.closed_at is None
    again = next(one.data for one in done.follow if isinstance(one.data, referral_events.ReferralReopened))
    assert not again.completed
    lapsed = placed().silence()
    reopened = lapsed.step(recorded(21, "s1"))
    assert next(one.data for one in reopened.follow if isinstance(one.data, referral_events.ReferralReopened)).completed


def test_a_stale_answer_changes_nothing() -> None:
    life = placed()
    state = life.state
    life.count = -1
    life.answer(2, catalogue_events.PlaceReleased, reason="moved")
    assert life.state == state


def test_a_refused_choice_goes_back_to_matching_and_choosing_it_again_asks_again() -> None:
    life = Life(issued(), chosen(1)).answer(1, catalogue_events.PlaceRefused, reason="full")
    assert "RematchRequested" in life.told
    again = life.step(chosen(2))
    assert "PlaceRequested" in again.told


# --- whose word counts


def by_stranger(days: float, activity: str = "x") -> list[Event]:
    """All that an organiser may say of a referral."""
    return [
        confirmed(days, activity, organiser=STRANGER),
        off_the_list(days, activity, organiser=STRANGER),
        recorded(days, "s1", activity, organiser=STRANGER),
    ]


def decided(life: Life, event: Event) -> Any:
    return HANDLERS[type(event.data)].decide(life.state, event, event.time, grant_to(event.name))


def test_a_strangers_word_waits_and_says_nothing_of_whether_there_is_a_referral() -> None:
    for event in by_stranger(5):
        assert decided(placed(), event) == decided(Life(), event) == Waits(needs.RELATION)


def test_who_was_chosen_is_related_whenever_that_was() -> None:
    life = placed().step(chosen(40, "x", organiser=STRANGER)).step(chosen(41))
    assert all(isinstance(decided(life, event), Decision) for event in by_stranger(5)[:2])


@pytest.mark.parametrize(
    ("looked", "counts"),
    [(5 + 5 / 1440, True), (5 + 6 / 1440, False), (5, True), (5 - 30, True), (5 - 30.01, False)],
)
def test_a_look_up_is_good_for_thirty_days_and_for_a_clock_five_minutes_behind(looked: float, counts: bool) -> None:
    life = Life(issued(), looked_up(looked, organiser=STRANGER))
    event = confirmed(5, "x", organiser=STRANGER)
    assert (decided(life, event) != Waits(needs.RELATION)) is counts


@given(st.lists(st.floats(0, 400), min_size=1, max_size=8), st.floats(-10, 450))
def test_look_ups_are_kept_as_stretches_that_say_the_same_as_each_of_them(looks: list[float], day: float) -> None:
    looked: Any = ()
    for one in looks:
        looked = relation.with_look_up(looked, at(one))
    each = any(at(one) - relation.CLOCKS_APART <= at(day) <= at(one) + relation.GOOD_FOR for one in looks)
    state = Referral(a_referral(), looked_up={STRANGER: looked})
    assert relation.looked_up(state, STRANGER, at(day)) is each


def test_who_was_asked_for_a_place_stays_related() -> None:
    life = Life(issued(), looked_up(2)).published().step(confirmed(3)).answer(3)
    late = life.step(recorded(90, "s1"))
    assert late.view.status == "attending"


def test_what_nobody_published_waits_and_is_asked_after_once() -> None:
    life = placed()
    first = decided(life, recorded(21, "s1", "nowhere"))
    assert isinstance(first, Waits)
    assert first.meanwhile is not None
    [asked] = first.meanwhile.follow
    assert isinstance(asked.data, referral_events.PlaceGivenUp)
    assert asked.data.follow
    life.state = first.meanwhile.state
    for event in (confirmed(22, "nowhere"), off_the_list(22, "nowhere"), recorded(22, "s1", "nowhere")):
        again = decided(life, event)
        assert isinstance(again, Waits)
        assert again.meanwhile is None
    assert (life.view.place, life.view.choice and life.view.choice.activity) == ("placed", f"{OPISTO} a")


def test_a_session_that_nobody_published_waits() -> None:
    assert isinstance(decided(placed(), recorded(21, "s9")), Waits)


def test_one_organiser_names_at_most_so_many_activities_that_nobody_chose() -> None:
    life = placed()
    for number in range(needs.MAX_FOLLOWED):
        waits = decided(life, confirmed(2, f"n{number}"))
        assert isinstance(waits, Waits)
        assert waits.meanwhile is not None
        life.state = waits.meanwhile.state
    assert isinstance(decided(life, confirmed(2, "one-more")), Rejected)
    assert isinstance(decided(life, chosen(3, "b")), Decision)


def test_of_two_facts_of_one_microsecond_the_later_by_nanoseconds_counts_whatever_their_ids() -> None:
    first = msgspec.structs.replace(chosen(1, "a"), id="z", finer="1")
    second = msgspec.structs.replace(chosen(1, "b"), id="a", finer="11")
    for order in ([first, second], [second, first]):
        view = Life(issued(), *order).view
        assert view.choice is not None
        assert view.choice.activity == f"{OPISTO} b"
