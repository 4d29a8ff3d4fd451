"""Whom a region lets refer its inhabitants beside itself: its latest word holds, whole. Pure.

A word about tests rules synthetic referrals alone, for which the region's real word counts until there is one.
"""

from datetime import datetime

import msgspec

from services.referral.model import Referral
from shared.contracts.envelope import Event
from shared.contracts.partner_kinds import is_of
from shared.contracts.region_events import OTHERS_ROUTES, ReferralIssued, ReferrersAllowed, region_of
from shared.contracts.registry import kind_of
from shared.engine.model import Decision


class RegionsWord(msgspec.Struct, frozen=True):
    """A region's latest word: routes by a kind of partner, or by one partner's source."""

    time: datetime
    rank: str
    routes: dict[str, tuple[str, ...]]


class RegionsReferrers(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one region has said."""

    region: str
    word: RegionsWord | None = None
    of_tests: RegionsWord | None = None


def referrers_allowed(
    state: RegionsReferrers | None, event: Event[ReferrersAllowed], now: datetime, context: object
) -> Decision[RegionsReferrers]:
    """Keeps the region's latest word. It takes nothing from referrals that are open."""
    state = state or RegionsReferrers(event.source)
    known = state.of_tests if event.synthetic else state.word
    if known and (known.time, known.rank) > (event.time, event.rank):
        return Decision(state)
    said = RegionsWord(event.time, event.rank, _by_whom(event.data))
    changed = {"of_tests" if event.synthetic else "word": said}
    return Decision(msgspec.structs.replace(state, **changed))


def _by_whom(data: ReferrersAllowed) -> dict[str, tuple[str, ...]]:
    routes: dict[str, set[str]] = {}
    for one in data.referrers:
        routes.setdefault(one.who, set()).update(one.routes)
    return {who: tuple(sorted(named)) for who, named in sorted(routes.items())}


def asked_region(event: Event[ReferralIssued]) -> str | None:
    """The region whose word an issue needs; None of what a region issues itself."""
    return None if is_of(event.source, ("region",)) else f"/region/{region_of(event.source, event.data.municipality)}"


def refusal(state: Referral, event: Event[ReferralIssued], word: RegionsReferrers | None) -> str | None:
    """Why the issue does not count: the client's region does not allow it. What is open goes on in its region."""
    region = asked_region(event)
    if region is None or _goes_on(state, event, region):
        return None
    allowed = _routes(word, event)
    if event.data.route in allowed:
        return None
    by = ", ".join(route for route in OTHERS_ROUTES if route in allowed) or "no route"
    return (
        f"{region}, where the client lives, lets {event.source} refer by {by}, not by {event.data.route}: once it allows "
        "that (ReferrersAllowed), ops can send the event again"
    )


def _goes_on(state: Referral, event: Event[ReferralIssued], region: str) -> bool:
    known = state.issued
    return known is not None and known.source == event.source and f"/region/{known.region}" == region


def _routes(word: RegionsReferrers | None, event: Event[ReferralIssued]) -> set[str]:
    said = word and ((event.synthetic and word.of_tests) or word.word)
    if not said:
        return set()
    return {*said.routes.get(kind_of(event.source), ()), *said.routes.get(event.source, ())}
