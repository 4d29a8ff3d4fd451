"""A referral's trace as one timeline: what happened in order, what was told of each step, the machinery folded away.

Pure: no clock, no I/O.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from shared.contracts.partner_kinds import PARTNER_KINDS

_PREFIX: Final = "fi.kulttuurilahete."
_A_GAP: Final = 3_600.0
"""Seconds without an event that a timeline names."""


class TimelineStep(NamedTuple):
    """One event of the timeline. `gap`: seconds since the one before, if many; `told`: what was told of it to whom."""

    name: str
    event: Mapping[str, Any]
    kind: str
    gap: float | None
    told: Sequence[Mapping[str, Any]]


class TimelineFold(NamedTuple):
    """Events of the machinery that stand between two steps."""

    events: Sequence[Mapping[str, Any]]


def class_name(type_: str) -> str:
    """`ReferralIssued` of `fi.kulttuurilahete.ReferralIssued.v1`; another type as it is."""
    return type_.removeprefix(_PREFIX).rpartition(".v")[0] if type_.startswith(_PREFIX) else type_


def timeline(
    events: Iterable[Mapping[str, Any]], deliveries: Iterable[Mapping[str, Any]]
) -> list[TimelineStep | TimelineFold]:
    """Steps and folds, in the order of the trace."""
    told: defaultdict[str | None, list[Mapping[str, Any]]] = defaultdict(list)
    for one in deliveries:
        if not one["machinery"]:
            told[one["about"]].append(one)
    shown: list[TimelineStep | TimelineFold] = []
    folded: list[Mapping[str, Any]] = []
    before: datetime | None = None
    for event in events:
        if event["machinery"]:
            folded.append(event)
            continue
        at = _time(event["recorded_at"])
        shown += [TimelineFold(folded)] if folded else []
        folded = []
        name = class_name(event["type"])
        shown.append(TimelineStep(name, event, _kind(event["source"]), _gap(before, at), told[event["id"]]))
        before = at or before
    return [*shown, TimelineFold(folded)] if folded else shown


def _kind(source: str) -> str:
    kind = source.removeprefix("/").partition("/")[0]
    return kind if kind in {*PARTNER_KINDS, "service"} else "unknown"


def _time(written: str) -> datetime | None:
    return datetime.fromisoformat(written) if written else None


def _gap(before: datetime | None, at: datetime | None) -> float | None:
    passed = (at - before).total_seconds() if at and before else 0.0
    return passed if passed >= _A_GAP else None
