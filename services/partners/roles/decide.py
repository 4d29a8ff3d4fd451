"""What a partner says of its roles: the latest word holds, and no one's but the owner's.

Pure. A role at a partner that has not said who it is waits until that one does; a role that changes has its bond reviewed.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from services.partners.roles.model import ONE_DAY, Bond, Role, RoleWords, begin_of
from shared.contracts.cooperation_events import RoleEnded, RoleNamed
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.partner_kinds import ORGANISERS, is_of
from shared.contracts.partners_events import BondToReview, RoleEndsSoon, RolesToReview, RoleToReview
from shared.engine.model import Decision, Due, Follow, Rejected, Waits

REMINDED_BEFORE: Final = timedelta(days=30)
MAX_AWAITED: Final = 64
"""Partners that one role waits for: as many as events of its owner may wait in its document."""
Decided = Decision[Role] | Waits | Rejected
_changed = msgspec.structs.replace


def named(state: Role | None, event: Event[RoleNamed], now: datetime, known: Collection[str]) -> Decided:
    """Names a role. `known`: of the partners that it names those that have said who they are."""
    if event.synthetic:
        return Decision(state)
    data = event.data
    if why := why_not(event.source, data):
        return Rejected(why)
    role = state or Role(event.source, data.role_id)
    words = _words_of(event)
    if data.counterpart and data.counterpart not in known and not _is_older(words, role):
        awaits = (*[one for one in role.awaits if one != data.counterpart], data.counterpart)[-MAX_AWAITED:]
        look = Follow(RoleToReview(owner=role.owner, role_id=role.role_id), once=True)
        return Waits(f"PartnerRegistered of {data.counterpart}", Decision(_changed(role, awaits=awaits), [look]))
    after = _changed(
        role,
        words=role.words if _is_older(words, role) else words,
        awaits=tuple(one for one in role.awaits if one != data.counterpart),
    )
    return _told(role, _standing(after, now))


def why_not(source: str, data: RoleNamed) -> str | None:
    """Why this sender cannot name such a role; None where it can."""
    if data.kind == "pair":
        region, other = sorted((source, str(data.counterpart)), key=lambda one: not one.startswith("/region/"))
        if not region.startswith("/region/") or not is_of(other, ORGANISERS):
            return f"a pair is of a region and an organiser: {source} and {data.counterpart} are none"
    if data.kind == "hyte_seat":
        return _why_no_seat(source, str(data.counterpart), str(data.host), recognised_only=data.recognised_only)
    return None


def _why_no_seat(source: str, counterpart: str, host: str, *, recognised_only: bool) -> str | None:
    if host not in {source, counterpart} or source == counterpart:
        return f"/data/host is {host}: the group is the sender's, {source}, or the counterpart's, {counterpart}"
    organiser = counterpart if host == source else source
    if not is_of(host, ("region", "municipality")) or not is_of(organiser, ORGANISERS):
        return f"a seat is an organiser's in a region's or municipality's group: not of {organiser} in that of {host}"
    if recognised_only and host != source:
        return f"/data/recognised_only: only the group's own host, {host}, says that there is no seat in it"
    return None


def ended(state: Role | None, event: Event[RoleEnded], now: datetime, context: object) -> Decided:
    """Ends a role, unless a later word has named it anew."""
    if event.synthetic:
        return Decision(state)
    if state is None or state.words is None:
        return Waits("RoleNamed")
    order = (event.time, event.rank)
    return _told(state, _standing(_changed(state, ended=max(state.ended or order, order)), now))


def reviewed(state: Role | None, event: Event[RoleToReview], now: datetime, context: object) -> Decision[Role]:
    """Changes nothing: the engine tries the events that wait here again."""
    return Decision(state)


def others_to_review(
    state: Any, event: Event[RolesToReview], now: datetime, waiting: Sequence[tuple[str, str]]
) -> Decision[Any]:
    """Has the roles reviewed that wait for a partner who has just said who it is: one page, then the next."""
    follow = [Follow(RoleToReview(owner=owner, role_id=role_id), f"{owner} {role_id}") for owner, role_id in waiting]
    if waiting:
        follow.append(Follow(RolesToReview(partner=event.data.partner, after=" ".join(waiting[-1]))))
    return Decision(state, follow)


# --- time


def deadlines(role: Role) -> list[Due]:
    """When the role begins, when its owner is reminded of its end, and when it ends."""
    words = role.words
    if words is None or role.state == "ended":
        return []
    dues = [Due("role_begins", begin_of(words.begins_on))] if role.state == "upcoming" else []
    if words.ends_on is None:
        return dues
    if role.reminded_of != words.ends_on:
        dues.append(Due("role_ends_soon", begin_of(words.ends_on) - REMINDED_BEFORE))
    return [*dues, Due("role_ends", begin_of(words.ends_on + ONE_DAY))]


def deadline_passed(state: Role | None, event: Event[DeadlinePassed], now: datetime, context: object) -> Decision[Role]:
    """The role begins, or ends, or its owner is reminded; of words that hold no more nothing is due."""
    data = event.data
    if state is None or state.words is None:
        return Decision(state)
    if (data.what, data.due_at) not in {(due.what, due.due_at) for due in deadlines(state)}:
        return Decision(state)
    after = _standing(state, max(now, data.due_at))
    if data.what != "role_ends_soon":
        return _told(state, after)
    after = _changed(after, reminded_of=state.words.ends_on)
    return _told(state, after, [] if after.state == "ended" else [Follow(_reminder(after, state.words))])


def _reminder(role: Role, words: RoleWords) -> RoleEndsSoon:
    assert words.ends_on is not None
    return RoleEndsSoon(
        recipient=role.owner,
        role_id=role.role_id,
        kind=words.kind,
        title=words.title,  # type: ignore[arg-type]
        ends_on=words.ends_on,
        counterpart=words.counterpart or None,
    )


# --- what follows from the words


def _words_of(event: Event[RoleNamed]) -> RoleWords:
    data = event.data
    return RoleWords(
        time=event.time,
        rank=event.rank,
        kind=data.kind,
        title=data.title,
        begins_on=data.begins_on,
        ends_on=data.ends_on,
        counterpart=data.counterpart or "",
        unit_ref=data.unit_ref or "",
        host=data.host or "",
        recognised_only=data.recognised_only,
    )


def _is_older(words: RoleWords, role: Role) -> bool:
    return role.words is not None and role.words.order > words.order


def _standing(role: Role, now: datetime) -> Role:
    words = role.words
    if words is None:
        return role
    over = words.ends_on is not None and now >= begin_of(words.ends_on + ONE_DAY)
    if over or (role.ended and role.ended > words.order):
        return _changed(role, state="ended")
    return _changed(role, state="upcoming" if now < begin_of(words.begins_on) else "current")


def _told(before: Role, after: Role, follow: Iterable[Follow] = ()) -> Decision[Role]:
    """The role, and the review of each bond that it changes."""
    if _seen(before) == _seen(after):
        return Decision(after, [*follow])
    bonds = dict.fromkeys(bond for bond in (before.bond, after.bond) if bond)
    return Decision(after, [*follow, *(Follow(_review(bond), bond.key, once=True) for bond in bonds)])


def _seen(role: Role) -> object:
    return role.words, role.ended, role.state


def _review(bond: Bond) -> BondToReview:
    return BondToReview(kind=bond.kind, host=bond.host, organiser=bond.organiser, unit_ref=bond.unit_ref or None)
