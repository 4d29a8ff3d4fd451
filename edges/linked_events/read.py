"""Linked Events and Linked Courses (Helsinki, Turku, Espoo …) turned into our ActivityPublished.

Pure: a document in, events and refusals out. A refusal beats a guess: a client may only go where an activity is sure to
be held, at a time, at a price. Ask the API with `include=location,keywords,sub_events`, else it has only links.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from edges.linked_events.activity import read_activity
from edges.linked_events.fields import Row, Unusable, digest, instant, link_id, shown
from edges.linked_events.sessions import embedded_sub_events, not_offered
from shared.reference import MUNICIPALITIES

EVENT_TYPE = "fi.kulttuurilahete.ActivityPublished.v1"
AHEAD = timedelta(minutes=5)
MAX_EVENT_BYTES = 65_536

_ORGANISER = re.compile(r"/(?!region/|service/)[a-z]+/[a-z0-9.-]{1,60}")
_WITHOUT_ID = "(without id)"


@dataclass(frozen=True)
class RefusedEvent:
    """An event of Linked Events that cannot be imported, and why: each reason one line with the field and its value."""

    id: str
    reasons: list[str]


def convert(
    document: object, *, organiser: str, now: datetime, municipality: str | None = None
) -> tuple[list[dict[str, object]], list[RefusedEvent]]:
    """Every row of a page, a list or a single event becomes an event or a refusal; nothing is dropped in silence.

    The same document gives the same events with the same ids, so importing it again is a repetition.

    Args:
        document: the API's answer, as JSON was decoded.
        organiser: the source that publishes, such as `/opisto/1.2.246.562.10.1`.
        now: the clock; a row changed later than 5 minutes ahead of it is refused.
        municipality: where activities are held whose place does not say it.

    Raises:
        ValueError: organiser, now or municipality is not what it should be. Never because of the document.
    """
    _check(organiser, now, municipality)
    rows = _rows(document)
    if rows is None:
        return [], [RefusedEvent(_WITHOUT_ID, [f"document: {shown(document)} is neither a page, a list nor an event"])]
    parts = _ids_of_sessions(rows)
    events: list[dict[str, object]] = []
    refusals: list[RefusedEvent] = []
    for position, row in enumerate(rows):
        outcome = _convert_row(row, parts, organiser, now, municipality)
        if isinstance(outcome, dict):
            events.append(outcome)
        else:
            refusals.append(RefusedEvent((isinstance(row, dict) and link_id(row)) or f"row {position}", outcome))
    return events, refusals


def _check(organiser: str, now: datetime, municipality: str | None) -> None:
    if not _ORGANISER.fullmatch(organiser):
        raise ValueError(f"organiser {organiser!r}: must be a source such as /opisto/1.2.246.562.10.1")
    if now.tzinfo is None:
        raise ValueError(f"now {now.isoformat()}: must have an offset")
    if municipality is not None and municipality not in MUNICIPALITIES:
        raise ValueError(f"municipality {municipality!r}: no municipality of today has this code")


def _rows(document: object) -> list[Any] | None:
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return None
    if "data" in document:
        return document["data"] if isinstance(document["data"], list) else None
    return [document] if "id" in document or "@id" in document else None


def _ids_of_sessions(rows: list[Any]) -> dict[str, str]:
    """The sub-events that other rows carry as their sessions, by id: the API lists them as rows as well."""
    return {
        part: whole
        for row in rows
        if isinstance(row, dict) and row.get("super_event_type") != "umbrella" and (whole := link_id(row))
        for sub_event in embedded_sub_events(row)
        if (part := link_id(sub_event)) and part != whole
    }


def _convert_row(
    row: object, parts: Mapping[str, str], organiser: str, now: datetime, municipality: str | None
) -> dict[str, object] | list[str]:
    """The event, or the reasons against it."""
    if not isinstance(row, dict):
        return [f"event: {shown(row)} is not an object"]
    identifier = link_id(row)
    if identifier is None:
        return [f"id: {shown(row.get('id'))} names no event"]
    if identifier in parts:
        return [f"super_event: {shown(parts[identifier])} carries {shown(identifier)} as one of its sessions"]
    if reasons := not_offered(row):
        return reasons
    data, reasons = read_activity(row, identifier, municipality)
    try:
        changed = _changed(row, now)
    except Unusable as unusable:
        reasons.append(str(unusable))
    if reasons:
        return reasons
    event = _envelope(identifier, changed, organiser, data)
    size = len(json.dumps(event, ensure_ascii=False).encode())
    return [f"event: {size} bytes, at most {MAX_EVENT_BYTES}"] if size > MAX_EVENT_BYTES else event


def _changed(row: Row, now: datetime) -> datetime:
    field = "last_modified_time" if row.get("last_modified_time") else "created_time"
    changed = instant(field, row.get(field))
    if changed > now + AHEAD:
        raise Unusable(field, row[field], "is ahead of the clock")
    return changed


def _envelope(identifier: str, changed: datetime, organiser: str, data: dict[str, object]) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": f"le-{digest(identifier + ' ' + changed.isoformat())[:40]}",
        "type": EVENT_TYPE,
        "source": organiser,
        "subject": data["activity_id"],
        "time": changed.isoformat(),
        "datacontenttype": "application/json",
        "dataclassification": "public",
        "data": data,
    }
