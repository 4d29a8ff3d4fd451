"""Examines the events of one request to the intake: reads them, authorises `source`, and only then checks them whole.

The refusal names every event that cannot be taken, up to 100, where the examination ends. Others on the event loop have
their turn between two events, so that a wide batch delays nobody but its sender.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import zip_longest
from typing import Final, TypeVar

from shared.contracts.envelope import MAX_EVENT_BYTES, Event, Raw, authorise, decode
from shared.contracts.errors import EventError, Forged, Problem
from shared.http.problems import ProblemError, problem_of

MAX_ERRORS: Final = 100
_TURN: Final = 0.005
"""Seconds that the events of one request may hold the loop at a time; one event takes less."""

Reader = Callable[[], Raw]
T = TypeVar("T")
R = TypeVar("R")


async def examined(readers: Sequence[Reader], sender: str, now: datetime, *, is_batch: bool) -> list[Event]:
    """The events, all of them whole and the sender's own. Raises one problem that names every other."""
    read = await _each(readers, _read)
    foreign = [_foreign(raw, sender) for raw in read]
    if any(foreign):
        _whole(foreign, is_batch=is_batch)
    return _whole(await _each(read, partial(_checked, sender, now)), is_batch=is_batch)


async def _each(items: Sequence[T | ProblemError], judge: Callable[[T], R]) -> list[R | ProblemError]:
    """The result of `judge` for each, or why it cannot be taken; up to the last one that the refusal names."""
    made: list[R | ProblemError] = []
    refused, turn = 0, time.monotonic() + _TURN
    for item in items:
        made.append(one := _tried(judge, item))
        refused += isinstance(one, ProblemError)
        if refused == MAX_ERRORS:
            break
        if time.monotonic() > turn:
            await asyncio.sleep(0)
            turn = time.monotonic() + _TURN
    return made


def _tried(judge: Callable[[T], R], item: T | ProblemError) -> R | ProblemError:
    if isinstance(item, ProblemError):
        return item
    try:
        return judge(item)
    except EventError as error:
        return problem_of(error)
    except ProblemError as error:
        return error


def _read(reader: Reader) -> Raw:
    raw = reader()
    if len(raw.data) > MAX_EVENT_BYTES:
        line = f"has {len(raw.data)} bytes; an event has at most {MAX_EVENT_BYTES}"
        raise ProblemError(413, f"/data: {line}", [Problem("/data", line)])
    return raw


def _foreign(raw: Raw | ProblemError, sender: str) -> ProblemError | None:
    if isinstance(raw, ProblemError) or raw.source in {"", sender}:
        return None
    line = f"is not the sender, {sender}"
    return problem_of(Forged(f"/source: {raw.source[:80]} {line}", [Problem("/source", line)]))


def _checked(sender: str, now: datetime, raw: Raw) -> Event:
    event = decode(raw, now=now)
    authorise(event, sender)
    return event


def _whole(made: Sequence[R | ProblemError | None], *, is_batch: bool) -> list[R]:
    refused = {place: one for place, one in enumerate(made) if isinstance(one, ProblemError)}
    if not refused:
        return [one for one in made if one is not None and not isinstance(one, ProblemError)]
    if not is_batch:
        raise refused[0]
    named = [_at(f"/{place}", one) for place, one in refused.items()]
    raise _together(named, "at least " if len(named) == MAX_ERRORS else "")


def _at(place: str, error: ProblemError) -> ProblemError:
    errors = [Problem(place + problem.path, problem.message) for problem in error.errors]
    return ProblemError(
        error.status,
        f"{place}: {error.detail}",
        errors or [Problem(place, error.detail)],
        why=error.why,
        kind=error.kind,
    )


def _together(refused: Sequence[ProblemError], at_least: str) -> ProblemError:
    """One answer, with the status of the first. The first fault of each event stands before the second of any."""
    first = refused[0]
    if len(refused) == 1:
        return first
    layers = zip_longest(*(one.errors for one in refused))
    errors = [problem for layer in layers for problem in layer if problem is not None]
    detail = f"{at_least}{len(refused)} events cannot be taken, and so none was; the first: {first.detail}"
    return ProblemError(first.status, detail, errors[:MAX_ERRORS], why=first.why, kind=first.kind)
