"""What records do to the monitor's picture. It never refuses: it stores what it cannot read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from services.monitor import decide
from services.monitor.handlers import table
from services.monitor.model import Dead, Sighting, Traced
from services.monitor.traces import in_causal_order
from shared.contracts.envelope import Event
from shared.contracts.from_services import DeadLetterToErase, DiscardRequested, RedriveRequested
from shared.engine.model import Decision, OutRecord
from shared.engine.receive import route

NOW = datetime(2026, 9, 1, tzinfo=UTC)
REFERRAL = "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"
TABLE = table()


def record(
    topic: str, value: bytes | None, headers: dict[str, str] | None = None, offset: int = 0, *, key: bytes = b"k"
) -> ConsumerRecord:
    pairs = tuple((name, text.encode()) for name, text in (headers or {}).items())
    return ConsumerRecord(topic, 0, offset, 1_790_000_000_000, 0, key, value, None, 0, 0, pairs)


def letter(**added: str) -> ConsumerRecord:
    headers = {
        "ce_id": "e1",
        "ce_source": "/region/06",
        "ce_type": "fi.kulttuurilahete.ReferralIssued.v1",
        "ce_subject": REFERRAL,
        "dl_id": "d1",
        "dl_reason": "invalid",
        "dl_error": "/data/municipality: unknown",
        "dl_service": "referral",
        "dl_topic": "intake.region.06",
        "dl_partition": "0",
        "dl_offset": "7",
        "dl_attempts": "1",
    }
    return record("dead-letters", b'{"referral_id": 5}', {**headers, **added})


def take(state: Any, came: ConsumerRecord, given: Any = ()) -> Any:
    receive = TABLE.receive
    assert receive is not None
    arrival = receive(came, TABLE, NOW)
    decision = arrival.handler.decide(state, arrival.event, NOW, given)
    assert isinstance(decision, Decision)
    return decision.state


def asked(state: Dead | None, attempt: int = 1, by: str = "ops:anna") -> Any:
    event = Event("r1", "/service/monitor", NOW, RedriveRequested(dl_id="d1", attempt=attempt, by=by))
    return decide.redrive(state, event, NOW, None)


@pytest.mark.parametrize("value", [b"{no json", b"", None, b"\xff\xfe", b"[" * 20_000, b"5"])
def test_a_record_that_nobody_can_read_is_traced_by_where_it_stands(value: bytes | None) -> None:
    traced = take(None, record("intake.region.06", value, offset=9))
    assert (traced.id, traced.seen) == ("intake.region.06/0/9", 1)


def test_each_record_of_an_event_is_counted() -> None:
    headers = {"ce_id": "e1", "ce_source": "/region/06", "ce_type": "x", "ce_subject": REFERRAL}
    state: Any = None
    for offset in range(3):
        state = take(state, record("intake.http", b"{}", headers, offset))
    assert (state.seen, state.id, state.source, state.correlation) == (3, "e1", "/region/06", REFERRAL)


def test_where_no_subject_is_said_the_key_is_it() -> None:
    """Over Kafka as over HTTP it may be left out; the key must be the same, or the event is refused for it."""
    headers = {"ce_id": "e1", "ce_source": "/region/06", "ce_type": "x"}
    traced = take(None, record("intake.region.06", b"{}", headers, key=REFERRAL.encode()))
    assert (traced.subject, traced.correlation) == (REFERRAL, REFERRAL)


def test_nothing_of_what_an_event_says_is_kept_but_codes() -> None:
    headers = {"ce_id": "e1", "ce_source": "/region/06", "ce_type": "fi.kulttuurilahete.ReferralIssued.v1"}
    secret = b'{"needs": {"friends": 9}, "unit_ref": "unit-17", "reason": "x"}'
    assert take(None, record("intake.http", secret, headers)).codes == {}
    headers = {"ce_id": "e2", "ce_source": "/service/catalogue", "ce_type": "fi.kulttuurilahete.PlaceRefused.v1"}
    refused = take(None, record("catalogue.events", b'{"reason": "full", "referral_id": "x"}', headers))
    assert refused.codes == {"reason": "full"}


def test_a_dead_letter_keeps_the_originals_bytes_and_the_sender_its_topic_proves() -> None:
    dead = take(None, letter(ce_source="/region/01"))
    assert (dead.dl_id, dead.reason, dead.state, dead.sender, dead.source) == (
        "d1",
        "invalid",
        "open",
        "/region/06",
        "/region/01",
    )
    assert dead.value == b'{"referral_id": 5}'
    assert [name for name, _ in dead.headers if name.startswith("dl_")] == []


def test_a_dead_letter_without_its_headers_is_kept_too() -> None:
    dead = take(None, record("dead-letters", None))
    assert (dead.state, dead.service, dead.value) == ("open", "", None)


def test_a_redriven_one_goes_to_the_service_that_refused_it_once() -> None:
    dead = take(None, letter())
    decision = asked(dead)
    (sent,) = decision.also
    assert isinstance(sent, OutRecord)
    assert (sent.topic, sent.key, sent.value) == ("redrive.referral", b"k", dead.value)
    assert ("dl_attempts", b"1") in sent.headers
    again = asked(decision.state, by="ops:bertta")
    assert (again.also, again.state.by) == ((), "ops:anna")


def test_requests_about_the_letters_of_one_partition_share_a_key_and_each_finds_its_own() -> None:
    for asked_for in (
        RedriveRequested(dl_id="d7", attempt=1, by="ops:anna", place="intake.http/3"),
        DiscardRequested(dl_id="d7", by="ops:anna", place="intake.http/3"),
    ):
        event = Event("r1", "/service/monitor", NOW, asked_for)
        assert asked_for.subject == "intake.http/3"
        routed = route(event, TABLE)
        assert routed is not None
        assert routed[1] == "d7"


def test_redriven_and_still_broken_is_the_same_entry_with_one_attempt_more() -> None:
    under_way = asked(take(None, letter())).state
    back = take(under_way, letter(dl_attempts="2", dl_error="still"))
    assert (back.state, back.attempts, back.error) == ("open", 2, "still")
    assert len(asked(back, attempt=2).also[0].headers) == len(asked(take(None, letter())).also[0].headers)


def test_an_old_copy_of_a_dead_letter_does_not_open_it_again() -> None:
    under_way = asked(take(None, letter())).state
    assert take(under_way, letter()) == under_way


def test_a_request_for_an_attempt_that_is_over_does_nothing() -> None:
    assert asked(take(None, letter(dl_attempts="3")), attempt=1).also == ()


def test_withdrawn_consent_reaches_each_dead_letter_of_the_referral() -> None:
    headers = {
        "ce_id": "w",
        "ce_source": "/service/referral",
        "ce_type": "fi.kulttuurilahete.ReferralErased.v1",
        "ce_subject": REFERRAL,
    }
    receive = TABLE.receive
    assert receive is not None
    arrival = receive(record("referral.events", b"{}", headers), TABLE, NOW)
    decision = arrival.handler.decide(None, arrival.event, NOW, ["d1", "d2"])
    assert [follow.data.dl_id for follow in decision.follow] == ["d1", "d2"]
    erased = decide.erase(
        take(None, letter()), Event("x", "/service/monitor", NOW, DeadLetterToErase(dl_id="d1")), NOW, None
    )
    assert isinstance(erased, Decision)
    assert erased.state is not None
    assert (erased.state.value, erased.state.headers, erased.state.erased) == (None, [], True)


def test_what_a_stranger_says_in_the_monitors_name_is_only_traced() -> None:
    headers = {
        "ce_id": "r",
        "ce_source": "/service/monitor",
        "ce_type": "fi.kulttuurilahete.RedriveRequested.v1",
        "ce_specversion": "1.0",
        "ce_time": "2026-09-01T00:00:00Z",
    }
    value = b'{"dl_id": "d1", "attempt": 1, "by": "x"}'
    state = take(None, record("intake.region.06", value, headers))
    assert isinstance(state, Traced)


def test_a_trace_is_in_order_of_record_and_causes_come_first() -> None:
    def traced(id_: str, cause: str, seconds: int) -> Traced:
        at = Sighting("t", 0, 0, NOW + timedelta(seconds=seconds))
        return Traced("/service/referral", id_, "T", "", REFERRAL, causation=cause, first=at, seen=1)

    events = [
        traced("c", "b", 5),
        traced("b", "a", 5),
        traced("a", "", 5),
        traced("z", "loop", 1),
        traced("loop", "z", 1),
    ]
    assert [one.id for one in in_causal_order(events)][2:] == ["a", "b", "c"]
