"""The public list: walked in the order in which enrolment closes, from where its reader stopped, and never read as a whole.

An answer costs as much as it holds, and is bounded where little fits, however many activities there are.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from starlette.requests import Request

from services.catalogue.model import Brief
from shared.http.parameters import After, further
from shared.store import Store

Place = tuple[float, str]
"""A place in the list: when enrolment closes, and which activity."""
MAX_LOOKED_AT: Final = 1_000
_STEP: Final = 100
AFTER: Final = After(".{0,200}", "1788249600.0~/opisto/tampere kuoro-2026s")

_BRIEF = msgspec.json.Decoder(Brief)


async def walk(
    store: Store, areas: Sequence[str], start: Place, passes: Callable[[Brief], bool], wanted: int
) -> tuple[list[Brief], Place | None]:
    """The first `wanted` behind `start` that pass, or those among `MAX_LOOKED_AT`; and where it stopped, None at the end."""
    found: list[Brief] = []
    at = start
    for _ in range(MAX_LOOKED_AT // _STEP):
        step = await _step(store, areas, at)
        for brief in step:
            at = (brief.closes, brief.key)
            if passes(brief):
                found.append(brief)
            if len(found) == wanted:
                return found, at
        if len(step) < _STEP:
            return found, None
    return found, at


async def _step(store: Store, areas: Sequence[str], at: Place) -> list[Brief]:
    briefs = [
        _BRIEF.decode(row.brief)
        for area in areas
        for row in await store.find(
            "activities", equal={"area": area}, order="listed", after=at, limit=_STEP, what="brief"
        )
    ]
    return sorted(briefs, key=lambda brief: (brief.closes, brief.key))[:_STEP]


def cursor_of(place: Place | None) -> str | None:
    """The place as a reader keeps it."""
    return further(*place) if place else None


def start_of(request: Request, now: float) -> Place:
    """Where the list begins: behind `?after`, and with activities that still take enrolments. Raises 422."""
    return max(AFTER.place(request) or (now, ""), (now, ""))
