"""The platform of a scenario: real processes, a sender who declares, and the oracle at the end.

    def test_…(platform: Platform) -> None:         # or: with open_platform(folder, engine, instances={…}) as platform
        async def play(sender: Sender) -> None:
            await sender.send(step(issued(…), effects={"ReferralOpened": 1}))
        platform.play(play)
        platform.judge()

A platform that several scenarios share keeps one ledger: each judges all that was sent so far.
"""

import asyncio
import json
import logging
import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from random import Random
from signal import SIGCONT, SIGSTOP, SIGTERM, Signals
from typing import Any, Final, TypeVar

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from demo.play import still_running
from demo.register import opisto_sources
from deploy.backends import Backend, Backends, GoesOn, Say, backends
from deploy.local.state import EmbeddedError, Folder, grant, open_folder, read_run
from deploy.local.supervisor import Supervisor
from tests.integration.road import OF_TESTS, in_mongodb, in_sqlite
from tests.over_http import ask
from tests.ports import free_base
from tests.proxy import Proxy
from tests.scenarios.journeys import ON_KAFKA, JourneyStep
from tests.scenarios.observation import OPS, Observation, ObservedRecord, RecordPlace, read_all, until_quiet
from tests.scenarios.oracle import Declared, Expected, see, violations
from tests.scenarios.proxied import Proxied
from tests.scenarios.send import Senders

QUIET_WITHIN: Final = 90.0
READY_WITHIN: Final = 120.0
SESSION_SECONDS: Final = 6.0
_MOST_SHOWN: Final = 20

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Played:
    """A scenario's numbers, for the report. `longest_pause`: seconds between two effects of the services."""

    events: int
    effects: int
    repetitions: int
    dead_letters: int
    longest_pause: float
    rounds: int = 1

    @classmethod
    def of(cls, declared: Declared, observation: Observation, rounds: int, before: int, since: float) -> "Played":
        """The numbers of an observation; of the events `since` then, in real seconds, when `before` were taken."""
        decided = [record for record in observation.decided if record.timestamp >= since * 1000]
        effects = len({record.named for record in decided})
        dead = sum(letter.timestamp >= since * 1000 for letter in observation.dead)
        times = sorted(record.timestamp for record in decided)
        pause = max((after - before for before, after in pairwise(times)), default=0) / 1000
        return cls(_taken(declared) - before, effects, len(decided) - effects, dead, pause, rounds)


def _taken(declared: Declared) -> int:
    return declared.taken.total() + declared.nameless_taken


