"""The flows of a week as people see them: from whom to whom, all classes together. Pure: no clock, no I/O."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from services.monitor.flow import FlowState
from shared.contracts.notify_events import NotificationDelivered, NotificationFailed
from shared.contracts.participant_events import FeedbackSubmitted
from shared.contracts.topics import SERVICES

PARTNERS: Final = ("opisto", "region", "municipality", "association", "library")
PARTICIPANTS: Final = "participants"
FEEDS: Final = "feeds"
UNPROVEN: Final = "unproven"
NOBODY: Final = "nobody"
MONITOR: Final = "monitor"
ORDER: Final = (
    *(*PARTNERS, PARTICIPANTS, UNPROVEN),
    *("catalogue", "referral", "feedback", "partners", "notify", MONITOR, NOBODY, FEEDS),
)
"""In which the ends stand in lists."""


class FlowSum(NamedTuple):
    """What went one way in a week. `sender` and `to` are what the page Flow filters by; `delay` in seconds, on average.

    `undeclared`: how many of the events nobody declares; `classes`: how many classes are declared or came; `silent`: of
    how many of these nothing came.
    """

    source: str
    target: str
    sender: str
    to: str
    state: FlowState
    events: int
    refused: int
    delay: float
    undeclared: int
    classes: int
    silent: int

    @property
    def is_inner(self) -> bool:
        """Whether a service writes it for itself or for the monitor: machinery, which the map leaves out."""
        return self.source in SERVICES and self.target in {self.source, MONITOR}


def flow_sums(rows: Iterable[Mapping[str, Any]]) -> list[FlowSum]:
    """One for each two ends, of the rows of /v1/flow in any order: in the order in which a referral goes its road."""
    between: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        between[_ends(row)].append(row)
    return [_summed(*ends, between[ends]) for ends in sorted(between, key=lambda one: [*map(ORDER.index, one)])]


def _ends(row: Mapping[str, Any]) -> tuple[str, str]:
    """A participant answers by the form of the feedback service; a partner is told by the feeds that notify lays."""
    sender, name = row["sender"], row["name"]
    target = row["to"] if row["to"] in SERVICES else NOBODY
    if (sender, name) == ("service/feedback", FeedbackSubmitted.__name__):
        return PARTICIPANTS, target
    if sender == "service/notify" and name in {NotificationDelivered.__name__, NotificationFailed.__name__}:
        return "notify", FEEDS
    service = sender.removeprefix("service/")
    return service if service in SERVICES or sender in PARTNERS else UNPROVEN, target


def _summed(source: str, target: str, rows: Sequence[Mapping[str, Any]]) -> FlowSum:
    failures = [row for row in rows if target == FEEDS and row["name"] == NotificationFailed.__name__]
    flows = [row for row in rows if row not in failures]
    events = sum(row["events"] for row in flows)
    refused = sum(row["refused"] for row in rows) + sum(row["events"] for row in failures)
    undeclared = [row["events"] for row in rows if row["state"] == "undeclared"]
    return FlowSum(
        source,
        target,
        rows[0]["sender"],
        rows[0]["to"],
        "undeclared" if len(undeclared) == len(rows) else "flows" if events else "silent",
        events,
        refused,
        sum(row["delay"] * row["events"] for row in flows) / events if events else 0.0,
        sum(undeclared),
        len(flows),
        sum(row["state"] == "silent" for row in flows),
    )
