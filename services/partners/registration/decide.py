"""What a partner says of itself: its latest word holds, whole."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.partners.registration.model import Partner, Unit
from shared.contracts.envelope import Event
from shared.contracts.partners_events import PartnerRegistered, RolesToReview
from shared.engine.model import Decision, Follow


def registered(
    state: Partner | None, event: Event[PartnerRegistered], now: datetime, context: object
) -> Decision[Partner]:
    """Keeps a partner's latest word about itself; its first lets go on what waits for it."""
    if state and (state.time, state.rank) > (event.time, event.rank):
        return Decision(state)
    data = event.data
    return Decision(
        Partner(
            source=data.partner,
            name=data.name,
            classes=data.classes,
            language=data.language,
            time=event.time,
            rank=event.rank,
            languages=data.languages,
            area=data.area,
            units=tuple(Unit(one.unit_ref, one.kind, _plain(one.name)) for one in data.units),
            addresses=_plain(data.addresses),
        ),
        [] if state else [Follow(RolesToReview(partner=data.partner))],
    )


def _plain(said: Mapping[Any, str] | None) -> dict[str, str]:
    return {str(name): text for name, text in (said or {}).items()}
