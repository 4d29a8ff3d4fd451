"""What two partners named for each other: a pair, or a seat in a wellbeing group. Pure.

A review looks at both sides' roles as they are, so that it ends the same whatever it was that changed first.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final, NamedTuple

import msgspec

from services.partners.roles.model import ONE_DAY, Bond, BondState, Role, SideRole
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.partners_events import BondActive, BondToReview, PairSilent
from shared.engine.model import Decision, Due, Follow

SILENT_AFTER: Final = timedelta(days=90)
_changed = msgspec.structs.replace


class Sides(NamedTuple):
    """The roles that each side named for the bond, those first of which it spoke last."""

    host: Sequence[Role]
    organiser: Sequence[Role]


def bond_of(data: BondToReview | BondActive) -> Bond:
    """The bond that an event is about."""
    return Bond(data.kind, data.host, data.organiser, data.unit_ref or "")


def reviewed(state: BondState | None, event: Event[BondToReview], now: datetime, sides: Sides) -> Decision[BondState]:
    """The bond as both sides' roles are now."""
    state = state or BondState(bond_of(event.data))
    host, organiser = _holding(sides.host), _holding(sides.organiser)
    standing = _pair(host, organiser) if state.bond.kind == "pair" else _seat(sides)
    return Decision(
        _changed(
            state,
            standing=standing,
            host_roles=host,
            organiser_roles=organiser,
            whole_on=(state.whole_on or now.date()) if standing == "whole" else None,
        )
    )


def _holding(roles: Iterable[Role]) -> tuple[SideRole, ...]:
    return tuple(
        SideRole(role.role_id, role.words.title, role.words.ends_on)
        for role in roles
        if role.words and role.state == "current"
    )


def _pair(host: Sequence[SideRole], organiser: Sequence[SideRole]) -> str:
    if host and organiser:
        return "whole"
    if host or organiser:
        return "lacks_organiser" if host else "lacks_region"
    return "nobody"


def _seat(sides: Sides) -> str:
    """The host's word counts, for only the host knows who sits in its group; an organiser's claims until it has spoken."""
    held = [role for role in sides.host if role.state == "current"]
    if held:
        return "recognised_only" if held[0].words and held[0].words.recognised_only else "seated"
    claims = [role.said_at for role in sides.organiser if role.state == "current" and role.said_at]
    spoke = sides.host[0].said_at if sides.host else None
    return "claimed" if claims and (spoke is None or max(claims) > spoke) else "nobody"


# --- silence


def active(state: BondState | None, event: Event[BondActive], now: datetime, context: object) -> Decision[BondState]:
    """The two did something together; a silence that was told is over."""
    state = state or BondState(bond_of(event.data))
    if state.active_on and state.active_on >= event.data.on:
        return Decision(state)
    return Decision(_changed(state, active_on=event.data.on, told_silent=False))


def deadlines(state: BondState) -> list[Due]:
    """When a pair that is whole has been silent for too long; none once it was told so."""
    since = silent_since(state)
    return [Due("pair_silence", since + SILENT_AFTER)] if since and not state.told_silent else []


def silent_since(state: BondState) -> datetime | None:
    """Since when nothing has been heard of a pair, its last day over; None where it is not whole."""
    if state.whole_on is None:
        return None
    last = max(state.whole_on, state.active_on or state.whole_on)
    return datetime.combine(last + ONE_DAY, time(0), UTC)


def silence(
    state: BondState | None, event: Event[DeadlinePassed], now: datetime, context: object
) -> Decision[BondState]:
    """Tells both of a pair that it is silent, once."""
    if state is None or event.data.due_at not in {due.due_at for due in deadlines(state)}:
        return Decision(state)
    bond, since = state.bond, silent_since(state)
    assert since is not None
    follow = [
        Follow(
            PairSilent(
                recipient=recipient,
                region=bond.host,
                unit_ref=bond.unit_ref,
                organiser=bond.organiser,
                active_on=state.active_on,
                since=since,
            ),
            recipient,
        )
        for recipient in (bond.host, bond.organiser)
    ]
    return Decision(_changed(state, told_silent=True), follow)
