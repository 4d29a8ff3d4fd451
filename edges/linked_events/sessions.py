"""The sessions of an event of Linked Events, and whether people can take part in it at all."""

from datetime import timedelta

from edges.linked_events.fields import Row, Unusable, code, instant, items, link_id, shown

LONGEST_SESSION = timedelta(hours=24)
MAX_SESSIONS = 200


def not_offered(row: Row) -> list[str]:
    """Why nobody could take part in the event, if so."""
    reasons = [
        ("deleted", row.get("deleted") not in (None, False), "says it was deleted"),
        ("replaced_by", bool(row.get("replaced_by")), "takes its place"),
        ("publication_status", row.get("publication_status") not in (None, "public"), "is not public"),
        ("event_status", row.get("event_status") == "EventCancelled", "says it was cancelled"),
        ("event_status", _is_postponed(row), "says it was put off, without a new time"),
        ("type_id", row.get("type_id") == "Volunteering", "seeks volunteers, not participants"),
        ("super_event_type", row.get("super_event_type") == "umbrella", "gathers separate events: take those instead"),
    ]
    return [f"{field}: {shown(row.get(field))} {why}" for field, against, why in reasons if against]


def _is_postponed(row: Row) -> bool:
    return row.get("event_status") == "EventPostponed" and not row.get("start_time")


def read_sessions(row: Row) -> list[dict[str, object]]:
    """The sub-events that are held, each a session; without any, the event's own time is its only session.

    A recurring event's own time runs from its first meeting to its last, so links alone are not enough there.
    """
    embedded = embedded_sub_events(row)
    if row.get("super_event_type") == "recurring" and not embedded:
        raise Unusable("sub_events", row.get("sub_events"), "are not embedded, so the sessions' times are unknown")
    if not embedded:
        return [_session("", row, "1")]
    if len(embedded) < len(items(row.get("sub_events"))):
        raise Unusable("sub_events", len(embedded), "are embedded and the others only linked")
    held = [(n, sub_event) for n, sub_event in enumerate(embedded) if not not_offered(sub_event)]
    if not 1 <= len(held) <= MAX_SESSIONS:
        raise Unusable("sub_events", len(held), f"are held, and 1 to {MAX_SESSIONS} can be")
    sessions = [_session(f"sub_events/{n}/", sub, code(link_id(sub) or str(n))) for n, sub in held]
    if len({session["session_id"] for session in sessions}) < len(sessions):
        raise Unusable("sub_events", [link_id(sub_event) for _, sub_event in held], "name one session twice")
    return sessions


def _session(path: str, row: Row, session_id: str) -> dict[str, object]:
    starts = instant(f"{path}start_time", row.get("start_time"))
    ends = instant(f"{path}end_time", row.get("end_time"))
    if not timedelta(0) < ends - starts <= LONGEST_SESSION:
        raise Unusable(f"{path}end_time", row.get("end_time"), f"is not within 24 hours after {starts.isoformat()}")
    return {"session_id": session_id, "starts_at": starts.isoformat(), "ends_at": ends.isoformat()}


def embedded_sub_events(row: Row) -> list[Row]:
    """The sub-events that came whole, not as links: the API embeds them when asked to."""
    return [sub for sub in items(row.get("sub_events")) if isinstance(sub, dict) and "start_time" in sub]
