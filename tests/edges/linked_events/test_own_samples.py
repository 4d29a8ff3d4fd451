"""A page of our own making, with what it becomes beside it: what is needed to read Linked Events can be seen here."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edges.linked_events.read import convert
from shared.contracts.opisto_events import ActivityPublished

SAMPLES = Path(__file__).with_name("samples")
NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text(encoding="utf-8"))


def test_the_page_becomes_these_events_and_refusals() -> None:
    events, refusals = convert(sample("page.json"), organiser="/opisto/1.2.246.562.10.1", now=NOW, municipality="049")
    expected = sample("page.expected.json")
    assert json.loads(json.dumps(events)) == expected["events"]
    assert {one.id: one.reasons for one in refusals} == expected["refused"]
    for one in events:
        ActivityPublished.model_validate_json(json.dumps(one["data"]))
