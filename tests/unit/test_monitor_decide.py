"""What records do to the monitor's picture. It never refuses: it stores what it cannot read."""

import gzip
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from aiokafka import ConsumerRecord

from services.monitor import decide
from services.monitor.handlers import table
from services.monitor.model import MOST_SEARCHED, Dead, Erasure, Sighting, Traced, names_of
from services.monitor.named import names_in
from services.monitor.timeline import in_causal_order
from shared.contracts.envelope import Event
from shared.contracts.monitor_events import (
    DeadLetterToErase,
    DiscardRequested,
    ErasureToSpread,
    RedriveRequested,
    TraceToErase,
)
from shared.contracts.original import Original
from shared.contracts.referral_code import digest_of
from shared.engine.model import Decision, OutRecord, Rejected
from shared.engine.receive import route

NOW = datetime(2026, 9, 1, tzinfo=UTC)
REFERRAL = "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"
NAMED = decide.NamesAnErased(letter=True, edit=False)
CODE = "DKGDM5F8QK4V"
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


def take(state: Any, came: ConsumerRecord, context: Any = ()) -> Any:
    receive = TABLE.receive
    assert receive is not None
    arrival = receive(came, TABLE, NOW)
    decision = arrival.handler.decide(state, arrival.event, NOW, context)
    assert isinstance(decision, Decision)
    return decision.state


def asked(state: Dead | None, attempt: int = 1, by: str = "ops:anna") -> Any:
    event = Event("r1", "/service/monitor", NOW, RedriveRequested(dl_id="d1", attempt=attempt, by=by))
    return decide.redrive(state, event, NOW, None)


@pytest.mark.parametrize("value", [b"{no json", b"", None, b"\xff\xfe", b"[" * 20_000, b"5"])
def test_a_record_that_nobody_can_read_is_traced_by_where_it_stands(value: bytes | None) -> None:
    traced = take(None, record("intake.region.06", value, offset=9))
    assert (traced.id, traced.seen) == ("intake.region.06/0/9", 1)


FORGED = {"ce_id": "e1", "ce_source": "/region/06", "ce_type": "x", "ce_subject": REFERRAL}


@pytest.mark.parametrize(
    ("topic", "sender"),
    [("intake.opisto.x", "/opisto/x"), ("referral.events", "/service/referral"), ("intake.http", "/region/06")],
)
def test_a_record_is_booked_under_whom_its_topic_proves(topic: str, sender: str) -> None:
    traced = take(None, record(topic, b"{}", FORGED))
    assert (traced.source, traced.id) == (sender, "e1")
    assert take(None, record(topic, b"{no json", {}, offset=9)).source == (sender if topic != "intake.http" else "")


OTHER = "11111111-5c1e-4c57-9a0e-3f1f6a2d8c11"


@pytest.mark.parametrize(
    ("topic", "source", "concerned"),
    [
        ("intake.opisto.x", "/opisto/x", REFERRAL),
        ("intake.opisto.x", "/service/referral", REFERRAL),
        ("intake.http", "/opisto/x", REFERRAL),
        ("referral.events", "/service/referral", OTHER),
    ],
)
def test_a_service_alone_names_by_correlation_what_its_event_is_not_about(
    topic: str, source: str, concerned: str
) -> None:
    said = {**FORGED, "ce_source": source, "ce_correlationid": OTHER}
    assert take(None, record(topic, b"{}", said)).correlation == concerned
    del said["ce_subject"]
    dead = take(None, letter(**said, ce_subject="choir", dl_topic=topic))
    assert dead.referral_id == (OTHER if concerned == OTHER else "")


def test_a_partner_that_calls_itself_a_service_leaves_no_codes() -> None:
    said = {**FORGED, "ce_source": "/service/catalogue", "ce_type": "fi.kulttuurilahete.PlaceRefused.v1"}
    assert take(None, record("intake.opisto.x", b'{"reason": "full"}', said)).codes == {}


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


def test_a_dead_letter_of_the_monitors_own_is_sent_to_no_topic_that_nobody_reads() -> None:
    decided = asked(take(None, letter(dl_service="monitor")))
    assert isinstance(decided, Rejected)


def test_a_request_for_an_attempt_that_is_over_does_nothing() -> None:
    assert asked(take(None, letter(dl_attempts="3")), attempt=1).also == ()


ERASED = {
    "ce_id": "w",
    "ce_source": "/service/referral",
    "ce_type": "fi.kulttuurilahete.ReferralErased.v1",
    "ce_subject": REFERRAL,
}


def decided(state: Any, data: Any, context: Any) -> Any:
    event = Event("x", "/service/monitor", NOW, data)
    decision = TABLE.handlers[type(event.data)].decide(state, event, NOW, context)
    assert isinstance(decision, Decision)
    return decision


