"""What the monitor knows by a word: referrals, events, dead letters, activities. From its own store alone."""

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

from services.monitor import shares
from services.monitor.decide import REFERRAL_ERASED
from services.monitor.model import Dead, Traced
from services.monitor.shares import decoded_events, decoded_letters
from services.monitor.typed import Typed
from shared.contracts.referral_code import digest_of
from shared.store import Store

MOST_FOUND: Final = 200
"""Events of one id: each sender has one at most."""


class Found(NamedTuple):
    """All that one word names."""

    referral_id: str | None
    """The referral whose id or code it is."""
    letter: Dead | None
    events: list[Traced]
    activities: Mapping[str, list[Traced]]
    """What each organiser said of its activity with this id, the oldest first."""

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is known by the word."""
        return not (self.referral_id or self.letter or self.events or self.activities)

    @property
    def referrals(self) -> list[str]:
        """Every referral that it leads to: senders may have used one id for events of several."""
        of_letter = self.letter.referral_id if self.letter else ""
        named = (self.referral_id, of_letter, *(one.correlation for one in self.events))
        return [one for one in dict.fromkeys(named) if one]


async def find(store: Store, typed: Typed) -> Found:
    """Looks in every place where the word may stand."""
    by_id, by_code, letter, events, activities = await asyncio.gather(
        known_referral(store, typed),
        _opened_with(store, typed),
        _letter(store, typed),
        _events(store, typed),
        _activities(store, typed),
    )
    return Found(by_id or by_code, letter, events, activities)


async def known_referral(store: Store, typed: Typed) -> str | None:
    """The referral whose id it is. It takes the same work whether there is one: time tells nothing."""
    id_ = typed.referral_id
    if id_ is None:
        return None
    places = (("events", "correlation"), ("dead_letters", "referral_id"))
    # In the order of the index, so that the store looks at one row however many there are.
    looks = (store.find(name, equal={field: id_}, order="said", limit=1, what="brief") for name, field in places)
    return id_ if any(await asyncio.gather(*looks)) else None


async def _opened_with(store: Store, typed: Typed) -> str | None:
    """The referral of a code, found by the code's digest; an erasure takes the code with its referral."""
    if typed.code is None:
        return None
    opened = decoded_events(await store.find("events", equal={"code": digest_of(typed.code)}, limit=1))
    return opened[0].correlation if opened and not await _is_erased(store, opened[0].correlation) else None


async def _is_erased(store: Store, referral_id: str) -> bool:
    # The monitor takes the code away in steps that begin with this event.
    erasure = f"{shares.sayer_of('/service/referral', REFERRAL_ERASED)} "
    rows = await store.find(
        "events", equal={"correlation": referral_id}, at_least=("said", erasure), order="said", limit=1
    )
    return any(shares.said(one).startswith(erasure) for one in decoded_events(rows))


async def _letter(store: Store, typed: Typed) -> Dead | None:
    letters = decoded_letters((await store.load("dead_letters", typed.ids)).values())
    return letters[0] if letters else None


async def _events(store: Store, typed: Typed) -> list[Traced]:
    if typed.sender:
        return decoded_events((await store.load("events", [f"{typed.sender} {typed.ids[0]}"])).values())
    found: list[Traced] = []
    for id_ in typed.ids:
        found += decoded_events(await store.find("events", equal={"event_id": id_}, limit=MOST_FOUND))
    return found


async def _activities(store: Store, typed: Typed) -> Mapping[str, list[Traced]]:
    activities: dict[str, list[Traced]] = {}
    for one in await shares.of_activity(store, typed.ids[0]):
        if typed.sender in {"", one.source}:
            activities.setdefault(one.source, []).append(one)
    return activities
