"""What the decisions about roles ask the service's store for."""

from datetime import date, datetime
from typing import Any, Final

import msgspec

from services.partners.registration.model import Partner
from services.partners.roles.activity import news, with_event
from services.partners.roles.bonds import Sides, bond_of
from services.partners.roles.model import BondState, KnownReferral, Role
from shared.contracts.cooperation_events import RoleNamed
from shared.contracts.envelope import Event
from shared.contracts.partners_events import BondToReview, RolesToReview
from shared.engine.model import Document
from shared.store import Store

MAX_ROLES: Final = 10
"""Roles that one partner may hold at a time on its side of a bond: of more, those of which it spoke last."""
A_PAGE: Final = 100
_PARTNER: Final = msgspec.json.Decoder(Document[Partner])
_ROLE: Final = msgspec.json.Decoder(Document[Role])
_BOND: Final = msgspec.json.Decoder(Document[BondState])


async def known_partners(state: Role | None, event: Event[RoleNamed], store: Store, now: datetime) -> set[str]:
    """The counterpart that a role names, where it has said who it is."""
    counterpart = event.data.counterpart
    rows = await store.load("partners", [counterpart] if counterpart else [])
    return {source for source, row in rows.items() if _PARTNER.decode(row.body).state}


async def waiting_for(state: Any, event: Event[RolesToReview], store: Store, now: datetime) -> list[tuple[str, str]]:
    """Owner and id of a page of roles that wait for a partner."""
    after = event.data.after
    rows = await store.find(
        "roles",
        equal={"awaits": event.data.partner},
        order="role",
        after=(after, after) if after else None,
        limit=A_PAGE,
    )
    owners = [row.id.partition(" ") for row in rows]
    return [(owner, role_id) for owner, _, role_id in owners]


async def both_sides(state: BondState | None, event: Event[BondToReview], store: Store, now: datetime) -> Sides:
    """The roles that both sides named for a bond."""
    bond = bond_of(event.data)
    of_host, of_organiser = [await _side(store, bond.side_of(one)) for one in (bond.host, bond.organiser)]
    return Sides(of_host, of_organiser)


async def _side(store: Store, side: str) -> list[Role]:
    rows = await store.find("roles", equal={"side": side}, order="said_at", descending=True, limit=MAX_ROLES)
    return [role for row in rows if (role := _ROLE.decode(row.body).state)]


async def last_days(state: KnownReferral | None, event: Event[Any], store: Store, now: datetime) -> dict[str, date]:
    """The last day of each pair that an event about a referral may be news to."""
    keys = [bond.key for bond, _ in news(state, with_event(state, event))]
    if not keys:
        return {}
    states = {id_: _BOND.decode(row.body).state for id_, row in (await store.load("bonds", keys)).items()}
    return {id_: one.active_on for id_, one in states.items() if one and one.active_on}
