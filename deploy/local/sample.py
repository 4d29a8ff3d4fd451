"""A small world to try things in: opistos of our own making, and their activities of the weeks to come.

A second publication on the same day is a repetition; on a later day the same sessions stay, and further ones come.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from shared.contracts.registry import CLASSES

_FILE: Final = Path(__file__).with_suffix(".json")
_WEEK: Final = timedelta(days=7)


def organisers() -> list[str]:
    """The `source` of each opisto of the sample."""
    return sorted({one["organiser"] for one in _described()})


def events(now: datetime) -> list[dict[str, Any]]:
    """An ActivityPublished, as a structured CloudEvent, for each activity; its sessions begin on the day of `now`."""
    today = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    return [_published(one, today) for one in _described()]


def _described() -> list[dict[str, Any]]:
    described: list[dict[str, Any]] = json.loads(_FILE.read_text(encoding="utf-8"))
    return described


def _published(one: Mapping[str, Any], today: datetime) -> dict[str, Any]:
    activity_id = one["activity"]["activity_id"]
    return {
        "specversion": "1.0",
        "id": f"sample-{activity_id}-{today:%Y-%m-%d}",
        "source": one["organiser"],
        "type": CLASSES["ActivityPublished"].type,
        "subject": activity_id,
        # The day's beginning, so that every publication of that day is the same.
        "time": today.isoformat(),
        "data": {**one["activity"], "sessions": _sessions(one, today)},
    }


def _sessions(one: Mapping[str, Any], today: datetime) -> list[dict[str, str]]:
    """Weekly from the first such weekday on; a session's date is its id, so that it stays the one it was."""
    at = time.fromisoformat(one["at"])
    first = today + timedelta(days=(one["weekday"] - today.weekday()) % 7, hours=at.hour, minutes=at.minute)
    begins = [first + number * _WEEK for number in range(one["weeks"])]
    return [
        {
            "session_id": f"{begin:%Y-%m-%d}",
            "starts_at": begin.isoformat(),
            "ends_at": (begin + timedelta(minutes=one["minutes"])).isoformat(),
        }
        for begin in begins
    ]