@dataclass
class Platform:
    """A running platform, in a folder. `engine`: the kind of its backends."""

    folder: Path
    engine: Backend
    supervisor: Supervisor
    check: Callable[[], None]
    record: Callable[[str, object], None]
    seed: int
    said: list[str]
    """What the supervisor told a person."""
    own: defaultdict[str, dict[str, str]]
    """Settings of single instances, from their next start on."""
    declared: Declared
    proxied: Proxied | None = None
    rounds: int = 1
    before: int = 0
    since: float = 0.0
    content: bool = True
    """Whether the oracle's last answer was no fault; False from the beginning of a scenario until it has asked."""

    @cached_property
    def rng(self) -> Random:
        """All chance of the scenarios."""
        return Random(self.seed)

    def begins(self) -> None:
        """A scenario begins: its numbers for the report count from here."""
        self.rounds, self.before, self.since = 1, _taken(self.declared), time.time()
        self.content = False

    @property
    def kafka_proxy(self) -> Proxy:
        """The proxy between the services and Kafka; on the Java backends of a proxied platform."""
        assert self.proxied is not None, "it was opened with proxied=True, on Java"
        return self.proxied.kafka_proxy

    @property
    def mongodb_proxy(self) -> Proxy:
        """The proxy between the services and the database; on the Java backends of a proxied platform."""
        assert self.proxied is not None, "it was opened with proxied=True, on Java"
        return self.proxied.mongodb_proxy

    @property
    def place(self) -> RecordPlace:
        """The platform's addresses at this moment."""
        return RecordPlace.of(self.folder)

    # --- playing

    def play(self, script: Callable[[Senders], Awaitable[T]]) -> T:
        """Runs a script with a sender whose every event is kept in the ledger."""

        async def run() -> T:
            async with Senders(self.place, self.declared, self.rng) as sender:
                result = await script(sender)
            assert sender.faults == []
            return result

        return asyncio.run(run())

    def judge(self, quiet_within: float = QUIET_WITHIN) -> Observation:
        """Waits for quiet and asks the oracle, which must name no fault. The numbers go to the report."""
        self.quiet(quiet_within)
        observation = asyncio.run(see(self.declared, self.place))
        faults = violations(self.declared, observation)
        self.record("played", asdict(Played.of(self.declared, observation, self.rounds, self.before, self.since)))
        assert not faults, f"{len(faults)} objections, seed {self.seed}:\n" + "\n".join(faults[:_MOST_SHOWN])
        self.content = True
        return observation

    def quiet(self, within: float = QUIET_WITHIN) -> None:
        """Waits until nothing is to read and no outbox is full, or so long."""
        asyncio.run(until_quiet(self.place, within))
        self.check()

    # --- asking

    def ask(self, service: str, path: str, who: str = OPS, method: str = "GET", **options: Any) -> httpx.Response:
        """An answer of a door, with somebody's key."""
        place = self.place
        headers = {"Authorization": f"Bearer {place.keys[who]}"} | options.pop("headers", {})
        return ask(method, place.urls[service] + path, headers=headers, timeout=20, **options)

    def until(self, condition: Callable[[], T | None], what: str, seconds: float = 60) -> T:
        """The condition's value once it has one. Asks a door again that does not answer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check()
            try:
                if found := condition():
                    return found
            except httpx.TransportError as error:
                log.debug("asked again: %s", error)
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds:g} s: {what}; seed {self.seed}")

    def dead_letters(self, **filters: str) -> list[dict[str, Any]]:
        """The dead letters as the monitor lists them."""
        found = self.ask("monitor", "/v1/dead-letters", params={"limit": "500", **filters}).json()["dead_letters"]
        return list(found)

    def ends(self) -> None:
        """A scenario ends: undoes its faults, however it ended."""
        for settings in self.own.values():
            settings.clear()
        if self.proxied is not None:
            self.kafka_proxy.mend()
            self.mongodb_proxy.mend()

    def metric(self, instance: str, name: str, **labels: str) -> float:
        """The sum of an instance's samples of a name that have these labels."""
        text = ask("GET", f"{self.place.urls[instance]}/metrics", timeout=10).raise_for_status().text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def missing(self, instance: str) -> list[str]:
        """The reasons of an instance for not being ready."""
        answer = ask("GET", f"{self.place.urls[instance]}/health/ready", timeout=5)
        return list(answer.json()["missing"])

    def keeps(self, service: str, text: str) -> bool:
        """Whether a service's store holds an aggregate, committed: for when its door cannot answer."""
        run = json.loads((self.folder / "run.json").read_text())
        if run["store"].startswith("mongodb:"):
            rows = (row for where, row in in_mongodb(run["store"]) if where.startswith(f"lahete_{service} "))
        else:
            rows = (row for _, row in in_sqlite(self.folder / f"{service}.sqlite"))
        return any(text.encode() in row for row in rows)

    def on_the_log(self, name: str, subject: str) -> list[ObservedRecord]:
        """The records of a class about somebody that Kafka holds at this moment."""
        records, _ = asyncio.run(read_all(self.place.kafka))
        return [one for one in records if one.name == name and one.key == subject.encode()]

    # --- processes

    @property
    def instances(self) -> list[str]:
        """Every instance of every service."""
        return list(self.place.urls)

    def pid(self, name: str) -> int:
        """The process of an instance at this moment."""
        run = json.loads((self.folder / "run.json").read_text())
        return int(run["pids"][name])

    def signal(self, name: str, number: Signals) -> int:
        """Sends a signal to an instance; its process. The supervisor restarts an instance that died."""
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    def dies(self, name: str, before: int, seconds: float = 60) -> int:
        """Waits until an instance that was `before` is another process; which."""
        return self.until(
            lambda: next((pid for pid in [self.pid(name)] if pid not in {0, before}), None), f"{name} dies", seconds
        )

    def comes_back(self, name: str, before: int, seconds: float = 60) -> None:
        """Waits until an instance that was `before` has a new process, and that is ready."""
        self.until(lambda: self.pid(name) not in {0, before} and self.is_ready(name), f"{name} is back", seconds)

    def is_ready(self, name: str) -> bool:
        """Whether an instance says that it is."""
        return self.missing(name) == []

    def restart(self, *names: str, **settings: str) -> None:
        """Restarts instances with settings of their own, instead of those they had, and waits until they are ready."""
        for name in names:
            self.own[name].clear()
            self.own[name].update(settings)
        before = {name: self.signal(name, SIGTERM) for name in names}
        for name, pid in before.items():
            self.comes_back(name, pid)

    @contextmanager
    def frozen(self, name: str) -> Iterator[int]:
        """SIGSTOP meanwhile, then SIGCONT; its process."""
        pid = self.signal(name, SIGSTOP)
        try:
            yield pid
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, SIGCONT)

    @contextmanager
    def without_kafka(self, *, silent: bool = False) -> Iterator[None]:
        """Kafka refuses the services meanwhile, or with `silent` keeps them waiting; the embedded one can only wait."""
        if self.proxied is None:
            with self.frozen("broker"):
                yield
            return
        (self.kafka_proxy.freeze if silent else self.kafka_proxy.cut)()
        try:
            yield
        finally:
            self.kafka_proxy.mend()

    def log(self, name: str) -> Path:
        """The log of an instance."""
        return open_folder(self.folder).log(name)

    def memory_mb(self, name: str) -> float:
        """Resident, of an instance."""
        return float(psutil.Process(self.pid(name)).memory_info().rss) / 1e6


