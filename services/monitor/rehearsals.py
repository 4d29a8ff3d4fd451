"""Asking the services that refused dead letters what would become of them if they were sent again now."""

import asyncio
import base64
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from services.monitor.decide import added_to
from services.monitor.model import Dead, can_be_redriven
from services.monitor.owners import Owners
from shared.http.problems import ProblemError
from shared.http.rehearsal import MOST_REHEARSED, RehearsedLetter


class Forecast(NamedTuple):
    """What would become of one letter, and why."""

    letter: Dead
    would: str
    why: str


async def forecast(owners: Owners, letters: Sequence[Dead]) -> list[Forecast]:
    """Of each letter, in this order; `unknown` where its service does not answer."""
    asked = await rehearsed(owners, [one for one in letters if one.state == "open" and can_be_redriven(one)])
    known = {one.letter.dl_id: one for one in asked}
    return [known.get(letter.dl_id) or Forecast(letter, "skipped", _why_not(letter)) for letter in letters]


async def rehearsed(owners: Owners, letters: Sequence[Dead]) -> list[Forecast]:
    """What the services say of these letters, in no order; `unknown` where one does not answer."""
    by_service: defaultdict[str, list[Dead]] = defaultdict(list)
    for letter in letters:
        by_service[letter.service].append(letter)
    asked = await asyncio.gather(*(_of_one(owners, service, some) for service, some in by_service.items()))
    return [one for some in asked for one in some]


def _why_not(letter: Dead) -> str:
    return f"it is {letter.state}" if letter.state != "open" else "it cannot be sent again"


async def _of_one(owners: Owners, service: str, letters: Sequence[Dead]) -> list[Forecast]:
    found: list[Forecast] = []
    for first in range(0, len(letters), MOST_REHEARSED):
        some = letters[first : first + MOST_REHEARSED]
        try:
            said = await owners.rehearse(service, [_asked(letter) for letter in some])
        except ProblemError as error:
            return [*found, *(Forecast(one, "unknown", error.detail) for one in letters[first:])]
        found += [Forecast(one, each["would"], each["why"]) for one, each in zip(some, said, strict=True)]
    return found


def _asked(letter: Dead) -> RehearsedLetter:
    headers = [*letter.headers, *added_to(letter)]
    return RehearsedLetter(_text(letter.key), _text(letter.value), [(name, _text(value)) for name, value in headers])


def _text(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
