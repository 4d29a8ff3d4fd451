"""How a service's documents come from an older form: step by step as JSON, then written as the engine writes them now."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from services.monitor.handlers import EVENTS
from services.monitor.handlers import table as monitors_table
from services.monitor.model import SETTLED, Dead, DeadState, Sighting, Traced
from services.monitor.shares import said
from services.referral.handlers import ACCESSES, table
from services.referral.model import Access, Referral
from shared.engine.documents import decoder_of, read
from shared.engine.model import Document, OutEvent
from shared.process.migrations import FORM, STEPS, Json, form_of
from shared.store import Row, StoreVersionError
from shared.store.interface import OLDEST_FORM
from tests.unit.facts import START, a_referral
from tests.unit.network import CODE, DURATIONS

TABLE = table(DURATIONS)
REFERRALS = next(kind for kind in TABLE.kinds if kind.collection.name == "referrals")
ID = a_referral("kept")
OUT = OutEvent("referral.events", ID, {"id": "1"}, msgspec.Raw(b"{}"))


def renamed(collection: str, document: Json, now: datetime) -> Json:
    """Of form 2 a referral's code was called `kode`."""
    state = document.get("state", {})
    if collection == "referrals" and "kode" in state:
        state["code"] = state.pop("kode")
    return document


def in_capitals(collection: str, document: Json, now: datetime) -> Json:
    """Of form 3 the same was written small."""
    if collection == "referrals":
        document["state"]["code"] = document["state"]["code"].upper()
    return document


STEPS_OF_TEST = (renamed, in_capitals)


def before(code: str, *, outbox: bool = False) -> Row:
    """A referral of form 2; its outbox in the body, as the first programs wrote it."""
    document = Document(
        Referral(ID, first_issued_at=START), outbox=[OUT] if outbox else [], outbox_since=5.0 if outbox else None
    )
    written = msgspec.json.decode(msgspec.json.encode(document))
    written["state"]["kode"] = code
    return Row(ID, 7, msgspec.json.encode(written))


def migrated(row: Row, found: int = OLDEST_FORM, collection: str = "referrals") -> Row:
    form = form_of(TABLE, START, may_migrate=True, steps=STEPS_OF_TEST)
    assert form.number == OLDEST_FORM + 2
    assert form.migrate is not None
    return form.migrate(collection, found, row)


def test_what_the_monitor_kept_of_form_2_is_listed_by_who_said_it_and_when() -> None:
    monitor = monitors_table()
    form = form_of(monitor, START, may_migrate=True)
    assert form.migrate is not None
    at = Sighting("intake.opisto.tampere", 0, 7, START)
    event = Traced("/opisto/tampere", "a-1", "fi.kulttuurilahete.ActivityPublished.v1", "", "choir", first=at)
    kept = Row("/opisto/tampere a-1", 1, msgspec.json.encode(Document(event)))
    now = form.migrate("events", OLDEST_FORM, kept)
    assert (now.fields["activity"], now.fields["said"]) == ("choir", said(event))
    assert decoder_of(EVENTS).decode(now.body).state == msgspec.structs.replace(event, last_at=START)


def test_the_number_of_the_form_follows_from_the_steps() -> None:
    assert OLDEST_FORM + len(STEPS) == FORM
    assert form_of(TABLE, START, may_migrate=False).number == FORM
    assert form_of(TABLE, START, may_migrate=False).migrate is None


def test_a_document_takes_every_step_and_is_found_by_what_it_says_then() -> None:
    row = migrated(before(CODE.lower()))
    assert read(row, decoder_of(REFERRALS)).state == Referral(ID, CODE, first_issued_at=START)
    assert row.fields.items() >= REFERRALS.fields(Referral(ID, CODE, first_issued_at=START)).items()
    assert (row.id, row.version) == (ID, 7), "no race is lost by it"


def test_it_takes_only_the_steps_that_it_has_not_taken() -> None:
    later = migrated(before(CODE.lower()), OLDEST_FORM)
    assert migrated(later, OLDEST_FORM + 1) == later
    assert migrated(later, OLDEST_FORM) == later, "twice is once: a migration that broke off begins again"


def test_what_is_not_yet_out_lies_beside_the_body_and_is_still_to_go_out() -> None:
    row = migrated(before(CODE, outbox=True))
    assert row.outbox
    assert b"outbox" not in row.body
    document = read(row, decoder_of(REFERRALS))
    assert (document.outbox, document.outbox_since) == ([OUT], 5.0)
    assert row.fields["outbox_since"] == 5.0


def test_a_step_leaves_other_collections_alone_and_the_ground_is_no_aggregate() -> None:
    access = Access(ID, START, "ops:anna", "referral", "operations", allowed=True, service="referral")
    row = Row("x", 1, msgspec.json.encode(Document(access)))
    assert migrated(row, OLDEST_FORM, "accesses").body == row.body
    assert read(migrated(row, OLDEST_FORM, "accesses"), decoder_of(ACCESSES)).state == access
    kept = Row("kafka", 3, b'{"cluster":"c","partitions":{}}')
    assert migrated(kept, OLDEST_FORM, "ground") == kept


def test_a_document_that_no_step_can_take_stops_it_and_is_named() -> None:
    with pytest.raises(
        StoreVersionError, match=rf"referrals {ID} cannot be brought on from form 2: .*go on with the program"
    ):
        migrated(Row(ID, 1, b'{"state": {"id": 7}}'))


# --- form 2 to 3: what is kept for a term says since when


UPGRADED = datetime(2027, 3, 1, tzinfo=UTC)
LONG_AGO = UPGRADED - timedelta(days=900)


def of_the_monitor(collection: str, state: Dead | Traced) -> Row:
    form = form_of(monitors_table(), UPGRADED, may_migrate=True)
    assert form.migrate is not None
    row = form.migrate(collection, OLDEST_FORM, Row("x", 4, msgspec.json.encode(Document(state))))
    again = form.migrate(collection, OLDEST_FORM, row)
    assert again == row, "a migration that broke off begins again"
    return row


def test_of_an_event_that_was_kept_without_a_term_the_term_begins_with_the_new_form() -> None:
    traced = Traced("/opisto/x", "e1", "T", "", "", first=Sighting("intake.http", 0, 7, LONG_AGO), seen=1)
    assert of_the_monitor("events", traced).fields["at"] == UPGRADED.timestamp()


@pytest.mark.parametrize("state", ["open", "redriven", "resolved", "discarded"])
def test_of_a_settled_dead_letter_the_term_begins_with_the_new_form_and_of_no_other(state: DeadState) -> None:
    letter = Dead("d1", "invalid", "", "referral", "intake.http", 0, 7, LONG_AGO, 1, state=state)
    settled = of_the_monitor("dead_letters", letter).fields["settled"]
    assert settled == (UPGRADED.timestamp() if state in SETTLED else None)
