"""Asking the owners what became of events: they answer from ring, inbox and early events."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx

from services.monitor.model import Traced
from shared.contracts.errors import UnknownType
from shared.contracts.registry import class_of
from shared.http.outcomes import MAX_ASKED
from shared.http.problems import ProblemError


class Owners:
    """The services that own classes of events, by their HTTP."""

    def __init__(self, urls: Mapping[str, str], key: str) -> None:
        self._urls = urls
        self._key = key

    async def outcomes(self, events: Sequence[Traced]) -> dict[tuple[str, str], str]:
        """`applied`, `dead_lettered` or `waiting` by (source, id), where the owner knows it. Raises 503."""
        by_owner: dict[str, list[Traced]] = {}
        for event in events:
            if owner := _owner(event.type):
                by_owner.setdefault(owner, []).append(event)
        known: dict[tuple[str, str], str] = {}
        async with httpx.AsyncClient(timeout=10) as client:
            for owner, some in _within_bounds(by_owner):
                for event, outcome in zip(some, await self._ask(client, owner, some), strict=True):
                    if outcome:
                        known[event.source, event.id] = outcome
        return known

    async def _ask(self, client: httpx.AsyncClient, owner: str, events: Sequence[Traced]) -> list[str | None]:
        body: dict[str, Any] = {
            "events": [
                {"source": event.source, "id": event.id, "type": _class(event.type), "subject": event.subject}
                for event in events
            ]
        }
        try:
            response = await client.post(
                f"{self._urls[owner]}/v1/outcomes", json=body, headers={"Authorization": f"Bearer {self._key}"}
            )
            response.raise_for_status()
        except (httpx.HTTPError, KeyError) as error:
            raise ProblemError(
                503, f"{owner} does not answer what became of its events: {error}", retry_after=5
            ) from error
        outcomes: list[str | None] = response.json()["outcomes"]
        return outcomes


def _within_bounds(by_owner: Mapping[str, Sequence[Traced]]) -> Iterator[tuple[str, Sequence[Traced]]]:
    """No more at once than an owner answers."""
    for owner, owned in by_owner.items():
        for first in range(0, len(owned), MAX_ASKED):
            yield owner, owned[first : first + MAX_ASKED]


def _owner(type_: str) -> str | None:
    try:
        found = class_of(type_)
    except UnknownType:
        return None
    return found.owner if found.public else None


def _class(type_: str) -> str:
    return class_of(type_).name
