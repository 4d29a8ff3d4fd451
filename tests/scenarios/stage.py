"""The stage a scenario plays on: a platform of real processes, a sender who declares, and the oracle at the end.

    def test_…(stage: Stage) -> None:                   # or: with open_stage(folder, engine, instances={…}) as stage
        async def play(sender: Sender) -> None:
            await sender.send(step(issued(…), effects={"ReferralOpened": 1}))
        stage.play(play)
        stage.judge()

A stage that several scenarios share keeps one ledger: each judges all that was sent so far.
"""

import asyncio
import json
import logging
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar

import httpx
import psutil

from deploy.demo.play import still_running
from deploy.embedded.state import EmbeddedError, grant, open_folder, read_run
from deploy.embedded.supervisor import Supervisor
from deploy.engines import Engine
from tests.ports import free_base
from tests.scenarios.journeys import ON_KAFKA, Step
from tests.scenarios.oracle import Declared, Expected, see, violations
from tests.scenarios.send import Sender
from tests.scenarios.sight import OPS, Place, Sight, until_quiet

QUIET_WITHIN: Final = 90.0
SESSION_SECONDS: Final = 6.0
_MOST_SHOWN: Final = 20

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Played:
    """What a scenario came to, for the report. `longest_pause`: seconds between two effects of the services."""

    events: int
    effects: int
    repetitions: int
    dead_letters: int
    longest_pause: float
    rounds: int = 1

    @classmethod
    def of(cls, declared: Declared, sight: Sight, rounds: int) -> "Played":
        """As it was seen once all was quiet."""
        effects = len({record.named for record in sight.decided})
        times = sorted(record.timestamp for record in sight.decided)
        pause = max((after - before for before, after in pairwise(times)), default=0) / 1000
        events = sum(declared.taken.values()) + declared.nameless_taken
        return cls(events, effects, len(sight.decided) - effects, len(sight.dead), pause, rounds)


@dataclass
class Stage:
    """A platform that runs, in a folder. `engine`: what Kafka and the store are."""

    folder: Path
    engine: Engine
    supervisor: Supervisor
    check: Callable[[], None]
    record: Callable[[str, object], None]
    seed: int
    declared: Declared = field(default_factory=Declared)
    rounds: int = 1

    @property
    def place(self) -> Place:
        """Where it answers at this moment."""
        return Place.of(self.folder)

    # --- playing

    def play(self, script: Callable[[Sender], Awaitable[T]]) -> T:
        """Runs a script with a sender whose every event is kept in the ledger."""

        async def run() -> T:
            async with Sender(self.place, self.declared, Random(self.seed)) as sender:
                result = await script(sender)
            assert sender.faults == []
            return result

        return asyncio.run(run())

    def judge(self) -> Sight:
        """Waits for quiet and asks the oracle: it must have nothing to object. What it came to goes to the report."""
        asyncio.run(until_quiet(self.place, QUIET_WITHIN))
        self.check()
        sight = asyncio.run(see(self.declared, self.place))
        faults = violations(self.declared, sight)
        self.record("played", asdict(Played.of(self.declared, sight, self.rounds)))
        assert not faults, f"{len(faults)} objections, seed {self.seed}:\n" + "\n".join(faults[:_MOST_SHOWN])
        return sight

    # --- asking

    def ask(self, service: str, path: str, who: str = OPS, method: str = "GET", **options: Any) -> httpx.Response:
        """An answer of a door, with somebody's key."""
        place = self.place
        headers = {"Authorization": f"Bearer {place.keys[who]}"} | options.pop("headers", {})
        return httpx.request(
            method, place.urls[service] + path, headers=headers, timeout=20, trust_env=False, **options
        )

    def until(self, condition: Callable[[], T | None], what: str, seconds: float = 60) -> T:
        """What the condition gives once it gives something. A door that does not answer is asked again."""
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
        """As the monitor lists them."""
        found = self.ask("monitor", "/v1/dead-letters?limit=500", params=filters).json()["dead_letters"]
        return list(found)

    # --- processes

    def pid(self, name: str) -> int:
        """The process of an instance at this moment."""
        run = json.loads((self.folder / "run.json").read_text())
        return int(run["pids"][name])

    def signal(self, name: str, number: signal.Signals) -> int:
        """Sends a signal to an instance; its process. One that died is started anew by the supervisor."""
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    def comes_back(self, name: str, before: int, seconds: float = 60) -> None:
        """Waits until an instance that was `before` has a new process, and that is ready."""

        def ready() -> bool:
            if self.pid(name) == before:
                return False
            answer = httpx.get(f"{self.place.urls[name]}/health/ready", timeout=5, trust_env=False)
            return answer.status_code == httpx.codes.OK

        self.until(ready, f"{name} is back", seconds)

    def memory_mb(self, name: str) -> float:
        """Resident, of an instance."""
        return float(psutil.Process(self.pid(name)).memory_info().rss) / 1e6


@contextmanager
def open_stage(
    folder: Path,
    engine: Engine,
    *,
    seed: int,
    record: Callable[[str, object], None] = lambda _, __: None,
    instances: Mapping[str, int] | None = None,
    **environment: str,
) -> Iterator[Stage]:
    """A platform meanwhile; at its end it must end in order, and leave nothing running."""
    opened = open_folder(folder)
    grant(opened, ON_KAFKA)
    extra = {"LAHETE_ENV": "test", "LAHETE_LOG_LEVEL": "warning", **environment}
    if engine is not Engine.EMBEDDED:
        extra.setdefault("LAHETE_KAFKA_SESSION_TIMEOUT_MS", str(round(SESSION_SECONDS * 1000)))
    print(f"seed {seed}, {engine.value} engines, {folder}")
    with Supervisor(folder, free_base(), "", extra, engine=engine, instances=instances, say=print) as supervisor:
        with looked_after(supervisor) as check:
            yield Stage(folder, engine, supervisor, check, record, seed)
        run = read_run(opened)
        assert supervisor.stop() == []
    assert run is None or still_running(run) == []


@contextmanager
def looked_after(supervisor: Supervisor) -> Iterator[Callable[[], None]]:
    """Starts anew what died, from a thread. What is given raises where that has ended."""
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


# --- what is sent


def step(event: Mapping[str, Any], *, by: str = "", refused: bool = False, **expected: Any) -> Step:
    """A sending, with what must come of it: `Expected`'s arguments. `by`: another's key or topic than its source's."""
    what = None if refused else Expected(event["source"], event["id"], **expected)
    return Step(event, by or event["source"], what, refused)


def told(stage: Stage, who: str, name: str) -> Counter[str]:
    """How often a recipient's feed holds each id of a class."""
    events: list[dict[str, Any]] = []
    after = "0"
    while page := stage.ask("notify", f"/v1/feed?after={after}&limit=500", who).json():
        events += page["events"]
        if not page["events"] or page["next"] == after:
            break
        after = page["next"]
    return Counter(one["id"] for one in events if one["type"].split(".")[2] == name)
