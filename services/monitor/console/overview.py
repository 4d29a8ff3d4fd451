"""The first page: what needs a person today, and whether the platform works."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from services.monitor.console.lag import TONES
from services.monitor.console.overview_map import map_content, said_of_nodes
from services.monitor.console.pages import ConsolePage, Content, PartSaid, Visit

_MOST_FEEDS: Final = "500"
_A_WEEK: Final = timedelta(days=7)
_STANDS_STILL: Final = frozenset({"stall", "stop"})


class Need(NamedTuple):
    """A line of what needs a person: the name of its text, what it is about, how many there are, where it is mended."""

    text: str
    about: str
    many: int
    path: str


async def show(visit: Visit) -> Content:
    """Each part says what it knows; one that cannot be asked says why, and the rest is shown."""
    checks, lag, letters, late, senders, feeds, flow = await asyncio.gather(
        visit.part("/v1/checks"),
        visit.part("/v1/lag"),
        _letters(visit),
        visit.part("/v1/overdue", {"limit": "0"}),
        visit.part("/v1/senders"),
        visit.part("/v1/readers", {"limit": _MOST_FEEDS}),
        visit.part("/v1/flow"),
    )
    faults = {one.fault: None for one in (checks, lag, late, letters, senders, feeds, flow) if one.fault}
    unread = _unread_for_a_week(feeds.said or {}, visit.request.app.state.clock.now())
    services = _services(checks.said or {}, lag.said or {})
    needs = [
        *_of_checks(checks.said or {}),
        *_of_lag(lag.said or {}),
        *_of_overdue(late.said or {}),
        *_of_letters(letters.said or {}),
        *_of_senders(senders.said or {}),
        *([Need("feeds_unread", "", unread, "/readers")] if unread else []),
    ]
    words, map_words = visit.words, visit.words_of("flow_map")
    says = said_of_nodes(services, senders.said, feeds.said, unread, words, map_words)
    return {
        "needs": needs,
        "services": services,
        "tones": TONES,
        **map_content((flow.said or {}).get("edges", ()), says, map_words),
        "faults": faults,
        "summary": f"{words['today']}: {len(needs)}" if needs else words["not_known" if faults else "nothing_today"],
    }


async def _letters(visit: Visit) -> PartSaid:
    """How many dead letters stand open; for a reader nothing."""
    return await visit.part("/v1/dead-letter-groups", {"limit": "0"}) if visit.acts else PartSaid({})


def _of_checks(said: Mapping[str, Any]) -> Iterator[Need]:
    for one in said.get("checks", ()):
        if one["state"] == "failed" and not one["name"].startswith(("keeps_up:", "faults")):
            yield Need(f"check_{one['name'].partition(':')[0]}", one["service"] or "", 0, "/checks")


def _of_lag(said: Mapping[str, Any]) -> Iterator[Need]:
    for one in said.get("services", ()):
        if one["state"] in _STANDS_STILL:
            yield Need(f"lag_{one['state']}", one["service"], 0, "/lag")


def _of_overdue(said: Mapping[str, Any]) -> Iterator[Need]:
    counted = said.get("counted", {})
    for text, name in (
        ("session_soon", "session_within_a_week"),
        ("overdue", "referrals"),
        ("events_wait", "events"),
    ):
        if many := counted.get(name):
            yield Need(text, "", many, "/overdue")


def _of_letters(said: Mapping[str, Any]) -> Iterator[Need]:
    """Those that stand open, but for groups that somebody has parked until later."""
    if many := said.get("open"):
        yield Need("open_letters", "", many, "/dead-letter-groups")


def _of_senders(said: Mapping[str, Any]) -> Iterator[Need]:
    if many := sum(one["usual"] == "silent" for one in said.get("senders", ())):
        yield Need("senders_silent", "", many, "/senders?usual=silent")


def _unread_for_a_week(said: Mapping[str, Any], now: datetime) -> int:
    since = [datetime.fromisoformat(one["unread_since"]) for one in said.get("readers", ()) if one["unread_since"]]
    return sum(now - at >= _A_WEEK for at in since)


def _services(checks: Mapping[str, Any], lag: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of each service whether it is ready, how it keeps up, how far it is behind."""
    ready = {one["service"]: one["state"] for one in checks.get("checks", ()) if one["name"].startswith("ready:")}
    states = {one["service"]: one["state"] for one in lag.get("services", ())}
    return [
        {
            "service": service,
            "ready": ready.get(service),
            "state": states.get(service),
            "lag": _lag_of(service, lag),
        }
        for service in dict.fromkeys((*ready, *states))
    ]


def _lag_of(service: str, lag: Mapping[str, Any]) -> int | None:
    """None where nobody knows."""
    groups = lag.get("groups")
    return None if groups is None else sum(one["lag"] for one in groups if one["service"] == service)


PAGE: Final = ConsolePage("overview", "/", show, "today", renews=True, key="o")