def _nothing(_: object) -> None:
    """Happens before the services."""


@contextmanager
def open_platform(
    folder: Path,
    engine: Backend,
    *,
    seed: int,
    record: Callable[[str, object], None] = lambda _, __: None,
    instances: Mapping[str, int] | None = None,
    proxied: bool = False,
    before_services: Callable[[Proxied], None] = _nothing,
    in_files: bool = False,
    say: Say = print,
    **environment: str,
) -> Iterator[Platform]:
    """A platform meanwhile; at its end it must end in order, and leave nothing running.

    Args:
        proxied: on the Java backends, a proxy before each; `before_services` is called when these have started.
        in_files: each service keeps its state in a file of SQLite, whatever the backends are.
    """
    opened = open_folder(folder)
    grant(opened, ON_KAFKA)
    extra = {**OF_TESTS, **environment}
    if engine is not Backend.EMBEDDED:
        extra.setdefault("LAHETE_KAFKA_SESSION_TIMEOUT_MS", str(round(SESSION_SECONDS * 1000)))
    over_all = {"LAHETE_MONGODB": ""} if in_files else {}
    said, own, made = list[str](), defaultdict[str, dict[str, str]](over_all.copy), list[Proxied]()

    def hear(line: str) -> None:
        said.append(line)
        say(line)

    def make_backends(engine: Backend, opened: Folder, say: Say, goes_on: GoesOn) -> Backends:
        if not proxied or engine is not Backend.JAVA:
            return backends(engine, opened, say, goes_on)
        made.append(Proxied(opened, say, goes_on, before_services))
        return made[0]

    say(f"seed {seed}, {engine.value} engines, {folder}")
    with Supervisor(
        folder,
        free_base(),
        "",
        extra,
        own=own.__getitem__,
        engine=engine,
        make_backends=make_backends,
        instances=instances,
        # A service killed on purpose need not pause before its restart.
        longest_pause=0.2,
        ready_within=READY_WITHIN,
        say=hear,
        opistos=opisto_sources(),
    ) as supervisor:
        with looked_after(supervisor) as check:
            declared = Declared(repeats=engine is Backend.EMBEDDED)
            yield Platform(
                folder, engine, supervisor, check, record, seed, said, own, declared, made[0] if made else None
            )
        run = read_run(opened)
        assert (left := supervisor.stop()) == [], left
    assert run is None or still_running(run) == []


@contextmanager
def looked_after(supervisor: Supervisor) -> Iterator[Callable[[], None]]:
    """Restarts dead processes, from a thread. Yields a function that raises once the thread has ended."""
    over = threading.Event()
    ended: list[EmbeddedError] = []

    def look_after() -> None:
        try:
            supervisor.run_until(over.is_set)
        except EmbeddedError as error:
            ended.append(error)

    def check() -> None:
        if ended:
            raise ended[0]

    thread = threading.Thread(target=look_after, daemon=True)
    thread.start()
    try:
        yield check
    finally:
        over.set()
        thread.join()


# --- sendings


def step(event: Mapping[str, Any], *, by: str = "", refused: bool = False, **expected: Any) -> JourneyStep:
    """A sending with its expected outcome: `Expected`'s arguments. `by`: another's key or topic than its source's."""
    sender = by or event["source"]  # what is written to a topic is its sender's, whomever it names
    what = None if refused else Expected(sender, event["id"], **expected)
    return JourneyStep(event, sender, what, refused)


def told(platform: Platform, who: str, name: str) -> Counter[str]:
    """How often a recipient's feed holds each id of a class."""
    return Counter(one["id"] for one in feed(platform, who) if one["type"].split(".")[2] == name)


def feed(platform: Platform, who: str) -> list[dict[str, Any]]:
    """All that a recipient is told, to the end."""
    events: list[dict[str, Any]] = []
    after = "0"
    while page := platform.ask("notify", f"/v1/feed?after={after}&limit=500", who).json():
        events += page["events"]
        if not page["events"] or page["next"] == after:
            break
        after = page["next"]
    return events
