"""How many connections there may be, in all and from one address.

At the bound, the connection that has been idle longest gives way to a new one: slow heads and idle connections never
keep anybody out. Only when all connections have a request in work is a new one refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv6Network, ip_address
from typing import Protocol


@dataclass(frozen=True)
class Bounds:
    """Connections in all, from one address; seconds for a head, for a body, between two requests."""

    connections: int
    an_address: int
    head_seconds: float
    body_seconds: float
    idle_seconds: float


def sender_at(address: str) -> str:
    """The sender that an address counts as: by IPv6 a sender has a network of 64 bits with all its addresses."""
    try:
        at = ip_address(address)
    except ValueError:
        return address
    if at.version == 4:
        return str(at)
    return str(at.ipv4_mapped or IPv6Network((int(at), 64), strict=False))


class Connection(Protocol):
    """A connection to count. `address`: as `sender_at` returns it."""

    @property
    def address(self) -> str: ...

    def give_way(self) -> None:
        """Ends it at once."""


@dataclass
class _Crowd:
    """Connections that share a bound. `waiting`: those without a request in hand, the longest first."""

    most: int
    present: set[Connection] = field(default_factory=set)
    waiting: dict[Connection, None] = field(default_factory=dict)

    def is_full(self) -> bool:
        return len(self.present) >= self.most


class Room:
    """The connections of one server."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._all = _Crowd(bounds.connections)
        self._from: dict[str, _Crowd] = {}

    def __len__(self) -> int:
        return len(self._all.present)

    def enter(self, one: Connection) -> bool:
        """Whether there is room for the connection, or an idle one made room."""
        here = self._from.get(one.address)
        if (here and not self._has_room(here)) or not self._has_room(self._all):
            return False
        self._from.setdefault(one.address, _Crowd(self.bounds.an_address))
        for crowd in self._crowds(one):
            crowd.present.add(one)
            crowd.waiting[one] = None
        return True

    def has_work(self, one: Connection) -> None:
        """The connection has brought a request."""
        for crowd in self._crowds(one):
            crowd.waiting.pop(one, None)

    def waits(self, one: Connection) -> None:
        """The connection has its answer."""
        for crowd in self._crowds(one):
            crowd.waiting.pop(one, None)
            if one in crowd.present:
                crowd.waiting[one] = None

    def leave(self, one: Connection) -> None:
        """The connection is gone."""
        for crowd in self._crowds(one):
            crowd.present.discard(one)
            crowd.waiting.pop(one, None)
        if (here := self._from.get(one.address)) and not here.present:
            del self._from[one.address]

    def _has_room(self, crowd: _Crowd) -> bool:
        if crowd.is_full() and crowd.waiting:
            longest = next(iter(crowd.waiting))
            self.leave(longest)
            longest.give_way()
        return not crowd.is_full()

    def _crowds(self, one: Connection) -> Iterator[_Crowd]:
        yield self._all
        if here := self._from.get(one.address):
            yield here
