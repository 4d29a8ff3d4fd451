"""Whatever a feed answers is of the shape that it claims: any event, told to any partner, before an erasure or after it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notify.extracts import LAST_WORDS
from services.notify.handlers import table
from services.notify.model import Recipient, ToldReferral
from shared.contracts import catalogue_events, every_service_events, monitor_events, notify_events
from shared.contracts.data import Data, ToPartner
from shared.contracts.envelope import Event
from shared.contracts.extracts import EXTRACTS, TO_ISSUER, TO_ORGANISER
from shared.contracts.registry import CLASSES
from shared.contracts.schemas import json_schema
from shared.engine.model import Decision
from tests.contract.values import values
from tests.feeds import faults_of

NOW = datetime(2026, 9, 1, tzinfo=UTC)
REGION = "/region/08"
HANDLERS = table().handlers

every_class_told = pytest.mark.parametrize("model", TO_ISSUER, ids=lambda model: model.__name__)


def _told(model: type[Data], said: dict[str, Any], *, erased: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """What stands in whose feed, decided by notify's own functions, once an event says this."""
    event = Event("e1", "/opisto/x", NOW, model.model_validate_json(msgspec.json.encode(said)))
    if isinstance(event.data, every_service_events.EventRefused | monitor_events.ViolationsReported):
        yield from _entry(event, event.data.sender, erased=erased)
        return
    if isinstance(event.data, ToPartner):
        yield from _entry(event, event.data.recipient, erased=erased)
        return
    # Enrolments are told by EnrolmentTaken, which gives their very data on.
    handler = HANDLERS.get(model, HANDLERS[catalogue_events.PlaceReserved])
    if handler.aggregate(event) is None:
        return
    state = ToldReferral(event.data.subject, REGION, "DKGDM5F8QK4V", ("fi", "sv"), ("step_free",), ("when", "which"))
    decision = handler.decide(state, event, NOW, ())
    assert isinstance(decision, Decision)
    for queued in decision.follow:
        assert isinstance(queued.data, notify_events.NotificationQueued)
        if not queued.data.erase:
            yield from _entry(Event("q1", "/service/notify", NOW, queued.data), queued.data.recipient, erased=erased)


def _entry(event: Event[Any], recipient: str, *, erased: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """What becomes of it in the recipient's feed; of what an erasure blanked no feed answers anything."""
    decision: Any = HANDLERS[type(event.data)].decide(Recipient(recipient), event, NOW, erased)
    (row,) = decision.also
    entry = msgspec.json.decode(row.body)
    if "erased" not in entry:
        yield recipient, entry


@every_class_told
@settings(max_examples=30)
@given(data=st.data(), erased=st.booleans())
def test_an_entry_is_of_the_shape_that_it_claims(model: type[Data], data: st.DataObject, erased: bool) -> None:
    schema = json_schema(CLASSES[model.__name__])
    # What names its reader is told whole, and its class may want more of its fields than their shapes.
    whole = issubclass(model, ToPartner)
    said = data.draw(st.sampled_from(schema["examples"]) if whole else values(schema))
    for recipient, entry in _told(model, said, erased=erased):
        extract = (TO_ISSUER if recipient == REGION or model not in TO_ORGANISER else TO_ORGANISER)[model]
        assert entry["dataschema"] == f"urn:kulttuurilahete:{extract.__name__}:v1"
        assert faults_of(entry) == []


@every_class_told
def test_every_class_is_told_to_somebody(model: type[Data]) -> None:
    said = json_schema(CLASSES[model.__name__])["examples"][0]
    told = {entry["dataschema"].split(":")[2] for _, entry in _told(model, said, erased=False)}
    assert told == {table[model].__name__ for table in (TO_ISSUER, TO_ORGANISER) if model in table}


def test_what_is_still_told_of_an_erased_referral_is_what_its_schema_needs() -> None:
    assert {extract for extract, kept in LAST_WORDS.items() if not _needed(extract.__name__) <= kept} == set()


def _needed(name: str) -> frozenset[str]:
    return frozenset(field for field, one in EXTRACTS[name].model_fields.items() if one.is_required())
