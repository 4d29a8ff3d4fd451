"""Asking the owners for the outcomes of events: they answer from the document, the inbox and the early events."""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import httpx
import msgspec

from services.monitor.model import Traced
from shared.contracts.registry import class_of, known_class
from shared.http.outcomes import MAX_ASKED, AskedEvent
from shared.http.problems import ProblemError
from shared.http.rehearsal import Rehearsed, RehearsedLetter

_ENDS: Final = ("applied", "waiting", "dead_lettered")
"""If one event has several outcomes, as a corrected one does, the first of these counts."""


class OwnersAnswers(NamedTuple):
    """What the owners say, and which of them do not answer."""

    known: dict[tuple[str, str], str]
    silent: dict[str, ProblemError]


class Owners:
    """The services that own classes of events, by their HTTP."""

    def __init__(self, urls: Mapping[str, str], key: str, tls: ssl.SSLContext) -> None:
        self._urls = urls
        self._key = key
        self._tls = tls

    async def outcomes(self, events: Sequence[Traced]) -> OwnersAnswers:
        """`applied`, `dead_lettered` or `waiting` by (source, id), where the owner knows the event."""
        by_owner: dict[str, list[AskedEvent]] = {}
        for event in events:
            for owner, question in _questions(event):
                by_owner.setdefault(owner, []).append(question)
        known: dict[tuple[str, str], str] = {}
        silent: dict[str, ProblemError] = {}
        async with httpx.AsyncClient(timeout=10, verify=self._tls) as client:
            for owner, some in _within_bounds(by_owner):
                try:
                    said: list[str | None] = await self._ask(client, owner, "outcomes", {"events": some})
                except ProblemError as error:
                    silent[owner] = error
                    continue
                for one, outcome in zip(some, said, strict=True):
                    if outcome:
                        known[one.source, one.id] = _better(outcome, known.get((one.source, one.id)))
        return OwnersAnswers(known, silent)

    async def rehearse(self, service: str, letters: Sequence[RehearsedLetter]) -> list[Rehearsed]:
        """What would become of these dead letters of a service, in this order. Raises 503."""
        async with httpx.AsyncClient(timeout=30, verify=self._tls) as client:
            said: list[Rehearsed] = await self._ask(client, service, "rehearsals", {"letters": letters})
            return said

    async def _ask(self, client: httpx.AsyncClient, owner: str, what: str, question: object) -> Any:
        """The outcomes that a service answers, in order. Raises 503."""
        try:
            response = await client.post(
                f"{self._urls[owner]}/v1/{what}",
                json=msgspec.to_builtins(question),
                headers={"Authorization": f"Bearer {self._key}"},
            )
            response.raise_for_status()
        except (httpx.HTTPError, KeyError) as error:
            why = str(error) or type(error).__name__
            raise ProblemError(503, f"{owner} does not answer about its events: {why}", retry_after=5) from error
        return response.json()["outcomes"]


def _questions(event: Traced) -> Iterator[tuple[str, AskedEvent]]:
    """Questions by owner, one for each class and subject of an event: a corrected one may differ in both."""
    for type_, subject in (event.type, event.subject), *event.came_as:
        if owner := owner_of(type_):
            yield owner, AskedEvent(event.source, event.id, class_of(type_).name, subject)


def _better(one: str, other: str | None) -> str:
    return one if other is None else min(one, other, key=_ENDS.index)


def _within_bounds(
    by_owner: Mapping[str, Sequence[AskedEvent]],
) -> Iterator[tuple[str, Sequence[AskedEvent]]]:
    """Questions in parts of no more than an owner answers at once."""
    for owner, owned in by_owner.items():
        for first in range(0, len(owned), MAX_ASKED):
            yield owner, owned[first : first + MAX_ASKED]


def owner_of(type_: str) -> str | None:
    """The service that knows the outcome of this type's events: of those that partners send or say of themselves."""
    found = known_class(type_)
    return found.owner if found and found.outcome else None
