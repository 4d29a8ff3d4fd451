"""Checks whether the platform can work, each upon those that it stands on: what fails first is what to mend.

`lahete doctor` and the console's page Checks show the same, by `GET /v1/checks`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final, Literal

import httpx

from services.monitor.heartbeat import missing
from services.monitor.lag_states import LagState
from services.monitor.shares import decoded_events
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.heartbeat import BEAT
from shared.contracts.registry import class_of
from shared.engine.receive import HANDLER_FAILED
from shared.kafka.cluster import Cluster
from shared.kafka.there import topics_there
from shared.store import Store, StoreUnavailable

CheckState = Literal["ok", "failed", "not_asked"]
Probe = Callable[["Ground"], Awaitable[str | None]]
"""What is wrong, in one line; None where nothing is."""

WITHIN: Final = 10.0
"""Seconds: Kafka's client takes eight to say that nobody answers, and where."""
_MOST_SKEW: Final = 5.0
"""Seconds: events five minutes ahead are refused, so a clock that goes this far off is worth a look."""
MISSED: Final = 3
"""How many intervals without a heartbeat are none, as the alert HeartbeatMissed counts them."""
_MOST_COUNTED: Final = 1_000
_KEEPS_UP: Final[frozenset[LagState]] = frozenset({"ok", "warn", "unknown"})


@dataclass(frozen=True)
class Ground:
    """What the checks look at. `urls`: by service, its address; `states`: by service, how it keeps up.

    `beats`: how often a heartbeat is sent, if it is, by the platform's clock.
    """

    store: Store
    cluster: Cluster
    urls: Mapping[str, str]
    key: str
    states: Callable[[], Mapping[str, LagState]]
    client: httpx.AsyncClient
    clock: Clock
    beats: timedelta | None = None


@dataclass(frozen=True)
class Check:
    """One check. `about`: the service it is about, if one; `needs`: the names of those it stands on."""

    name: str
    probe: Probe
    advice: str
    about: str = ""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checked:
    """What a check has found."""

    check: Check
    state: CheckState
    said: str = ""


async def checked(ground: Ground) -> list[Checked]:
    """All checks, in order; what stands on one that failed is not asked."""
    found: dict[str, Checked] = {}
    for rank in _ranks(checks_of(ground.urls, beats=ground.beats is not None)):
        done = await asyncio.gather(*(_checked(one, ground, found) for one in rank))
        found |= {one.check.name: one for one in done}
    return list(found.values())


def checks_of(urls: Mapping[str, str], *, beats: bool = False) -> list[Check]:
    """Those of the platform, and of each service with an address; of heartbeats where some are sent."""
    return [
        Check("store", _store, "Start the monitor's database, or make room on the disk of its folder."),
        Check("kafka", _kafka, "Start Kafka, or mend LAHETE_KAFKA and the login; the line says which."),
        Check("topics", _topics, "Run `lahete topics apply`; it makes what is missing.", needs=("kafka",)),
        *(one for service in urls for one in _of_service(service)),
        *(_of_heartbeat(urls) if beats else ()),
        Check(
            "faults",
            _faults,
            "`lahete dead-letters groups` says which; mend the fault, then `lahete dead-letters redrive` sends them again.",
            needs=("store",),
        ),
    ]


def _of_heartbeat(urls: Iterable[str]) -> Sequence[Check]:
    advice = "Look at the service that should have written the first of them: docs/runbooks/HeartbeatMissed.md."
    return (Check("heartbeat", _heartbeat, advice, needs=("store", *(f"keeps_up:{service}" for service in urls))),)


def _of_service(service: str) -> Sequence[Check]:
    alive, ready = f"alive:{service}", f"ready:{service}"
    return (
        Check(alive, partial(_alive, service), f"Start {service}, and look at its log's last lines.", service),
        Check(
            f"clock:{service}",
            partial(_clock, service),
            "Let NTP set the clocks of both machines.",
            service,
            needs=(alive,),
        ),
        Check(ready, partial(_ready, service), "Do what its line says.", service, needs=("kafka", "topics", alive)),
        Check(
            f"key:{service}",
            partial(_key, service),
            "Give the monitor's key, `lahete key add service:monitor`, in the file that LAHETE_SERVICE_KEY_FILE names.",
            service,
            needs=(ready,),
        ),
        Check(
            f"keeps_up:{service}",
            partial(_keeps_up, service),
            f"Look at the page Lag, then at the log of {service}; `lahete restart {service}` begins it anew.",
            service,
            needs=(ready,),
        ),
    )


