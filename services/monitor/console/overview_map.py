"""The map of flows on Overview with its table: what goes from whom to whom, and how each end of it fares."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from services.monitor.console.flow_map import flow_map
from services.monitor.console.flow_sums import FEEDS, NOBODY, PARTICIPANTS, PARTNERS, UNPROVEN, FlowSum, flow_sums
from services.monitor.console.lag import TONES
from services.monitor.console.links import address
from services.monitor.console.pages import Content
from services.monitor.console.words import Words
from services.monitor.flow import FlowState
from services.monitor.lag_states import LagState
from shared.contracts.topics import SERVICES

FLOW: Final = "/flow"
FLOW_TONES: Final[Mapping[FlowState, str]] = {"undeclared": "bad", "silent": "warn", "flows": "good"}
_NOTHING_KNOWN: Final[Mapping[str, Any]] = {"ready": None, "state": None}


class NodeSaid(NamedTuple):
    """What a box of the map says below its name, how that looks, and where it leads."""

    text: str
    tone: str
    path: str


class InnerFlows(NamedTuple):
    """What services write for themselves and for the monitor, all together."""

    events: int
    refused: int


def map_content(rows: Iterable[Mapping[str, Any]], says: Mapping[str, NodeSaid], map_words: Words) -> Content:
    """What `flow_map.html` shows of the rows of /v1/flow; nothing where there are none."""
    flows = flow_sums(rows)
    inner = [flow for flow in flows if flow.is_inner]
    return {
        "map": flow_map(flows) if flows else None,
        "flows": [flow for flow in flows if not flow.is_inner],
        "inner": InnerFlows(sum(one.events for one in inner), sum(one.refused for one in inner)),
        "flow_tones": FLOW_TONES,
        "flow_address": flow_address,
        "map_says": says,
        "map_words": map_words,
    }


def flow_address(flow: FlowSum) -> str:
    """The page Flow with the classes of one way alone."""
    return address(FLOW, {"sender": flow.sender, "to": flow.to})


def said_of_nodes(
    services: Iterable[Mapping[str, Any]],
    senders: Mapping[str, Any] | None,
    readers: Mapping[str, Any] | None,
    unread: int,
    words: Words,
    map_words: Words,
) -> dict[str, NodeSaid]:
    """How each end fares: senders by how many are silent, services by how they keep up, feeds by how many are unread.

    Of what could not be asked, which is None, nothing is said.
    """
    undeclared = NodeSaid("", "", f"{FLOW}?state=undeclared")
    known = {one["service"]: one for one in services}
    return {
        **{kind: _of_senders(kind, senders, map_words) for kind in PARTNERS},
        **{name: _of_service(known.get(name, _NOTHING_KNOWN), words) for name in SERVICES},
        PARTICIPANTS: NodeSaid("", "", address(FLOW, {"sender": "service/feedback", "to": "feedback"})),
        FEEDS: _of_feeds(readers, unread, map_words),
        UNPROVEN: undeclared,
        NOBODY: undeclared,
    }


def _of_senders(kind: str, said: Mapping[str, Any] | None, map_words: Words) -> NodeSaid:
    if said is None:
        return NodeSaid("", "", "/senders")
    own = [one["usual"] for one in said["senders"] if one["sender"].startswith(f"/{kind}/")]
    return _counted(len(own), own.count("silent"), "senders", "silent_senders", "/senders", map_words)


def _of_feeds(said: Mapping[str, Any] | None, unread: int, map_words: Words) -> NodeSaid:
    if said is None:
        return NodeSaid("", "", "/readers")
    return _counted(len(said["readers"]), unread, "feeds", "unread", "/readers", map_words)


def _counted(many: int, bad: int, all_word: str, bad_word: str, path: str, map_words: Words) -> NodeSaid:
    if bad:
        return NodeSaid(f"{map_words[bad_word]}: {bad} / {many}", "warn", path)
    return NodeSaid(f"{map_words[all_word]}: {many}", "", path)


def _of_service(known: Mapping[str, Any], words: Words) -> NodeSaid:
    if known["ready"] == "failed":
        return NodeSaid(words["ready_failed"], "bad", "/checks")
    state: LagState = known["state"] or "unknown"
    return NodeSaid(words[f"state_{state}"], TONES[state], "/lag")