def test_the_referral_services_word_alone_begins_an_erasure() -> None:
    for topic, begun in (("referral.events", 1), ("intake.region.06", 0), ("intake.http", 0)):
        receive = TABLE.receive
        assert receive is not None
        arrival = receive(record(topic, b"{}", ERASED), TABLE, NOW)
        decision = arrival.handler.decide(None, arrival.event, NOW, False)
        assert len(decision.follow) == begun, topic
    withdrawn = {**ERASED, "ce_source": "/region/01", "ce_type": "fi.kulttuurilahete.ReferralWithdrawn.v1"}
    receive = TABLE.receive
    assert receive is not None
    arrival = receive(record("intake.region.01", b'{"reason": "consent_withdrawn"}', withdrawn), TABLE, NOW)
    assert arrival.handler.decide(None, arrival.event, NOW, False).follow == []


def test_an_erasure_is_marked_before_anything_is_looked_for_and_goes_on_while_there_is_more() -> None:
    digest = digest_of(CODE)
    first = ErasureToSpread(referral_id=REFERRAL, code_digest=digest, nth=0)
    begun = decided(None, first, decide.ErasureContext())
    assert begun.state == Erasure((REFERRAL, f"code:{digest}"))
    assert [one.data for one in begun.follow] == [ErasureToSpread(referral_id=REFERRAL, code_digest=digest, nth=1)]
    found = decide.ErasureContext(["d1", "d2"], ["/region/06 e1"], "/region/06 e9", more=True)
    spread = decided(begun.state, ErasureToSpread(referral_id=REFERRAL, nth=1), found)
    assert [one.data for one in spread.follow] == [
        DeadLetterToErase(dl_id="d1"),
        DeadLetterToErase(dl_id="d2"),
        TraceToErase(traced="/region/06 e1"),
        ErasureToSpread(referral_id=REFERRAL, nth=2, after="/region/06 e9"),
    ]


def test_of_what_names_an_erased_referral_a_dead_letter_keeps_nothing_that_its_sender_wrote() -> None:
    came = letter(ce_type="unit-77", ce_id="seven ty seven", dl_error="/data/unit_ref: unit-77")
    kept = take(None, came, context=False)
    assert kept.value is not None
    erased = decided(kept, DeadLetterToErase(dl_id="d1"), context=NAMED)
    assert erased.scrubs
    for blank in (erased.state, take(None, came, context=True)):
        assert b"unit-77" not in msgspec.json.encode(blank)
        assert (blank.key, blank.value, blank.headers, blank.names) == (None, None, [], ())
        assert (blank.erased, blank.state, blank.referral_id, blank.event_id) == (True, "discarded", REFERRAL, "")
    assert (
        decided(kept, DeadLetterToErase(dl_id="d1"), context=decide.NamesAnErased(letter=False, edit=False)).state
        == kept
    )


def test_what_an_erased_dead_letter_was_sent_again_for_brings_nothing_back() -> None:
    erased = decided(asked(take(None, letter())).state, DeadLetterToErase(dl_id="d1"), context=NAMED).state
    assert erased.state == "redriven"
    back = take(erased, letter(dl_attempts="2", dl_error="unit-77"), context=True)
    assert (back.state, back.attempts, back.error, back.value) == ("discarded", 2, "", None)


def test_a_new_dead_letter_that_names_a_referral_is_looked_at_again_once_it_is_saved() -> None:
    receive = TABLE.receive
    assert receive is not None
    arrival = receive(letter(), TABLE, NOW)
    decision = arrival.handler.decide(None, arrival.event, NOW, False)
    assert [one.data for one in decision.follow] == [DeadLetterToErase(dl_id="d1")]


def test_what_names_more_referrals_than_can_be_found_again_is_not_kept() -> None:
    many = b" ".join(str(UUID(int=number, version=4)).encode() for number in range(1_001))
    dead = take(None, record("dead-letters", many, {"dl_id": "d1"}))
    assert (dead.erased, dead.value) == (True, None)


def undecodable(value: bytes, reason: str = "undecodable", **headers: str) -> Dead:
    dead = take(None, record("dead-letters", value, {"dl_id": "d1", "dl_reason": reason, **headers}))
    assert isinstance(dead, Dead)
    return dead


@pytest.mark.parametrize(
    "value", [b"\x80" * 100, gzip.compress(json.dumps({"needs": ["loneliness"]}).encode(), mtime=0)]
)
def test_of_bytes_that_are_no_text_and_name_nobody_nothing_is_kept_since_no_erasure_would_find_them(
    value: bytes,
) -> None:
    dead = undecodable(value)
    assert (dead.reason, dead.state, dead.erased, dead.value) == ("undecodable", "discarded", True, None)