def _ranks(checks: Sequence[Check]) -> list[list[Check]]:
    """The checks in groups that can be asked at once: each after those that it needs."""
    ranks: list[list[Check]] = []
    placed: set[str] = set()
    left = list(checks)
    while left:
        rank = [one for one in left if placed >= set(one.needs)]
        ranks.append(rank)
        placed |= {one.name for one in rank}
        left = [one for one in left if one.name not in placed]
    return ranks


async def _checked(check: Check, ground: Ground, found: Mapping[str, Checked]) -> Checked:
    if any(found[name].state != "ok" for name in check.needs):
        return Checked(check, "not_asked")
    try:
        async with asyncio.timeout(WITHIN):
            said = await check.probe(ground)
    except TimeoutError:
        said = f"no answer within {WITHIN:g} s"
    return Checked(check, "failed", said) if said else Checked(check, "ok")


# --- the probes


async def _store(ground: Ground) -> str | None:
    try:
        await ground.store.load("events", ["none"])
    except StoreUnavailable as error:
        return f"the monitor's database does not answer: {error}"
    return None


async def _kafka(ground: Ground) -> str | None:
    try:
        await topics_there(ground.cluster)
    except OSError as error:
        return str(error)
    return None


async def _topics(ground: Ground) -> str | None:
    missing = sorted(topics.platform_topics().keys() - await topics_there(ground.cluster))
    return f"missing: {', '.join(missing)}" if missing else None


async def _alive(service: str, ground: Ground) -> str | None:
    answer = await _asked(ground, service, "/health/live")
    return answer if isinstance(answer, str) else _unless(answer, 200)


async def _ready(service: str, ground: Ground) -> str | None:
    answer = await _asked(ground, service, "/health/ready")
    if isinstance(answer, str) or answer.status_code == 200:
        return answer if isinstance(answer, str) else None
    missing: list[str] = answer.json().get("missing", []) if answer.status_code == 503 else []
    return "; ".join(missing) or _unless(answer, 200)


async def _clock(service: str, ground: Ground) -> str | None:
    before = time.time()
    answer = await _asked(ground, service, "/health/live")
    if isinstance(answer, str):
        return answer
    if (said := answer.headers.get("date")) is None:
        return None  # a proxy before it may have taken it away
    # It has whole seconds, and the answer took its time.
    its = parsedate_to_datetime(said).replace(tzinfo=UTC).timestamp()
    skew = max(before - its - 1, its - time.time(), 0.0)
    return f"its clock is {skew:.0f} s off the monitor's" if skew > _MOST_SKEW else None


async def _key(service: str, ground: Ground) -> str | None:
    headers = {"Authorization": f"Bearer {ground.key}"}
    answer = await _asked(ground, service, "/v1/outcomes", headers=headers, json={"events": []})
    return answer if isinstance(answer, str) else _unless(answer, 200)


async def _keeps_up(service: str, ground: Ground) -> str | None:
    state = ground.states().get(service, "unknown")
    return None if state in _KEEPS_UP else f"its lag's state is {state}"


async def _heartbeat(ground: Ground) -> str | None:
    now = ground.clock.now()
    if ground.beats is None:
        return None
    since = (now - MISSED * ground.beats).timestamp()
    try:
        rows = await ground.store.find("events", at_least=(BEAT, since), order=BEAT, limit=_MOST_COUNTED)
    except StoreUnavailable as error:
        return f"the monitor's database does not answer: {error}"
    seen = [(class_of(one.type).name, one.last_at) for one in decoded_events(rows) if one.last_at]
    if not seen:
        return f"none was sent for {MISSED} times {ground.beats.total_seconds():g} s"
    lacking = missing(seen, now, ground.beats)
    return f"a heartbeat's way has no {', no '.join(lacking)}" if lacking else None


async def _faults(ground: Ground) -> str | None:
    faults = {"state": "open", "reason": HANDLER_FAILED}
    try:
        many = await ground.store.count("dead_letters", faults, most=_MOST_COUNTED)
    except StoreUnavailable as error:
        return f"the monitor's database does not answer: {error}"
    return f"events that met a fault of the platform's own, laid aside: {many}" if many else None


async def _asked(ground: Ground, service: str, path: str, **sent: Any) -> httpx.Response | str:
    """The answer, or why there is none."""
    url = f"{ground.urls[service]}{path}"
    try:
        return await ground.client.request("POST" if sent else "GET", url, **sent)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"{url} does not answer: {str(error) or type(error).__name__}"


def _unless(answer: httpx.Response, status: int) -> str | None:
    return None if answer.status_code == status else f"{answer.url} answers {answer.status_code}"
