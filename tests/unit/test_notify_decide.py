"""Who is told what, once, in which order; and what erasure leaves of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from services.notify import decide
from services.notify.handlers import table
from services.notify.model import Recipient, ToldReferral
from shared.contracts import catalogue_events, every_service_events, notify_events, referral_events, region_events
from shared.contracts.envelope import Event
from shared.engine.model import Decision, OutBlank, OutRow, Waits
from tests.unit import facts
from tests.unit.facts import at
from tests.unit.network import Network

NOW = datetime(2026, 9, 1, tzinfo=UTC)
CODE = "DKGDM5F8QK4V"
REFERRAL = "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"
REGION, OPISTO = "/region/08", "/opisto/x"
HANDLERS = table().handlers
ERASED = {"referral_id": REFERRAL, "issuer": REGION, "log_kept_days": 30, "audit": "own_term"}


def happened(data: Any, source: str = "/service/catalogue", id_: str = "e1", hours: int = 0) -> Event[Any]:
    return Event(id_, source, NOW + timedelta(hours=hours), data)


def issued(**changes: Any) -> Event[Any]:
    data = region_events.ReferralIssued.model_validate(
        {
            "referral_id": REFERRAL,
            "unit_ref": "unit-17",
            "municipality": "837",
            "age_band": "65-74",
            "languages": ["sv", "fi"],
            "needs": {"friends": 9},
            "accessibility": ["step_free"],
            "consent": {"recorded_on": "2026-09-01", "scopes": ["referral"]},
            **changes,
        },
        strict=False,
    )
    return happened(data, REGION)


def reserved(**changes: Any) -> Event[Any]:
    about = _about() | {"given_at": NOW, "promoted": False, "confirm": True, "sessions": ()}
    return happened(catalogue_events.PlaceReserved(**{**about, **changes}))


def _about() -> dict[str, Any]:
    about = {"referral_id": REFERRAL, "organiser": OPISTO, "activity_id": "kuoro"}
    return about | {"number": 1, "answer": 1, "request": "c1"}


def step(state: Any, event: Event) -> Decision[Any]:
    decision = HANDLERS[type(event.data)].decide(state, event, NOW, ())
    assert isinstance(decision, Decision)
    return decision


def referral(**changes: Any) -> ToldReferral:
    state: ToldReferral = step(step(None, issued(**changes)).state, opened()).state  # type: ignore[assignment]
    return state


def opened() -> Event[Any]:
    return happened(
        referral_events.ReferralOpened(
            referral_id=REFERRAL, issuer=REGION, region="08", referral_code=CODE, deadlines=()
        )
    )


def extracts(decision: Decision[Any]) -> dict[str, Any]:
    found = {}
    for follow in decision.follow:
        assert isinstance(follow.data, notify_events.NotificationQueued)
        told = follow.data.notification
        found[follow.data.recipient] = msgspec.json.decode(told.data) if told else None
    return found


def erased() -> Event[Any]:
    return happened(
        referral_events.ReferralErased(referral_id=REFERRAL, issuer=REGION, region="08", code_digest="77"),
        "/service/referral",
        "w",
    )


def test_a_place_is_told_to_the_region_and_of_it_to_the_opisto_only_what_it_needs() -> None:
    told = extracts(step(referral(), reserved()))
    assert told[OPISTO] == {
        "referral_id": REFERRAL,
        "referral_code": CODE,
        "activity_id": "kuoro",
        "languages": ["sv", "fi"],
        "accessibility": ["step_free"],
        "companion": False,
    }
    assert told[REGION]["organiser"] == OPISTO
    assert not {"number", "answer", "request", "given_at", "promoted"} & told[REGION].keys()


def test_an_opisto_reads_that_a_companion_is_asked_for() -> None:
    assert extracts(step(referral(companion=True), reserved()))[OPISTO]["companion"] is True


def test_an_opisto_is_not_told_twice_of_the_same_place() -> None:
    first = step(referral(), reserved())
    again = step(first.state, reserved(number=2, answer=2))
    assert set(extracts(again)) == {REGION}
    assert OPISTO in extracts(step(first.state, reserved(given_at=NOW + timedelta(days=1))))


def test_what_comes_before_its_referral_waits() -> None:
    decided = HANDLERS[catalogue_events.PlaceReserved].decide(None, reserved(), NOW, None)
    assert isinstance(decided, Waits)


def test_a_place_waits_for_the_code_that_its_opisto_is_told() -> None:
    unopened = step(None, issued()).state
    assert HANDLERS[catalogue_events.PlaceReserved].decide(unopened, reserved(), NOW, None) == Waits("ReferralOpened")


def test_nobody_is_told_of_anything_before_it_is_known_whose_the_referral_is() -> None:
    """Another region that issued the same may have been read first."""
    completed = happened(
        referral_events.ReferralCompleted(
            referral_id=REFERRAL,
            outcome="completed",
            sessions=referral_events.SessionCounts(attended=1, missed=0, not_recorded=0),
        ),
        "/service/referral",
    )
    theirs = step(None, happened(issued().data, "/region/07", "theirs")).state
    assert HANDLERS[referral_events.ReferralCompleted].decide(theirs, completed, NOW, None) == Waits("ReferralOpened")
    assert HANDLERS[region_events.ReferralIssued].decide(theirs, issued(), NOW, None) == Waits("ReferralOpened")
    told = step(theirs, opened())
    assert set(extracts(told)) == {REGION}
    assert HANDLERS[catalogue_events.PlaceReserved].decide(told.state, reserved(), NOW, None) == Waits("ReferralIssued")
    assert step(told.state, issued()).state == referral()


def test_a_region_is_told_of_enrolment_with_the_opisto_that_sent_it() -> None:
    taken: Any = {
        "referral_id": REFERRAL,
        "organiser": OPISTO,
        "activity_id": "kuoro",
        "event_id": "e9",
        "event_time": NOW,
    }
    ends: Any = ((None, "EnrolmentConfirmed"), ("full", "EnrolmentCancelled"))
    for end, name in ends:
        event = happened(referral_events.EnrolmentTaken(**taken, cancelled=end), "/service/referral")
        decision = step(referral(), event)
        assert extracts(decision)[REGION]["organiser"] == OPISTO
        [told] = [
            one.data.notification for one in decision.follow if isinstance(one.data, notify_events.NotificationQueued)
        ]
        assert told is not None
        assert (told.id, told.source, told.time, told.type.split(".")[2]) == (
            "e9",
            OPISTO,
            "2026-09-01T00:00:00Z",
            name,
        )


def test_nobody_is_told_of_an_enrolment_that_was_only_sent() -> None:
    assert not {"EnrolmentConfirmed", "EnrolmentCancelled"} & HANDLERS.keys()


def test_what_is_told_has_every_digit_of_the_events_time() -> None:
    precise = msgspec.structs.replace(reserved(), time=NOW + timedelta(microseconds=123_456), finer="7")
    told = step(referral(), precise).follow[0].data.notification  # type: ignore[attr-defined]
    assert told.time == "2026-09-01T00:00:00.1234567Z"


def test_nobody_is_told_of_attendance_or_outcomes() -> None:
    assert not {"ActivityAttended", "ActivityMissed", "OutcomeMeasured"} & HANDLERS.keys()


def test_each_is_told_of_its_own_deadlines() -> None:
    passed = every_service_events.DeadlinePassed(
        service="referral",
        collection="referrals",
        aggregate=REFERRAL,
        what="confirmation",
        due_at=NOW,
        nth=1,
        referral_id=REFERRAL,
        concerns=OPISTO,
    )
    assert set(extracts(step(referral(), happened(passed, "/service/referral")))) == {OPISTO}


def test_after_erasure_only_the_last_word_is_told_and_it_says_nothing() -> None:
    state = step(referral(), reserved()).state
    decision = step(state, erased())
    assert [(one.data.recipient, one.data.erase) for one in decision.follow] == [  # type: ignore[attr-defined]
        (REGION, True),
        (OPISTO, True),
        (REGION, False),
    ]
    assert extracts(decision)[REGION] == ERASED
    left = decision.state
    assert left == ToldReferral(REFERRAL, issuer=REGION, erased=True)
    assert step(left, reserved(answer=5)).follow == ()
    counts = referral_events.SessionCounts(attended=0, missed=0, not_recorded=0)
    closed = referral_events.ReferralClosed(referral_id=REFERRAL, outcome="withdrawn", sessions=counts)
    assert extracts(step(left, happened(closed))) == {REGION: {"referral_id": REFERRAL, "outcome": "withdrawn"}}
    assert step(left, issued()).state == left


def test_the_last_words_come_after_the_erasure_though_they_were_read_before_it() -> None:
    released = happened(catalogue_events.PlaceReleased(**_about(), reason="withdrawn"), id_="free")
    counts = referral_events.SessionCounts(attended=0, missed=0, not_recorded=0)
    closed = happened(
        referral_events.ReferralClosed(referral_id=REFERRAL, outcome="withdrawn", sessions=counts), id_="end"
    )
    state: Any = referral()
    for event in (reserved(), released, closed):
        state = step(state, event).state
    decision = step(state, erased())
    assert decision.state == ToldReferral(REFERRAL, issuer=REGION, erased=True)
    queued = [follow.data for follow in decision.follow]
    assert [(one.recipient, one.erase) for one in queued] == [  # type: ignore[attr-defined]
        (REGION, True),
        (OPISTO, True),
        (REGION, False),
        (OPISTO, False),
        (REGION, False),
    ]
    assert len({follow.key for follow in decision.follow}) == 5, "their ids come of it"
    feed: Any = Recipient(OPISTO, 1)
    for one in queued:
        if one.recipient == OPISTO:  # type: ignore[attr-defined]
            decided = step(feed, happened(one))
            feed = decided.state
    (row,) = decided.also
    assert isinstance(row, OutRow)
    told = msgspec.json.decode(row.body)
    assert (told["id"], told["data"]) == (
        "free",
        {"referral_id": REFERRAL, "activity_id": "kuoro", "reason": "withdrawn"},
    )


def test_a_place_that_is_held_anew_has_no_last_word() -> None:
    state: Any = referral()
    for event in (
        reserved(),
        happened(catalogue_events.PlaceReleased(**_about(), reason="withdrawn")),
        reserved(given_at=NOW + timedelta(days=1)),
    ):
        state = step(state, event).state
    assert extracts(step(state, erased())) == {REGION: ERASED, OPISTO: None}


def test_who_withdrew_before_anything_was_issued_is_told_that_it_is_erased() -> None:
    decision = step(None, erased())
    assert extracts(decision) == {REGION: ERASED}
    assert decision.state == ToldReferral(REFERRAL, issuer=REGION, erased=True)


# --- feeds


def queued(
    recipient: str = OPISTO, id_: str = "n1", *, erase: bool = False, type_: str = "PlaceReserved"
) -> Event[Any]:
    told = notify_events.Notification(
        id=id_,
        source="/service/catalogue",
        type=f"fi.kulttuurilahete.{type_}.v1",
        time="2026-09-01T00:00:00Z",
        subject=REFERRAL,
        data='{"referral_id":"x","languages":["sv"]}',
        extract=f"{type_}ToOrganiser",
    )
    data = notify_events.NotificationQueued(
        recipient=recipient, referral_id=REFERRAL, notification=None if erase else told, erase=erase
    )
    return happened(data, "/service/notify", f"q-{id_}")


def test_a_feed_counts_its_entries_one_by_one() -> None:
    state: Recipient | None = None
    numbers = []
    for id_ in ("a", "b", "c"):
        decision = step(state, queued(id_=id_))
        state = decision.state
        (row,) = decision.also
        assert isinstance(row, OutRow)
        numbers.append(row.number)
        assert msgspec.json.decode(row.body)["id"] == id_
    assert numbers == [1, 2, 3]


def test_what_is_told_keeps_the_events_id_source_and_time_and_its_delivery_is_an_event() -> None:
    decision = step(None, queued())
    row = decision.also[0]
    assert isinstance(row, OutRow)
    entry = msgspec.json.decode(row.body)
    assert (entry["id"], entry["source"], entry["time"]) == ("n1", "/service/catalogue", "2026-09-01T00:00:00Z")
    (delivered,) = decision.follow
    assert isinstance(delivered.data, notify_events.NotificationDelivered)
    assert (delivered.data.recipient, delivered.data.event_id, delivered.data.channel) == (OPISTO, "n1", "feed")


def test_erasure_blanks_the_feed_and_a_late_entry_goes_in_blank() -> None:
    decision = step(step(None, queued()).state, queued(erase=True))
    (blank,) = decision.also
    assert isinstance(blank, OutBlank)
    assert (blank.owner, blank.about, blank.up_to) == (OPISTO, REFERRAL, 1)
    late = decide.queued(decision.state, queued(id_="late"), NOW, True).also[0]
    assert isinstance(late, OutRow)
    assert msgspec.json.decode(late.body) == {"erased": True, "data": {"referral_id": REFERRAL, "erased": True}}
    last = decide.queued(decision.state, queued(id_="last", type_="PlaceReleased"), NOW, True).also[0]
    assert isinstance(last, OutRow)
    assert msgspec.json.decode(last.body)["id"] == "last"


def test_a_last_word_that_was_queued_in_full_before_the_erasure_says_no_more_than_one_after_it() -> None:
    for erased, said in ((True, {"referral_id": "x"}), (False, {"referral_id": "x", "languages": ["sv"]})):
        (late,) = decide.queued(Recipient(OPISTO), queued(type_="PlaceReleased"), NOW, erased).also
        assert isinstance(late, OutRow)
        assert msgspec.json.decode(late.body)["data"] == said


def test_a_late_entry_goes_in_blank_however_many_referrals_of_its_recipient_were_erased_since() -> None:
    state = step(None, queued(erase=True)).state
    for number in range(1_001):
        erases = notify_events.NotificationQueued(recipient=OPISTO, referral_id=facts.a_referral(number), erase=True)
        state = step(state, happened(erases)).state
    (late,) = decide.queued(state, queued(id_="late"), NOW, True).also
    assert isinstance(late, OutRow)
    assert "erased" in msgspec.json.decode(late.body)


def test_that_a_referral_is_erased_by_now_is_seen_in_the_referral_itself() -> None:
    network = Network(at(0), telling=True, in_lanes=True)
    network.in_order([facts.issued(0)])
    erases = referral_events.ReferralErased(referral_id=facts.a_referral(), issuer=facts.REGION, region="06")
    network.tell_at_once("notify", [facts.event(erases, 0, "/service/referral")])
    told = queued().data.notification
    late = notify_events.NotificationQueued(recipient=OPISTO, referral_id=facts.a_referral(), notification=told)
    network.tell_at_once("notify", [facts.event(late, 0, "/service/notify")])
    assert [set(entry) for entry in network.feeds(facts.a_referral())[OPISTO]] == [{"erased", "data"}]


def refused(referral_id: str | None = None) -> Event[Any]:
    data = every_service_events.EventRefused(
        sender=REGION,
        service="referral",
        event_id="e9",
        event_type="fi.kulttuurilahete.ReferralIssued.v1",
        reason="invalid",
        errors=("/data/unit_ref: unit-77",),
        referral_id=referral_id,
    )
    return happened(data, "/service/referral")


def test_a_stranger_whose_event_about_it_was_refused_has_its_feed_blanked_too() -> None:
    decision = decide.erased(referral(), erased(), NOW, [OPISTO, REGION])
    assert [one.data.recipient for one in decision.follow if one.data.erase] == [REGION, OPISTO]  # type: ignore[attr-defined]


def test_of_an_erased_referral_a_sender_is_told_the_reason_and_nothing_of_what_it_sent() -> None:
    state = step(Recipient(REGION), queued(REGION, erase=True)).state
    decision = decide.refused(state, refused(REFERRAL), NOW, True)
    (row,) = decision.also
    assert isinstance(row, OutRow)
    assert (row.about, b"unit-77" in bytes(row.body)) == (REFERRAL, False)
    said = msgspec.json.decode(row.body)["data"]
    assert (said["event_id"], said["reason"]) == ("e9", "invalid")
    assert said["errors"] == ["the referral was erased; nothing of what was sent is kept"]


def test_that_its_own_event_was_refused_is_no_disclosure_to_its_sender() -> None:
    delivered, _ = decide.refused(None, refused(REFERRAL), NOW, False).follow
    assert delivered.data.referral_id is None  # type: ignore[attr-defined]


def test_a_sender_is_told_of_its_refused_events_without_what_they_said() -> None:
    data = every_service_events.EventRefused(
        sender=REGION,
        service="referral",
        event_id="e9",
        event_type="fi.kulttuurilahete.ReferralIssued.v1",
        reason="conflict",
        errors=("sent before",),
    )
    decision = decide.refused(None, happened(data, "/service/referral"), NOW, None)
    row = decision.also[0]
    assert isinstance(row, OutRow)
    assert row.owner == REGION
    assert msgspec.json.decode(row.body)["data"]["reason"] == "conflict"


def test_what_was_refused_in_the_very_batch_that_erases_is_blanked_as_well() -> None:
    network = Network(at(0), telling=True, in_lanes=True)
    network.in_order([facts.issued(0)])
    says = every_service_events.EventRefused(
        sender=facts.STRANGER,
        service="referral",
        referral_id=facts.a_referral(),
        event_id="e7",
        event_type="fi.kulttuurilahete.EnrolmentConfirmed.v1",
        reason="rejected",
        errors=("what was said",),
    )
    erases = referral_events.ReferralErased(referral_id=facts.a_referral(), issuer=facts.REGION, region="06")
    network.tell_at_once("notify", [facts.event(one, 0, "/service/referral") for one in (says, erases)])
    network.drain()
    feeds = network.feeds(facts.a_referral())
    assert "what was said" not in str(feeds)
    assert [set(entry) & {"erased", "type"} for entry in feeds[facts.STRANGER]] == [{"erased"}]
    assert "ReferralErased" in str(feeds[facts.REGION])


def test_a_region_whose_issue_meets_an_erasure_is_told_so_whichever_is_read_first() -> None:
    why = "nothing is kept under this referral_id; issue it under a new id"
    told = every_service_events.EventRefused(
        sender=REGION,
        service="referral",
        referral_id=REFERRAL,
        event_id="e9",
        event_type="fi.kulttuurilahete.ReferralIssued.v1",
        reason="rejected",
        errors=(why,),
    )
    for erased_before in (True, False):
        decision = decide.refused(None, happened(told, "/service/referral"), NOW, erased_before)
        (row,) = decision.also
        assert isinstance(row, OutRow)
        assert msgspec.json.decode(row.body)["data"]["errors"] == [why]
        assert [type(one.data) for one in decision.follow] == [notify_events.NotificationDelivered]
