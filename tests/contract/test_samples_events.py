"""Events of each class from outside, as the contract's authors and the OpenAPI document have them: read, written again."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator  # type: ignore[import-untyped]

from cli.openapi import document
from shared.contracts.envelope import (
    Event,
    attributes_of,
    check_class,
    decode,
    kafka_headers,
    read_kafka,
    read_structured,
    structured,
)
from shared.contracts.registry import CLASSES, public_names
from shared.contracts.schemas import json_schema

EVENTS = Path(__file__).parent / "samples" / "events.jsonl"
OTHERS = Path(__file__).parents[3] / "shared" / "samples"
NOW = datetime(2026, 10, 1, tzinfo=UTC)


def _lines() -> list[bytes]:
    """The authors' own, then the document's example of each class: a new class has one of these at once."""
    shapes = document()["components"]["schemas"]
    examples = [json.dumps(shapes[f"{name}Event"]["examples"][0]).encode() for name in public_names()]
    return [line for line in EVENTS.read_bytes().splitlines() if line.strip()] + examples


def _cloudevents_schema() -> Any:
    path = OTHERS / "cloudevents" / "cloudevents.schema.json"
    if not path.exists():
        pytest.skip(f"the samples are not here: {path} is missing, so CloudEvents' own schema is NOT checked")
    return json.loads(path.read_text(encoding="utf-8"))


def _id(line: bytes) -> str:
    sent = json.loads(line)
    return f"{sent['id']}-{sent['type'].split('.')[2]}"


def _event(line: bytes) -> Event:
    return decode(read_structured(line), now=NOW)


each_sample = pytest.mark.parametrize("line", [pytest.param(line, id=_id(line)) for line in _lines()])


def test_there_is_a_sample_of_each_class_that_partners_send() -> None:
    assert {_event(line).name for line in _lines()} == set(public_names())


@each_sample
def test_a_sample_is_read_and_is_from_one_who_may_send_it(line: bytes) -> None:
    event = _event(line)
    check_class(event)
    sent = json.loads(line)
    subject = sent.get("subject", event.data.subject)
    assert (event.id, event.source, event.data.subject) == (sent["id"], sent["source"], subject)
    assert event.time == datetime.fromisoformat(sent["time"])


@each_sample
def test_nothing_of_a_sample_is_lost_when_it_is_written_again(line: bytes) -> None:
    sent, written = json.loads(line), json.loads(json.dumps(structured(_event(line))))
    assert _instants(sent["data"]).items() <= _instants(written["data"]).items()
    assert {name: sent[name] for name in sent if name not in {"data", "time"}}.items() <= written.items()


def _instants(node: Any) -> Any:
    """The same data with times as instants, which may be written with another offset; null stands for absent."""
    if isinstance(node, dict):
        return {name: _instants(member) for name, member in node.items() if member is not None}
    if isinstance(node, list):
        return [_instants(member) for member in node]
    if isinstance(node, str) and "T" in node and node[:4].isdigit():
        return datetime.fromisoformat(node).astimezone(UTC)
    return node


@each_sample
def test_a_sample_written_structured_is_a_cloudevent(line: bytes) -> None:
    document = json.loads(json.dumps(structured(_event(line))))
    validator = Draft7Validator(_cloudevents_schema())
    assert [error.message for error in validator.iter_errors(document)] == []


@each_sample
def test_a_samples_data_is_what_our_schema_describes_before_and_after(line: bytes) -> None:
    event = _event(line)
    validator = Draft202012Validator(json_schema(CLASSES[event.name]))
    for data in (json.loads(line)["data"], structured(event)["data"]):
        assert [error.message for error in validator.iter_errors(data)] == []


@each_sample
def test_a_sample_comes_back_from_kafkas_binary_mode_as_it_was(line: bytes) -> None:
    event = _event(line)
    value = event.data.model_dump_json(exclude_none=True).encode()
    again = decode(read_kafka(value, kafka_headers(attributes_of(event))), now=NOW)
    assert (again.id, again.source, again.time, again.data) == (event.id, event.source, event.time, event.data)
    assert again.correlation == event.correlation
