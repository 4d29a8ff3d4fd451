"""The row of each class of events: its owner, who may send it, where its outcome is kept, where it is documented.

The owner is the one service that dead-letters a record that is wrong in itself; other readers skip and count it.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from shared.contracts.data import Data
from shared.contracts.partner_kinds import IN_WORDS, TOGETHER
from shared.contracts.topics import SERVICES

TYPE_PREFIX: Final = "fi.kulttuurilahete."
EVERY_SERVICE: Final = tuple(f"service/{name}" for name in SERVICES)
_PAGE: Final = "docs/contracts.md"
D = TypeVar("D", bound=type[Data])


class EventClass(NamedTuple):
    """One class of events, version 1."""

    model: type[Data]
    owner: str
    senders: frozenset[str]
    """Kinds of sources that may send the class: those of partners, or service/<name>."""
    outcome: str = ""
    """The owner's collection whose aggregates keep the outcome of such events, for a sender who asks after one."""
    on: tuple[str, ...] = ()
    """The topics where events of the class stand, if not each on its sender's own."""

    @property
    def name(self) -> str:
        return self.model.__name__

    @property
    def type(self) -> str:
        return f"{TYPE_PREFIX}{self.name}.v1"

    @property
    def public(self) -> bool:
        """Whether partners send the class."""
        return not all(sender.startswith("service/") for sender in self.senders)

    @property
    def sent_by(self) -> str:
        """Who may send the class, in words: `an opisto, a region or the feedback service`."""
        if self.senders >= {*EVERY_SERVICE}:
            return "any service"
        *others, last = _in_words(self.senders)
        return f"{', '.join(others)} or {last}" if others else last

    @property
    def documented(self) -> str:
        """Where the class is documented: a page and its heading."""
        return f"{_PAGE}, “Sent by {self.sent_by}”"


def _in_words(senders: frozenset[str]) -> list[str]:
    for kinds, words in TOGETHER:
        if senders >= {*kinds}:
            return [words, *_in_words(senders - {*kinds})]
    return [IN_WORDS.get(one) or f"the {one.removeprefix('service/')} service" for one in sorted(senders)]


DECLARED: Final[dict[str, EventClass]] = {}
"""Every class that was imported so far, by name; `registry.CLASSES` has all."""


def event_class(owner: str, *senders: str, outcome: str = "", on: tuple[str, ...] = ()) -> Callable[[D], D]:
    """Declares the class below as one of events, owned by a service and sent by these kinds of sources."""

    def declare(model: D) -> D:
        DECLARED[model.__name__] = EventClass(model, owner, frozenset(senders), outcome, on)
        return model

    return declare
