"""How far each partner has read its feed: what was laid there, and what it asked for. Pure.

Both are numbers of the feed's entries, of which the greatest holds: no repetition and no order changes them.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from services.monitor.projections.observed import Observed
from shared.contracts.notify_events import FeedRead, NotificationDelivered
from shared.store import Collection, Index
from shared.store.interface import Fields

READERS: Final = Collection("readers", (Index(("unread_since",)),))
_OF_NOTIFY: Final = "/service/notify"


class Reader(msgspec.Struct):
    """A partner's feed: the number of its last entry, up to which one the partner has read, and when."""

    partner: str
    laid: int = 0
    laid_at: float = 0.0
    read: int = 0
    read_at: float | None = None
    """When the partner last asked for what stands behind `read`; None: it never did."""
    unread_since: float | None = None
    """Since when an entry lies there that the partner has not read; None: it has read all."""


def id_of(one: Observed) -> str | None:
    """The partner whose feed the event concerns; None: it concerns none."""
    if one.synthetic or one.sender != _OF_NOTIFY or one.name not in {NotificationDelivered.__name__, FeedRead.__name__}:
        return None
    recipient = one.read().get("recipient")
    return recipient if isinstance(recipient, str) else None


def read_on(state: Reader | None, records: Iterable[Observed]) -> Reader:
    """The reader after these words, which all concern one partner."""
    for one in records:
        data = one.read()
        state = state or Reader(data["recipient"])
        at = one.at.timestamp()
        if one.name == FeedRead.__name__:
            _was_read(state, data["up_to"], at)
        else:
            _was_laid(state, data.get("number", 0), at)
    assert state is not None
    return state


def fields_of(state: Reader) -> Fields:
    """By which fields the store finds a document."""
    return {"unread_since": state.unread_since}


def _was_laid(state: Reader, number: int, at: float) -> None:
    if number <= state.laid:
        return
    state.laid, state.laid_at = number, at
    if number > state.read and state.unread_since is None:
        state.unread_since = at


def _was_read(state: Reader, up_to: int, at: float) -> None:
    state.read = max(state.read, up_to)
    state.read_at = max(state.read_at or 0.0, at)
    if state.read >= state.laid:
        state.unread_since = None
