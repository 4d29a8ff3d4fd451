"""All that concerns a referral, a bounded share of each who said something: a flood hides nothing of the others'.

The store lists events and dead letters by who said them, of a service's events also by the class, and then by when.
Behind a full share the look-up goes on at whoever comes next, however much was said.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeVar

import msgspec

from services.monitor.model import Dead, Traced
from services.monitor.named import is_a_service
from shared.engine.model import Document
from shared.store import Row, Store

MOST: Final = 2_000
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


def sayer(one: Traced | Dead) -> str:
    """Who said it: a stranger's flood of refusals makes a service send as many notices, so its classes count apart."""
    if isinstance(one, Dead):
        return one.sender
    return f"{one.source} {one.type}" if is_a_service(one.source) else one.source


def said(one: Traced | Dead) -> str:
    """The field by which the store orders what concerns one thing; of two in the same millisecond the offset tells."""
    if isinstance(one, Dead):
        at, offset = one.time.timestamp(), one.offset
    else:
        at, offset = (one.first.recorded_at.timestamp(), one.first.offset) if one.first else (0.0, 0)
    return f"{sayer(one)} {at * 1000:013.0f} {offset}"


async def of_referral(store: Store, referral_id: str) -> Shares:
    """A bounded share of each sayer, the services' first."""
    events = await _shares(store, "events", ("correlation", referral_id), decoded_events)
    letters = await _shares(store, "dead_letters", ("referral_id", referral_id), decoded_letters)
    return Shares(events, letters)


async def of_activity(store: Store, activity_id: str) -> list[Traced]:
    """What organisers said of their activities with this id, a bounded share of each."""
    return await _shares(store, "events", ("activity", activity_id), decoded_events)


async def _shares(
    store: Store, collection: str, about: tuple[str, str], decoded: Callable[[Iterable[Row]], list[T]]
) -> list[T]:
    field, value = about
    shares: dict[str, list[T]] = {}
    for after, behind in _RANGES:
        for _ in range(_PAGES):
            rows = await store.find(
                collection,
                equal={field: value},
                at_most=("said", behind),
                order="said",
                after=after,
                limit=_PAGE,
            )
            found = decoded(rows)
            for one in found:
                shares.setdefault(sayer(one), []).append(one)
            if len(rows) < _PAGE:
                break
            after = _go_on(found[-1], rows[-1].id, is_full=len(shares[sayer(found[-1])]) >= SHARE)
    return [one for some in shares.values() for one in some[:SHARE]][:MOST]


def _go_on(last: Traced | Dead, id_: str, *, is_full: bool) -> tuple[str, str]:
    """The cursor behind the last row; behind everything that its sayer said where that is enough."""
    return (f"{sayer(last)} {BEHIND_ALL}", "") if is_full else (said(last), id_)


def decoded_events(rows: Iterable[Row]) -> list[Traced]:
    """The events that the store's rows hold."""
    return [state for row in rows if (state := _TRACED.decode(row.body).state)]


def decoded_letters(rows: Iterable[Row]) -> list[Dead]:
    """The dead letters that the store's rows hold."""
    return [letter for row in rows if (letter := _DEAD.decode(row.body).state)]
