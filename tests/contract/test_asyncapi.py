"""The AsyncAPI documents: whole, of the code's own topics and classes, and for partners without what is not theirs."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from referencing import Registry

from services.notify import decide
from shared.contracts import notify_events, topics
from shared.contracts.asyncapi import asyncapi, messages_on
from shared.contracts.asyncapi_partners import asyncapi_partners
from shared.contracts.data import Data
from shared.contracts.envelope import Event
from shared.contracts.extracts import EXTRACTS, TO_ISSUER, TO_ORGANISER
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.contracts.registry import CLASSES, public_names, schema_id
from shared.contracts.schemas import schema_path
from shared.engine.model import OutRow

KEPT = Path(__file__).parents[2] / "docs" / "contracts"

both = pytest.mark.parametrize("document", [asyncapi(), asyncapi_partners()], ids=["whole", "for partners"])


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for member in node.values():
            yield from _references(member)
    elif isinstance(node, list):
        for member in node:
            yield from _references(member)


def _resolve(document: dict[str, Any], reference: str) -> Any:
    if not reference.startswith("#/"):
        return json.loads((KEPT / reference).read_text(encoding="utf-8"))
    found: Any = document
    for part in reference[2:].split("/"):
        found = found[part]
    return found


@both
def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = set(_references(document))
    assert len(references) > len(CLASSES)
    assert all(_resolve(document, reference) for reference in references)


@both
def test_a_document_has_the_parts_of_version_3(document: dict[str, Any]) -> None:
    assert document["asyncapi"] == "3.0.0"
    parts = {"asyncapi", "id", "info", "defaultContentType", "servers", "channels", "operations", "components"}
    assert document.keys() == parts
    assert document["info"].keys() >= {"title", "version"}
    for channel in document["channels"].values():
        assert channel.keys() <= {"address", "description", "servers", "parameters", "messages", "bindings"}
        assert all(f"{{{name}}}" in channel["address"] for name in channel.get("parameters", {}))
        assert channel["messages"]
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}
        assert operation["channel"]["$ref"].startswith("#/channels/")


@both
def test_every_server_says_how_its_clients_prove_who_they_are(document: dict[str, Any]) -> None:
    for server in document["servers"].values():
        (security,) = server["security"]
        how = _resolve(document, security["$ref"])
        assert how["type"] == ("scramSha512" if server["protocol"] == "kafka-secure" else "http")
        assert server["variables"].keys() == {"host"}


def test_every_class_is_described_and_goes_over_some_channel() -> None:
    document = asyncapi()
    carried = {name for channel in document["channels"].values() for name in channel["messages"]}
    assert carried >= CLASSES.keys()
    for event_class in CLASSES.values():
        message = document["components"]["messages"][event_class.name]
        assert message["name"] == event_class.type
        assert _resolve(document, message["payload"]["schema"]["$ref"])["title"] == event_class.name
        assert message["headers"]["properties"]["ce_type"]["const"] == event_class.type


def test_every_topic_is_a_channel() -> None:
    addresses = {channel["address"] for channel in asyncapi()["channels"].values()}
    own = {f"intake.{kind}.{{{kind}}}" for kind in PARTNER_KINDS}
    assert addresses == {*topics.platform_topics(), *own}


def test_every_channel_is_written_by_someone_and_read_by_someone() -> None:
    document = asyncapi()
    for action in ("send", "receive"):
        used = {
            operation["channel"]["$ref"].rpartition("/")[2]
            for operation in document["operations"].values()
            if operation["action"] == action
        }
        assert used == document["channels"].keys()


@pytest.mark.parametrize("kind", ["region", "opisto"])
def test_a_partner_may_send_on_its_own_topic_what_the_contract_says_and_nothing_else(kind: str) -> None:
    meant = {one.name for one in CLASSES.values() if kind in one.senders}
    assert set(messages_on(f"intake.{kind}")) == meant
    assert len(meant) >= 4


def test_the_headers_that_are_written_are_the_headers_that_are_described() -> None:
    described = Draft202012Validator(asyncapi()["components"]["schemas"]["CloudEventHeaders"])
    written = {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": "example-1",
        "ce_source": "/opisto/1.2.246.562.10.00000000001",
        "ce_type": "fi.kulttuurilahete.ActivityPublished.v1",
        "ce_time": "2026-08-20T06:00:00Z",
        "ce_dataclassification": "public",
    }
    assert described.is_valid(written)
    assert not described.is_valid({**written, "ce_specversion": "0.3"})
    assert not described.is_valid({name: value for name, value in written.items() if name != "ce_time"})


# --- for partners


def test_partners_read_of_what_they_send_and_of_what_they_are_told_and_of_nothing_else() -> None:
    document = asyncapi_partners()
    posted = {f"{name}Posted" for name in public_names()}
    assert document["components"]["messages"].keys() == {*public_names(), *posted, *EXTRACTS}
    own = {f"intake{kind.capitalize()}" for kind in PARTNER_KINDS}
    assert set(document["channels"]) == {*own, "events", "feed"}
    said = json.dumps(document)
    assert [name for name in CLASSES if f"schemas/{name}.v1.json" in said and name not in public_names()] == []


def test_each_kind_of_partner_sends_what_it_may_and_reads_what_it_is_told() -> None:
    operations = asyncapi_partners()["operations"]
    both_parts = {extract: None for told in (TO_ISSUER, TO_ORGANISER) for extract in told.values()}
    parts = {"region": TO_ISSUER.values(), "opisto": TO_ORGANISER.values()}
    for kind in PARTNER_KINDS:
        assert _named(operations[f"{kind}Reads"]) == {one.__name__ for one in parts.get(kind, both_parts)}
        assert _named(operations[f"{kind}Posts"]) == {f"{name}Posted" for name in messages_on(f"intake.{kind}")}
        assert operations[f"{kind}Sends"]["channel"]["$ref"] == f"#/channels/intake{kind.capitalize()}"


def _named(operation: dict[str, Any]) -> set[str]:
    return {message["$ref"].rpartition("/")[2] for message in operation["messages"]}


def test_a_feeds_entry_is_one_of_the_messages_that_its_reader_was_promised() -> None:
    document = asyncapi_partners() | {"$id": "https://lahete.example/asyncapi-partners.json"}
    kept = [(f"https://lahete.example/schemas/{path.name}", path) for path in (KEPT / "schemas").glob("*.json")]
    known = Registry().with_contents((uri, json.loads(path.read_text(encoding="utf-8"))) for uri, path in kept)
    for name, extract in EXTRACTS.items():
        promised = {**document, "$ref": f"#/components/messages/{name}/payload/schema"}
        judge = Draft202012Validator(promised, registry=known)
        entry = _entry(
            next(model for told in (TO_ISSUER, TO_ORGANISER) for model in told if told[model] is extract), name
        )
        assert list(judge.iter_errors(entry)) == []
        assert not judge.is_valid({**entry, "dataschema": schema_id("Another")})
        assert not judge.is_valid({**entry, "data": {}})


def _entry(model: type[Data], name: str) -> dict[str, Any]:
    """What stands in a feed, written by notify's own function, with the example of the extract."""
    (example,) = json.loads((KEPT / schema_path(name)).read_text(encoding="utf-8"))["examples"]
    told = notify_events.Notification(
        id="e1",
        source="/service/catalogue",
        type=CLASSES[model.__name__].type,
        time="2026-09-01T00:00:00Z",
        subject="s",
        data=json.dumps(example),
        extract=name,
    )
    queued = notify_events.NotificationQueued(recipient="/library/x", referral_id=None, notification=told)
    event = Event("q1", "/service/notify", datetime(2026, 9, 1, tzinfo=UTC), queued, synthetic=True)
    (row,) = decide.queued(None, event, event.time, None).also
    assert isinstance(row, OutRow)
    return dict(json.loads(bytes(row.body)))