def test_what_is_text_or_names_a_referral_or_was_refused_for_another_reason_is_kept_byte_for_byte() -> None:
    for value in (b"{no json", b"", json.dumps({"a": "\u00e4"}, ensure_ascii=False).encode()):
        assert undecodable(value).value == value
    for value in (f'{{"id": "{REFERRAL}", "unit": "\u00e4"}}'.encode("latin-1"), REFERRAL.encode("utf-16")):
        assert undecodable(value).value == value
    assert undecodable(b"\xff", ce_subject=REFERRAL).value == b"\xff"
    assert undecodable(b"\xff", "handler_failed").value == b"\xff"


def test_of_a_letter_that_is_too_large_to_be_searched_nothing_is_kept() -> None:
    """Searching a megabyte of hostile bytes took the monitor's loop for seconds."""
    large = b'{"more": "%s"}' % (b"x" * MOST_SEARCHED)
    assert (undecodable(large, "invalid").state, undecodable(large, "invalid").value) == ("discarded", None)
    assert undecodable(large[:1_000], "invalid").value == large[:1_000]


def test_of_an_erased_referrals_events_the_outcome_stays_of_their_codes() -> None:
    headers = {**ERASED, "ce_type": "fi.kulttuurilahete.ReferralLapsed.v1"}
    said = b'{"reason": "not_suitable", "outcome": "not_recorded"}'
    kept = take(None, record("referral.events", said, headers))
    assert kept.codes == {"reason": "not_suitable", "outcome": "not_recorded"}
    erased = decided(kept, TraceToErase(traced="x"), context=None)
    assert (erased.state.codes, erased.scrubs) == ({"outcome": "not_recorded"}, True)
    assert take(None, record("referral.events", said, headers), context=True).codes == {"outcome": "not_recorded"}


HEX = REFERRAL.replace("-", "")


def hidden_in(text: str) -> str:
    return json.dumps({"payload": b64encode(text.encode()).decode()})


NAMING = json.dumps({"referral_id": REFERRAL, "needs": ["yksinäisyys"]}, ensure_ascii=False)


@pytest.mark.parametrize(
    "text",
    [
        REFERRAL,
        REFERRAL.upper(),
        HEX,
        f"{{{REFERRAL}}}",
        f"urn:uuid:{REFERRAL}",
        json.dumps({"referral_id": REFERRAL}).replace("-", "\\u002d"),
        f"/v1/referrals/{REFERRAL.replace('-', '%2D')}",
        json.dumps({"data_base64": b64encode(json.dumps({"id": REFERRAL}).encode()).decode()}),
        f'{{"broken": "{REFERRAL}',
        CODE,
        CODE.lower(),
        f"koodi {CODE[:4]}-{CODE[4:8]}-{CODE[8:]}",
        f"koodi {CODE[:4]} {CODE[4:8]} {CODE[8:]}",
        *(REFERRAL.replace("-", dash) for dash in "\u2011\u2010\u2013\u2212\ufe63_ \u00a0"),
        *(f"id {REFERRAL[:place]} {REFERRAL[place:]} be" for place in range(1, 36)),
        f"{REFERRAL[:24]}\r\n{REFERRAL[24:]}",
        f"{REFERRAL[:20]}\u00ad{REFERRAL[20:]}",
        f"<id>{''.join(chr(0xFEE0 + ord(one)) for one in HEX)}</id>",
        REFERRAL.replace("-", "&#8209;"),
        REFERRAL.replace("-", "%252D"),
        f"koodi {CODE[:4]}\u2011{CODE[4:8]}\u2011{CODE[8:]}",
        hidden_in(NAMING),
        hidden_in(hidden_in(NAMING)),
        f"<e><subject>{REFERRAL}</subject></e>",
        f"<e>{b64encode(NAMING.encode('utf-16')).decode()}</e>",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_referral_is_found_in_the_bytes_however_it_is_spelled(text: str, encoding: str) -> None:
    for place in ("value", "key", "header"):
        pieces = {"value": b"", "key": b"", "header": b"", place: text.encode(encoding)}
        original = Original("t", 0, 0, 0, pieces["key"], pieces["value"], [("ce_x", pieces["header"])])
        assert set(names_of(REFERRAL, digest_of(CODE))) & set(names_in(original)), place


def test_a_late_resend_in_utf_16_of_an_erased_referral_names_it() -> None:
    said = NAMING.replace("-", "\u2011").encode("utf-16")
    read = TABLE.receive
    assert read is not None
    arrival = read(record("dead-letters", said, {"dl_id": "d1", "dl_reason": "undecodable"}), TABLE, NOW)
    assert REFERRAL in arrival.event.data.names


def test_the_events_own_id_names_no_referral() -> None:
    headers: list[tuple[str, bytes | None]] = [("ce_id", REFERRAL.encode()), ("ce_causationid", REFERRAL.encode())]
    assert names_in(Original("t", 0, 0, 0, None, None, headers)) == ()


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
