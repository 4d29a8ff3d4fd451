"""All that concerns a referral, a bounded share of each who said something: a flood hides nothing of the others'.

The store lists events and dead letters by who said them, of a service's events also by the class, and then by when.
Behind a full share the look-up goes on at whoever comes next, however much was said.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec

from services.monitor.model import Dead, Traced
from services.monitor.named import is_a_service
from shared.contracts.event_class import TYPE_PREFIX
from shared.engine.model import Document
from shared.store import Row, Store

MOST: Final = 2_000
"""All together; where there is more, each has a smaller share."""
SHARE: Final = 300
"""Events of one partner, of one class of a service's, dead letters of one sender, that a referral's trace shows."""
_PAGE: Final = 2 * SHARE
_PAGES: Final = 100
BEHIND_ALL: Final = "\U0010ffff"
_SERVICES: Final = "/service/"
_BEHIND_SERVICES: Final = _SERVICES + BEHIND_ALL
_RANGES: Final = (
    ((_SERVICES, ""), _BEHIND_SERVICES),
    (("", ""), _SERVICES),
    ((_BEHIND_SERVICES, ""), BEHIND_ALL),
)
"""The services' words first, then those of all others: whatever partners there are, these are never cut off."""

_TRACED = msgspec.json.Decoder(Document[Traced])
_DEAD = msgspec.json.Decoder(Document[Dead])

T = TypeVar("T", Traced, Dead)


class Shares(NamedTuple):
    """The events and dead letters of a referral."""

    events: list[Traced]
    letters: list[Dead]
    more: list[str]
    """The sayers who said more than this."""


def sayer(one: Traced | Dead) -> str:
    """Who said it: a stranger's flood of refusals makes a service send as many notices, so its classes count apart."""
    if isinstance(one, Dead):
        return one.sender
    return sayer_of(one.source, one.type) if is_a_service(one.source) else one.source


@lru_cache(maxsize=4_096)
def sayer_of(service: str, type_: str) -> str:
    """The sayer of a service's events of one class; short, since each event's row and index have it."""
    return f"{service} {type_.removeprefix(TYPE_PREFIX).removesuffix('.v1')}"


def said(one: Traced | Dead) -> str:
    """The field by which the store orders what concerns one thing; of two in the same millisecond the offset tells."""
    if isinstance(one, Dead):
        at, offset = one.time.timestamp(), one.offset
    else:
        at, offset = (one.first.recorded_at.timestamp(), one.first.offset) if one.first else (0.0, 0)
    return f"{sayer(one)} {int(at * 1000):011x} {offset:08x}"


async def of_referral(store: Store, referral_id: str) -> Shares:
    """A bounded share of each sayer, the services' first."""
    events, more = await _shares(_About(store, "events", "correlation", referral_id, decoded_events))
    letters, more_letters = await _shares(_About(store, "dead_letters", "referral_id", referral_id, decoded_letters))
    return Shares(events, letters, [*more, *(one for one in more_letters if one not in more)])


async def of_activity(store: Store, activity_id: str) -> list[Traced]:
    """What organisers said of their activities with this id, a bounded share of each."""
    events, _ = await _shares(_About(store, "events", "activity", activity_id, decoded_events))
    return events


class _About(NamedTuple, Generic[T]):
    """What the store lists of one thing."""

    store: Store
    collection: str
    field: str
    value: str
    decoded: Callable[[Iterable[Row]], list[T]]

    async def page(self, after: tuple[str, str], behind: str, limit: int, *, descending: bool = False) -> Sequence[Row]:
        return await self.store.find(
            self.collection,
            equal={self.field: self.value},
            at_most=("said", behind),
            order="said",
            after=after,
            limit=limit,
            descending=descending,
        )


async def _shares(about: _About[T]) -> tuple[list[T], list[str]]:
    """What each sayer said, the first and the last of who said more than a share; and who did."""
    said_by = await _read(about)
    share = SHARE if sum(map(len, said_by.values())) <= MOST else min(SHARE, max(1, MOST // len(said_by)))
    more = [whose for whose, some in said_by.items() if len(some) > share]
    for whose in more:
        said_by[whose] = said_by[whose][: share - share // 3] + await _last(about, whose, share // 3)
    return [one for some in said_by.values() for one in some], more


async def _read(about: _About[T]) -> dict[str, list[T]]:
    """What each sayer said, in order; of who says on and on not much more than a share."""
    said_by: dict[str, list[T]] = {}
    for first, behind in _RANGES:
        after = first
        for _ in range(_PAGES):
            rows = await about.page(after, behind, _PAGE)
            found = about.decoded(rows)
            for one in found:
                said_by.setdefault(sayer(one), []).append(one)
            if len(rows) < _PAGE:
                break
            after = _go_on(found[-1], rows[-1].id, is_enough=len(said_by[sayer(found[-1])]) > SHARE)
    return said_by


async def _last(about: _About[T], whose: str, most: int) -> list[T]:
    behind = f"{whose} {BEHIND_ALL}"
    rows = await about.page((behind, ""), behind, most, descending=True) if most else []
    return about.decoded(rows)[::-1]


def _go_on(last: Traced | Dead, id_: str, *, is_enough: bool) -> tuple[str, str]:
    """The cursor behind the last row; behind everything that its sayer said where that is enough."""
    return (f"{sayer(last)} {BEHIND_ALL}", "") if is_enough else (said(last), id_)


def decoded_events(rows: Iterable[Row]) -> list[Traced]:
    """The events that the store's rows hold."""
    return [state for row in rows if (state := _TRACED.decode(row.body).state)]


def decoded_letters(rows: Iterable[Row]) -> list[Dead]:
    """The dead letters that the store's rows hold."""
    return [letter for row in rows if (letter := _DEAD.decode(row.body).state)]
