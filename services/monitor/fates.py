"""The outcomes of events: by their owners, and by dead letters where an owner knows nothing or another service failed.

One rule for the address of one event, for many at once and for traces: the outcome is what the sender was told.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from services.monitor.handlers import table
from services.monitor.model import Dead, Traced, traced_as
from services.monitor.owners import Owners, owner_of
from shared.contracts.registry import class_of
from shared.engine.model import Document
from shared.http.outcomes import AskedEvent, outcomes
from shared.http.problems import ProblemError
from shared.store import Store

Named = tuple[str, str]
"""Source and id."""


class Fates(NamedTuple):
    """Of each event `applied`, `waiting`, `dead_lettered`, or None: still on its way, or without an owner who answers."""

    of: dict[Named, str | None]
    silent: dict[str, ProblemError]
    """Owners that do not answer, and how that is said."""

    def for_sure(self) -> dict[Named, str | None]:
        """The outcomes, where all owners answered. Raises 503."""
        for error in self.silent.values():
            raise error
        return self.of


_DEAD = msgspec.json.Decoder(Document[Dead])
_OF_A_HANDLER: Final = frozenset({"rejected", "handler_failed"})
_MOST: Final = 100
_LOCATE: Final = table().locate


async def fates(store: Store, owners: Owners, events: Sequence[Traced], letters: Iterable[Dead]) -> Fates:
    """The outcomes of these events. `letters`: all dead letters of them, of others too."""
    answers = await owners.outcomes([one for one in events if owner_of(one.type) != "monitor"])
    known = answers.known | await _own(store, [one for one in events if owner_of(one.type) == "monitor"])
    of: defaultdict[Named, list[Dead]] = defaultdict(list)
    for letter in letters:
        of[letter.sender, letter.event_id].append(letter)
    of_each = {(one.source, one.id): _fate(one, known, of[one.source, one.id]) for one in events}
    return Fates(of_each, answers.silent)


async def letters_of(store: Store, events: Iterable[Traced]) -> list[Dead]:
    """The dead letters of these events, at whichever service."""
    keys = [traced_as(one.source, one.id) for one in events]
    found = await asyncio.gather(*(store.find("dead_letters", equal={"event": key}, limit=_MOST) for key in keys))
    return [letter for rows in found for row in rows if (letter := _DEAD.decode(row.body).state)]


async def _own(store: Store, events: Sequence[Traced]) -> dict[Named, str]:
    asked = [AskedEvent(one.source, one.id, class_of(one.type).name, one.subject) for one in events]
    said = await outcomes(store, _LOCATE, asked)
    return {(one.source, one.id): outcome for one, outcome in zip(asked, said, strict=True) if outcome}


def _fate(event: Traced, known: Mapping[Named, str], letters: Sequence[Dead]) -> str | None:
    said = known.get((event.source, event.id))
    unsettled = [letter for letter in letters if letter.state != "resolved"]
    if said is None:
        return "dead_lettered" if unsettled else None
    owner = owner_of(event.type)
    # The owner has taken the event, and another service could not: its sender was told of that refusal.
    elsewhere = any(letter.service != owner and letter.reason in _OF_A_HANDLER for letter in unsettled)
    return "dead_lettered" if elsewhere else said
