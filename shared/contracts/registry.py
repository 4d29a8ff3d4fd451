"""All classes of events; each declares itself beside its model, in the module that is named after who sends it."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from shared.contracts import (
    agreement_events,
    catalogue_events,
    cooperation_events,
    every_service_events,
    feedback_events,
    group_events,
    group_place_events,
    group_told_events,
    monitor_events,
    notify_events,
    opisto_events,
    participant_events,
    partners_events,
    record_events,
    referral_events,
    region_events,
)
from shared.contracts.errors import UnknownType
from shared.contracts.event_class import DECLARED, TYPE_PREFIX, EventClass

_MODULES: Final = (
    region_events,
    opisto_events,
    group_events,
    participant_events,
    cooperation_events,
    referral_events,
    group_told_events,
    group_place_events,
    catalogue_events,
    feedback_events,
    notify_events,
    partners_events,
    agreement_events,
    record_events,
    monitor_events,
    every_service_events,
)
CLASSES: Final[Mapping[str, EventClass]] = {
    name: one for module in _MODULES for name, one in DECLARED.items() if one.model.__module__ == module.__name__
}
"""In the order of these modules and of the classes in each, whoever imports one of them first."""


@lru_cache(maxsize=256)
def known_class(type_: str) -> EventClass | None:
    """The class a CloudEvents `type` names, if any."""
    name, _, version = type_.removeprefix(TYPE_PREFIX).rpartition(".v")
    return CLASSES.get(name) if type_.startswith(TYPE_PREFIX) and version == "1" else None


def class_of(type_: str) -> EventClass:
    """The class a CloudEvents `type` names. Raises `UnknownType`, which names all that can be sent."""
    found = known_class(type_)
    if found is None:
        raise UnknownType(
            f"no event has the type {type_[:120]!r}; version 1 of {', '.join(public_names())} can be sent"
        )
    return found


def schema_id(name: str) -> str:
    """The URI of the schema of a class or an extract: a name, not an address. RFC 8141 allows no dot in its second part."""
    return f"urn:kulttuurilahete:{name}:v1"


def public_names() -> list[str]:
    """The classes that partners send."""
    return [event_class.name for event_class in CLASSES.values() if event_class.public]


@lru_cache(maxsize=4096)
def kind_of(source: str) -> str:
    """`/region/06` is a region; `/service/feedback` is service/feedback."""
    kind, _, rest = source[1:].partition("/")
    return f"service/{rest}" if kind == "service" else kind
