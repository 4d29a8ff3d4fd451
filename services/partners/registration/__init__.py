"""Who the partners are: what each says of itself by PUT /v1/partners/{kind}/{id}, which others look up."""

from collections.abc import Mapping
from typing import Final

from services.partners.registration.decide import registered
from services.partners.registration.model import Partner
from shared.contracts.data import Data
from shared.contracts.envelope import Event
from shared.contracts.partners_events import PartnerRegistered
from shared.engine.model import Handler, Kind
from shared.store import Collection, Index

PARTNERS: Final = Kind(
    Collection("partners", (Index(("kind", "listed")), Index(("listed",)), Index(("area",), many=True))),
    Partner,
    fields=lambda partner: {"kind": partner.kind, "listed": partner.source, "area": list(partner.area)},
    marked=False,
)


def _partner(event: Event[PartnerRegistered]) -> str:
    return event.data.subject


HANDLERS: Final[Mapping[type[Data], Handler]] = {PartnerRegistered: Handler(PARTNERS, _partner, registered)}
