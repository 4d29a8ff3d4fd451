"""A referral's events as a person reads them: causes first, what came of each, how long each step took. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from services.monitor.model import Traced
from services.monitor.trace_shapes import DeliveryTraced, LookTraced, TracedShown
from shared.contracts.envelope import written
from shared.contracts.registry import CLASSES

MACHINERY: Final = frozenset(
    CLASSES[name].type
    for name in ("NotificationQueued", "MatchingEnded", "PlaceGivenUp", "UseCounted", "AgreementToLook", "BondActive")
)
"""Steps between services: what came of each stands beside it."""
_QUEUED: Final = CLASSES["NotificationQueued"].type
_DELIVERIES: Final = frozenset({_QUEUED, CLASSES["NotificationDelivered"].type, CLASSES["NotificationFailed"].type})
_LOOK: Final = CLASSES["AccessRecorded"].type


class Timeline:
    """The events of one trace, in order, and what each has to do with the others."""

    def __init__(self, traced: Sequence[Traced]) -> None:
        self._by_id: Mapping[str, Traced] = {one.id: one for one in traced}
        self._ordered = in_causal_order(traced)

    def events(self, outcomes: Mapping[tuple[str, str], str | None]) -> list[TracedShown]:
        """What happened, causes first."""
        return [
            self._event(one, outcomes.get((one.source, one.id)))
            for one in self._ordered
            if not (_is_delivery(one) or _is_look(one))
        ]

    def deliveries(self) -> list[DeliveryTraced]:
        """What was told to whom, causes first."""
        return [self._delivery(one) for one in self._ordered if _is_delivery(one)]

    def looks(self) -> list[LookTraced]:
        """Who looked, the newest first."""
        return [_look(one) for one in reversed(self._ordered) if _is_look(one)]

    def _event(self, one: Traced, outcome: str | None) -> TracedShown:
        return {
            "source": one.source,
            "id": one.id,
            "type": one.type,
            "time": one.time,
            "recorded_at": recorded(one),
            "topic": one.first.topic if one.first else None,
            "causationid": one.causation or None,
            "delay_seconds": self._delay(one),
            "outcome": outcome,
            "seen": one.seen,
            "codes": one.codes,
            "machinery": _is_machinery(one),
        }

    def _delivery(self, one: Traced) -> DeliveryTraced:
        return {
            "type": one.type,
            "id": one.id,
            "recorded_at": recorded(one),
            "causationid": one.causation or None,
            "delay_seconds": self._delay(one),
            "to": one.codes.get("recipient"),
            "about": self._about(one),
            "machinery": _is_machinery(one),
        }

    def _delay(self, one: Traced) -> float | None:
        cause = self._by_id.get(one.causation)
        if not (one.first and cause and cause.first):
            return None
        return round((one.first.recorded_at - cause.first.recorded_at).total_seconds(), 3)

    def _about(self, one: Traced) -> str | None:
        """The event of which a delivery tells: its cause, or the cause of its entry in the queue."""
        cause = self._by_id.get(one.causation)
        if cause and cause.type == _QUEUED:
            cause = self._by_id.get(cause.causation)
        return cause.id if cause else None


def in_causal_order(traced: Sequence[Traced]) -> list[Traced]:
    """Causes before what they caused, else as recorded."""
    by_id = {one.id: one for one in traced}
    depths: dict[str, int] = {}
    for one in traced:
        chain: list[str] = []
        current: Traced | None = one
        while current and current.id not in depths and current.id not in chain:
            chain.append(current.id)
            current = by_id.get(current.causation)
        depth = depths.get(current.id, -1) if current else -1
        for id_ in reversed(chain):
            depth += 1
            depths[id_] = depth
    # By the time it was recorded, and within one millisecond the cause first.
    return sorted(traced, key=lambda one: (_at(one), depths[one.id], one.id))


def recorded(one: Traced) -> str:
    """When Kafka recorded it first; empty where no record is known."""
    return written(one.first.recorded_at) if one.first else ""


def _at(one: Traced) -> float:
    return one.first.recorded_at.timestamp() if one.first else 0.0


def _is_machinery(one: Traced) -> bool:
    return one.type in MACHINERY and one.source.startswith("/service/")


def _is_delivery(one: Traced) -> bool:
    return one.source == "/service/notify" and one.type in _DELIVERIES


def _is_look(one: Traced) -> bool:
    return one.type == _LOOK and one.source.startswith("/service/")


def _look(one: Traced) -> LookTraced:
    return {
        "recorded_at": recorded(one),
        "who": one.codes.get("who"),
        "action": one.codes.get("action"),
        "ground": one.codes.get("ground"),
        "allowed": one.codes.get("allowed") == "True",
        "source": one.source,
    }
